"""Distances between two sets of features, and the intervals that every metric reports. Computed in float64.

Rows are samples (whatever was turned into features), columns are features: x [n,d], y [m,d]. The functions of two sets
are symmetric in them and, up to rounding, blind to the order of the rows; only the p-values of permutation tests draw
by a seed and move a little with it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poise.errors import PoiseError
from poise.intervals import Z95
from poise.metrics.core.moments import Moments
from poise.metrics.core.reductions import PERMUTATIONS, KernelSums, RelabelledSums, Sums, labels
from poise.metrics.core.sets import Features, compare
from poise.metrics.core.tiles import Ask, CubicKernel, Kernel

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A number with its 95 % interval, the sizes of the two samples, and where there is a test its p-value.

    Example:
        >>> Estimate(0.5, 0.4, 0.6, n=100, m=100)
        Estimate(value=0.5, low=0.4, high=0.6, n=100, m=100, p=None)
    """

    value: float
    low: float
    high: float
    n: int  # generated rows
    m: int  # reference rows
    p: float | None = None


def symmetric(value: float, variance: float, n: int, m: int, p: float | None = None) -> Estimate:
    """value +- 1.96 standard errors.

    Example:
        >>> [round(x, 2) for x in symmetric(1.0, 0.25, n=10, m=10)[:3]]  # 1 ± 1.96·0.5
        [1.0, 0.02, 1.98]
    """
    half = Z95 * math.sqrt(max(variance, 0.0))
    return Estimate(value, value - half, value + half, n, m, p)


def upper_tail(z: float) -> float:
    """P(N(0, 1) > z).

    Example:
        >>> upper_tail(0.0), round(upper_tail(1.96), 3)
        (0.5, 0.025)
    """
    return 0.5 * math.erfc(z / math.sqrt(2))


def _sets(x: NDArray[Any], y: NDArray[Any], least: int) -> tuple[Features, Features]:
    x, y = np.asanyarray(x), np.asanyarray(y)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise PoiseError(f"features must be [n,d] and [m,d] with one d, not {x.shape} and {y.shape}")
    if min(len(x), len(y)) < least:
        raise PoiseError(f"a distance between two sets needs at least {least} rows in each, not {len(x)} and {len(y)}")
    made = compare(y, x)
    return made.made, made.heldout


class _Within(NamedTuple):
    rows: Tensor  # [n] sum over j != i of k(x_i, x_j)
    mean: float  # the U-statistic: mean over i != j
    spread: float  # mean square over i != j of the doubly centred kernel


def _within(sums: KernelSums) -> _Within:
    n = len(sums.rows)
    pairs, mean = n * (n - 1), float(sums.rows.sum()) / (n * (n - 1))
    a = (sums.rows / (n - 1) - mean) * (n - 1) / (n - 2)  # row effects: rows of k - mean - a_i - a_j sum to zero
    fitted = pairs * mean**2 + 2 * (n - 2) * float(a @ a)
    return _Within(sums.rows, mean, max(sums.squares - fitted, 0.0) / (n * (n - 3)))


def _across(sums: KernelSums) -> tuple[float, float]:
    """The mean, and the mean square of the doubly centred kernel."""
    n, m = len(sums.rows), len(sums.columns)
    mean = float(sums.rows.sum()) / (n * m)
    a, b = sums.rows / m - mean, sums.columns / n - mean
    fitted = n * m * mean**2 + m * float(a @ a) + n * float(b @ b)
    return mean, max(sums.squares - fitted, 0.0) / ((n - 1) * (m - 1))


def _jackknife(within: _Within, cross_rows: Tensor, other: float, m: int) -> float:
    """Delete-one jackknife variance of the MMD over the rows of one set: (n-1)/n sum (U_{-i} - mean)^2."""
    n = len(cross_rows)
    own = (within.rows.sum() - 2 * within.rows) / ((n - 1) * (n - 2))
    cross = (cross_rows.sum() - cross_rows) / ((n - 1) * m)
    left_out = own + other - 2 * cross
    return (n - 1) / n * float((left_out - left_out.mean()).square().sum())


