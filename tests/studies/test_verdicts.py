"""Every verdict has a study that earns it: margins, guards, several claims, few seeds, nothing learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poise.errors import PoiseError
from poise.studies.comparison.comparison import before
from poise.studies.comparison.statistics import no_worse, paired_t, sign_flip
from poise.studies.plans.plan import Claim, Part, Plan, Result
from tests.studies.numbers import (
    AUC,
    BASE,
    BOTH,
    GAP,
    KID,
    L2,
    NONE,
    PLAIN,
    compare,
    diverged,
    outcome_of,
    plan_of,
    runs,
    spread,
    with_auc,
)
from tests.studies.numbers import rests_on as of

VERDICTS = [
    # endpoint, differences, expected, verdict of the test, of the claim, and what the reason says
    (PLAIN, spread(-0.02, 0.01), "lower", "supported", "supported", "lower: "),
    (GAP, spread(-0.06, 0.03), "lower", "supported", "supported", "p = .002"),
    (GAP, spread(-0.02, 0.01), "lower", "too small", "refuted", "too small to matter"),
    (GAP, spread(0.0, 0.03), "lower", "equivalent", "refuted", "no difference that matters"),
    (GAP, spread(0.06, 0.06), "lower", "refuted", "refuted", "no room for being lower by 0.05"),
    (GAP, spread(0.05, 0.15), "lower", "refuted", "refuted", "no room for being lower by 0.05"),  # but for by 0.02
    (PLAIN, spread(0.06, 0.06), "lower", "refuted", "refuted", "no room for being lower at all"),
    (GAP, spread(-0.03, 0.2), "lower", "inconclusive", "inconclusive", "leaves both open"),
    (PLAIN, spread(0.01, 0.2), "lower", "inconclusive", "inconclusive", "does not go the way"),
    (AUC, spread(0.06, 0.03), "higher", "supported", "supported", "higher: "),
    (AUC, spread(-0.06, 0.03), "higher", "refuted", "refuted", "no room for being higher at all"),
    (GAP, spread(0.0, 0.03), "no worse", "supported", "supported", "not worse by 0.05 or more"),
    (GAP, spread(0.02, 0.01), "no worse", "supported", "supported", "p = .002"),  # worse for sure, but not by so much
    (GAP, spread(0.09, 0.03), "no worse", "refuted", "refuted", "is worse by 0.05 or more"),
    (GAP, spread(0.03, 0.09), "no worse", "inconclusive", "inconclusive", "leaves both open"),
    (
        GAP,
        spread(0.051, 0.08),
        "no worse",
        "inconclusive",
        "inconclusive",
        "does not go the way",
    ),  # worse, by how much?
    (replace(AUC, margin=0.05), spread(-0.09, 0.03), "no worse", "refuted", "refuted", "is worse by 0.05 or more"),
    (replace(AUC, margin=0.05), spread(0.09, 0.03), "no worse", "supported", "supported", "not worse by 0.05 or more"),
]


@pytest.mark.parametrize(("endpoint", "d", "expect", "verdict", "whole", "reason"), VERDICTS)
def test_verdicts(endpoint, d, expect, verdict, whole, reason):
    endpoint = replace(endpoint, name="number")
    claim, row = outcome_of(d, endpoint, expect)
    assert (row["verdict"], claim["verdict"]) == (verdict, whole)
    assert reason in row["reason"] and row["reason"] in claim["reason"]


def test_an_interval_clear_of_0_is_not_said_to_leave_both_open():
    """The t interval is below 0, and the exact p is 52/1,024."""
    d = np.array([-0.15, 0.09, 0.02, -0.08, -0.11, -0.12, -0.04, -0.1, -0.1, 0.01])
    assert sign_flip(d) == pytest.approx(52 / 1024) and paired_t(d)[2] < 0
    row = outcome_of(d, replace(PLAIN, name="number"), "lower")[1]
    assert row["verdict"] == "inconclusive"
    assert "although the interval is clear of 0" in row["reason"] and "more seeds may decide it" in row["reason"]


def test_no_worse_is_tested_against_the_margin():
    d = spread(0.01, 0.04)
    assert outcome_of(d, expect="no worse")[1]["p"] == no_worse(d, 0.05) != sign_flip(d)
    higher = replace(AUC, margin=0.05, name="number")
    assert outcome_of(d, higher, "no worse")[1]["p"] == no_worse(-d, 0.05)


@pytest.mark.parametrize("expect", ["lower", "no worse"])
def test_a_guard_that_is_not_met_refutes(expect):
    """The gap is gone, but only since the discriminator ranks nothing any more."""
    d = spread(-0.06, 0.03)
    found = {
        auc: compare(plan_of(of("gap", expect, provided=("AUC", 0.75)), endpoints=[GAP, AUC]), with_auc(d, auc=auc))
        for auc in (0.5, 0.75)
    }
    assert [of["claims"][0]["verdict"] for of in found.values()] == ["refuted", "supported"]
    assert "only with 'AUC' at 0.5, below the 0.75" in found[0.5]["claims"][0]["reason"]
    guard = found[0.75]["claims"][0]["tests"][0]["provided"]
    assert guard == {"endpoint": "AUC", "least": 0.75, "mean": 0.75, "met": True}


def test_a_guard_counts_a_diverged_run_as_the_least():
    """For an endpoint where lower is better too: the worst of that would be the largest, and would pass."""
    results = diverged(with_auc(spread(-0.06, 0.03)), "l2", 4)
    test = of("gap", provided=("AUC", 0.65))
    row = compare(plan_of(test, endpoints=[GAP, replace(AUC, better="lower")]), results)["claims"][0]["tests"][0]
    assert row["provided"]["mean"] == pytest.approx((9 * 0.7 + 0.6) / 10)


def test_with_runs_missing_nothing_is_decided():
    results = [r for r in with_auc(spread(-0.06, 0.01)) if (r.arm, r.seed) not in {("l2", 0), ("none", 5)}]
    found = compare(plan_of(of("gap"), endpoints=[GAP, AUC]), results)
    claim = found["claims"][0]
    assert not found["complete"] and claim["verdict"] == claim["tests"][0]["verdict"] == "unfinished"
    assert "2 runs are still missing" in claim["reason"] and found["notes"][0].startswith("Unfinished: 2 of 20")
    row = found["comparisons"][0]
    assert (row["n"], row["planned"], list(row["differences"])) == (8, 10, [str(s) for s in (1, 2, 3, 4, 6, 7, 8, 9)])
    assert row["p"] == 2 / 2**8, "the numbers so far are there"
    empty = compare(plan_of(of("gap"), endpoints=[GAP, AUC]), [])
    assert empty["runs"]["missing"] == 20 and empty["claims"][0]["tests"][0]["p"] is None
    assert {row["state"] for row in empty["table_of_runs"]} == {"missing"}


def test_claims_are_corrected_by_holm_and_hold_only_whole():
    """Claims with p of .002, .5 (the larger of two) and .002: times 3, 2 and 1, made monotone."""
    clear, noise = spread(-0.06, 0.03), spread(-0.01, 0.3)
    base = {"gap": BASE, "KID": BASE}
    results = runs({"none": base, "l2": {"gap": BASE + clear, "KID": BASE + noise}})
    claims = [
        Claim("gap", [of("gap")]),
        Claim("both", [of("gap"), of("KID")]),
        Claim("again", [of("gap")]),
    ]
    found = compare(plan_of(claims=claims, endpoints=[PLAIN, replace(KID, margin=None)]), results)["claims"]
    least, p = 2**-9, sign_flip(noise)
    assert [claim["p"] for claim in found] == [least, p, least]
    assert [claim["adjusted_p"] for claim in found] == [3 * least, p, 3 * least]
    assert [claim["verdict"] for claim in found] == ["supported", "inconclusive", "supported"]
    assert [row["adjusted_p"] for row in found[1]["tests"]] == [3 * least, p], "of a test: as if its claim had it alone"
    assert "KID" in found[1]["reason"] and "gap" not in found[1]["reason"]


def test_what_is_clear_alone_may_not_be_among_others():
    """p = .03 once is below .05, twice it is not: so says the reason."""
    d = np.array([*[-1.0] * 6, 0.05])
    results = runs({"none": {"gap": [1.0] * 7}, "l2": {"gap": 1 + d}})
    for claims, verdict in ((1, "supported"), (2, "inconclusive")):
        plan = plan_of(claims=[Claim("x", [of("gap")])] * claims, endpoints=[PLAIN], seeds=range(7))
        claim = compare(plan, results)["claims"][0]
        assert claim["verdict"] == verdict
    assert "p = .031 alone, but .062 among the claims, not below .05" in claim["reason"]


@pytest.mark.parametrize(("n", "claims", "needed"), [(2, 1, 6), (5, 1, 6), (6, 2, 7), (1, 4, 8)])
@pytest.mark.parametrize("expect", ["lower", "higher"])
def test_with_too_few_seeds_nothing_is_supported_and_nothing_refuted(n, claims, needed, expect):
    """Whatever the numbers say: a study that could not support a claim does not refute it."""
    results = runs({"none": {"gap": [1.0] * n}, "l2": {"gap": [0.5 + 1e-3 * i for i in range(n)]}})
    plan = plan_of(claims=[Claim("x", [of("gap", expect)])] * claims, endpoints=[GAP], seeds=range(n))
    for claim in compare(plan, results)["claims"]:
        assert claim["verdict"] == "inconclusive"
        assert "can show nothing" in claim["reason"] and f"use {needed} or more" in claim["reason"]


def test_a_claim_that_holm_supports_is_supported_with_fewer_seeds_than_bonferroni_would_need():
    """Two claims, one with twelve seeds and one with six: the first is rejected first, then p = .031 is below .05."""
    parts = []
    results = []
    for name, n in (("many", 12), ("few", 6)):
        plan = plan_of(of("gap"), endpoints=[PLAIN], seeds=range(n))
        parts.append(replace(plan.parts[0], name=name))
        for arm, value in (("none", 1.0), ("l2", 0.5)):
            results += [Result(name, arm, s, f"{name}{arm}{s}", "done", {"gap": value + 1e-3 * s}) for s in range(n)]
    claims = [Claim(part.name, [replace(of("gap"), part=part.name)]) for part in parts]
    found = compare(Plan("two", "", parts, claims), results)["claims"]
    assert [claim["verdict"] for claim in found] == ["supported", "supported"]


def test_where_nothing_was_learnt_nothing_is_decided():
    """Most runs of both arms: neither a difference nor its absence means anything, and a note says so."""
    plan = plan_of(of("gap"), endpoints=[GAP], seeds=range(8))
    flat = ["nothing was learnt"]

    def outcome(lost_none: int, lost_l2: int) -> dict:
        made = []
        for arm, value, lost in (("none", 1.0, lost_none), ("l2", 0.5, lost_l2)):
            for seed in range(8):
                findings = flat if seed < lost else []
                values = {"gap": value + 1e-3 * seed}
                made.append(Result("pictures", arm, seed, f"{arm}{seed}", "done", values, findings=findings))
        return compare(plan, made)

    lost = outcome(8, 5)
    assert lost["claims"][0]["verdict"] == "inconclusive"
    assert "nothing was learnt in most runs of both arms (5 of 8 and 8 of 8)" in lost["claims"][0]["reason"]
    assert any("nothing was learnt in runs (8 of 8 of arm none, 5 of 8 of arm l2)" in note for note in lost["notes"])
    one = outcome(8, 0)
    assert one["claims"][0]["verdict"] == "supported", "an arm that learnt beats one that did not"
    assert not [note for note in outcome(0, 0)["notes"] if "learnt" in note]


def test_the_wrong_way_counts_as_one():
    claim, row = outcome_of(spread(0.06, 0.03), PLAIN)
    assert row["p"] == 2**-9 and row["p_claimed"] == claim["p"] == 1 and claim["verdict"] == "refuted"


def test_what_no_claim_rests_on_is_corrected_together():
    """Benjamini & Hochberg over the secondary ones; a claim that says "no worse" leaves the difference among them."""
    arms = [NONE, L2, BOTH]
    results = runs({a.name: {"gap": BASE + i * spread(-0.06, 0.03)} for i, a in enumerate(arms)})
    for expect, primary in (("lower", [True, False]), ("no worse", [False, False])):
        found = compare(plan_of(of("gap", expect, "none", "l2"), arms=arms, endpoints=[GAP]), results)
        assert [row["primary"] for row in found["comparisons"]] == primary, "also the other way round"
        assert [row["adjusted_p"] for row in found["comparisons"]] == [None if p else 2**-9 for p in primary]
    assert found["comparisons"][1]["differs"] == "d.l2 0.01, g.l2 0.003"
    beside = compare(plan_of(of("gap", "lower", "both", "l2"), arms=arms, endpoints=[GAP]), results)["claims"][0][
        "tests"
    ][0]
    assert beside["differs"] == "d.l2 0.01 instead of 0.003, g.l2 0.003"


def test_a_claim_without_tests_is_refused_and_a_margin_of_nothing_decides_nothing():
    with pytest.raises(PoiseError, match="claim 'x' has no test"):
        before(plan_of(claims=[Claim("x", [])]))
    claim, _ = outcome_of(spread(0, 0.1), KID, "no worse", base=np.zeros(10))
    assert claim["verdict"] == "inconclusive" and "the mean of arm 'none', which is 0" in claim["reason"]


SIZES = [
    (5, 1, "part pictures: 5 seeds give p = .062 at least, so no two-sided test can fall below .05: use 6 or more"),
    (1, 1, "part pictures: 1 seed gives p = 1 at least, so no two-sided test can fall below .05: use 6 or more"),
    (5, 7, "so no two-sided test can fall below .05: use 6 or more (9 or more for the 7 claims)"),
    (8, 7, "8 seeds give p = .008 at least, and among 7 claims (Holm) the smallest has to fall below .05/7 = .007: "
           "use 9 or more"),
    (6, 1, None), (7, 2, None), (9, 7, None), (6, 0, None),
]  # fmt: skip


@pytest.mark.parametrize(("seeds", "claims", "said"), SIZES)
def test_too_few_seeds_are_told_before(seeds, claims, said):
    lines = before(plan_of(claims=[Claim("x", [of("gap")])] * claims, endpoints=[GAP], seeds=range(seeds)))
    assert lines[0] == f"{2 * seeds} runs (pictures: 2 arms × {seeds} seeds)".replace("1 seeds", "1 seed")
    assert lines[1:] == [] if said is None else said in lines[1]


def test_parts_no_claim_rests_on_need_not_stand_among_the_claims():
    plan = plan_of(claims=[Claim("x", [of("gap")])] * 2, endpoints=[GAP], seeds=range(9))
    other = Part("text", "text", {}, [NONE, L2, BOTH], range(6), "none", [GAP])
    assert before(replace(plan, parts=[*plan.parts, other])) == [
        "36 runs (pictures: 2 arms × 9 seeds, text: 3 arms × 6 seeds)"
    ]
    few = before(replace(plan, parts=[*plan.parts, replace(other, seeds=range(5))]))
    assert len(few) == 2 and few[1].endswith("use 6 or more")
