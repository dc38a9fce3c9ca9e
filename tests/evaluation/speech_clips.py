"""Clips in closed form for the tests of `poise evaluate` of speech."""

from __future__ import annotations

from typing import Any

import numpy as np

from poise.data.speech.speech import Wave
from poise.evaluation.report import Section
from tests.metrics.sounds import harmonics

RATE = 8_000


def clip(place: int, slope: float = 1.0, voice: int = 0) -> Wave:
    """Half a second on a pitch of its own that rises by `slope` octaves a second, over a faint noise."""
    low = (110.0, 150.0)[voice] * 2 ** (place / 12)
    tone = harmonics(lambda t: low * 2 ** (slope * t), seconds=0.5, rate=RATE).samples
    return Wave(tone + np.random.default_rng(place).normal(0, 1e-3, len(tone)).astype(np.float32), RATE)


def rows(found: Section | dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows of a section, or of its JSON, by their metrics."""
    content = found.to_dict() if isinstance(found, Section) else found
    return {row["metric"]: row for row in content["rows"]}