class Reads(NamedTuple):
    """What is read of the products within and between two sets."""

    heldout: tuple[Ask, ...]
    made: tuple[Ask, ...]
    between: tuple[Ask, ...]  # held-out rows, generated columns


def kernel_reads(kernel: Kernel, n: int, m: int, seed: int | None) -> Reads:
    """Kernel sums of sets of n and m rows, and with a seed those of random relabellings.

    Example:
        >>> kernel_reads(CubicKernel(), 10, 20, seed=None).between
        (Sums(kernel=CubicKernel()),)
    """
    sums = (Sums(kernel),)
    if seed is None:
        return Reads(sums, sums, sums)
    places = ((0, 0), (n, n), (0, n))
    return Reads(*((*sums, RelabelledSums(kernel, n, m, seed, place)) for place in places))


def kernel_distance(x: Features, y: Features, kernel: Kernel, seed: int | None = None) -> Estimate:
    """The unbiased squared maximum mean discrepancy of two sets, at least 4 rows each (Gretton et al. 2012, eq. 3).

        MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i,j} k(x_i, y_j)

    The interval is that of `kid`. With a seed also p, of the hypothesis that both sets have one distribution: the share
    (1 + #{permuted >= found}) / (1 + 199) over 199 random relabellings of the pooled rows. Its level is exact.

    Example:
        >>> kernel_distance(Features(np.zeros((4, 1))), Features(np.ones((4, 1))), CubicKernel()).value  # 1 + 8 − 2·1
        7.0
    """
    n, m = len(x), len(y)
    reads = kernel_reads(kernel, n, m, seed)
    answers = x.within(*reads.heldout), y.within(*reads.made), x.against(y, *reads.between)
    of_x, of_y, between = (answer[0] for answer in answers)
    xx, yy, (mean, spread) = _within(of_x), _within(of_y), _across(between)
    value = xx.mean + yy.mean - 2 * mean
    counted = _jackknife(xx, between.rows, yy.mean, m) + _jackknife(yy, between.columns, xx.mean, n)
    interaction = 2 * xx.spread / (n * (n - 1)) + 2 * yy.spread / (m * (m - 1)) + 4 * spread / (n * m)
    p = None
    if seed is not None:
        rows, inner = torch.cat([xx.rows + between.rows, yy.rows + between.columns]), [answer[1] for answer in answers]
        p = _permuted_p(rows, n, torch.stack(inner).sum(0), labels(n, m, seed), value)
    return symmetric(value, max(counted - interaction, interaction), n, m, p)


def _permuted_p(rows: Tensor, n: int, inner: Tensor, relabelled: Tensor, value: float) -> float:
    """p from zᵀKz of every relabelling z of the pooled rows: the sums between and outside follow from row sums."""
    m = len(rows) - n
    touching = rows @ relabelled
    across, outer = touching - inner, rows.sum() - 2 * touching + inner
    permuted = inner / (n * (n - 1)) + outer / (m * (m - 1)) - 2 * across / (n * m)
    rounding = 1e-12 * float(rows.abs().mean()) / (n + m)
    return (1 + int((permuted >= value - rounding).sum())) / (1 + PERMUTATIONS)


def kid(x: NDArray[Any], y: NDArray[Any], seed: int | None = None) -> Estimate:
    """Kernel inception distance: the unbiased squared MMD with k(a, b) = (a.b/d + 1)^3.

        KID = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i,j} k(x_i, y_j)

    Args: x [n,d], y [m,d], at least 4 rows each; a seed where a p-value is wanted (see `kernel_distance`). No unit. Its
    expectation is 0 for equal distributions whatever n, so single values below 0 are right and are not cut off
    (Binkowski et al. 2018).

    The interval is value +- 1.96 s.e. The variance is that of the delete-one jackknife over the rows of both sets,
    less the part that the jackknife counts twice: the interaction (degenerate) part of the U-statistic, estimated
    from the doubly centred kernel matrices (Efron & Stein 1981), and at least that part. It is for the distance
    between the populations, so it covers both samplings; it is not the s.d. over overlapping subsets, which is
    no standard error. Simulated coverage on Gaussian, rectified and EffLite0 features, n from 50 to 1,000: 91 to 96 %
    for unequal and 98 to 100 % for equal distributions.

    Errors: `PoiseError` for shapes that do not match, fewer than 4 rows, or values that are not finite.

    Example:
        >>> kid(np.zeros((4, 1)), np.ones((4, 1))).value  # (0 + 1)³ + (1 + 1)³ − 2·(0 + 1)³
        7.0
    """
    made, heldout = _sets(x, y, least=4)
    return kernel_distance(made, heldout, CubicKernel(), seed)


