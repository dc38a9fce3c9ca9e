"""Which way a number is better: one vocabulary for metrics, evaluations, studies and reports.

"lower" and "higher" are better without an end; "target" is best at a value, that of real data or a number; "none" says
nothing of good and bad, it is told to be read beside others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, get_args

from poise.errors import PoiseError, nearest

OneWay = Literal["lower", "higher"]
Direction = Literal["lower", "higher", "target", "none"]
ONE_WAY: tuple[str, ...] = get_args(OneWay)
DIRECTIONS: tuple[str, ...] = get_args(Direction)

SIGN: Mapping[str, int] = {"lower": -1, "higher": 1}  # of a change for the better
WORST: Mapping[str, Callable[[Iterable[float]], float]] = {"lower": max, "higher": min}
REAL, HELD_OUT = "real", "held-out"  # targets that are no number: whatever real data has, and held-out data


def unknown_direction(better: str, metric: str) -> PoiseError:
    """What to raise where a metric has none of the four words."""
    near = nearest(str(better), DIRECTIONS)
    return PoiseError(f"the metric {metric} has better={better!r}{near}; use one of {', '.join(DIRECTIONS)}")


def shown(better: Direction, target: str = REAL) -> str:
    """For people: "lower", "higher", "as real", "as held-out", "at 0.5", or nothing."""
    if better == "target":
        return f"as {target}" if target in (REAL, HELD_OUT) else f"at {target}"
    return "" if better == "none" else better


def coded(better: Direction, target: str = REAL) -> str:
    """As the JSON of evaluations has always had it: "low", "high", "at", "as held-out", "at 0.5", or ""."""
    if better == "target":
        return "at" if target == REAL else shown(better, target)
    return {"lower": "low", "higher": "high", "none": ""}[better]
