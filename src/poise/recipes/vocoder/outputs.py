"""What comes out of a vocoder while it trains and afterwards: copies of recordings, the monitor, the judge."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from poise.audio.spectrograms import Mel
from poise.data.speech.recordings import Recordings
from poise.data.speech.speech import Wave, resampled
from poise.errors import PoiseError
from poise.losses.reconstruction import log_mel_l1
from poise.metrics.speech.judge import SpeechJudge
from poise.metrics.speech.metric import Pair
from poise.monitor.paired import PairedMonitor
from poise.monitor.signals import MonitorInputs
from poise.recipes.common.options import RunOptions
from poise.recipes.common.parts import learning_rate
from poise.recipes.common.recipe import Stage
from poise.recipes.vocoder import build as parts
from poise.recipes.vocoder import sounds
from poise.recipes.vocoder.build import Waves
from poise.recipes.vocoder.drawing import copied_wave
from poise.recipes.vocoder.facts import RecordedFacts
from poise.training.precision import Execution

SHOWN, SHOWN_SEED = 4, 1_234_567  # recordings in a picture, the same ones in every run of the data
LOOK = 32  # segments of each kind that the monitor looks at


def chosen(recordings: Recordings, n: int, seed: int) -> np.ndarray:
    """At most n held-out rows in an order of the seed; training rows where nothing is held out."""
    rows = recordings.heldout if len(recordings.heldout) else recordings.train
    return np.random.default_rng((seed, len(rows))).permutation(rows)[:n]


def title(recordings: Recordings, row: int) -> str:
    return recordings.texts[row] or recordings.files[row]


def copied(generator: nn.Module, samples: np.ndarray) -> np.ndarray:
    """Copy synthesis: the wave that the generator makes of a wave's own log-mel, as long as it: float32 [S]."""
    device = next(generator.parameters()).device
    was_training = generator.training
    generator.eval()
    made = copied_wave(generator, torch.from_numpy(np.array(samples)).to(device)).cpu().numpy()
    generator.train(was_training)
    array: np.ndarray = made
    return array


def draw(
    generator: nn.Module, facts: RecordedFacts, n: int, seed: int, recordings: Recordings | None = None
) -> list[Wave]:
    """Copies of n held-out recordings, or of all where there are no more; which ones depends on the seed."""
    mel = facts.heard
    known = recordings or parts.recordings(facts.recordings, facts.fingerprint)
    return [
        sounds.Titled.of(copied(generator, known.clip(row)), mel.rate, title(known, row))
        for row in chosen(known, n, seed)
    ]


def vocode(generator: nn.Module, facts: RecordedFacts, wave: Wave) -> Wave:
    """A recording, through its log-mel and back. PoiseError for a vocoder that has not been trained yet."""
    mel = facts.heard
    if not int(generator.get_buffer("trained")):
        raise PoiseError("the vocoder of this run was not trained yet at this step: go on with poise resume first")
    return Wave(copied(generator, resampled(wave, mel.rate)), mel.rate)


def show(generator: nn.Module, facts: RecordedFacts, stem: Path, recordings: Recordings) -> Path:
    """The same held-out recordings in every run: as they are, and as the generator gives them back."""
    mel = facts.heard
    rows = [
        (title(recordings, row), {"real": clip, "generated": copied(generator, clip)})
        for row in chosen(recordings, SHOWN, SHOWN_SEED)
        for clip in [recordings.clip(row)]
    ]
    return sounds.show(rows, mel, stem, f"Copy synthesis of {recordings.name}")


def monitor(
    waves: Waves, recordings: Recordings, segment: int, batch: int, seed: int, execution: Execution
) -> Callable[[], PairedMonitor]:
    """The monitor of the adversarial stage, built when first needed. It sees other segments than training does."""

    def noise(n: int, number: int) -> Tensor:
        return torch.zeros(n, 0, device=execution.device)

    def built() -> PairedMonitor:
        streams = {}
        for name, split in (("training", "train"), ("heldout", "heldout")):
            if rows := len(getattr(recordings, split)):
                n = min(max(batch, min(LOOK, 2 * batch)), rows)
                streams[name] = parts.stream(recordings, waves.mel, segment, n, seed + 2, execution, split)
        roles = {"generator": waves.setup.generator.name, "discriminator": waves.setup.discriminator.name}
        players = {p.name: p for p in waves.game.players}
        rates = {role: partial(learning_rate, players[name].optim) for role, name in roles.items()}
        watched = MonitorInputs(
            waves.generator,
            waves.discriminator,
            waves.average,
            noise,
            streams,
            {},
            lambda: execution.autocast(False),
            learning_rates=rates,
        )
        apart = log_mel_l1(waves.mel)
        return PairedMonitor(watched, lambda batch, made: apart(batch.real, made))

    return built


def stages(waves: Waves, recordings: Recordings, segment: int, run: RunOptions) -> list[Stage]:
    """The spectral losses alone, then generator and discriminator against each other."""
    about = (recordings, waves.mel, segment, run.batch)
    first, second = (parts.stream(*about, run.seed + order, waves.execution) for order in (1, 0))
    watched = monitor(waves, recordings, segment, run.batch, run.seed, waves.execution)
    return [
        Stage("spectral", waves.spectral, first, waves.steps["spectral"], waves.warm_dials),
        Stage("adversarial", waves.game, second, waves.steps["adversarial"], waves.dials, watched),
    ]


def judge(recordings: Recordings, mel: Mel, n: int, seed: int) -> Callable[[], SpeechJudge] | None:
    """The judge of copies of these recordings, built when first needed; None where nothing is held out."""
    if not len(recordings.heldout):
        return None

    def built() -> SpeechJudge:
        return SpeechJudge(pairs(recordings, chosen(recordings, n, seed)), mel, "copies", seed)

    return built


def pairs(recordings: Recordings, rows: np.ndarray) -> list[Pair]:
    """Recordings as they are, each to be compared with what is made of it."""
    found = []
    for row in rows.tolist():
        wave = Wave(recordings.clip(row), recordings.rate)
        voice = recordings.voices[recordings.voice[row]]
        found.append(Pair(wave, wave, recordings.texts[row], voice=voice))
    return found
