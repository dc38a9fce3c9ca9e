"""Every registered metric: the same rules for all, so that a new one is tested by being registered."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from poise.direction import HELD_OUT
from poise.errors import PoiseError
from poise.metrics.core.feature_metric import FeatureMetric, share_pass
from poise.metrics.core.metric import find_metrics, metric_names
from poise.metrics.core.sets import Compared, compare
from poise.metrics.core.statistics import Estimate

Array = NDArray[np.float64]
EXPECTED = {
    *("FD", "FD_inf", "KID", "MMD", "precision", "recall", "density", "coverage", "duplicates"),
    *("C_T", "AuthPct", "AuthPct_gap", "copying", "FLD", "FLD_gap", "C2ST"),
}
METRICS = find_metrics(FeatureMetric)
BY_SEED = ("C2ST", "C_T", "FLD")  # folds, k-means starts and halves are drawn from the rows in their order


def sets(d: int = 6, n: int = 120, m: int = 100, shift: float = 0.0) -> tuple[Array, Array, Array]:
    """made, heldout, train."""
    draw = np.random.default_rng(d)
    return draw.normal(shift, 1, (n, d)), draw.normal(size=(m, d)), draw.normal(size=(m, d))


def together(made: Array, heldout: Array, train: Array) -> Compared:
    return compare(heldout, made, train)


def test_the_family_is_complete() -> None:
    assert set(metric_names()) >= EXPECTED


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_it_is_finite_and_its_interval_holds_it(metric: FeatureMetric) -> None:
    for d, shift in ((1, 0.0), (6, 0.5), (80, 0.1)):
        if metric.needs(d) > 100:
            with pytest.raises(
                PoiseError, match=f"{metric.name} needs at least 160 rows of held-out features, not 100"
            ):
                metric.estimate(together(*sets(d, shift=shift)))
            continue
        found = metric.estimate(together(*sets(d, shift=shift)))
        assert all(math.isfinite(v) for v in found[:3])
        assert found.low <= found.value <= found.high
        assert found.p is None or 0 <= found.p <= 1
        assert 0 < found.n <= 120
        assert 0 < found.m <= 120


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_equal_seeds_give_equal_numbers_and_the_global_state_is_untouched(metric: FeatureMetric) -> None:
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    first = metric.estimate(together(*sets()), seed=5)
    assert metric.estimate(together(*sets()), seed=5) == first
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_a_shared_pass_changes_nothing(metric: FeatureMetric) -> None:
    alone = metric.estimate(together(*sets()), seed=2)
    shared = together(*sets())
    share_pass(shared, METRICS, seed=2)
    np.testing.assert_allclose(plain(metric.estimate(shared, seed=2)), plain(alone), rtol=1e-9)


@pytest.mark.parametrize("metric", [m for m in METRICS if m.name not in BY_SEED], ids=lambda m: m.name)
def test_the_order_of_rows_does_not_matter(metric: FeatureMetric) -> None:
    draw = np.random.default_rng(1)
    made, heldout, train = sets(n=100)
    first = metric.estimate(together(made, heldout, train))
    mixed = metric.estimate(together(*(draw.permutation(x) for x in (made, heldout, train))))
    if metric.name == "FD_inf":  # its sizes are cut from the rows in their order
        assert abs(mixed.value - first.value) < first.high - first.low
    else:
        np.testing.assert_allclose(plain(mixed), plain(first), rtol=1e-6, atol=1e-9)


def plain(found: Estimate) -> list[float]:
    return list(found[:3])


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_single_precision_and_memory_maps_will_do(metric: FeatureMetric, tmp_path) -> None:
    made, heldout, train = (x.astype(np.float32) for x in sets())
    expected = metric.estimate(together(*(x.astype(np.float64) for x in (made, heldout, train))))
    np.save(tmp_path / "made.npy", made)
    mapped = np.load(tmp_path / "made.npy", mmap_mode="r")
    assert metric.estimate(together(mapped, heldout, train)) == expected


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_exact_twins_and_constant_columns_are_no_trouble(metric: FeatureMetric) -> None:
    made, heldout, train = sets()
    for x in (made, heldout, train):
        x[:, 2] = 3.0
        x[50:] = x[:50].repeat(2, 0)[: len(x) - 50]
    found = metric.estimate(together(made, heldout, train))
    assert all(math.isfinite(v) for v in found[:3])
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_it_refuses_in_one_sentence(metric: FeatureMetric) -> None:
    made, heldout, train = sets()
    with pytest.raises(PoiseError, match=rf"{metric.name} needs at least {metric.least} rows of generated"):
        metric.estimate(together(made[: metric.least - 1], heldout, train))
    broken = made.copy()
    broken[3, 1] = np.nan
    with pytest.raises(PoiseError, match="generated features hold NaN"):
        metric.estimate(together(broken, heldout, train))
    if metric.needs_train:
        with pytest.raises(PoiseError, match="training set"):
            metric.estimate(compare(heldout, made))


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_it_says_what_it_is(metric: FeatureMetric) -> None:
    assert metric.title.endswith(".")
    assert metric.better in ("lower", "higher") or metric.target == HELD_OUT or float(metric.target) >= 0
    assert metric.function.__doc__
    assert metric.largest is None or metric.largest >= 5000


def test_features_of_different_widths_are_refused() -> None:
    made, heldout, train = sets()
    with pytest.raises(PoiseError, match="one number of columns d"):
        compare(heldout, made[:, :3], train)
    with pytest.raises(PoiseError, match=r"real numbers \[n,d\]"):
        compare(heldout, made[:, 0], train)
    with pytest.raises(PoiseError, match="did you mean 'KID'"):
        find_metrics(FeatureMetric, ["KIDD"])
