"""FD and FD_inf: the Fréchet distance between the Gaussians with the moments of two sets, and its limit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from poise.intervals import Z95
from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.moments import Gathered, Moments
from poise.metrics.core.sets import CHUNK, Compared, Features
from poise.metrics.core.statistics import Estimate, frechet_of

INTERVAL_ROWS = 10_000  # the spread is estimated from so many rows at most
SIZES = 15


class Spread(NamedTuple):
    """A Fréchet distance, and how it strays with the rows: value ~ FD + bias + (first order) + (second order)."""

    value: float
    bias: float
    first: tuple[float, float]  # variance of the influence of one row of x, of y
    second: float  # variance of the second-order part
    crude: float  # variance of the distance of means and of total variances alone


class _Part(NamedTuple):
    influence: float
    plain: float
    fourth: Tensor  # [r,r] covariance of the squares; 1 + [i = j] for a Gaussian


def _read(rows: Features, mean: Tensor, basis: Tensor, sigma: Tensor, shift: Tensor) -> _Part:
    """What the rows of one set say. `basis` [d,r]: where the covariance of the centred rows is diag(sigma^2)."""
    inverse = torch.where(sigma > 1e-10 * sigma[0], 1 / sigma.clamp(min=1e-300), 0.0)
    fourth = torch.zeros(len(sigma), len(sigma), dtype=torch.float64)
    influence, plain = [], []
    for chunk in rows.chunks():
        z = chunk - mean
        p = z @ basis
        q = p * inverse
        plain.append(2 * (z @ shift) + z.square().sum(1))
        influence.append(plain[-1] - (p * q).sum(1))
        fourth += q.square().T @ q.square()
    fourth = fourth / len(rows) - torch.eye(len(sigma), dtype=torch.float64)
    return _Part(float(torch.cat(influence).var()), float(torch.cat(plain).var()), fourth)


def spread(x: Features, y: Features, a: Moments, b: Moments, seed: int) -> Spread:
    """Bias and variances of the Fréchet distance of two samples, to second order, from fourth moments of the rows.

    With A Bᵀ = U s Vᵀ for the roots A, B of the covariances, the optimal map between the Gaussians is
    T = Bᵀ V Uᵀ A^-T, and the influence of a row with centred value z is 2 (mu_x - mu_y).z + zᵀ (I - T) z less its mean
    (Rippl, Munk & Sturm 2016). In the coordinates w = z Bᵀ V, of variance s_i^2, zᵀ T z = sum_i w_i^2 / s_i, and the
    covariance part of the bias is 1/2 sum_ij (K_ij / n) s_i s_j / (s_i + s_j), K_ij the covariance of the squares of
    w_i w_j / (s_i s_j); for Gaussian rows K_ij = 1 + [i = j], which is `frechet_bias`.

    Example:
        >>> x, y = Features(np.array([[-1.0], [1.0]])), Features(np.array([[1.0], [5.0]]))
        >>> round(spread(x, y, x.moments, y.moments, seed=0).value, 4)  # 3² + (√2 − √8)²
        11.0
    """
    u, sigma, vt = torch.linalg.svd(a.root @ b.root.T, full_matrices=False)
    shift = a.mean - b.mean
    one = _read(x.take(INTERVAL_ROWS, seed), a.mean, b.root.T @ vt.T, sigma, shift)
    two = _read(y.take(INTERVAL_ROWS, seed), b.mean, a.root.T @ u, sigma, -shift)
    pairs = sigma[:, None] + sigma
    g = torch.where(pairs > 0, sigma[:, None] * sigma / pairs.clamp(min=1e-300), 0.0)
    c = (one.fourth / a.n + two.fourth / b.n) * g
    total = float(a.root.square().sum() / a.n + b.root.square().sum() / b.n)
    means = a.root.T @ a.root / a.n + b.root.T @ b.root / b.n
    second = 2 * float(means.square().sum()) + float(c.square().sum() - c.diagonal().square().sum() / 2)
    crude = one.plain / a.n + two.plain / b.n
    value = float(shift @ shift + a.root.square().sum() + b.root.square().sum() - 2 * sigma.sum())
    return Spread(max(value, 0.0), total + float(c.sum()) / 2, (one.influence, two.influence), second, crude)


@FeatureMetric.define(
    "FD",
    "Distance between Gaussians fitted to the generated and to the held-out features; biased upwards in small sets.",
    "lower",
    largest=None,
)
def fd(compared: Compared, seed: int) -> Estimate:
    """`frechet` with an interval for the distance between the populations.

    The value is the usual one, bias included. The interval takes the bias off its lower end: with v the value, b the
    bias and s.e. the standard error from `spread`, and N the smaller size, it is
    [v - b (1 + d/N) - 1.96 s.e., max(v, v - b + 1.96 s.e.)], not below 0; d/N bounds the third order as simulated.
    With N below 2 d the expansion does not hold; the interval is then [0, v + 1.96 s.e. of |mu_x - mu_y|^2 + Tr S_x +
    Tr S_y], which says little, and honestly so. Simulated coverage on Gaussian and rectified features, 16 to 128
    columns, 2 to 30 rows a column, equal and unequal laws: 97 to 100 %.

    Example:
        >>> from poise.metrics.core.sets import compare
        >>> rows = np.array([[-1.0], [1.0], [-1.0], [1.0]])
        >>> found = fd.estimate(compare(heldout=rows, made=3 * rows + 1))
        >>> round(found.value, 4)  # 1² + (3σ − σ)², σ² = 4/3
        6.3333
    """
    x, y = compared.made, compared.heldout
    a, b = x.moments, y.moments
    strays = spread(x, y, a, b, seed)
    value = strays.value
    if min(a.n, b.n) < 2 * x.d:
        return Estimate(value, 0.0, value + Z95 * math.sqrt(strays.crude), a.n, b.n)
    allowed = strays.bias * (1 + x.d / min(a.n, b.n))
    half = Z95 * math.sqrt(strays.first[0] / a.n + strays.first[1] / b.n + strays.second)
    centre = value - strays.bias
    return Estimate(value, min(max(value - allowed - half, 0.0), value), max(value, centre + half), a.n, b.n)


def prefixes(rows: Features, sizes: list[int], seed: int) -> Iterator[Moments]:
    """Moments of the first rows of one random order, for rising sizes.

    Example:
        >>> found = list(prefixes(Features(np.ones((10, 1))), [4, 8], seed=0))
        >>> [(part.n, round(part.mean.item(), 4)) for part in found]
        [(4, 1.0), (8, 1.0)]
    """
    order = np.random.default_rng((seed, len(rows))).permutation(len(rows))
    gathered = Gathered(rows.d)
    for before, size in zip([0, *sizes], sizes, strict=False):
        for start in range(before, size, CHUNK):
            chosen = np.sort(order[start : min(start + CHUNK, size)])
            gathered.add(torch.from_numpy(np.array(rows.rows[chosen], np.float64)))
        yield gathered.moments()


@FeatureMetric.define(
    "FD_inf",
    "The Fréchet distance that sets of unlimited size would have, by a straight line through 15 sizes.",
    "lower",
    least=30,
    least_per_feature=2,
    largest=50_000,
)
def fd_inf(compared: Compared, seed: int) -> Estimate:
    """Intercept of the least-squares line of FD against 1/N over 15 sizes N (Chong & Forsyth 2020).

    The sizes run evenly from a tenth of the smaller set to all of it; both sets are cut to N rows of one random order.
    (Chong & Forsyth keep the reference whole, which leaves its part of the bias in.) It can fall below 0.

    The interval is +- 1.96 s.e., from the influences of the rows and the second-order part, with the dependence of
    nested sets, Cov(FD_N, FD_M) = first / max(N, M) + second / max(N, M)^2, and wider by what a bias of b (1 + d/N)
    would leave in the intercept. FD falls along a line only where N is well above d: with fewer than 20 d rows the
    intercept comes out too high, so the interval goes without that allowance and is drawn down to 0 instead. With fewer
    than 2 d rows nothing of this holds, and it is refused. Simulated coverage as for FD, 8 to 64 columns, 10 to 40 rows
    a column: 95 to 100 %.

    Example:
        >>> from poise.metrics.core.sets import compare
        >>> round(fd_inf.estimate(compare(np.zeros((40, 1)), np.full((40, 1), 3.0))).value, 4)  # 3² at every size
        9.0
    """
    x, y = compared.made, compared.heldout
    n = min(len(x), len(y))
    sizes = [int(s) for s in np.linspace(max(n // 10, 2), n, SIZES)]
    pairs, values = zip(prefixes(x, sizes, 2 * seed), prefixes(y, sizes, 2 * seed + 1), strict=True), []
    for a, b in pairs:
        values.append(frechet_of(a, b))
    inverse = 1 / np.array(sizes)
    line = np.stack([np.ones(SIZES), inverse], 1)
    weights = np.linalg.pinv(line)[0]
    strays = spread(x, y, a, b, seed)
    longer = np.minimum(inverse[:, None], inverse)
    covariance = sum(strays.first) * longer + strays.second * (n * longer) ** 2
    error = math.sqrt(max(float(weights @ covariance @ weights), 0.0))
    value, straight = float(weights @ np.array(values)), n >= 20 * x.d
    half = Z95 * error + (abs(float(weights @ inverse**2)) * strays.bias * n * x.d if straight else 0.0)
    return Estimate(value, value - half if straight else min(value - half, 0.0), value + half, n, n)
