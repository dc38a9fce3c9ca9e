"""A folder of made-up voices that say syllables or sentences, and small runs of speech on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
INITIALS, FINALS = ("m", "n", "l", "d"), ("a", "i", "u")
LETTERS = "abdeghilmnorstu"


def sound(letters: str, hertz: float, rng: np.random.Generator, seconds: float = 0.06) -> np.ndarray:
    """A stretch for each letter: harmonics of a pitch with a formant of its own, and some hiss."""
    pieces = []
    for i, letter in enumerate(letters):
        t = np.arange(round(seconds * RATE * (1 + 0.2 * (i % 3)))) / RATE
        centre = 300 + 180 * (ord(letter) % 16)
        partials = range(1, int(RATE / 2 / hertz))
        pieces.append(
            sum(np.exp(-(((k * hertz - centre) / 300) ** 2)) * np.sin(2 * np.pi * k * hertz * t) for k in partials)
        )
    x = np.concatenate(pieces)
    return (0.3 * x + 0.003 * rng.standard_normal(len(x))).astype(np.float32)


def write_syllables(folder: Path) -> Path:
    """{voice}/{syllable}.wav: two voices, 12 syllables in two tones, about 0.2 s each."""
    rng = np.random.default_rng(0)
    for voice, hertz in (("low", 120.0), ("high", 210.0)):
        (folder / voice).mkdir(parents=True)
        for initial in INITIALS:
            for final in FINALS:
                tone = 1 + (ord(initial) + ord(final)) % 2
                x = sound(initial + 2 * final, hertz * (1 + 0.2 * tone), rng)
                soundfile.write(folder / voice / f"{initial}{final}{tone}.wav", x, RATE)
    return folder


def write_sentences(folder: Path, count: int = 24) -> Path:
    """metadata.csv beside NN.wav, each of two short words and about 0.4 s."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True)
    lines = ["file|text"]
    for i in range(count):
        words = ["".join(rng.choice(list(LETTERS), 3)) for _ in range(2)]
        soundfile.write(folder / f"{i:02d}.wav", sound("".join(words), 150.0, rng), RATE)
        lines.append(f"{i:02d}|{' '.join(words)}")
    (folder / "metadata.csv").write_text("".join(f"{line}\n" for line in lines))
    return folder


HEARD = {"rate": RATE, "window": 64, "hop": 16, "bands": 8, "heldout": 0.3}
COMMON = {
    **HEARD, "segment": 320, "batch": 4, "log_every": 2, "checkpoint_every": 3, "sample_every": 100, "scores": 0,
    "precision": "fp32", "device": "cpu", "threads": 1,
}  # fmt: skip
PLAYER = {"width": 4, "depth": 1}
D = {"width": 2}
WARM, GAME = 4, 5  # of a vocoder
VOCODER = {**COMMON, "warm_steps": WARM, "steps": GAME, "generator": PLAYER, "discriminator": D}
STAGES = {"warm_steps": 4, "steps": 3, "vocoder_warm_steps": 3, "vocoder_steps": 3}
SPEECH = {
    **COMMON, **STAGES, "generator": {**PLAYER, "noise": 2}, "discriminator": D, "vocoder": PLAYER,
    "vocoder_discriminator": D, "labels": "{voice}/{text}",
}  # fmt: skip


def vocoder_spec(data, **changes):
    return {"recipe": "vocoder", "arguments": {"data": str(data), **VOCODER, **changes}}


def speech_spec(data, **changes):
    return {"recipe": "speech", "arguments": {"data": str(data), **SPEECH, **changes}}


def sentences_spec(data, **changes):
    return speech_spec(data, **{"labels": None, **changes})
