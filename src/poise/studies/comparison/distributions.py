"""Student's t and the beta distribution, by scipy, for intervals and p-values."""

from __future__ import annotations

from poise.errors import PoiseError


def t_tail(t: float, freedom: int) -> float:
    """P(T > t) for Student's t with `freedom` degrees of freedom."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -t))


def t_quantile(q: float, freedom: int) -> float:
    """The q-quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, q))


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
