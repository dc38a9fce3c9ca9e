"""FD and FD_inf: moments, the bias, the second order, and intervals that hold the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.core.moments import Gathered
from poise.metrics.core.sets import CHUNK, Features, compare
from poise.metrics.core.statistics import frechet, frechet_bias
from poise.metrics.distributions.gaussians import fd, fd_inf, spread

Array = NDArray[np.float64]


@pytest.mark.parametrize(("n", "d"), [(50, 7), (7, 50), (CHUNK + 300, 5), (2, 3)])
def test_moments_are_numpys(n: int, d: int) -> None:
    x = np.random.default_rng(0).normal(3, 2, (n, d))
    found = Features(x).moments
    np.testing.assert_allclose(found.mean, x.mean(0), rtol=1e-10)
    np.testing.assert_allclose(found.root.T @ found.root, np.cov(x.T), atol=1e-10)


def test_moments_of_far_away_rows_keep_their_digits() -> None:
    x = np.random.default_rng(1).normal(size=(2000, 4))
    far = Features(x + 1e6).moments
    np.testing.assert_allclose(far.root.T @ far.root, np.cov(x.T), atol=1e-8)


def test_moments_do_not_depend_on_the_blocks() -> None:
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(400, 6)))
    gathered = Gathered(6)
    for part in x.split(37):
        gathered.add(part)
    whole = Features(x.numpy()).moments
    torch.testing.assert_close(gathered.moments().mean, whole.mean)
    torch.testing.assert_close(
        gathered.moments().root.T @ gathered.moments().root, whole.root.T @ whole.root, rtol=1e-12, atol=1e-12
    )


def test_bias_in_closed_form() -> None:
    n, d = 1000, 64
    assert frechet_bias(np.ones(d), n, n) == pytest.approx(2 / n * (d + d * (d + 1) / 4), rel=1e-12)
    assert round(frechet_bias(np.ones(64), 1000, 1000), 2) == 2.21
    assert frechet_bias(np.array([2.0, 0.0]), 10, 30) == pytest.approx((1 / 10 + 1 / 30) * (2 + 1), rel=1e-12)


def test_bias_agrees_with_draws() -> None:
    draw = np.random.default_rng(3)
    variances = np.exp(-np.arange(16) / 4)
    found = [
        frechet(draw.normal(size=(800, 16)) * variances**0.5, draw.normal(size=(1600, 16)) * variances**0.5)
        for _ in range(40)
    ]
    spread = np.std(found) / np.sqrt(40)
    assert np.mean(found) == pytest.approx(frechet_bias(variances, 800, 1600), abs=4 * spread)


def test_bias_says_where_it_does_not_apply() -> None:
    with pytest.raises(PoiseError, match="more rows than the 5 features, not for 5 and 100"):
        frechet_bias(np.ones(5), 5, 100)
    with pytest.raises(PoiseError, match="not negative"):
        frechet_bias(np.array([1.0, -1.0]), 50, 100)


def test_estimated_bias_is_the_formula_for_gaussians_and_true_for_others() -> None:
    draw = np.random.default_rng(4)
    x, y = draw.normal(size=(4000, 8)), draw.normal(size=(4000, 8))
    a, b = Features(x), Features(y)
    found = spread(a, b, a.moments, b.moments, 0)
    assert found.bias == pytest.approx(frechet_bias(np.ones(8), 4000, 4000), rel=0.05)

    def heavy() -> Array:
        return draw.exponential(size=(600, 8)) ** 1.5

    sets = [(Features(heavy()), Features(heavy())) for _ in range(60)]
    true = np.mean([frechet(p.rows, q.rows) for p, q in sets])
    estimated = np.mean([spread(p, q, p.moments, q.moments, 0).bias for p, q in sets])
    assert 0.75 < estimated / true < 1.25
    normal = frechet_bias(np.linalg.eigvalsh(np.cov(heavy().T)), 600, 600)
    assert normal / true < 0.7, "the formula for Gaussians would fall short"


@pytest.mark.slow
def test_second_order_is_the_variance_at_equality() -> None:
    draw = np.random.default_rng(5)
    values, seconds = [], []
    for _ in range(300):
        sets = Features(draw.normal(size=(300, 4))), Features(draw.normal(size=(300, 4)))
        found = spread(*sets, *(s.moments for s in sets), 0)
        values.append(found.value)
        seconds.append(found.second)
    assert np.sqrt(np.mean(seconds)) / np.std(values) == pytest.approx(1, abs=0.15)


def law(kind: str, d: int, draw: np.random.Generator) -> Callable[[int, float], Array]:
    mix = draw.normal(size=(d, d)) / np.sqrt(d)
    if kind == "gauss":
        return lambda n, shift: draw.normal(size=(n, d)) @ mix * (1 + shift) + shift
    return lambda n, shift: np.maximum(draw.normal(size=(n, d)) @ mix * (1 + shift) + shift - 0.3, 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gauss", "rectified"])
@pytest.mark.parametrize("shift", [0.0, 0.2])
@pytest.mark.parametrize("times", [2, 10])
def test_intervals_hold_the_distance_of_the_populations(kind: str, shift: float, times: int) -> None:
    d = 32
    draw = np.random.default_rng(6)
    some = law(kind, d, draw)
    truth = frechet(some(150_000, 0), some(150_000, shift)) if shift else 0.0
    sets = [compare(some(times * d, 0), some(times * d, shift)) for _ in range(80)]
    found = [fd.estimate(s) for s in sets]
    assert np.mean([e.low <= truth <= e.high for e in found]) >= 0.9
    limits = [fd_inf.estimate(s) for s in sets]
    assert np.mean([e.low <= truth <= e.high for e in limits]) >= 0.88
    if times == 10:
        assert abs(np.mean([e.value for e in limits]) - truth) < 0.3 * abs(np.mean([e.value for e in found]) - truth)


def test_fewer_rows_than_features_promise_nothing() -> None:
    draw = np.random.default_rng(7)
    found = fd.estimate(compare(draw.normal(size=(30, 50)), draw.normal(size=(30, 50))))
    assert found.low == 0 < 10 < found.value < found.high


def test_limit_needs_both_sets_and_may_be_negative() -> None:
    draw = np.random.default_rng(8)
    found = [fd_inf.estimate(compare(draw.normal(size=(300, 3)), draw.normal(size=(200, 3)))) for _ in range(30)]
    assert found[0].n == found[0].m == 200
    assert min(e.value for e in found) < 0 < max(e.value for e in found)
