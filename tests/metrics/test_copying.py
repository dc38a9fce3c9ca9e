"""Tests of copying: exact nulls, levels, closed forms, and copies that are found."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.core.kmeans import kmeans, squared_distances
from poise.metrics.core.sets import compare
from poise.metrics.distributions.c2st import c2st, divide, held_out_accuracy
from poise.metrics.distributions.copying import auth_pct, auth_pct_gap, c_t, copying, mann_whitney
from poise.metrics.distributions.likelihood import IsotropicMixture, fld, fld_gap

Array = NDArray[np.float64]


def test_copying_of_a_generator_that_knows_nothing_is_one_half_exactly() -> None:
    draw = np.random.default_rng(0)
    pooled, made = draw.normal(size=(6, 2)), draw.normal(0.5, 1, (9, 2))
    values = []
    for chosen in range(1 << 6):
        mask = np.array([(chosen >> i) & 1 for i in range(6)], bool)
        if mask.sum() == 3:
            # every split of the real rows into training and held-out ones, copied so that there are enough rows
            train, heldout = pooled[mask].repeat(2, 0), pooled[~mask].repeat(2, 0)
            values.append(copying.estimate(compare(heldout, made, train)).value)
    assert len(values) == 20
    assert np.mean(values) == pytest.approx(0.5, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["good", "far", "few"])
def test_copying_has_its_level_for_any_generator(kind: str) -> None:
    draw = np.random.default_rng(1)
    few = draw.normal(size=(5, 4))
    found = []
    for i in range(300):
        made = {"good": draw.normal(size=(80, 4)), "far": draw.normal(3, 1, (80, 4)), "few": few.repeat(16, 0)}[kind]
        found.append(copying.estimate(compare(draw.normal(size=(60, 4)), made, draw.normal(size=(60, 4))), seed=i))
    assert np.mean([e.p <= 0.05 for e in found]) <= 0.09
    assert np.mean([e.low <= 0.5 <= e.high for e in found]) >= 0.93
    assert np.mean([e.value for e in found]) == pytest.approx(0.5, abs=0.03)


@pytest.mark.slow
def test_variance_of_copying_is_that_of_all_labellings() -> None:
    draw = np.random.default_rng(2)
    pooled, made = draw.normal(size=(40, 3)), draw.normal(size=(50, 3))
    values, halves = [], []
    for _ in range(600):
        order = draw.permutation(40)
        found = copying.estimate(compare(pooled[order[:20]], made, pooled[order[20:]]))
        values.append(found.value)
        halves.append(1.96 * math.sqrt(_variance(pooled, made)))
    assert np.std(values) == pytest.approx(halves[0] / 1.96, rel=0.08)


def _variance(pooled: Array, made: Array) -> float:
    nearest = np.linalg.norm(made[:, None] - pooled, axis=2).argmin(1)
    w = np.bincount(nearest, minlength=len(pooled)) / len(made)
    return len(pooled) / (len(pooled) - 1) * (np.square(w).sum() - 1 / len(pooled)) / 4


def test_ties_count_half_and_copies_count_whole() -> None:
    draw = np.random.default_rng(3)
    real, other = draw.normal(size=(50, 3)), draw.normal(size=(50, 3))
    tied = copying.estimate(compare(real, draw.normal(size=(40, 3)), real[::-1].copy()))
    assert tied.value == 0.5
    copied = copying.estimate(compare(other, real[:30], real))
    assert (copied.value, copied.high) == (1, 1)
    assert copied.p < 1e-6
    swapped = copying.estimate(compare(real, real[:30], other))
    assert (swapped.value, swapped.p > 0.5) == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "expected"), [(1, 100 / 3), (2, 37.9)])
def test_auth_pct_of_a_perfect_generator_is_not_fifty(d: int, expected: float) -> None:
    draw = np.random.default_rng(4)
    found = [
        auth_pct.estimate(compare(draw.normal(size=(9, d)), draw.normal(size=(1500, d)), draw.normal(size=(1500, d))))
        for _ in range(20)
    ]
    values = np.array([e.value for e in found])
    assert values.mean() == pytest.approx(expected, abs=0.8)
    assert np.mean([e.low <= expected <= e.high for e in found]) >= 0.8


@pytest.mark.slow
def test_auth_pct_gap_is_zero_for_a_perfect_generator_and_below_for_copies() -> None:
    draw = np.random.default_rng(5)
    found = [auth_pct_gap.estimate(compare(*(draw.normal(size=(100, 32)) for _ in range(3)))) for _ in range(150)]
    assert np.mean([e.low <= 0 <= e.high for e in found]) >= 0.92
    assert np.mean([e.p <= 0.05 for e in found]) <= 0.09
    train = draw.normal(size=(100, 32))
    near = train + 0.05 * draw.normal(size=train.shape)
    assert auth_pct_gap.estimate(compare(draw.normal(size=(100, 32)), near, train)).high < 0


@pytest.mark.slow
def test_c_t_is_standard_normal_for_a_perfect_generator() -> None:
    draw = np.random.default_rng(6)
    found = [c_t.estimate(compare(*(draw.normal(size=(150, 5)) for _ in range(3))), seed=i) for i in range(200)]
    scaled = np.array([e.value / ((e.high - e.low) / 3.92) for e in found])
    assert scaled.mean() == pytest.approx(0, abs=4 / np.sqrt(200))
    assert scaled.std() == pytest.approx(1, abs=0.2)
    assert np.mean([e.p <= 0.05 for e in found]) <= 0.1


def test_c_t_tells_copies_and_poor_samples() -> None:
    draw = np.random.default_rng(7)
    heldout, train = draw.normal(size=(300, 90)), draw.normal(size=(300, 90))
    assert c_t.estimate(compare(heldout, train + 0.02, train)).value < -8
    assert c_t.estimate(compare(heldout, 2 * draw.normal(size=(300, 90)), train)).value > 8
    lonely = np.concatenate([draw.normal(size=(20, 90)), train[:41]])
    with pytest.raises(PoiseError, match="no cell with more than 20"):
        c_t.estimate(compare(draw.normal(size=(100, 2)), 1e3 + lonely[:, :2], np.eye(3)[:, :2].repeat(40, 0) * 1e3))


def test_mann_whitney_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(8)
    x, y = draw.integers(0, 9, 40).astype(float), draw.integers(1, 12, 60).astype(float)
    u = stats.mannwhitneyu(x, y).statistic
    expected = (u - 40 * 60 / 2) / np.sqrt(40 * 60 * 101 / 12)
    assert mann_whitney(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_kmeans_finds_clusters_as_scikit_learn_does() -> None:
    cluster = pytest.importorskip("sklearn.cluster")
    draw = np.random.default_rng(9)
    x = np.concatenate([draw.normal(c, 1, (60, 3)) for c in (0, 4, 9)])
    found = kmeans(torch.from_numpy(x), 3, seed=0)
    expected = cluster.KMeans(3, n_init=10, random_state=0).fit(x)
    inertia = float(squared_distances(torch.from_numpy(x), found).amin(1).sum())
    assert inertia == pytest.approx(expected.inertia_, rel=1e-6)
    np.testing.assert_allclose(np.sort(found[:, 0]), np.sort(expected.cluster_centers_[:, 0]), atol=1e-6)


def test_mixture_agrees_with_automatic_differentiation() -> None:
    draw = torch.Generator().manual_seed(0)
    centres, rows, test = (torch.randn(n, 6, generator=draw, dtype=torch.float64) for n in (80, 70, 50))
    logs = ((torch.cdist(rows, centres) ** 2).amin(0) + 1e-3).div(6).log().requires_grad_()
    broad = torch.zeros((), dtype=torch.float64, requires_grad=True)

    def log_p(x: torch.Tensor) -> torch.Tensor:
        normal = torch.distributions.Normal(centres, (logs / 2).exp()[:, None])
        return normal.log_prob(x[:, None]).sum(2) - math.log(80)

    optim = torch.optim.Adam([logs, broad], lr=0.5)
    for _ in range(50):
        optim.zero_grad()
        far = -0.405 * (rows - rows.mean(0)).square().sum(1) / broad.exp() - 3 * broad - 3 * math.log(2 * math.pi)
        (-torch.cat([log_p(rows), far[:, None]], 1).logsumexp(1).mean() / 6).backward()
        optim.step()
    found = IsotropicMixture(centres, rows)
    torch.testing.assert_close(found.log_variances, logs.detach(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.nll(test), -log_p(test).detach().logsumexp(1) / 6, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_fld_tells_perfect_copied_poor_and_collapsed_apart() -> None:
    draw = np.random.default_rng(10)
    heldout, train, made = (draw.normal(size=(400, 20)) for _ in range(3))
    perfect = fld.estimate(compare(heldout, made, train))
    assert abs(perfect.value) < 6
    for worse in (train, made + 1.0, made[:4].repeat(100, 0)):
        assert fld.estimate(compare(heldout, worse, train)).low > perfect.high
    assert fld_gap.estimate(compare(heldout, train + 1e-4, train)).high < -50
    assert fld_gap.estimate(compare(heldout, made, train)).value > -10


def test_c2st_is_scikit_learns() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    draw = np.random.default_rng(11)
    x, y = torch.from_numpy(draw.normal(size=(240, 7))), torch.arange(240).lt(120).double()
    x[:120, 0] += 0.8
    x[:, 1] *= 100
    folds, right = divide(120, 0), 0
    for fold in range(5):
        fit, test = folds != fold, folds == fold
        mean, scale = x[fit].mean(0), x[fit].std(0)
        model = linear.LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)
        model.fit(((x[fit] - mean) / scale).numpy(), y[fit].numpy())
        right += int((model.predict(((x[test] - mean) / scale).numpy()) == y[test].numpy()).sum())
    assert held_out_accuracy(x, y, folds) == right / 240
    assert sorted(torch.bincount(folds).tolist()) == [48] * 5


@pytest.mark.slow
def test_c2st_level_and_power() -> None:
    draw = np.random.default_rng(12)
    found = [c2st.estimate(compare(draw.normal(size=(60, 8)), draw.normal(size=(60, 8))), seed=i) for i in range(120)]
    assert np.mean([e.p <= 0.05 for e in found]) <= 0.08
    assert np.mean([e.value for e in found]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([e.low <= 0.5 <= e.high for e in found]) >= 0.93
    apart = c2st.estimate(compare(draw.normal(size=(300, 8)), draw.normal(0.5, 1, (300, 8))))
    assert apart.low > 0.6 and apart.p < 1e-6


def test_where_all_rows_are_alike_copies_are_told_from_new_ones() -> None:
    """No spread is left to tell either by: every row a copy is certain, none is nothing."""
    train = np.arange(10.0)[:, None]
    far = train + 100
    assert auth_pct_gap.estimate(compare(far, train, train)).p == 0.0
    assert auth_pct_gap.estimate(compare(far, far + 1, train)).p == 1.0