def frechet_of(a: Moments, b: Moments) -> float:
    """The Fréchet distance of two Gaussians with these moments; see `frechet`.

    Example:
        >>> x, y = Features(np.array([[-1.0], [1.0]])), Features(np.array([[-2.0], [2.0]]))
        >>> round(frechet_of(x.moments, y.moments), 4)  # (σ − σ')² with σ² = 2, σ'² = 8
        2.0
    """
    overlap = float(torch.linalg.svdvals(a.root @ b.root.T).sum())
    shift = a.mean - b.mean
    return max(float(shift @ shift + a.root.square().sum() + b.root.square().sum()) - 2 * overlap, 0.0)


def frechet(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Fréchet distance between the Gaussians with the moments of x and y (Dowson & Landau 1982, Heusel et al. 2017).

        FD = |mu_x - mu_y|^2 + Tr(S_x + S_y - 2 (S_x S_y)^(1/2)),   covariances with n-1

    Args: x [n,d], y [m,d], at least 2 rows each; read in blocks, so memory maps of any length will do. Unit: features
    squared. With A, B roots of the covariances (AᵀA = S_x), Tr (S_x S_y)^(1/2) is the sum of the singular values of
    A Bᵀ: no matrix root, no negative eigenvalue, and min(n,d) x min(m,d) instead of d x d.

    Bias: at equal distributions its mean is not 0 but `frechet_bias`. It depends on the model too, so compare equal n
    and m only, and read it beside the real-against-real floor of the same n and m (Chong & Forsyth 2020).

    Errors: `PoiseError` for shapes that do not match, fewer than 2 rows, or values that are not finite.

    Example:
        >>> round(frechet(np.array([[-1.0], [1.0]]), np.array([[1.0], [5.0]])), 4)  # 3² + (√2 − √8)²
        11.0
    """
    made, heldout = _sets(x, y, least=2)
    return frechet_of(made.moments, heldout.moments)


def frechet_bias(variances: NDArray[Any], n: int, m: int) -> float:
    """What the Fréchet distance of two samples of one Gaussian is on average, to first order in 1/n and 1/m.

        (1/n + 1/m) [ sum_i l_i + 1/2 sum_ij l_i l_j (1 + [i = j]) / (l_i + l_j) ]

    Args: variances [d], the eigenvalues l_i of the covariance, none negative; the two sizes. Unit: features squared.
    For 64 features of variance 1 and n = m = 1,000 it is 2.21.

    Errors: `PoiseError` where n or m is not above d: the expansion does not hold there, and the true bias is larger.

    Example:
        >>> round(frechet_bias(np.ones(64), 1000, 1000), 2)
        2.21
    """
    l = np.asarray(variances, np.float64)
    if l.ndim != 1 or not len(l) or not np.isfinite(l).all() or l.min() < 0:
        raise PoiseError(f"the bias is a function of variances [d], finite and not negative, not of {l.tolist()}")
    if min(n, m) <= len(l):
        raise PoiseError(
            f"the bias of the Fréchet distance is known for more rows than the {len(l)} features, not for {n} and {m}"
        )
    pairs = l[:, None] + l
    products = np.divide(l[:, None] * l, pairs, out=np.zeros_like(pairs), where=pairs > 0)
    return float((1 / n + 1 / m) * (l.sum() + (products.sum() + np.trace(products)) / 2))
