"""Schedules: a number as a function of the step. Plain Python, no torch.

On the command line a schedule is written as words joined by colons, its length by default the length of the run:

    1e-4                     constant
    warmup:1e-4:500          0 -> 1e-4 over 500 steps, then 1e-4
    linear:1e-3:1e-5         straight line from 1e-3 to 1e-5
    cosine:1e-3:1e-5:2000    half a cosine over 2,000 steps, then 1e-5
    exponential:1e-3:1e-5    equal factors per step
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from poise.errors import PoiseError, nearest
from poise.registry import find, names, register

LARGEST = 3e38  # just below the largest number in single precision


def checked(value: Any, what: str) -> float:
    """`value` as a finite number that is not negative; otherwise one sentence that names `what`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise PoiseError(f"{what} must be a number or a schedule such as cosine:1e-3:1e-5, not {value!r}") from None
    if not math.isfinite(number) or number < 0:
        raise PoiseError(f"{what} must be a finite number of at least 0, not {value}")
    if number > LARGEST:
        raise PoiseError(f"{what} must be at most {LARGEST:g}, as weights are in single precision, not {value}")
    return number


class Schedule(ABC):
    """A number as a function of the step. One's own, with options as its fields, is named on the command line:

    --generator.lr mine.Steps --generator.lr.every 1000
    """

    @abstractmethod
    def __call__(self, step: int) -> float:
        """The number at a step, at least 0."""

    def over(self, steps: int) -> Schedule:
        """The same schedule stretched over a run of `steps` steps, where it has no length of its own."""
        return self


Scheduled = float | Schedule | str  # a number, or how it changes, written as above


@dataclass(frozen=True)
class _Between(Schedule):
    """A way from `start` to `end` in `steps` steps, `end` afterwards. `steps=None`: the length of the run."""

    start: float
    end: float
    steps: int | None = None
    arguments: ClassVar[tuple[str, ...]] = ("start", "end", "steps")

    def __post_init__(self) -> None:
        word = type(self).__name__.lower()
        for name in ("start", "end"):
            checked(getattr(self, name), f"{name} of a {word} schedule")
        if self.steps is not None and self.steps < 1:
            raise PoiseError(f"steps of a {word} schedule must be at least 1, not {self.steps}")

    def __call__(self, step: int) -> float:
        if self.steps is None:
            raise PoiseError(f"this schedule has no length yet: call .over(steps) or give steps ({self})")
        return self.at(min(max(step, 0) / self.steps, 1.0))

    @abstractmethod
    def at(self, share: float) -> float:
        """The value after `share` (0 to 1) of the way."""

    def over(self, steps: int) -> _Between:
        return self if self.steps is not None else replace(self, steps=max(steps, 1))


@register("schedule", "linear")
class Linear(_Between):
    """start + (end − start)·t/T."""

    def at(self, share: float) -> float:
        return self.start + (self.end - self.start) * share


@register("schedule", "cosine")
class Cosine(_Between):
    """end + (start − end)·(1 + cos(π t/T))/2 (Loshchilov & Hutter 2017, without restarts)."""

    def at(self, share: float) -> float:
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * share))


@register("schedule", "exponential")
class Exponential(_Between):
    """start·(end/start)^(t/T); both ends must be above 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.start > 0 and self.end > 0):
            raise PoiseError(f"an exponential schedule needs both ends above 0, not {self.start} and {self.end}")

    def at(self, share: float) -> float:
        found: float = self.start * (self.end / self.start) ** share
        return found


@register("schedule", "warmup")
class WarmUp(_Between):
    """0 to `end` in a straight line, then `end`. Written `warmup:VALUE:STEPS`."""

    arguments: ClassVar[tuple[str, ...]] = ("end", "steps")

    def __init__(self, end: float, steps: int | None = None, start: float = 0.0) -> None:
        super().__init__(start, end, steps)

    def at(self, share: float) -> float:
        return self.start + (self.end - self.start) * share


def bounds(value: float | Callable[[int], float], steps: int) -> tuple[float, float]:
    """The smallest and the largest number that a schedule has over `steps` steps, or over its own length if that is
    longer: at a hundred places, which are enough for what rises or falls.

    Example:
        >>> bounds(Cosine(0.9, 0.99, steps=200), 10)
        (0.9, 0.99)
    """
    if not callable(value):
        return value, value
    end = max(steps, getattr(value, "steps", None) or 0)
    found = [float(value(round(end * share / 100))) for share in range(101)]
    return min(found), max(found)


def number_or_schedule(
    value: float | str | Callable[[int], float], what: str, steps: int | None = None
) -> float | Callable[[int], float]:
    """A checked number, a schedule object as it is, or the schedule that a string describes (see the module)."""
    if isinstance(value, Schedule):
        return value if steps is None else value.over(steps)
    if callable(value):
        return value
    if not (isinstance(value, str) and ":" in value):
        return checked(value, what)
    word, *rest = value.split(":")
    if word not in names("schedule"):
        raise PoiseError(
            f"{what}: '{word}' is no schedule{nearest(word, names('schedule'), '.')} "
            f"Known: {', '.join(names('schedule'))}."
        )
    kind = find("schedule", word)
    if not len(kind.arguments) - 1 <= len(rest) <= len(kind.arguments):
        raise PoiseError(f"{what} {value}: write {word}:{':'.join(kind.arguments).upper()} (STEPS may be left out)")
    numbers = [checked(part, f"{what}, {name}") for name, part in zip(kind.arguments, rest, strict=False)]
    if len(numbers) == len(kind.arguments):
        numbers[-1] = int(numbers[-1])
    try:
        schedule = kind(**dict(zip(kind.arguments, numbers, strict=False)))
    except PoiseError as error:
        raise PoiseError(f"{what} {value}: {error}") from None
    found: float | Callable[[int], float] = schedule if steps is None else schedule.over(steps)
    return found
