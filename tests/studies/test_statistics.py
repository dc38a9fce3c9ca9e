"""Closed forms, brute force and scipy; then levels, power and coverage by simulation, every seed fixed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from poise.errors import PoiseError
from poise.intervals import clopper_pearson, t_quantile, t_tail
from poise.studies.comparison.statistics import (
    Equivalence,
    benjamini_hochberg,
    equivalence,
    holm,
    intersection_union,
    least_p,
    no_worse,
    paired_t,
    seeds_needed,
    sign_flip,
)

NOT_FINITE = [[1.0, math.nan], [math.inf, 1.0], [-math.inf]]
ROWS = [sign_flip, paired_t, lambda d: equivalence(d, 1.0), lambda d: no_worse(d, 1.0)]


@pytest.mark.parametrize("t", [-2.0, 0.0, 0.7, 2.5, 30.0])
def test_students_t_with_one_and_two_degrees_of_freedom(t: float) -> None:
    """Both have closed forms: ½ − atan(t)/π, and ½ − t/(2·√(2 + t²)); a quantile is where its tail is."""
    assert t_tail(t, 1) == pytest.approx(0.5 - math.atan(t) / math.pi, abs=1e-12)
    assert t_tail(t, 2) == pytest.approx(0.5 - t / (2 * math.sqrt(2 + t * t)), abs=1e-12)
    assert t_quantile(0.975, 1) == pytest.approx(math.tan(0.475 * math.pi))
    for freedom in (1, 2, 9, 40):
        assert t_tail(t_quantile(0.975, freedom), freedom) == pytest.approx(0.025)
    assert t_quantile(0.975, 9) == pytest.approx(2.262, abs=5e-4), "as tables have it"


def test_clopper_and_pearson() -> None:
    """0 of n in closed form, the rest as a binomial test of scipy has it; 0 of 20 is the 14 % at one-sided 95 %."""
    assert clopper_pearson(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert clopper_pearson(0, 20, level=0.9)[1] == pytest.approx(1 - 0.05 ** (1 / 20)) == pytest.approx(0.139, abs=5e-4)
    assert clopper_pearson(7, 7) == (pytest.approx(0.025 ** (1 / 7)), 1.0)
    for k, n in ((1, 5), (9, 10), (40, 100)):
        expected = stats.binomtest(k, n).proportion_ci(method="exact")
        assert clopper_pearson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
    for k, n in ((0, 0), (3, 2), (-1, 4)):
        with pytest.raises(PoiseError, match=f"not of {k} of {n}"):
            clopper_pearson(k, n)


def brute(d: list[float]) -> float:
    """All signs one by one."""
    sums = [
        abs(sum(s * x for s, x in zip(signs, d, strict=True))) for signs in itertools.product((-1, 1), repeat=len(d))
    ]
    return float(np.mean([s >= abs(sum(d)) - 1e-9 for s in sums]))


@pytest.mark.parametrize(
    "d",
    [[2.0], [1, 2], [1, -2, 3, 0.5], [1, 1, 1, -1, -1, 2], [0, 0, 1, 2, 3], [0.1, 0.2, -0.3, 0.3], [3, -1, 4, -5, 9]],
)  # fmt: skip
def test_sign_flips_are_those_of_brute_force(d: list[float]) -> None:
    assert sign_flip(d) == brute(d)
    assert sign_flip([-x for x in d]) == sign_flip(d) == sign_flip(d[::-1])
    assert sign_flip([1000 * x for x in d]) == sign_flip(d), "no unit"


def test_sign_flips_of_special_rows() -> None:
    assert sign_flip([5.0]) == 1.0
    assert sign_flip([0.0, 0.0, 0.0]) == 1.0
    for n in (2, 5, 8, 10):
        assert sign_flip([0.3] * n) == 2 / 2**n == least_p(n)
    assert sign_flip([0.3] * 5 + [0.0]) == 2 / 2**5, "a zero adds nothing"
    ties = [0.1 + 0.2, -0.3, 0.3]  # 0.1 + 0.2 is above 0.3 in floats: rounding must not break the tie
    assert sign_flip(ties) == sign_flip([3.0, -3.0, 3.0]) == 1.0
    assert sign_flip(np.arange(1, 5)) == 0.125


def test_many_differences_are_drawn() -> None:
    """20 are exact; 21 are drawn, and their p has the normal approximation's size."""
    d = np.random.default_rng(3).normal(0.4, 1, 24)
    assert sign_flip(d) == sign_flip(d) == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.02)
    assert sign_flip(np.ones(30)) == least_p(30) == 1e-5
    assert sign_flip(np.ones(20)) == least_p(20) == 2**-19


