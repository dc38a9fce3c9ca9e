"""Reading a record: one signal over the steps, smoothed, and since when something holds. No torch in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

WEIGHTS = ("beta", "latent_weight", "pixels_weight")  # by which a recorded objective is another one at each step
BEGUN = 2  # probes of a discriminator that may be one that has just begun
PATIENT = 6  # probes in which a discriminator that was never alive may come alive: a small one may begin like that
SHOWN_EVERY = 4  # probes between two looks at the averaged network, whose statistics are computed for each


@dataclass(frozen=True)
class Series:
    """One number over the steps at which it was recorded."""

    steps: list[int]
    values: list[float]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def last(self) -> float:
        return self.values[-1]

    def tail(self, window: int) -> float:
        """The mean of the last `window` values; −1 where there are none."""
        return fmean(self.values[-window:]) if self.values else -1.0

    def smoothed(self, window: int, statistic: Callable[[Sequence[float]], float] = median) -> Series:
        """`statistic` of each value and those before it, `window` in all; values with fewer are left out."""
        parts = [self.values[i - window + 1 : i + 1] for i in range(window - 1, len(self))]
        return Series(self.steps[window - 1 :], [statistic(part) for part in parts])


def series(rows: Sequence[Mapping[str, float]], key: str) -> Series:
    """The numbers called `key`."""
    found = [(int(row["step"]), float(row[key])) for row in rows if key in row]
    return Series([step for step, _ in found], [value for _, value in found])


def holding(s: Series, condition: Callable[[float], bool], least: int = 1) -> int | None:
    """The step since which the condition holds without a break up to now; None if for fewer than `least` values."""
    count = 0
    while count < len(s) and condition(s.values[-1 - count]):
        count += 1
    return s.steps[-count] if count >= max(least, 1) else None


def surely_above(values: Sequence[float]) -> float:
    """The mean less three of its standard errors."""
    value: float = fmean(values) - 3 * stdev(values) / len(values) ** 0.5
    return value


def lived(rows: Sequence[Mapping[str, float]], key: str, stage: int) -> bool | None:
    """Whether a discriminator was alive at the end; None where nobody looked.

    Dead is one that told nothing at the last probe and had told something in that stage, or told nothing in three. A
    probe or two of one that had just begun say nothing of its death.

    Args: key, PLAYER/alive; stage, the step at which the last stage began. Without a look in it, all rows count.
    """
    looks = series([row for row in rows if row["step"] >= stage], key) or series(rows, key)
    if not looks:
        return None
    return looks.last == 1 or not (any(looks.values) or len(looks) > BEGUN)
