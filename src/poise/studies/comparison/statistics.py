"""The statistics of paired runs: a test that is exact for few seeds, intervals, equivalence, many tests at once.

d [n] are paired differences, one for each seed. Why these ones and no others: docs/decisions/0009.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.errors import PoiseError
from poise.intervals import t_quantile, t_tail

EXACT = 20  # so many differences at most have all their signs tried: 2^19 sums
DRAWS, SEED = 99_999, 20_240_607  # of random signs for more
ROUNDING = 1e-10  # part of sum|d|: two sums closer than this are one


class Interval(NamedTuple):
    """A mean with the ends of its interval; infinite ends where there is one difference only."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests: p, the interval of level 1 − 2α, and whether it lies within the margin, that is p < α."""

    p: float
    low: float
    high: float
    within: bool


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def differences(d: ArrayLike) -> NDArray[np.float64]:
    """d as float64 [n]. Errors: PoiseError where it is empty or holds a number that is not finite."""
    values = np.asarray(d, np.float64)
    if values.ndim != 1 or not values.size:
        raise PoiseError(f"a test needs a row of at least one difference, not an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise PoiseError(f"a difference is {values[~np.isfinite(values)][0]}: leave the seed out or put a number there")
    return values


def sign_flip(d: ArrayLike) -> float:
    """The exact two-sided p of the hypothesis that the differences are symmetric about 0 (Fisher 1935).

        p = #{s in {−1, 1}^n : |Σ s_i d_i| >= |Σ d_i|} / 2^n

    Args: d [n]. Under the hypothesis P(p <= a) <= a for every n. Zeros keep their place: they only make p larger; all
    zeros give 1. Sums within 1e-10 Σ|d| of each other count as equal. Up to 20 differences all signs are tried; beyond,
    p = (1 + #)/(1 + 99,999) over random signs from a fixed seed, whose level is exact as well.
    Errors: PoiseError for no difference or one that is not finite.
    """
    values = differences(d)
    least = abs(values.sum()) - ROUNDING * np.abs(values).sum()
    if len(values) > EXACT:
        signs = np.random.default_rng(SEED).integers(0, 2, (DRAWS, len(values)), dtype=np.int8)
        sums = 2 * (signs @ values) - values.sum()
        return (1 + int((np.abs(sums) >= least).sum())) / (1 + DRAWS)
    sums = values[:1]  # the first sign stays: the other half of all patterns has the same |sums|
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    return int((np.abs(sums) >= least).sum()) / len(sums)


def least_p(n: int) -> float:
    """The smallest p that `sign_flip` can give for n differences: 2/2^n. .0625 for 5, .031 for 6, .002 for 10."""
    return max(2.0 ** (1 - n), 1 / (1 + DRAWS)) if n > EXACT else 2.0 ** (1 - n)


def seeds_needed(alpha: float, tests: int = 1) -> int:
    """How many seeds a sign-flip test needs to fall below alpha/tests at all: 6 for .05, 9 for .05/7.

    Errors: PoiseError where no number of them does.
    """
    if not 0 < alpha < 1 or tests < 1 or least_p(EXACT + 1) >= alpha / tests:
        raise PoiseError(f"no number of seeds lets a sign-flip test fall below {alpha:g}/{tests}: take a larger alpha")
    return next(n for n in range(1, EXACT + 2) if least_p(n) < alpha / tests)


def paired_t(d: ArrayLike, level: float = 0.95) -> Interval:
    """mean ± t_{n−1} s/√n: right for normal differences, and in few seeds nearer to its level than the bootstrap.

    One difference gives infinite ends. Errors: see `differences`.
    """
    values = differences(d)
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, -math.inf, math.inf)
    half = t_quantile((1 + level) / 2, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def equivalence(d: ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """Is the mean within ±margin? Two one-sided tests (Schuirmann 1987): p is the larger of both.

        p = max(P(T > (mean + margin)/se), P(T > (margin − mean)/se)),   T with n − 1 degrees of freedom

    By paired t and not by sign-flips, so that p < alpha is the same as the t interval of level 1 − 2·alpha (90 %) lying
    within the margin: what is decided can be seen in the plot. One difference gives p = 1.
    Errors: PoiseError for a margin that is not above 0; see `differences`.
    """
    values, margin = differences(d), _margin(margin)
    mean, low, high = paired_t(values, 1 - 2 * alpha)
    room = margin - abs(mean)  # to the nearer margin, whose test has the larger p
    if len(values) < 2:
        return Equivalence(1.0, low, high, False)
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    p = t_tail(room / error, len(values) - 1) if error else float(room <= 0)
    return Equivalence(p, low, high, p < alpha)


def no_worse(d: ArrayLike, margin: float) -> float:
    """p of the hypothesis that d, above 0 where it is worse, has a mean of `margin` or more.

    The two-sided sign-flip p of d − margin where their mean is below 0, and 1 elsewhere. It is twice the one-sided p,
    so p < .05 is non-inferiority at the one-sided level of .025, which is the usual one, and goes with a 95 %
    interval that ends below the margin. Errors: PoiseError for a margin that is not above 0; see `differences`.
    """
    shifted = differences(d) - _margin(margin)
    return sign_flip(shifted) if shifted.sum() < 0 else 1.0


def _margin(margin: float) -> float:
    if not (margin > 0 and math.isfinite(margin)):
        raise PoiseError(f"the margin is the smallest change that matters, a number above 0, not {margin}")
    return margin


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p-values of k tests, in their order: rejecting those below α errs at all with chance α at most.

        adjusted p_(i) = max_{j <= i} min(1, (k − j + 1) p_(j)),   p_(1) <= ... <= p_(k)      (Holm 1979)

    It holds however the tests depend on each other. Errors: PoiseError for a p outside [0, 1].
    """
    values, order = _sorted(p)
    steps = (len(values) - np.arange(len(values))) * values
    return _back(np.minimum(np.maximum.accumulate(steps), 1), order)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Adjusted p-values: of those below q about q are false on average (Benjamini & Hochberg 1995).

        adjusted p_(i) = min_{j >= i} min(1, k p_(j) / j)

    For tests that are independent or positively dependent. Errors: PoiseError for a p outside [0, 1].
    """
    values, order = _sorted(p)
    steps = len(values) * values / np.arange(1, len(values) + 1)
    return _back(np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1), order)


def intersection_union(p: Sequence[float]) -> float:
    """p of a claim that holds only if all its tests come out: the largest of theirs (Berger 1982). No correction."""
    values, _ = _sorted(p)
    if not values.size:
        raise PoiseError("a claim needs at least one test")
    return float(values[-1])


def _sorted(p: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    values = np.asarray(p, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise PoiseError(f"a p-value lies in [0, 1], unlike those of {values.tolist()}")
    order = np.argsort(values, kind="stable")
    return values[order], order


def _back(adjusted: NDArray[np.float64], order: NDArray[np.intp]) -> list[float]:
    found = np.empty_like(adjusted)
    found[order] = adjusted
    return [float(value) for value in found]
