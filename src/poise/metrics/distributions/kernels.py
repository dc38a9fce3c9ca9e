"""KID and MMD: kernel distances, unbiased at every size, with an interval and a permutation test."""

from __future__ import annotations

import math

import numpy as np

from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.sets import Compared, Features
from poise.metrics.core.statistics import Estimate, Reads, kernel_distance, kernel_reads
from poise.metrics.core.tiles import CubicKernel, GaussianKernel

WIDTH_ROWS = 2000


def _asks_of_kid(compared: Compared, seed: int) -> Reads:
    return kernel_reads(CubicKernel(), len(compared.heldout), len(compared.made), seed)


def _asks_of_mmd(compared: Compared, seed: int) -> Reads:
    return kernel_reads(_gaussian(compared, seed), len(compared.heldout), len(compared.made), seed)


def _gaussian(compared: Compared, seed: int) -> GaussianKernel:
    return GaussianKernel(median_distance(compared.heldout, seed))


def _distance(compared: Compared, kernel: CubicKernel | GaussianKernel, seed: int) -> Estimate:
    found = kernel_distance(compared.heldout, compared.made, kernel, seed)
    return found._replace(n=len(compared.made), m=len(compared.heldout))


@FeatureMetric.define(
    "KID",
    "Difference of all moments up to the third between generated and held-out features; 0 on average if they agree.",
    "target",
    target="0",
    asks=_asks_of_kid,
)
def kid_metric(compared: Compared, seed: int) -> Estimate:
    """`statistics.kid` of the generated and the held-out features, with p.

    Example:
        >>> from poise.metrics.core.sets import compare
        >>> kid_metric.estimate(compare(np.zeros((4, 1)), np.ones((4, 1)))).value  # (0 + 1)³ + (1 + 1)³ − 2·(0 + 1)³
        7.0
    """
    return _distance(compared, CubicKernel(), seed)


@FeatureMetric.define(
    "MMD",
    "Difference of any kind between generated and held-out features, at the scale of real distances; 0 on average if "
    "they agree.",
    "target",
    target="0",
    asks=_asks_of_mmd,
)
def mmd(compared: Compared, seed: int) -> Estimate:
    """The unbiased squared MMD with k(x, y) = exp(-|x - y|^2 / (2 h^2)), h the median distance of the reference.

    Example:
        >>> from poise.metrics.core.sets import compare
        >>> heldout = np.array([[0.0], [1.0], [0.0], [1.0]])  # its median distance is 1
        >>> round(mmd.estimate(compare(heldout, heldout + 100)).value, 4)  # twice (2 + 4·e^(−1/2)) / 6
        1.4754
    """
    return _distance(compared, _gaussian(compared, seed), seed)


def median_distance(rows: Features, seed: int) -> float:
    """Median distance between two different rows, of 2,000 rows chosen by the seed at most; 1 if they are all equal.

    Example:
        >>> median_distance(Features(np.array([[0.0], [1.0], [3.0]])), seed=0)  # of 1, 2 and 3
        2.0
    """
    few = rows.take(WIDTH_ROWS, seed)
    gram = few.values @ few.values.T
    squared = (few.squares[:, None] + few.squares - 2 * gram).clamp_(min=0.0).numpy()
    middle = float(np.median(squared[np.triu_indices(len(squared), 1)]))
    return math.sqrt(middle) if middle > 0 else 1.0
