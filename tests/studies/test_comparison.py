"""From numbers to a comparison: what is known by hand comes out, and what does not fit is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from poise.errors import PoiseError
from poise.studies.comparison.comparison import before
from poise.studies.comparison.statistics import equivalence, paired_t, sign_flip
from poise.studies.plans.plan import Arm, Claim, Result
from tests.studies.numbers import (
    AUC,
    BASE,
    GAP,
    KID,
    NONE,
    STEPS,
    compare,
    diverged,
    outcome_of,
    plan_of,
    runs,
    spread,
    with_auc,
)
from tests.studies.numbers import rests_on as of


def test_a_comparison_is_that_of_the_paired_differences():
    d = spread(-0.02, 0.01)
    _, row = outcome_of(d)
    mine = np.array(list(row["differences"].values()))
    assert mine == pytest.approx(d) and list(row["differences"]) == [str(s) for s in range(10)]
    assert (row["estimate"], row["low"], row["high"]) == pytest.approx(tuple(paired_t(d)))
    assert row["p"] == sign_flip(d) == row["adjusted_p"] == row["least_p"] == 2**-9
    assert row["equivalence"]["p"] == pytest.approx(equivalence(d, 0.05).p)
    assert (row["n"], row["planned"], row["worst_seeds"]) == (10, 10, [])
    assert (row["mean"], row["mean_against"]) == pytest.approx((BASE.mean() + d.mean(), BASE.mean()))


def test_relative_margins_and_per_cent():
    _, row = outcome_of(spread(-0.03, 0.01), KID)
    assert row["margin"] == pytest.approx(0.1 * BASE.mean())
    assert row["shown"]["unit"] == "%"
    assert row["shown"]["estimate"] == pytest.approx(-100 * 0.03 / BASE.mean())
    for near in (BASE - BASE.mean() + 0.005, np.array([0.001] * 8 + [0.05, 0.06])):  # on both sides of 0; all above it
        assert outcome_of(spread(-0.03, 0.01), KID, base=near)[1]["shown"]["unit"] == ""
    assert outcome_of(spread(-0.03, 0.01), GAP)[1]["shown"]["unit"] == "", "its margin is in its own unit"


def test_ratios_are_compared_by_their_logarithms():
    factors = np.exp(spread(math.log(0.7), 0.2))
    claim, row = outcome_of(1000 * (factors - 1), STEPS, base=np.full(10, 1000.0))
    assert claim["verdict"] == "supported"
    assert row["estimate"] == pytest.approx(math.log(0.7)) and row["margin"] == pytest.approx(math.log(1.2))
    assert row["shown"]["unit"] == "%" and row["shown"]["estimate"] == pytest.approx(-30)
    assert row["shown"]["high"] == pytest.approx(100 * math.expm1(row["high"]))
    fourth = outcome_of(np.linspace(-760, -740, 10), STEPS, base=np.full(10, 1000.0))[1]["shown"]
    assert fourth["unit"] == "factor" and fourth["estimate"] == pytest.approx(0.25, abs=1e-3)


def test_a_number_without_a_ratio_leaves_the_others_as_they_are():
    """A property of the data, found after days: it is told, its test is open, and all else is reported."""
    base = np.array([*BASE[:9], 0.0])
    both = {"steps": base, "gap": BASE}
    results = runs({"none": both, "l2": {"steps": base + 1, "gap": BASE - 0.06}})
    claims = [Claim("Fewer steps.", [of("steps")], "-"), Claim("A smaller gap.", [of("gap")], "-")]
    found = compare(plan_of(endpoints=[STEPS, GAP], claims=claims), results)
    first, second = found["claims"]
    assert first["verdict"] == "inconclusive" and second["verdict"] == "supported"
    assert "run none-9: 'steps' is 0, and a ratio needs numbers above 0" in first["reason"]
    assert any("'steps' is not compared" in note for note in found["notes"])
    assert [row["p"] is None for row in found["comparisons"]] == [True, False]
    fewer = [result for result in results if result.run != "none-9"]
    assert compare(plan_of(endpoints=[STEPS, GAP], claims=claims), fewer)["comparisons"][0]["p"] is not None


def test_no_worse_by_a_part_of_nothing_is_open():
    """The mean of the other arm is 0, as of a finding that no run has."""
    relative = replace(GAP, margin=0.1, relative=True)
    results = runs({"none": {"gap": np.zeros(10)}, "l2": {"gap": np.zeros(10)}})
    claims = [Claim("Not worse.", [of("gap", "no worse")], "-")]
    (claim,) = compare(plan_of(endpoints=[relative], claims=claims), results)["claims"]
    assert claim["verdict"] == "inconclusive" and "mean of arm 'none', which is 0" in claim["reason"]


def test_diverged_runs_count_as_the_worst():
    """Whatever they say themselves, in their own arm and the other; where both diverged the difference is 0."""
    results = with_auc(spread(-0.06, 0.03))
    worst = max(v for r in results if (v := r.values["gap"]) is not None)
    least = 0.6
    for values in (None, {"gap": 0.0, "AUC": 1.0}):
        found = compare(plan_of(of("gap"), endpoints=[GAP, AUC]), diverged(results, "l2", 2, values))
        gap, auc = found["comparisons"]
        assert gap["differences"]["2"] == pytest.approx(worst - BASE[2]) and gap["worst_seeds"] == ["2"]
        assert auc["differences"]["2"] == pytest.approx(least - 0.6)
        arm = found["parts"][0]["arms"][1]
        assert (arm["done"], arm["diverged"], arm["missing"]) == (9, 1, 0)
        assert found["runs"] == {"planned": 20, "done": 19, "diverged": 1, "missing": 0}
        assert "1 of arm l2" in found["notes"][0] and found["complete"]
    both = diverged(diverged(results, "l2", 2), "none", 2)
    assert compare(plan_of(of("gap"), endpoints=[GAP, AUC]), both)["comparisons"][0]["differences"]["2"] == 0
    own = diverged(results, "l2", 2, {"gap": 9.0, "AUC": 0.5})
    rows = compare(plan_of(of("gap"), endpoints=[GAP, AUC]), own)["comparisons"]
    assert rows[0]["differences"]["2"] == pytest.approx(9 - BASE[2]), "the worst may be its own"


def test_a_part_in_which_all_diverged_says_nothing():
    results = [replace(r, state="diverged", values={"gap": None, "AUC": math.nan}) for r in with_auc(spread(0, 1))]
    found = compare(plan_of(of("gap"), endpoints=[GAP, AUC]), results)
    assert found["claims"][0]["verdict"] == "inconclusive" and "no seed has a number" in found["claims"][0]["reason"]
    assert [row["p"] for row in found["comparisons"]] == [None, None]
    assert found["parts"][0]["arms"][0]["endpoints"]["gap"] == {
        "values": {},
        "n": 0,
        "mean": None,
        "median": None,
        "sd": None,
    }


def test_alive_findings_and_seconds_are_counted():
    results = [
        replace(
            r, alive=r.seed > 2 if r.arm == "l2" else None, findings=("copying",) * (r.seed == 0), seconds=60.0 + r.seed
        )
        for r in with_auc(spread(-0.06, 0.03))
    ]
    found = compare(plan_of(of("gap"), endpoints=[GAP, AUC]), results)
    none, l2 = found["parts"][0]["arms"]
    assert none["alive"] is None and (l2["alive"]["k"], l2["alive"]["n"]) == (7, 10)
    assert (l2["alive"]["low"], l2["alive"]["high"]) == pytest.approx((0.3475, 0.9333), abs=1e-4)
    assert [(of["name"], of["k"], of["n"]) for of in l2["findings"]] == [("copying", 1, 10)]
    assert l2["seconds"] == 64.5 and any("3 of 10 of arm l2" in note for note in found["notes"])
    values = l2["endpoints"]["gap"]
    assert (values["n"], values["mean"]) == (10, pytest.approx(BASE.mean() - 0.06))
    assert values["median"] == pytest.approx(np.median(list(values["values"].values())))


def test_curves_have_bands_where_half_the_seeds_have_values():
    results = [
        replace(r, curves={"KID": [(10, 1.0 + r.seed), (20, 2.0), (30, math.nan)][: 3 if r.seed < 4 else 1]})
        for r in with_auc(spread(0, 1))
    ]
    curve = compare(plan_of(endpoints=[GAP, AUC]), results)["parts"][0]["arms"][0]["curves"]["KID"]
    assert curve["band"] == [[10, *paired_t(np.arange(1.0, 11.0)), 10]]
    assert curve["runs"]["0"] == [[10, 1.0], [20, 2.0]] and curve["runs"]["9"] == [[10, 10.0]]


def test_the_outcome_is_json_and_does_not_depend_on_the_order():
    results = with_auc(spread(-0.06, 0.03))
    plan = plan_of(
        of("gap"), endpoints=[GAP, AUC], arms=[NONE, Arm("l2", {"x": math.inf, "y": np.float32(1), "z": (1, 2)})]
    )
    found = compare(plan, results)
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found and found["format"] == 1
    assert json.dumps(compare(plan, results[::-1]), allow_nan=False) == text
    assert found["plan"]["parts"][0]["arms"][1]["arguments"] == {"x": None, "y": 1.0, "z": [1, 2]}
    assert len(found["table_of_runs"]) == 20 and found["table_of_runs"][10]["run"] == "l2-0"


def test_a_finished_run_without_its_number_is_an_error():
    results = with_auc(spread(-0.06, 0.03))
    results[13] = replace(results[13], values={"gap": None, "AUC": 0.5})
    with pytest.raises(PoiseError, match="run l2-3 is done but has no 'gap'"):
        compare(plan_of(of("gap"), endpoints=[GAP, AUC]), results)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_finished_run_whose_number_is_not_finite_counts_as_the_worst(value):
    """Of that number alone: what else it says stays."""
    results = with_auc(spread(-0.06, 0.03))
    worst = max(v for i, r in enumerate(results) if i != 13 and (v := r.values["gap"]) is not None)
    results[13] = replace(results[13], values={"gap": value, "AUC": 0.71})
    found = compare(plan_of(of("gap"), endpoints=[GAP, AUC]), results)
    gap, auc = found["comparisons"]
    assert gap["differences"]["3"] == pytest.approx(worst - BASE[3]) and gap["worst_seeds"] == ["3"]
    assert auc["differences"]["3"] == pytest.approx(0.11) and auc["worst_seeds"] == []
    assert "not finite (gap: l2, seed 3)" in found["notes"][0]
    assert found["runs"]["diverged"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"part": "texts"}, "there is no part 'texts'"),
        ({"arm": "l3"}, "part 'pictures' has no arm 'l3'; did you mean 'l2'?"),
        ({"seed": 77}, "run l2-9 has the seed 77, which part 'pictures' does not have"),
        ({"seed": 8}, "runs l2-8 and l2-9 are both arm 'l2', seed 8"),
    ],
)
def test_runs_that_do_not_fit_the_plan_are_refused(change, said):
    results = with_auc(spread(-0.06, 0.03))
    results[-1] = replace(results[-1], **change)
    with pytest.raises(PoiseError) as error:
        compare(plan_of(of("gap"), endpoints=[GAP, AUC]), results)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (of("AUC", "no worse"), "'AUC' of part 'pictures' has no margin"),
        (of("gap", arm="none"), "compares arm 'none' with itself"),
        (of("gab"), "has no endpoint 'gab'; did you mean 'gap'?"),
        (of("gap", arm="l3"), "has no arm 'l3'"),
        (of("gap", part="texts"), "there is no part 'texts'"),
        (of("gap", provided=("ABC", 1.0)), "has no endpoint 'ABC'"),
    ],
)
@pytest.mark.parametrize("door", [before, lambda plan: compare(plan, [])])
def test_claims_that_cannot_be_tested_are_refused(test, said, door):
    with pytest.raises(PoiseError) as error:
        door(plan_of(test, endpoints=[GAP, AUC]))
    assert said in str(error.value)


def test_results_of_one_seed_have_no_interval():
    plan = plan_of(of("gap"), endpoints=[GAP], seeds=[0])
    row = compare(plan, [Result("pictures", a, 0, a, "done", {"gap": v}) for a, v in (("none", 1.0), ("l2", 0.5))])
    test = row["claims"][0]["tests"][0]
    assert (test["p"], test["low"], test["high"], test["estimate"]) == (1.0, None, None, -0.5)
    assert test["verdict"] == "inconclusive" and "1 seed can show nothing (p = 1 at least)" in test["reason"]
