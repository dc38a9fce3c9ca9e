"""Scores of waves against the recordings that they should be, while training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from poise.audio.spectrograms import Mel
from poise.data.speech.speech import Wave
from poise.metrics.speech.metric import Pair, measure_pairs

LEAST = 2  # recordings that an interval needs
# Metrics that are quick: those that compare sample by sample, for which a copy has the length of its recording, and
# those that find out which frame goes with which.
STRICT = ("log-mel L1", "MR-STFT", "STOI", "PESQ")
WARPED = ("MCD", "F0 RMSE", "V/UV error", "tone contour", "periodicity")


class SpeechJudge:
    """Generated waves, each compared with its own held-out recording.

    Args: pairs, the recordings in the order in which they are generated, with texts and voices (the made wave of each
    is not read); mel; what is compared, for people; seed, of the draw and of the intervals; metrics, their names.

    Example:
        >>> import numpy as np
        >>> clips = [Wave(np.full(1280, level, np.float32), 16_000) for level in (0.1, 0.2)]
        >>> judge = SpeechJudge([Pair(clip, clip) for clip in clips], Mel(), "copies", seed=0, metrics=["log-mel L1"])
        >>> judge.score(lambda n, seed: clips)["log-mel L1"]
        0.0
    """

    noun = "recordings"

    def __init__(
        self, real: Sequence[Pair], mel: Mel, what: str, seed: int, metrics: Sequence[str] = STRICT + WARPED
    ) -> None:
        self.real, self.mel, self.seed, self.metrics = list(real), mel, seed, metrics
        self.n = self.m = len(self.real)
        self.extractors: list[Any] = []
        self.about = f"scores compare {self.n:,} {what} with the held-out recordings themselves"
        if self.n < LEAST:
            self.missing = [f"no scores: they need {LEAST} recordings, and 1 is compared (--score-samples, --heldout)"]
        else:
            self.missing = [str(note) for note in measure_pairs(self.real[:LEAST], self.mel, metrics).missing]

    def floor(self) -> dict[str, float]:
        """Nothing: a recording is itself."""
        return {}

    def score(self, sample: Callable[[int, int], Sequence[Wave]]) -> dict[str, float]:
        """Name -> value, with `.low`, `.high`, `.n` and `.m` beside it; nothing where there is 1 recording."""
        if self.n < LEAST:
            return {}
        made = sample(self.n, self.seed)
        pairs = [one._replace(made=wave) for one, wave in zip(self.real, made, strict=True)]
        found: dict[str, float] = {}
        for metric in measure_pairs(pairs, self.mel, self.metrics, self.seed).found.values():
            for name, estimate in metric.items():
                found[name] = estimate.value
                found |= {f"{name}.{part}": float(getattr(estimate, part)) for part in ("low", "high", "n", "m")}
        return found
