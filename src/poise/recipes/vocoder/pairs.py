"""Held-out recordings beside their copies by a vocoder, for an evaluation."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from poise.audio.griffin_lim import griffin_lim
from poise.audio.spectrograms import Mel
from poise.data.catalogue.catalogue import language_of
from poise.data.speech.recordings import Recordings
from poise.data.speech.speech import Wave
from poise.metrics.speech.comparison import Beside, Comparison
from poise.metrics.speech.metric import Pair
from poise.recipes.vocoder import build as parts
from poise.recipes.vocoder import outputs as outcomes
from poise.recipes.vocoder.facts import RecordedFacts

GRIFFIN_LIM = (
    "Griffin-Lim finds a wave for the recording's own log-mel without any training. It fits the very spectra that most "
    "of these numbers compare, so it can score better without sounding better: these numbers alone prove nothing about "
    "how anything sounds, so listen too."
)
SHARED = (
    "The copies are of the held-out recordings, half of which are what features are compared with: KID and FD may come "
    "out below those of a perfect generator."
)
NOTHING_HELD_OUT = "Nothing is held out, so the recordings are those that were trained on: they say nothing of others."


def recordings(facts: RecordedFacts) -> Recordings:
    """Those of a run, which must still be what they were."""
    return parts.recordings(facts.recordings, facts.fingerprint)


def real_pair(recordings: Recordings, row: int, language: str = "") -> Pair:
    """A recording with what is known of it, in place of its own copy."""
    wave = Wave(recordings.clip(row), recordings.rate)
    return Pair(wave, wave, recordings.texts[row], language, recordings.voices[recordings.voice[row]])


@torch.no_grad()
def by_griffin_lim(mel: Mel, samples: np.ndarray) -> np.ndarray:
    """A wave for a wave's own log-mel, as long as it: float32 [S]."""
    padded = np.pad(samples, (0, -len(samples) % mel.hop))
    made = griffin_lim(mel(torch.from_numpy(padded)[None])[0], mel)
    return np.asarray(made[: len(samples)], np.float32)


def pairs(generator: nn.Module, facts: RecordedFacts, n: int | None, seed: int) -> Comparison:
    """At most n held-out recordings (None: all of them) beside their copies, and beside those of Griffin-Lim."""
    known, mel = recordings(facts), facts.heard
    rows = outcomes.chosen(known, len(known) if n is None else n, seed).tolist()
    language = language_of(facts.recordings["data"])

    def copy(place: int) -> Wave:
        return Wave(outcomes.copied(generator, known.clip(rows[place])), mel.rate)

    def untrained(place: int) -> Wave:
        return Wave(by_griffin_lim(mel, known.clip(rows[place])), mel.rate)

    return Comparison(
        what="copies" if len(known.heldout) else "copies of recordings that were trained on",
        n=len(rows),
        mel=mel,
        real=lambda place: real_pair(known, rows[place], language),
        made=copy,
        fingerprint=f"{known.fingerprint} {rows}",
        beside={"Griffin-Lim": Beside(untrained, range(len(rows)), GRIFFIN_LIM)},
        notes=[SHARED] if len(known.heldout) else [NOTHING_HELD_OUT],
    )
