"""Does the generator play its training set back? Three tests, each against held-out rows that it cannot have seen."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from torch import Tensor

from poise.direction import HELD_OUT
from poise.errors import PoiseError
from poise.intervals import Z95
from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.kmeans import kmeans, principal, squared_distances
from poise.metrics.core.reductions import NearestRows
from poise.metrics.core.sets import Compared, Features
from poise.metrics.core.statistics import Estimate, symmetric, upper_tail

CELLS = 3
COMPONENTS = 64
SMALLEST_CELL = 20  # generated rows; cells with no more do not count

_of_copying = partial(FeatureMetric.define, better="target", needs_train=True)


def nearest(rows: Features, among: Features) -> tuple[Tensor, Tensor]:
    """Distance [n] of each row to the nearest row of another set, and which [n] that is.

    The distance is that of the difference, so that it is exactly 0 for a copy.

    Example:
        >>> distance, index = nearest(Features(np.array([[0.0], [7.0]])), among=Features(np.array([[9.0], [0.0]])))
        >>> distance.tolist(), index.tolist()
        ([0.0, 2.0], [1, 0])
    """
    distance, index = nearest_rows(rows, among, 1)
    return distance[:, 0], index[:, 0]


def nearest_rows(rows: Features, among: Features, k: int) -> tuple[Tensor, Tensor]:
    """Distances [n,k] of each row to the k nearest rows of another set, nearest first, and which [n,k] these are.

    Distances as of `nearest`. Needs k rows in the other set.

    Example:
        >>> distance, index = nearest_rows(Features(np.array([[1.0]])), Features(np.array([[9.0], [0.0], [3.0]])), 2)
        >>> distance.tolist(), index.tolist()
        ([[1.0, 2.0]], [[1, 2]])
    """
    index: Tensor = among.against(rows, NearestRows(k))[0].columns.which
    parts = zip(rows.values.split(1024), index.split(1024), strict=True)
    distance = torch.cat([(part[:, None] - among.values[where]).norm(dim=2) for part, where in parts])
    distance, order = distance.sort(1)
    return distance, index.gather(1, order)


@_of_copying(
    "copying",
    "Share of generated features nearer to a training row than to a held-out one; 0.5 on average without copying.",
    target="0.5",
)
def copying(compared: Compared, seed: int) -> Estimate:
    """c = P(d(g, T) < d(g, H)), ties counted half, for equally many training rows T and held-out rows H.

    A generator that learnt the law and not the rows cannot tell T from H: swapping them changes nothing, so c is 1/2 on
    average, exactly, whatever the generator, the features and the sizes. The larger of T and H is cut to the size of
    the smaller by the seed, so where the model had s times as many training rows as there are held-out ones, playing
    them back gives about 1/2 + 1/(2 s).

    With w_j the share of generated rows whose nearest reference row is j, the variance under equal laws is that of a
    random balanced labelling of the N = 2 |T| reference rows, N/(N-1) (sum_j w_j^2 - 1/N) / 4: rows that gather around
    few references count as few. The interval is c +- 1.96 s.e. in [0, 1]; p is of c <= 1/2 against copying.

    Example:
        >>> from poise.metrics.core.sets import compare
        >>> train, heldout = np.arange(0.0, 20.0, 2.0)[:, None], np.arange(1.0, 21.0, 2.0)[:, None]
        >>> copying.estimate(compare(heldout, made=train, train=train)).value  # all lie on training rows
        1.0
    """
    train = _train(compared)
    size = min(len(train), len(compared.heldout))
    train, heldout = train.take(size, 3 * seed + 2), compared.heldout.take(size, 3 * seed)
    (to_train, t), (to_held, h) = nearest(compared.made, train), nearest(compared.made, heldout)
    won = torch.where(to_train < to_held, 1.0, torch.where(to_train > to_held, 0.0, 0.5)).double()
    n = len(won)
    weights = torch.zeros(2 * size, dtype=torch.float64)
    weights.index_add_(0, t, won / n).index_add_(0, h + size, (1 - won) / n)
    references = 2 * size
    variance = references / (references - 1) * (float(weights.square().sum()) - 1 / references) / 4
    value, error = float(won.mean()), math.sqrt(max(variance, 0.0))
    p = upper_tail((value - 0.5) / error) if error else 1.0
    return Estimate(value, max(value - Z95 * error, 0.0), min(value + Z95 * error, 1.0), n, size, p)


def _train(compared: Compared) -> Features:
    if compared.train is None:
        raise PoiseError("a test of copying compares with the training set: give its features as well")
    return compared.train


def authentic(train: Features, made: Features) -> tuple[Tensor, Tensor]:
    """Which rows [n] are farther from their nearest training row than that is from its own, and which [n] it is.

    Example:
        >>> train, made = Features(np.array([[0.0], [4.0]])), Features(np.array([[1.0], [-5.0]]))
        >>> authentic(train, made)[0].tolist()  # 1 and 5 away from 0, which is 4 away from its own nearest
        [False, True]
    """
    distance, index = nearest(made, train)
    other = train.within(NearestRows(1))[0].rows.which[:, 0]
    own = (train.values - train.values[other]).norm(dim=1)
    return own[index] < distance, index


def _clustered(share: Tensor, index: Tensor) -> float:
    """Variance of the mean of 0/1 rows that share a training row: they stand or fall together."""
    rest = share.double() - share.double().mean()
    sums = torch.zeros(int(index.max()) + 1, dtype=torch.float64).index_add_(0, index, rest)
    return max(float(sums.square().sum()), float(rest.square().sum())) / len(rest) ** 2


@_of_copying(
    "AuthPct",
    "Percentage of generated features that are not suspiciously near to a training row; compare with held-out ones.",
    target=HELD_OUT,
)
def auth_pct(compared: Compared, seed: int) -> Estimate:
    """Percentage of rows farther from their nearest training row than that one is from its nearest (Alaa et al. 2022).

    A perfect generator does not reach 100, nor 50: in many rows it scores 33.3 in one dimension and 37.9 in two, and
    more in many dimensions, so the value means nothing by itself. `AuthPct_gap` sets it beside held-out rows.
    The interval is +- 1.96 s.e., generated rows with one nearest training row counted as a cluster.

    Example:
        >>> from poise.metrics.core.sets import compare
        >>> train = np.arange(10.0)[:, None]
        >>> made = np.concatenate([train[:3], train[:1] - 5])  # three copies, and one that is farther from 0 than 1 is
        >>> auth_pct.estimate(compare(train + 0.5, made, train)).value
        25.0
    """
    share, index = authentic(_train(compared), compared.made)
    value, half = 100 * float(share.double().mean()), 100 * Z95 * math.sqrt(_clustered(share, index))
    return Estimate(value, max(value - half, 0.0), min(value + half, 100.0), len(compared.made), len(_train(compared)))


@_of_copying(
    "AuthPct_gap",
    "AuthPct of the generated features less that of held-out ones; below 0 means copying.",
    target="0",
)
def auth_pct_gap(compared: Compared, seed: int) -> Estimate:
    """AuthPct of generated rows less that of held-out rows taken for generated ones, in percentage points.

    The interval is +- 1.96 s.e. for this training set; p, of no copying against copying, is one-sided. Where all rows
    of each side are alike there is no spread to tell either by: then p is 0 for copies, else 1.

    Example:
        >>> from poise.metrics.core.sets import compare
        >>> train = np.arange(10.0)[:, None]
        >>> auth_pct_gap.estimate(compare(heldout=train + 100, made=train, train=train)).value  # none against all
        -100.0
    """
    train = _train(compared)
    (made, mi), (held, hi) = authentic(train, compared.made), authentic(train, compared.heldout)
    value = 100 * float(made.double().mean() - held.double().mean())
    variance = 1e4 * (_clustered(made, mi) + _clustered(held, hi))
    p = upper_tail(-value / math.sqrt(variance)) if variance else float(value >= 0)  # all of one kind
    return symmetric(value, variance, len(made), len(held), p)


@_of_copying(
    "C_T",
    "Z-score of distances to the training set, generated against held-out; far below 0 means copying, far above poor "
    "samples.",
    target="0",
    least=3 * SMALLEST_CELL + 1,
)
def c_t(compared: Compared, seed: int) -> Estimate:
    """Data-copying test (Meehan, Chaudhuri & Dasgupta 2020).

    Features beyond 64 are reduced to the 64 principal components of the training set, which k-means divides into 3
    cells. Within a cell, Z is the standardised Mann-Whitney statistic of the distances to the nearest training row of
    the cell, generated against held-out (ties counted half, no continuity correction). C_T is their mean, weighted by
    the share of held-out rows, over the cells with more than 20 generated rows, a held-out and a training row.

    Copying in one cell and poor samples in another cancel. The interval adds +- 1.96 sqrt(sum of squared weights), as
    each Z has variance 1 where the laws agree; p is two-sided.

    Errors: `PoiseError` where no cell counts.

    Example:
        >>> from poise.metrics.core.sets import compare
        >>> draw = np.random.default_rng(0)
        >>> train, heldout = draw.normal(size=(150, 2)), draw.normal(size=(150, 2))
        >>> c_t.estimate(compare(heldout, made=train, train=train)).value < -5  # copies
        True
    """
    train = _train(compared)
    x = [s.values for s in (train, compared.heldout, compared.made)]
    if train.d > COMPONENTS:
        directions = principal(train.moments, COMPONENTS)
        x = [(part - train.moments.mean) @ directions for part in x]
    centres = kmeans(x[0], CELLS, seed)
    cells = [squared_distances(part, centres).argmin(1) for part in x]
    scores, weights = [], []
    for cell in range(CELLS):
        inside = [part[which == cell] for part, which in zip(x, cells, strict=True)]
        if len(inside[2]) > SMALLEST_CELL and len(inside[0]) and len(inside[1]):
            scores.append(mann_whitney(_to_nearest(inside[2], inside[0]), _to_nearest(inside[1], inside[0])))
            weights.append(len(inside[1]))
    if not weights:
        raise PoiseError("C_T found no cell with more than 20 generated rows and a held-out one: use more rows")
    shares = np.array(weights) / sum(weights)
    value, error = float(shares @ np.array(scores)), float(np.sqrt(shares @ shares))
    return symmetric(value, error**2, len(x[2]), len(x[1]), 2 * upper_tail(abs(value) / error))


def _to_nearest(rows: Tensor, among: Tensor) -> Tensor:
    """Distance [n] to the nearest of other rows, exactly 0 for a copy."""
    index = torch.cat([squared_distances(part, among).argmin(1) for part in rows.split(1024)])
    found: Tensor = (rows - among[index]).norm(dim=1)
    return found


def mann_whitney(x: Tensor, y: Tensor) -> float:
    """Z-score of #{x_i > y_j} + half the ties, with mean n m / 2 and variance n m (n + m + 1) / 12.

    Example:
        >>> round(mann_whitney(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 2.0])), 4)  # (4 − 2) / sqrt(2·2·5 / 12)
        1.5492
    """
    n, m = len(x), len(y)
    ordered = y.sort().values
    below = torch.searchsorted(ordered, x, side="left") + torch.searchsorted(ordered, x, side="right")
    return (float(below.sum()) / 2 - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
