"""Are all modes there? Counts over class predictions, and over known centres of toy data."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.intervals import wilson
from poise.metrics.core.statistics import Estimate


class ClassModes(NamedTuple):
    """Which classes the generator makes."""

    seen: int  # classes with at least one sample
    smallest: float  # share of the rarest class
    kl: float  # nats, KL of the generated class shares from the real ones


def class_modes(predicted: NDArray[Any], real_shares: NDArray[Any]) -> ClassModes:
    """Classes seen, the smallest share, and KL(generated || real) = sum_k p_k log(p_k / q_k).

    Args: predicted class ids [n] from 0; real_shares [K], positive, the shares of the classes in real data as the same
    classifier sees them (they are made to sum to 1). Where the shares agree, KL is about (K - 1) / (2 n) on average.

    Errors: `PoiseError` for ids outside 0..K-1 and for shares that are not positive.

    Example:
        >>> found = class_modes(np.array([0, 0, 1, 1]), np.array([0.25, 0.25, 0.5]))
        >>> found.seen, found.smallest, round(found.kl, 4)  # log 2: ½ instead of ¼, twice
        (2, 0.0, 0.6931)
    """
    ids, q = np.asarray(predicted), np.asarray(real_shares, np.float64)
    if q.ndim != 1 or len(q) < 2 or not np.isfinite(q).all() or q.min() <= 0:
        raise PoiseError(f"class shares must be at least 2 positive numbers, not {q.tolist()}")
    if ids.ndim != 1 or not len(ids) or ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= len(q):
        raise PoiseError(f"predicted classes must be whole numbers [n] from 0 to {len(q) - 1}")
    p = np.bincount(ids, minlength=len(q)) / len(ids)
    some = p > 0
    kl = float((p[some] * np.log(p[some] / (q[some] / q.sum()))).sum())
    return ClassModes(int(some.sum()), float(p.min()), max(kl, 0.0))


def effective_classes(shares: NDArray[Any]) -> float:
    """exp(entropy) of class shares [K] that sum to 1: K where they are equal, 1 where one class takes all.

    Example:
        >>> round(effective_classes(np.array([0.5, 0.5, 0.0])), 4)
        2.0
    """
    seen = np.asarray(shares, np.float64)
    seen = seen[seen > 0]
    return float(np.exp(-(seen * np.log(seen)).sum()))


class CentreModes(NamedTuple):
    """Which known centres the generator reaches."""

    quality: Estimate  # share of points within 3 sigma of a centre
    hit: int  # centres with at least one such point
    kl: float  # nats, of the shares of such points from equal shares


def centre_modes(points: NDArray[Any], centres: NDArray[Any], sigma: float, within: float = 3.0) -> CentreModes:
    """High-quality share and modes hit of toy data with known centres (rings, grids of Gaussians).

    Args: points [n,d], centres [K,d], sigma of the Gaussians, and how many sigma count as high quality. A perfect
    sampler does not score 1: in 2 dimensions 1 - exp(-4.5) = 98.89 % of its points lie within 3 sigma. m of the
    estimate is the number of centres. KL is 0 for equal shares and log K for one mode.

    Errors: `PoiseError` for shapes that do not match, values that are not finite, or sigma not above 0.

    Example:
        >>> points = np.array([[0.1, 0.0], [0.0, 0.2], [5.0, 5.0], [2.5, 2.5]])
        >>> found = centre_modes(points, centres=np.array([[0.0, 0.0], [5.0, 5.0], [9.0, 9.0]]), sigma=0.1)
        >>> found.quality.value, found.hit  # three of four points, two of three centres
        (0.75, 2)
    """
    x, c = np.asarray(points, np.float64), np.asarray(centres, np.float64)
    if x.ndim != 2 or c.ndim != 2 or x.shape[1] != c.shape[1] or not len(x) or not len(c):
        raise PoiseError(f"points [n,d] and centres [K,d] must have one d, not {x.shape} and {c.shape}")
    if not (np.isfinite(x).all() and np.isfinite(c).all() and 0 < sigma < math.inf):
        raise PoiseError("points and centres must be finite, and sigma above 0")
    parts = [np.linalg.norm(part[:, None] - c, axis=2) for part in np.array_split(x, len(x) // 1024 + 1)]
    distance = np.concatenate(parts)
    good = distance.min(1) <= within * sigma
    counts = np.bincount(distance.argmin(1)[good], minlength=len(c))
    p = counts[counts > 0] / max(counts.sum(), 1)
    share = float(good.mean())
    quality = Estimate(share, *wilson(share, len(x)), len(x), len(c))
    return CentreModes(quality, int((counts > 0).sum()), float((p * np.log(p * len(c))).sum()))
