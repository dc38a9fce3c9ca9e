"""Precision, recall, density, coverage, duplicates; kernels' permutation test; distances by another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from poise.metrics.core.reductions import Hits, NearestRows, Sums
from poise.metrics.core.sets import Features, compare
from poise.metrics.core.statistics import kid
from poise.metrics.core.tiles import BLOCK, GaussianKernel
from poise.metrics.distributions.kernels import kid_metric, median_distance, mmd
from poise.metrics.distributions.neighbours import coverage, density, duplicates, expected_coverage, precision, recall

Array = NDArray[np.float64]


def apart(x: Array, y: Array) -> Array:
    return np.linalg.norm(x[:, None] - y, axis=2)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m", "d"), [(40, 60, 3), (60, 40, 30), (BLOCK + 150, 400, 12)])
def test_shares_are_those_of_prdc(n: int, m: int, d: int) -> None:
    prdc = pytest.importorskip("prdc")
    draw = np.random.default_rng(0)
    made, heldout = draw.normal(0.2, 1.2, (n, d)), draw.normal(size=(m, d))
    expected = prdc.compute_prdc(heldout, made, nearest_k=5)
    sets = compare(heldout, made)
    for metric in (precision, recall, density, coverage):
        assert metric.estimate(sets).value == pytest.approx(expected[metric.name], abs=1e-12)


@pytest.mark.slow
def test_neighbours_of_more_rows_than_a_tile_are_the_nearest() -> None:
    draw = np.random.default_rng(1)
    x, y = draw.normal(size=(BLOCK + 60, 4)), draw.normal(size=(700, 4))
    a, b = Features(x), Features(y)
    own = apart(x, x)
    np.fill_diagonal(own, np.inf)
    np.testing.assert_allclose(a.within(NearestRows(3))[0].rows.squared, np.sort(own**2, 1)[:, :3], atol=1e-10)
    between, (found, hits) = apart(x, y), a.against(b, NearestRows(1), Hits(5))
    np.testing.assert_array_equal(found.rows.which[:, 0], between.argmin(1))
    np.testing.assert_array_equal(found.columns.which[:, 0], between.argmin(0))
    inside = between < np.sort(own, 1)[:, 4, None]
    np.testing.assert_array_equal(hits.x_holds, inside.sum(1))
    np.testing.assert_array_equal(hits.columns_in_x, inside.sum(0))


def test_rows_on_the_border_of_a_ball_are_outside() -> None:
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), -1).reshape(-1, 2) * 0.1 + 7
    found = compare(grid, grid[::2] + 0)
    assert precision.estimate(found).value == 1, "each is inside the ball around itself"
    hits = Features(grid).against(Features(grid + np.array([0.1, 0.0])), Hits(4))[0]
    inner = (grid[:, 0] > 7.05) & (grid[:, 0] < 7.45) & (grid[:, 1] > 7.05) & (grid[:, 1] < 7.45)
    np.testing.assert_array_equal(hits.x_holds[inner], 1)


@pytest.mark.slow
def test_coverage_of_equal_laws_is_the_formula() -> None:
    draw = np.random.default_rng(2)
    assert round(expected_coverage(1000, 1000), 3) == 0.969
    found = [
        coverage.estimate(compare(draw.normal(size=(150, 8)), draw.normal(size=(100, 8)))).value for _ in range(60)
    ]
    assert np.mean(found) == pytest.approx(expected_coverage(100, 150), abs=4 * np.std(found) / np.sqrt(60))


@pytest.mark.slow
def test_density_of_equal_laws_is_one_and_precision_is_not() -> None:
    draw = np.random.default_rng(3)
    sets = [compare(draw.normal(size=(300, 8)), draw.normal(size=(300, 8))) for _ in range(30)]
    assert np.mean([density.estimate(s).value for s in sets]) == pytest.approx(1, abs=0.03)
    assert 0.85 < np.mean([precision.estimate(s).value for s in sets]) < 0.97


def test_density_rises_with_mode_seeking_and_recall_falls() -> None:
    draw = np.random.default_rng(4)
    narrow = compare(draw.normal(size=(400, 8)), 0.4 * draw.normal(size=(400, 8)))
    assert density.estimate(narrow).value > 1.5
    assert precision.estimate(narrow).low > 0.95
    assert recall.estimate(narrow).high < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 64])
@pytest.mark.parametrize("widen", [1.0, 1.3])
def test_intervals_hold_the_average(d: int, widen: float) -> None:
    draw = np.random.default_rng(5)
    metrics = (precision, recall, density, coverage, duplicates)
    sets = [compare(draw.normal(size=(200, d)), widen * draw.normal(size=(300, d))) for _ in range(80)]
    for metric in metrics:
        found = [metric.estimate(s) for s in sets]
        mean = np.mean([e.value for e in found])
        assert np.mean([e.low <= mean <= e.high for e in found]) >= 0.9, metric.name


def test_duplicates_are_counted() -> None:
    draw = np.random.default_rng(6)
    heldout, made = draw.normal(size=(500, 5)), draw.normal(size=(500, 5))
    assert duplicates.estimate(compare(heldout, made)).low <= 0.01 <= duplicates.estimate(compare(heldout, made)).high
    made[100:200] = made[:100]
    assert duplicates.estimate(compare(heldout, made)).value == pytest.approx(0.4, abs=0.03)
    nearly = made.copy()
    nearly[100:200] += 1e-3
    assert duplicates.estimate(compare(heldout, nearly)).low > 0.3


def test_twins_of_training_rows_are_exactly_nearest() -> None:
    x = np.random.default_rng(7).normal(1e3, 1, (200, 40))
    a = Features(x)
    assert float(a.against(Features(x[::-1].copy()), NearestRows(1))[0].rows.squared.max()) < 1e-6


def naive_p(x: Array, y: Array, seed: int) -> float:
    """The permutation test by computing KID anew for every relabelling."""
    from poise.metrics.core.reductions import labels

    pooled, found = np.concatenate([x, y]), kid(x, y).value
    relabelled = labels(len(x), len(y), seed).numpy().astype(bool)
    values = [kid(pooled[z], pooled[~z]).value for z in relabelled.T]
    return (1 + sum(v >= found - 1e-12 for v in values)) / (1 + len(values))


@pytest.mark.slow
def test_permutation_p_is_that_of_computing_anew() -> None:
    draw = np.random.default_rng(8)
    for shift in (0.0, 0.1, 0.5):
        x, y = draw.normal(size=(30, 4)), draw.normal(shift, 1, (24, 4))
        assert kid(x, y, seed=3).p == naive_p(x, y, 3)
    assert kid(x, y).p is None


@pytest.mark.slow
def test_permutation_test_has_its_level() -> None:
    draw = np.random.default_rng(9)
    found = [
        [
            m.estimate(compare(draw.exponential(size=(20, 3)), draw.exponential(size=(25, 3))), seed=i).p
            for i in range(400)
        ]
        for m in (kid_metric, mmd)
    ]
    for ps in np.array(found):
        assert np.mean(ps <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 400))
        assert np.mean(ps) == pytest.approx(0.5, abs=0.06)


def test_mmd_is_its_definition() -> None:
    draw = np.random.default_rng(10)
    x, y = draw.normal(size=(60, 5)), draw.normal(0.3, 1, (50, 5))
    h = np.median(apart(y, y)[np.triu_indices(50, 1)])
    assert median_distance(Features(y), 0) == pytest.approx(h, rel=1e-12)
    k = [np.exp(-(apart(*pair) ** 2) / (2 * h * h)) for pair in ((x, x), (y, y), (x, y))]
    within = [(part.sum() - len(part)) / (len(part) * (len(part) - 1)) for part in k[:2]]
    found = mmd.estimate(compare(y, x))
    assert found.value == pytest.approx(sum(within) - 2 * k[2].mean(), rel=1e-9)
    assert (found.n, found.m, found.p) == (60, 50, 1 / 200)


def test_width_reads_real_rows_only() -> None:
    draw = np.random.default_rng(11)
    real = draw.normal(size=(80, 3))
    near, far = compare(real, real + 1), compare(real, 100 * draw.normal(size=(80, 3)))
    for sets in (near, far):
        assert median_distance(sets.heldout, 0) == median_distance(Features(real), 0)
    assert 0 < mmd.estimate(near).value < mmd.estimate(far).value < 2


@pytest.mark.slow
def test_interval_of_mmd_holds_zero() -> None:
    draw = np.random.default_rng(12)
    found = [mmd.estimate(compare(draw.normal(size=(60, 8)), draw.normal(size=(60, 8)))) for _ in range(200)]
    assert np.mean([e.low <= 0 <= e.high for e in found]) > 0.93
    assert abs(np.mean([e.value for e in found])) < 3 * np.std([e.value for e in found]) / np.sqrt(200)


def test_equal_rows_have_width_one_and_distance_zero() -> None:
    same = np.ones((10, 3))
    assert median_distance(Features(same), 0) == 1
    assert mmd.estimate(compare(same, same)).value == pytest.approx(0, abs=1e-12)


def test_kernel_sums_of_one_set_leave_the_diagonal_out() -> None:
    x = np.random.default_rng(13).normal(size=(BLOCK + 10, 3))
    found = Features(x).within(Sums(GaussianKernel(1.0)))[0]
    k = np.exp(-(apart(x, x) ** 2) / 2)
    np.fill_diagonal(k, 0)
    np.testing.assert_allclose(found.rows, k.sum(1), rtol=1e-10)
    assert found.squares == pytest.approx((k**2).sum(), rel=1e-10)
    assert torch.equal(found.rows, found.rows)
