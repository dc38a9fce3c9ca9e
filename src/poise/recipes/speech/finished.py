"""A vocoder out of a finished run, for another run to speak with. Loads torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from poise.audio.spectrograms import Mel
from poise.errors import PoiseError
from poise.recipes.common.origin_checkpoint import KEPT
from poise.recipes.speech.facts import Borrowed, SpeechFacts
from poise.recipes.vocoder import build as waves
from poise.record import RunFolder, find_run
from poise.training.checkpoint import latest, load_weights


def vocoder_run(name: str, mel: Mel) -> Borrowed:
    """What builds the vocoder of a finished run, and its weights.

    `name` may be KEPT and a run of speech that has spoken with one: that goes on with what it knows of it.
    """
    if name.startswith(KEPT):
        return _kept(RunFolder(Path(name.removeprefix(KEPT))))
    folder = find_run(name)
    spec, newest = folder.spec(), latest(folder.checkpoints)
    if spec.recipe != "vocoder":
        raise PoiseError(f"--speak-with {name} is a run of {spec.recipe}: name one of poise train vocoder")
    if not folder.done or newest is None:
        raise PoiseError(f"--speak-with {name} is not finished: go on with poise resume {name}, or name another run")
    try:
        check_mel(name, Mel(**spec.facts["mel"]), mel)
        options: Any = spec.arguments["generator"]
        network: Any = spec.arguments["network"]
        own = {key: options[key] for key in ("width", "depth", "norm")}
        if not isinstance(network, str):
            raise PoiseError(
                f"--speak-with {name} has a network of its user's own, which cannot be borrowed: train one here with "
                f"--vocoder-network {network['class_path']}"
            )
        return Borrowed(network, **own, weights=str(newest / "generator.ema.safetensors"))
    except (KeyError, TypeError) as error:
        raise PoiseError(
            f"--speak-with {name}: {folder.path / 'spec.json'} does not say what was trained ({type(error).__name__}: "
            f"{error}), so it is damaged; put it back, or name another run"
        ) from None


def _kept(folder: RunFolder) -> Borrowed:
    """What a run has written down; where the finished run is gone, with the weights of its own checkpoint."""
    known = SpeechFacts.from_dict(folder.spec().facts).vocoder
    assert known is not None  # the run was asked for one that speaks
    newest = latest(folder.checkpoints)
    if Path(known.weights).exists() or newest is None:
        return known
    return replace(known, weights=str(newest / "vocoder.ema.safetensors"))


def check_mel(name: str, own: Mel, mel: Mel) -> None:
    """A vocoder only makes audible what it was trained to hear."""
    for key, wanted in mel.to_dict().items():
        if (has := own.to_dict()[key]) != wanted:
            raise PoiseError(
                f"--speak-with {name} hears other spectrograms: it was trained with --{key} {_shown(has)}, and this "
                f"run has {_shown(wanted)}; give this run the same, or train another vocoder"
            )


def _shown(value: float | None) -> str:
    return "at its default" if value is None else f"{value:g}"


def vocoder_of(known: Borrowed, mel: Mel) -> nn.Module:
    """That vocoder."""
    net = waves.generator(known.network, known, mel)
    load_weights(net, Path(known.weights))
    return net.eval()
