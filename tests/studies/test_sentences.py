"""Sentences and tables: every number in them is one of the outcome's, rounded as people read it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poise.studies.comparison.comparison import compare
from poise.studies.comparison.outcome import ShownChange
from poise.studies.comparison.text import change_text, interval, level, percent, plain_number, probability
from poise.studies.plans.plan import Claim
from poise.studies.report.sentences import counted, lines, markdown, notes_of, rows_by_endpoint, sentence, table, tables
from tests.studies.numbers import AUC, BOTH, GAP, KID, L2, NONE, STEPS, diverged, plan_of, rests_on, runs, spread

BASE = np.full(10, 0.1)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.001953125, "= .002"), (0.0004, "< .001"), (0.0625, "= .062"), (0.0944, "= .094"), (0.0996, "= .10"),
     (0.17, "= .17"), (1.0, "= 1"), (0.998, "= 1"), (0.0, "< .001"), (0.05, "= .050")],
)  # fmt: skip
def test_p_values(p, text):
    assert probability(p) == text


def test_numbers_and_limits():
    assert (level(0.05), level(0.001), plain_number(-0.01234), percent(-12.34)) == (".05", ".001", "−0.0123", "−12.3 %")


@pytest.mark.parametrize(
    ("numbers", "unit", "text"),
    [((-12.3, -18.4, -5.2), " %", "−12 % [−18, −5]"), ((1.6, -2.1, 5.3), " %", "+1.6 % [−2.1, 5.3]"),
     ((-0.0123, -0.0181, -0.0054), "", "−0.012 [−0.018, −0.005]"), ((0.02, -0.04, 10.0), "", "+0 [−0, 10]"),
     ((0.5, None, None), "", "+0.5 [one pair]"), ((0.0, 0.0, 0.0), "", "0 [0, 0]"),
     ((-2.0, -2.0, -2.0), "", "−2 [−2, −2]"), ((1e-9, -1e-9, 3e-9), "", "+1e−09 [−1e−09, 3e−09]"),
     ((5e7, 4e7, 6e7), "", "+50000000 [40000000, 60000000]")],
)  # fmt: skip
def test_intervals(numbers, unit, text):
    """The half width to one digit or two; no minus before a zero, and a true one elsewhere."""
    assert interval(*numbers, unit) == text.replace("+0 [−0,", "+0 [0,")


def outcome(**more):
    """both lowers KID by 18 %, l2 by 3 %; both lives in 8 of 10 and diverges once where that is asked for."""
    values = {"none": BASE, "l2": BASE + spread(-0.003, 0.002), "both": BASE + spread(-0.018, 0.01)}
    results = runs({arm: {"KID": row, "steps": row * 1e4} for arm, row in values.items()})
    results = [replace(r, alive=r.arm != "both" or r.seed > 1, findings=("copying",)) for r in results]
    claims = [
        Claim("Both help.", [rests_on("KID", arm="both"), rests_on("KID", arm="both", against="l2")], "a | b"),
        Claim("L2 does no harm.", [rests_on("KID", "no worse")]),
    ]
    plan = plan_of(claims=claims, arms=[NONE, L2, BOTH], endpoints=[KID, STEPS])
    if more.get("diverged"):
        results = diverged(results, "both", 3)
    return compare(plan, results[more.get("skip", 0) :])


def test_a_sentence_says_it_all():
    found = outcome()
    test = found.claims[0].tests[0]
    shown = test.change.shown
    assert (shown.estimate, shown.low, shown.high) == pytest.approx((-18, -22.8, -13.2), abs=0.05)
    assert sentence(found, test) == (
        "both (d.l2 0.01, g.l2 0.003) against none: KID −18.0 % [−22.8, −13.2], 10 seeds, p = .002, Holm .004; "
        "D alive in 8 of 10: supported"
    )
    no_worse = sentence(found, found.claims[1].tests[0])
    assert "p = .002 that it is no worse, Holm .004; no change that matters (equivalence p < .001)" in no_worse
    assert ", BH ." in sentence(found, found.comparisons[0]) and ": supported" not in sentence(
        found, found.comparisons[0]
    )
    assert "diverged or not finite in 1 seed, counted as worst" in sentence(
        *(lambda o: (o, o.claims[0].tests[0]))(outcome(diverged=True))
    )


def test_units_of_changes():
    found = outcome()
    change = found.comparisons[0].change
    assert change_text(change).startswith("−3.0 % [−4.") and change_text(None) == "-"
    assert change_text(replace(change, shown=ShownChange("factor", 4.0, 3.1, 5.2))) == "×4.0 [3.1, 5.2]"
    assert change_text(replace(change, shown=ShownChange("", -0.2, -0.5, 0.1))) == "−0.20 [−0.50, 0.10]"


def test_lines_begin_with_the_verdicts_and_end_with_notes():
    found = outcome(diverged=True)
    text = lines(found)
    assert text[:2] == ["small: Does L2 help?", "29 of 30 runs done, 1 diverged"]
    assert text[3] == "SUPPORTED: Both help."
    assert "(claim: p = .004, Holm .0" in text[4] and "KID, both against l2 (pictures): lower: −" in text[4]
    assert text[5] == "SUPPORTED: L2 does no harm." and "(claim:" not in text[6]
    assert text.index("pictures, KID:") < text.index("pictures, steps:"), "first what a claim rests on"
    notes = "\n".join(text[-7:])
    for said in (
        "worst value",
        "was dead at the end of runs (2 of 10 of arm both)",
        "(Holm); below .05",
        "BH",
        "Equivalent:",
    ):
        assert said.replace("BH", "Benjamini & Hochberg") in notes


def test_tests_that_several_claims_rest_on_are_told_once():
    found = outcome()
    rows = rows_by_endpoint(found)
    kinds = [(row.arm, row.against, row.expect) for row in rows["pictures", "KID"]]
    assert kinds == [
        ("both", "none", "lower"),
        ("both", "l2", "lower"),
        ("l2", "none", "no worse"),
        ("l2", "none", None),
    ]
    twice = replace(found, claims=[*found.claims, *found.claims])
    assert rows_by_endpoint(twice) == rows


def test_the_table_is_aligned_and_leaves_out_empty_columns():
    found = outcome()
    text = table(found)
    head = next(line for line in text.splitlines() if line.startswith("  ARM") and "AGAINST" in line)
    rows = text.splitlines()[text.splitlines().index(head) + 1 :][:3]
    for name in ("CHANGE", "PAIRS", "ADJUSTED", "EQUIVALENT", "D ALIVE", "VERDICT"):
        assert all(row[head.index(name) - 1] == " " != row[head.index(name)] for row in rows), name
    title, steps = tables(found)[1]
    assert title == "pictures: steps (lower is better)" and "VERDICT" not in steps[0]
    assert [row[steps[0].index("ADJUSTED")] for row in steps[1:]] == [".002 BH", ".002 BH"]
    title, arms = tables(found)[-1]
    assert title == "Runs of pictures" and arms[0] == ("ARM", "DONE", "D ALIVE", "KID", "steps", "FOUND")
    assert arms[3][:4] == ("both", "10 of 10", "8 of 10 [44, 97 %]", "0.082 ± 0.00673")
    assert arms[3][5] == "copying 10 of 10 [69, 100 %]"


def test_a_study_without_claims_or_margins_has_a_table_too():
    results = runs({"none": {"AUC": BASE}, "l2": {"AUC": BASE + spread(0.01, 0.02)}})
    found = compare(plan_of(endpoints=[AUC]), results)
    assert [title for title, _ in tables(found)] == ["pictures: AUC (higher is better)", "Runs of pictures"]
    assert tables(found)[0][1][0] == ("ARM", "AGAINST", "CHANGE [95 % interval]", "PAIRS", "P", "ADJUSTED")
    assert not any("Holm" in note or "Equivalent" in note for note in notes_of(found))
    assert lines(found)[3] == "pictures, AUC:"


def test_an_unfinished_study_says_so_everywhere():
    found = outcome(skip=4)
    assert counted(found) == "26 of 30 runs done, 4 missing: UNFINISHED, nothing is decided yet"
    assert "UNFINISHED: Both help." in lines(found) and "  4 runs are still missing, and nothing" in table(found)
    for _, rows in tables(found)[:2]:
        assert all("unfinished" in row[-1] for row in rows[1:])
    assert "6 of 10" in table(found) and "6 seeds of 10" in "\n".join(lines(found))
    nothing = outcome(skip=30)
    assert "no pair of runs yet" in "\n".join(lines(nothing)) and "unfinished" in markdown(nothing)


def test_a_comparison_that_cannot_be_made_says_why():
    plan = plan_of(arms=[NONE, L2], endpoints=[STEPS], claims=[Claim("Sooner.", [rests_on("steps", arm="l2")])])
    results = runs({arm: {"steps": [1.0, *[2.0] * 8, -0.1]} for arm in ("none", "l2")})
    told = lines(compare(plan, results))
    assert not any("no pair of runs yet" in line for line in told)
    (line,) = [line for line in told if "against none: steps" in line]
    assert "'steps' is -0.1, and a ratio needs numbers above 0" in line


def test_markdown_means_what_it_says():
    """Cells that hold marks are escaped: as many bars as columns."""
    results = runs({"none": {"gap": BASE}, "a|b *x* <i>": {"gap": BASE + spread(-0.06, 0.02)}})
    arm = replace(L2, name="a|b *x* <i>")
    claims = [Claim("It | helps_", [rests_on("gap", arm=arm.name)])]
    text = markdown(compare(plan_of(claims=claims, arms=[NONE, arm], endpoints=[GAP]), results))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert "a\\|b \\*x\\* &lt;i&gt;" in text and "It \\| helps\\_" in text and "<i>" not in text
    bars = [row.replace("\\|", "").count("|") for row in rows]
    heads = [i for i, row in enumerate(rows) if set(row) == set("|-")]
    assert len(heads) == 3 and all(bars[i - 1] == bars[i] == bars[i + 1] for i in heads)
    assert text.startswith("# small\n\nDoes L2 help?\n") and text.endswith("matter.\n")


def test_few_seeds_are_told_again_afterwards():
    results = runs({"none": {"gap": BASE[:5]}, "l2": {"gap": BASE[:5] - 0.06}})
    found = compare(plan_of(rests_on("gap"), endpoints=[GAP], seeds=range(5)), results)
    assert found.claims[0].verdict == "inconclusive"
    assert (
        "Part pictures: 5 seeds give p = .062 at least, so no two-sided test can fall below .05: use 6 or more."
        in notes_of(found)
    )
