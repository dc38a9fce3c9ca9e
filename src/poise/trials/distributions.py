"""The beta distribution and Student's t, for intervals and p-values. Own code: the package does without scipy."""

from __future__ import annotations

import functools
import math

from poise.errors import PoiseError

TINY = 1e-300


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(B <= x) for B ~ Beta(a, b), a and b above 0: the regularised incomplete beta function I_x(a, b).

    By its continued fraction (Abramowitz & Stegun 26.5.8, evaluated as in Lentz 1976), on the side where it converges
    fast. Within 1e-11 of scipy.special.betainc for a, b from ½ to 1,000.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    logs = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(logs) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """1 + d_1/(1 + d_2/(1 + ...)) with the coefficients d of the incomplete beta function."""
    value, c, d = 1.0, 1.0, 0.0
    for i in range(1, 10_000):
        m = i // 2
        if i % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / ((1 + term * d) or TINY)
        c = (1 + term / c) or TINY
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


@functools.lru_cache(maxsize=4096)
def beta_quantile(q: float, a: float, b: float) -> float:
    """The x with P(B <= x) = q, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if beta_cdf(middle, a, b) < q else (low, middle)
    return (low + high) / 2


def t_tail(t: float, freedom: int) -> float:
    """P(T > t) for Student's t with `freedom` degrees of freedom: ½ I_x(v/2, ½) at x = v/(v + t²) for t >= 0."""
    if t < 0:
        return 1 - t_tail(-t, freedom)
    return 0.5 * beta_cdf(freedom / (freedom + t * t), freedom / 2, 0.5)


def t_quantile(q: float, freedom: int) -> float:
    """The q-quantile of Student's t, ½ <= q < 1."""
    x = beta_quantile(2 * (1 - q), freedom / 2, 0.5)
    return math.sqrt(freedom * (1 - x) / x)


def clopper_pearson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share from k of n independent trials (Clopper & Pearson 1934): at least `level`.

    0 of n has the upper end 1 − (½(1 − level))^(1/n): .31 for 0 of 10. Errors: PoiseError unless 0 <= k <= n, n >= 1.
    """
    if not 0 <= k <= n or n < 1:
        raise PoiseError(f"a share is that of k of n trials with 0 <= k <= n and n >= 1, not of {k} of {n}")
    tail = (1 - level) / 2
    low = beta_quantile(tail, k, n - k + 1) if k else 0.0
    return low, beta_quantile(1 - tail, k + 1, n - k) if k < n else 1.0