@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 6, 8, 10])
def test_the_level_of_sign_flips_is_what_was_asked(n: int) -> None:
    """Never above α, and for continuous differences just the largest multiple of 2/2^n that is not above it."""
    rng = np.random.default_rng(n)
    p = np.array([sign_flip(d) for d in rng.standard_t(3, size=(3000, n))])
    for alpha in (0.01, 0.05, 0.2):
        exact = math.floor(alpha * 2 ** (n - 1)) / 2 ** (n - 1)
        error = 3 * math.sqrt(exact * (1 - exact) / len(p))
        assert exact <= alpha and np.mean(p <= alpha) == pytest.approx(exact, abs=error + 1e-12)


ONE_SIDED = {(1.2, 0.05): 0.967, (1.2, 0.05 / 7): 0.727, (1.6, 0.05 / 7): 0.941}  # of 10,000 draws
TWO_SIDED = {(1.2, 0.05): 0.913, (1.2, 0.05 / 7): 0.546, (1.6, 0.05 / 7): 0.836}


@pytest.mark.parametrize(("size", "alpha"), list(ONE_SIDED))
def test_the_power_of_sign_flips(size: float, alpha: float) -> None:
    """n = 10, by the mean difference in standard deviations; near the t test, whose power is known in closed form."""
    d = np.random.default_rng(0).normal(size, 1, size=(1500, 10))
    p = np.array([sign_flip(row) for row in d])
    assert np.mean((p / 2 <= alpha) & (d.sum(1) > 0)) == pytest.approx(ONE_SIDED[size, alpha], abs=0.03)
    assert np.mean(p <= alpha) == pytest.approx(TWO_SIDED[size, alpha], abs=0.03)
    assert stats.nct.sf(stats.t.ppf(1 - alpha, 9), 9, size * 10**0.5) == pytest.approx(ONE_SIDED[size, alpha], abs=0.04)


def test_least_p_and_seeds_needed() -> None:
    assert [least_p(n) for n in (1, 5, 6, 8, 10)] == [1.0, 0.0625, 0.03125, 0.0078125, 0.001953125]
    assert [seeds_needed(0.05, k) for k in (1, 2, 3, 7)] == [6, 7, 7, 9]
    for alpha in (0.1, 0.05, 0.001):
        n = seeds_needed(alpha)
        assert least_p(n) < alpha <= least_p(n - 1)
    with pytest.raises(PoiseError, match="take a larger alpha"):
        seeds_needed(1e-7)


def test_the_t_interval_is_scipys_and_covers() -> None:
    d = [0.3, -0.1, 0.8, 0.4]
    expected = stats.t.interval(0.95, 3, np.mean(d), stats.sem(d))
    assert paired_t(d) == pytest.approx((np.mean(d), *expected), rel=1e-9)
    assert paired_t([2.0]) == (2.0, -math.inf, math.inf)
    assert paired_t([2.0, 2.0]) == (2.0, 2.0, 2.0)
    draws = np.random.default_rng(1).normal(0.5, 1, size=(3000, 10))
    assert 0.94 <= np.mean([low <= 0.5 <= high for _, low, high in map(paired_t, draws)]) <= 0.96
    skew = np.random.default_rng(2).exponential(1, (2000, 10)) - np.random.default_rng(4).exponential(1, (2000, 10))
    assert 0.93 <= np.mean([low <= 0 <= high for _, low, high in map(paired_t, skew)]) <= 0.97


