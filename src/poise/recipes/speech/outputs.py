"""What comes out of a speech run while it trains: sounds, the monitors, the judge."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from poise.core import Batch
from poise.data.speech.speech import Wave
from poise.games.alignment import inside_of
from poise.games.speech import completed, mean_inside
from poise.metrics.speech.judge import WARPED, SpeechJudge
from poise.monitor.paired import PairedMonitor
from poise.monitor.signals import MonitorInputs
from poise.recipes.common.options import RunOptions
from poise.recipes.common.own import unused as unused_options
from poise.recipes.common.parts import learning_rate
from poise.recipes.common.recipe import Stage
from poise.recipes.common.setup import Setup
from poise.recipes.speech import build as parts
from poise.recipes.speech import speaking
from poise.recipes.speech.build import Speech
from poise.recipes.speech.drawing import mel_of
from poise.recipes.speech.players import SpeechPlayers
from poise.recipes.vocoder import outputs as outcomes
from poise.recipes.vocoder import sounds
from poise.training.loop import fold_seed
from poise.training.precision import Execution

LOOK = 64  # recordings of each kind that the monitor looks at

THEIRS = (
    "--vocoder..., --l2-vocoder, --l2-vocoder-discriminator and --stft are not used, as it speaks with a finished "
    "vocoder"
)


def chosen(speech: Speech, n: int, seed: int) -> np.ndarray:
    """At most n held-out rows in an order of the seed; training rows where nothing is held out."""
    rows = speech.heldout if len(speech.heldout) else speech.train
    return np.random.default_rng((seed, len(rows))).permutation(rows)[:n]


def title(speech: Speech, row: int) -> str:
    recordings = speech.recordings
    name = recordings.voices[recordings.voice[row]]
    return f"{recordings.texts[row]} ({name})" if name else recordings.texts[row]


def speak(voices: Any, speech: Speech, row: int, seed: int) -> np.ndarray:
    """The text of a recording in its voice, with the frames that the generator plans: samples [S]."""
    cond = speech.conditions(np.array([row]))
    cond[:, 0, 1] = 0
    cond[:, 1:, 2] = 0
    return speaking.heard(voices.vocoder, mel_of(voices.generator, cond, seed))


def speak_heldout(voices: Any, speech: Speech, n: int, seed: int) -> list[Wave]:
    """Held-out texts in the voices of their recordings."""
    return [
        sounds.Titled.of(speak(voices, speech, row, fold_seed(seed, i)), speech.mel.rate, title(speech, row))
        for i, row in enumerate(chosen(speech, n, seed).tolist())
    ]


def show(voices: Any, stem: Path, speech: Speech) -> Path:
    """The same held-out recordings in every run of the data: as they are, and as the run says them."""
    rows = [
        (title(speech, row), {"real": speech.recordings.clip(row), "generated": speak(voices, speech, row, i)})
        for i, row in enumerate(chosen(speech, outcomes.SHOWN, outcomes.SHOWN_SEED).tolist())
    ]
    return sounds.show(rows, speech.mel, stem, f"Speech from {speech.recordings.name}")


def monitor(
    stage: str, players: SpeechPlayers, speech: Speech, batch: int, segment: int, seed: int, execution: Execution
) -> Callable[[], PairedMonitor] | None:
    """The monitor of a stage with a discriminator, built when first needed."""
    if stage == "vocoder" and players.waves is not None:
        return outcomes.monitor(
            players.waves, speech.recordings, segment, batch, seed + 6, execution
        )  # no stage's order
    if stage != "adversarial":
        return None
    mels, size = players.mels, int(players.mels.average.noise_size)

    def noise(n: int, number: int) -> Tensor:
        return torch.randn(n, size, generator=torch.Generator().manual_seed(fold_seed(seed, number))).to(
            execution.device
        )

    def aligned(stream: Callable[[int], Batch], draw: int) -> Batch:
        return completed(mels.generator, stream(draw))

    def built() -> PairedMonitor:
        streams = {}
        for name, split in (("training", "train"), ("heldout", "heldout")):
            if rows := len(speech.rows(split)):
                n = min(max(batch, min(LOOK, 2 * batch)), rows)
                streams[name] = partial(aligned, parts.stream(speech, n, seed + 7, execution, split))
        rates = {p.name: partial(learning_rate, p.optim) for p in mels.game.players}
        watched = MonitorInputs(
            mels.generator,
            mels.discriminator,
            mels.average,
            noise,
            streams,
            {},
            lambda: execution.autocast(False),
            learning_rates=rates,
        )
        return PairedMonitor(watched, _distance)

    return built


def stages(players: SpeechPlayers, speech: Speech, segment: int, run: RunOptions) -> list[Stage]:
    """All stages in order, each on a stream of its own."""
    found = []
    for i, (name, stage) in enumerate(players.stages.items()):
        stream = parts.stream_of(name, speech, run.batch, segment, run.seed + i, players.execution)
        watched = monitor(name, players, speech, run.batch, segment, run.seed, players.execution)
        found.append(Stage(name, stage.game, stream, players.steps[name], stage.dials, watched))
    return found


def unused(setup: Setup, of_waves: Setup, players: SpeechPlayers) -> list[str]:
    """Lines where options of our networks were given beside networks of the user's."""
    made, judging, waves = setup.generator, setup.discriminator, players.waves
    found = unused_options(made.network, {made.name: made.options}, None, ["depth"])
    found += unused_options(
        made.network, {judging.name: judging.options}, players.mels.discriminator, ["width", "norm"]
    )
    if waves is None:
        return [*found, THEIRS]
    ours = ["width", "depth", "norm"]
    return found + unused_options(of_waves.generator.network, of_waves.options, waves.discriminator, ours)


def _distance(batch: Batch, made: Tensor) -> Tensor:
    """The mean difference of log-mels, of what is inside each item: [n]."""
    assert batch.cond is not None
    return mean_inside((batch.real - made).abs(), inside_of(batch.cond, made.shape[2]))


def judge(speech: Speech, n: int, seed: int) -> Callable[[], SpeechJudge] | None:
    """The judge of held-out texts, built when first needed; None where nothing is held out."""
    if not len(speech.heldout):
        return None

    def built() -> SpeechJudge:
        real = outcomes.pairs(speech.recordings, chosen(speech, n, seed))
        return SpeechJudge(real, speech.mel, "texts said", seed, WARPED)  # of another length than they

    return built
