"""Distances between feature sets: closed forms, unbiasedness, invariances, and a second implementation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.core.statistics import Estimate, frechet, kid
from poise.metrics.core.tiles import BLOCK

Array = NDArray[np.float64]


def with_moments(rng: np.random.Generator, n: int, mean: Array, variances: Array) -> Array:
    """n rows whose sample mean and covariance (n-1) are exactly these."""
    x = rng.normal(size=(n, len(mean)))
    x = np.linalg.qr(x - x.mean(0))[0] * np.sqrt(n - 1)
    return x * np.sqrt(variances) + mean


def naive_kid(x: Array, y: Array) -> float:
    """The definition, pair by pair."""

    def k(a: Array, b: Array) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    def within(z: Array) -> float:
        return float(np.mean([k(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j]))

    return within(x) + within(y) - 2 * float(np.mean([k(a, b) for a in x for b in y]))


def test_frechet_of_commuting_gaussians() -> None:
    rng = np.random.default_rng(0)
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.5, 1.0])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    x = with_moments(rng, 50, np.zeros(3), a) @ turn
    y = with_moments(rng, 80, np.array([1.0, 0.0, -2.0]), b) @ turn
    assert frechet(x, y) == pytest.approx(5.0 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize(("n", "d"), [(30, 80), (300, 20), (40, 40)])
def test_frechet_of_a_set_with_itself_is_zero(n: int, d: int) -> None:
    x = np.random.default_rng(1).normal(size=(n, d))
    assert 0 <= frechet(x, x) < 1e-10


def test_frechet_of_fewer_rows_than_columns_agrees_with_the_matrix_square_root() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(25, 40)), rng.normal(1.0, 2.0, size=(60, 40))
    values, vectors = np.linalg.eigh(np.cov(x.T))
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    middle = np.linalg.eigvalsh(root @ np.cov(y.T) @ root)
    shift = x.mean(0) - y.mean(0)
    expected = shift @ shift + np.trace(np.cov(x.T) + np.cov(y.T)) - 2 * np.sqrt(np.maximum(middle, 0)).sum()
    assert frechet(x, y) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_frechet_agrees_with_torchmetrics() -> None:
    from torchmetrics.image.fid import _compute_fid  # loads scipy.signal and matplotlib

    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(400, 12)), rng.normal(0.3, 1.5, size=(500, 12))
    moments = [torch.from_numpy(m) for z in (x, y) for m in (z.mean(0), np.cov(z.T))]
    assert frechet(x, y) == pytest.approx(float(_compute_fid(*moments)), rel=1e-6)


def test_bias_of_frechet_is_what_the_docstring_says() -> None:
    rng = np.random.default_rng(4)
    eigenvalues, n, m = np.exp(-np.arange(16) / 4), 1000, 2000
    i, j = np.meshgrid(eigenvalues, eigenvalues)
    pairs = (i * j * (1 + np.eye(16)) / (i + j)).sum()
    expected = (1 / n + 1 / m) * (eigenvalues.sum() + pairs / 2)
    spread = np.sqrt(eigenvalues)
    found = [frechet(rng.normal(size=(n, 16)) * spread, rng.normal(size=(m, 16)) * spread) for _ in range(40)]
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / np.sqrt(40))


def test_kid_is_its_definition() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(9, 4)), rng.normal(0.5, 1, size=(7, 4))
    found = kid(x, y)
    assert found.value == pytest.approx(naive_kid(x, y), rel=1e-10)
    assert (found.n, found.m) == (9, 7)
    assert found.low < found.value < found.high


@pytest.mark.slow
def test_kid_agrees_with_torchmetrics() -> None:
    from torchmetrics.image.kid import poly_mmd

    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(300, 32)), rng.normal(0.2, 1.1, size=(300, 32))
    expected = float(poly_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert kid(x, y).value == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_kid_of_more_rows_than_a_block_agrees_with_torchmetrics() -> None:
    from torchmetrics.image.kid import poly_mmd

    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(BLOCK + 76, 8)), rng.normal(0.2, 1.1, size=(BLOCK + 76, 8))
    expected = float(poly_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert kid(x, y).value == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_kid_of_equal_distributions_is_zero_on_average_and_sometimes_negative() -> None:
    rng = np.random.default_rng(8)
    found = [kid(rng.normal(size=(60, 16)), rng.normal(size=(60, 16))).value for _ in range(300)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(300)
    assert min(found) < 0


def coverage(draw: Callable[[int], tuple[Array, Array]], truth: float, tries: int) -> tuple[float, float]:
    """Share of intervals that hold the truth, and estimated over true standard error."""
    found = [kid(*draw(100)) for _ in range(tries)]
    errors = np.array([(e.high - e.low) / 2 / 1.96 for e in found])
    held = np.mean([e.low <= truth <= e.high for e in found])
    return float(held), float(np.sqrt(np.mean(errors**2)) / np.std([e.value for e in found]))


@pytest.mark.slow
def test_interval_of_kid_holds_the_truth() -> None:
    rng = np.random.default_rng(9)

    def draw(n: int, shift: float) -> tuple[Array, Array]:
        return rng.normal(size=(n, 16)), rng.normal(size=(n, 16)) + shift

    held, ratio = coverage(lambda n: draw(n, 0.0), 0.0, 300)
    assert held > 0.93, "equal distributions: rather too wide than too narrow"
    assert 0.9 < ratio < 1.3
    truth = float(np.mean([kid(*draw(3000, 0.3)).value for _ in range(10)]))
    held, ratio = coverage(lambda n: draw(n, 0.3), truth, 300)
    assert 0.9 < held < 0.99
    assert 0.9 < ratio < 1.1


@pytest.mark.parametrize("measure", [kid, frechet])
def test_order_of_rows_and_of_sets_does_not_matter(measure: Callable[..., float | Estimate]) -> None:
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(90, 12)), rng.normal(0.4, 1, size=(70, 12))
    found = [measure(x, y), measure(rng.permutation(x), rng.permutation(y)), measure(y, x)]
    first, mixed, swapped = (np.array(f[:3] if isinstance(f, Estimate) else [f]) for f in found)
    np.testing.assert_allclose(mixed, first, rtol=1e-11)
    np.testing.assert_allclose(swapped, first, rtol=1e-11)


@pytest.mark.parametrize("measure", [kid, frechet])
def test_what_cannot_be_compared_is_refused(measure: Callable[..., object]) -> None:
    x = np.zeros((10, 3))
    with pytest.raises(PoiseError, match="one d"):
        measure(x, np.zeros((10, 4)))
    with pytest.raises(PoiseError, match="at least"):
        measure(x, np.zeros((1, 3)))
    with pytest.raises(PoiseError, match="NaN"):
        measure(x, np.full((10, 3), np.nan))


def test_constant_features_have_distance_zero() -> None:
    x = np.ones((10, 3))
    assert kid(x, x) == Estimate(0.0, 0.0, 0.0, 10, 10)
    assert frechet(x, x) == 0