def test_equivalence_is_two_t_tests_and_an_interval() -> None:
    d, margin = np.random.default_rng(5).normal(0.1, 1, 12), 0.6
    found = equivalence(d, margin)
    below = stats.ttest_1samp(d, -margin, alternative="greater").pvalue
    above = stats.ttest_1samp(d, margin, alternative="less").pvalue
    assert found.p == pytest.approx(max(below, above), abs=1e-12)
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.9, 11, d.mean(), stats.sem(d)), abs=1e-9)
    for margin in np.linspace(0.05, 2, 40):
        found = equivalence(d, margin)
        assert found.within == (found.p < 0.05) == (-margin < found.low and found.high < margin)
    assert equivalence([0.1], 1.0).p == 1.0
    assert equivalence([0.25] * 4, 1.0).p == 0.0 and equivalence([0.5, 0.5], 0.5) == Equivalence(1.0, 0.5, 0.5, False)


def test_the_level_of_equivalence_at_the_margin() -> None:
    """With the mean just on the margin and a small spread one in twenty is called equivalent; outside, fewer."""
    rng = np.random.default_rng(6)
    at, outside = rng.normal(1.0, 0.5, (2000, 10)), rng.normal(1.2, 0.5, (500, 10))
    assert np.mean([equivalence(d, 1.0).within for d in at]) == pytest.approx(0.05, abs=0.015)
    assert np.mean([equivalence(d, 1.0).within for d in outside]) < 0.02


def test_no_worse() -> None:
    """The sign-flip p of what is left to the margin; 1 where the margin is passed. Level ½ α at the margin."""
    d = [0.1, -0.2, 0.3, 0.05, 0.0, -0.1]
    assert no_worse(d, 0.5) == sign_flip(np.array(d) - 0.5) == 2 / 2**6
    assert no_worse([0.6] * 6, 0.5) == no_worse([0.5] * 6, 0.5) == 1.0
    p = np.array([no_worse(row, 0.3) for row in np.random.default_rng(7).normal(0.3, 1, (3000, 8))])
    assert np.mean(p <= 0.05) == pytest.approx(0.0234, abs=0.009)  # 3/2^7, of which the floor is 6/2^8
    for margin in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(PoiseError, match="a number above 0"):
            no_worse(d, margin)
        with pytest.raises(PoiseError, match="a number above 0"):
            equivalence(d, margin)


def test_holm_by_hand() -> None:
    """.01, .02, .03, .04 times 4, 3, 2, 1 is .04, .06, .06, .04: made monotone .04, .06, .06, .06."""
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06]), "in the order that was given"
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02] and holm([]) == []


def test_holm_keeps_the_chance_of_any_error() -> None:
    """Five true hypotheses that depend on each other through a common part: at most α rejects any."""
    rng = np.random.default_rng(8)
    z = 0.6 * rng.normal(size=(4000, 1)) + 0.8 * rng.normal(size=(4000, 5))
    assert np.mean([min(holm(p)) < 0.05 for p in 2 * stats.norm.sf(np.abs(z))]) < 0.055


def test_benjamini_and_hochberg_by_hand() -> None:
    """.01, .02, .03, .5 times 4/1, 4/2, 4/3, 4/4 is .04, .04, .04, .5; and as scipy has it."""
    assert benjamini_hochberg([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.04, 0.04])
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    p = np.random.default_rng(9).uniform(size=30) ** 2
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p).tolist())
    assert benjamini_hochberg([]) == []


def test_a_claim_has_the_largest_p_of_its_tests() -> None:
    assert intersection_union([0.01, 0.2, 0.03]) == 0.2
    with pytest.raises(PoiseError, match="at least one test"):
        intersection_union([])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg, intersection_union])
@pytest.mark.parametrize("p", [[0.1, 1.2], [-0.1], [math.nan, 0.5]])
def test_what_is_no_p_is_refused(adjust, p: list[float]) -> None:
    with pytest.raises(PoiseError, match=r"lies in \[0, 1\]"):
        adjust(p)


@pytest.mark.parametrize("test", ROWS)
def test_rows_that_are_no_rows_are_refused(test) -> None:
    for d in NOT_FINITE:
        with pytest.raises(PoiseError, match=r"a difference is -?(nan|inf)"):
            test(d)
    for d in ([], [[1.0, 2.0]], 3.0):
        with pytest.raises(PoiseError, match="at least one difference"):
            test(d)
