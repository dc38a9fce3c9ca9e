"""Sounds in closed form: harmonics of a pitch that may change, and a clip that is somewhat like speech."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from poise.data.speech.speech import Wave

RATE = 16_000
RICH = (1.0, 0.7, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1)


def harmonics(
    hertz: float | Callable[[NDArray[np.float64]], NDArray[np.float64]],
    seconds: float = 0.5,
    heights: Sequence[float] = RICH,
    rate: int = RATE,
) -> Wave:
    """A sum of harmonics under half the rate, each with a phase of its own; hertz may be a function of seconds."""
    t = (np.arange(round(seconds * rate)) + 0.5) / rate
    f0 = hertz(t) if callable(hertz) else np.full(len(t), float(hertz))
    phase = 2 * np.pi * np.cumsum(f0) / rate
    whole = sum(
        (a * np.sin(k * phase + k * k) for k, a in enumerate(heights, 1) if k * f0.max() < rate / 2), np.zeros(len(t))
    )
    return Wave((0.1 * whole).astype(np.float32), rate)


def spoken(pitch: float = 140.0, seconds: float = 1.2, seed: int = 0, slope: float = 1.0) -> Wave:
    """Four syllables a second, each a hiss and then a vowel, on a pitch that rises by half of `slope` octaves."""

    def contour(t: NDArray[np.float64]) -> NDArray[np.float64]:
        return pitch * 2 ** (slope * (t / seconds - 0.5) / 2)

    t = np.arange(round(seconds * RATE)) / RATE
    formants = [
        np.exp(-(((pitch * k - 500) / 400) ** 2)) + 0.5 * np.exp(-(((pitch * k - 1500) / 400) ** 2))
        for k in range(1, 30)
    ]
    voice = harmonics(contour, seconds, formants).samples * 3
    hiss = 0.02 * np.diff(np.random.default_rng(seed).standard_normal(len(t) + 1))
    turn = (4 * t) % 1
    shape = np.where(turn < 0.25, 0.0, np.sin(np.pi * (turn - 0.25) / 0.75))
    return Wave((voice * shape + hiss * (turn < 0.2)).astype(np.float32), RATE)


def noise(seconds: float, seed: int = 0, height: float = 0.1) -> Wave:
    samples = height * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return Wave(samples.astype(np.float32), RATE)
