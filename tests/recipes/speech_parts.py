"""Small recordings and players for the tests of the recipe of speech."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from poise.audio.spectrograms import Mel
from poise.data.speech.recordings import Recordings
from poise.recipes.common.setup import PlayerSetup, Setup
from poise.recipes.speech import build as parts
from poise.recipes.speech.players import SpeechPlayers
from poise.recipes.speech.signature import SpeechDiscriminatorOptions, SpeechGeneratorOptions
from poise.recipes.vocoder.signature import VocoderDiscriminatorOptions as WaveDiscriminator
from poise.recipes.vocoder.signature import VocoderGeneratorOptions as WaveGenerator
from poise.training.precision import Execution

MEL = Mel(8000, 64, 16, 8)
STAGES = {"acoustic": 4, "adversarial": 3, "spectral": 3, "vocoder": 3, "joint": 2}


def recordings(texts, held=1, lengths=None, voices=("a", "b")):
    """Noise of these lengths; voices take turns; the last `held` clips are held out."""
    n = len(texts)
    lengths = lengths or [800 + 160 * (i % 4) for i in range(n)]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    samples = np.random.default_rng(0).integers(-3000, 3000, starts[-1]).astype(np.int16)
    rows, files = np.arange(n), tuple(f"{i}.wav" for i in range(n))
    return Recordings(
        "some", samples, starts, 8000, files, tuple(texts), voices, rows % len(voices), rows[: n - held],
        rows[n - held :], "f", [], [],
    )  # fmt: skip


SYLLABLES = ["ma1", "mi2", "na1", "ni2", "ma1", "na2"]
SENTENCES = ["one two", "two one", "to no one", "we two", "one won", "no two"]


def known(texts=SYLLABLES, units="auto", durations="auto", **more):
    return parts.speech(recordings(texts, **more), units, durations, MEL)


def facts_of(said, **more):
    read = parts.per_step(said, 2, 320)
    return replace(parts.facts(said, {"data": "x"}, Execution(), STAGES, None, read), **more)


def players(said=None, steps=STAGES, facts=None, **changes):
    options = {
        "generator": SpeechGeneratorOptions(width=4, depth=1, noise=2),
        "discriminator": SpeechDiscriminatorOptions(width=2),
        "vocoder": WaveGenerator(width=4, depth=1), "vocoder_discriminator": WaveDiscriminator(width=2),
    }  # fmt: skip
    options |= changes.pop("options", {})
    networks = {"generator": "convolutional", "discriminator": "projection", "vocoder": "vocos",
                "vocoder_discriminator": "both"} | changes.pop("networks", {})  # fmt: skip
    l2 = dict.fromkeys(options, 1e-4) | changes.pop("l2", {})
    asked = {name: PlayerSetup(name, networks[name], own, l2[name]) for name, own in options.items()}
    shared = {
        "loss": "least_squares", "weights": {"mel": 5.0, "features": 10.0, "stft": "linear:1:2"},
        "ema": 0.9, "steps": steps, "execution": Execution(), "seed": 0, **changes,
    }  # fmt: skip
    setup = Setup(asked["generator"], asked["discriminator"], **shared)
    of_waves = Setup(asked["vocoder"], asked["vocoder_discriminator"], **shared)
    return SpeechPlayers(facts or facts_of(said or known()), setup, of_waves, 320)
