"""Intervals and tails: of a share, a mean, a median, of Student's t. All of 95 % where nothing else is said.

scipy is loaded when it is needed, so that what only reads studies starts at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError

Z95 = 1.959963984540054  # the 97.5 % point of the normal law


def wilson(share: float, trials: float) -> tuple[float, float]:
    """The interval of a share of independent trials (Wilson 1927); it stays inside [0, 1]."""
    z2 = Z95 * Z95 / trials
    centre = (share + z2 / 2) / (1 + z2)
    half = math.sqrt(z2 * share * (1 - share) + z2 * z2 / 4) / (1 + z2)
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return min(low, share), max(high, share)


def clopper_pearson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share from k of n independent trials (Clopper & Pearson 1934): at least `level`.

    0 of n has the upper end 1 − (½(1 − level))^(1/n): .31 for 0 of 10. Errors: PoiseError unless 0 <= k <= n, n >= 1.
    """
    from scipy.special import betaincinv

    if not 0 <= k <= n or n < 1:
        raise PoiseError(f"a share is that of k of n trials with 0 <= k <= n and n >= 1, not of {k} of {n}")
    tail = (1 - level) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
    return low, float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """The mean of n >= 2 values and its interval, +- t(n - 1) standard errors (Student 1908)."""
    mean = float(values.mean())
    half = t_quantile(0.975, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def median_interval(values: NDArray[Any]) -> tuple[float, float, float]:
    """The median of n values and its interval: the order statistics n/2 -+ 0.98 sqrt(n), whatever the law.

    Of fewer than 6 values even the smallest and the largest are 95 % of nothing (1 - 2/2^n): the interval is endless.
    """
    ordered, n = np.sort(values), len(values)
    if n < 6:
        return float(np.median(ordered)), -math.inf, math.inf
    half = Z95 * np.sqrt(n) / 2
    low, high = int(max(np.floor(n / 2 - half), 0)), int(min(np.ceil(n / 2 + half), n - 1))
    middle = float(np.median(ordered))
    return middle, min(float(ordered[low]), middle), max(float(ordered[high]), middle)


def t_tail(t: float, freedom: int) -> float:
    """P(T > t) for Student's t with `freedom` degrees of freedom."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -t))


def t_quantile(q: float, freedom: int) -> float:
    """The q-quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, q))
