"""All comparisons of a study: plan and results -> the content of study.json, a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from poise.direction import SIGN
from poise.errors import PoiseError
from poise.studies.comparison.before import before, check
from poise.studies.comparison.pairs import compared
from poise.studies.comparison.readout import Readout, part_summary, readouts, runs_of
from poise.studies.comparison.statistics import benjamini_hochberg, holm, intersection_union, no_worse
from poise.studies.comparison.text import finite
from poise.studies.comparison.verdicts import Verdict, claim_verdict, verdict_of
from poise.studies.plans.plan import Claim, Plan, Result, Test

__all__ = ["before", "compare"]

FORMAT = 1
NOTHING = "nothing was learnt"  # the finding of that name


def compare(plan: Plan, results: Sequence[Result]) -> dict[str, Any]:
    """What the runs of a study say: JSON-safe, the same for the same runs in whatever order.

    {"format": 1, "name", "question", "alpha", "complete", "plan", "runs": {"planned", "done", "diverged", "missing"},
    "parts": arms with counts, values and curves; "claims": verdict, reason, p, adjusted_p (Holm), tests;
    "comparisons": each arm against the part's reference (adjusted by Benjamini & Hochberg where no claim rests on it);
    "table_of_runs", "before", "notes"}.

    A diverged run, or a number that is not finite, counts as the worst finite value that any run of its part has.
    While runs miss every verdict is "unfinished". Errors: PoiseError for runs that do not fit the plan, a finished run
    without its number, or a claim that cannot be tested (see `before`).
    """
    check(plan)
    found = readouts(plan, results)
    counts = _counts(plan, results)
    claims = _claims(plan, found, counts["missing"])
    rows = _others(plan, found)
    outcome = {
        "format": FORMAT,
        "name": plan.name,
        "question": plan.question,
        "alpha": plan.alpha,
        "complete": counts["missing"] == 0,
        "runs": counts,
        "claims": claims,
        "comparisons": rows,
        "parts": [part_summary(found[part.name]) for part in plan.parts],
        "table_of_runs": [row for part in found.values() for row in runs_of(part)],
        "before": before(plan),
        "notes": _notes(plan, found, counts),
        "plan": plan.to_dict(),
    }
    safe: dict[str, Any] = json_safe(outcome)
    return safe


def _counts(plan: Plan, results: Sequence[Result]) -> dict[str, int]:
    planned = sum(len(part.arms) * len(part.seeds) for part in plan.parts)
    diverged = sum(result.state == "diverged" for result in results)
    done = len(results) - diverged
    return {"planned": planned, "done": done, "diverged": diverged, "missing": planned - len(results)}


def _claims(plan: Plan, found: Mapping[str, Readout], missing: int) -> list[dict[str, Any]]:
    tested = [[_tested(plan, found, test) for test in claim.tests] for claim in plan.claims]
    counted = [intersection_union([row["p_claimed"] for row in rows]) for rows in tested]
    adjusted = holm(counted)
    claims = []
    for i, (claim, rows) in enumerate(zip(plan.claims, tested, strict=True)):
        for row in rows:
            alone = [*counted[:i], row["p_claimed"], *counted[i + 1 :]]
            row["adjusted_p"] = None if row["p"] is None else holm(alone)[i]
            unfinished = Verdict("unfinished", "runs are missing")
            row["unlearnt"] = _unlearnt(found[row["part"]], row)
            row["verdict"], row["reason"] = unfinished if missing else verdict_of(row, plan.alpha, len(plan.claims))
        verdict, reason = claim_verdict(rows, missing)
        claims.append(_claim(claim, verdict, reason, counted[i], adjusted[i], rows))
    return claims


def _without_learning(readout: Readout, arm: str) -> tuple[int, int]:
    """How many runs of an arm ended with nothing learnt, and how many came to their end."""
    runs = [result for result in readout.of(arm) if result.state == "done"]
    return sum(NOTHING in result.findings for result in runs), len(runs)


def _unlearnt(readout: Readout, row: Mapping[str, Any]) -> str:
    """ "9 of 10 and 10 of 10" where most runs of both arms have learnt nothing."""
    counts = [_without_learning(readout, row[key]) for key in ("arm", "against")]
    return " and ".join(f"{n} of {runs}" for n, runs in counts) if all(2 * n > runs for n, runs in counts) else ""


def _claim(
    claim: Claim, verdict: str, reason: str, p: float, adjusted: float, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "says": claim.says,
        "because": claim.because,
        "verdict": verdict,
        "reason": reason,
        "p": p,
        "adjusted_p": adjusted,
        "tests": rows,
    }


def _tested(plan: Plan, found: Mapping[str, Readout], test: Test) -> dict[str, Any]:
    """A comparison with what is expected of it; `p_claimed` is 1 where it goes the other way, or has no pair yet."""
    readout = found[test.part]
    endpoint = readout.part.endpoint(test.endpoint)
    row = compared(readout, endpoint, test.arm, test.against, plan.alpha)
    worse = -SIGN[endpoint.better]
    row |= {"expect": test.expect, "worse": worse, "provided": _guard(readout, test), "p_claimed": 1.0}
    if row["p"] is None:
        return row
    if test.expect == "no worse":
        if row["margin"] is None:
            raise PoiseError(
                f"the margin of '{endpoint.name}' is a part of the mean of arm '{test.against}', which is 0: give one "
                f"in the number's own unit"
            )
        row["p"] = row["p_claimed"] = no_worse([worse * d for d in row["differences"].values()], row["margin"])
    elif SIGN[test.expect] * row["estimate"] > 0:
        row["p_claimed"] = row["p"]
    return row


def _guard(readout: Readout, test: Test) -> dict[str, Any] | None:
    """What the test is provided with; a diverged run counts as the least value of the part."""
    if test.provided is None:
        return None
    name, least = test.provided
    values = readout.values(test.arm, readout.part.endpoint(name), min)
    mean = float(np.mean(list(values.values()))) if values else None
    return {"endpoint": name, "least": least, "mean": mean, "met": mean is not None and mean >= least}


def _others(plan: Plan, found: Mapping[str, Readout]) -> list[dict[str, Any]]:
    """Each arm against the reference of its part, by endpoint; adjusted together where no claim tests the same."""
    claimed = {
        (test.part, test.endpoint, frozenset((test.arm, test.against)))
        for claim in plan.claims
        for test in claim.tests
        if test.expect in SIGN
    }
    rows = []
    for part in plan.parts:
        for endpoint in part.endpoints:
            for arm in (arm.name for arm in part.arms if arm.name != part.against):
                row = compared(found[part.name], endpoint, arm, part.against, plan.alpha)
                row["primary"] = (part.name, endpoint.name, frozenset((arm, part.against))) in claimed
                rows.append(row)
    secondary = [row for row in rows if not row["primary"] and row["p"] is not None]
    for row, adjusted in zip(secondary, benjamini_hochberg([row["p"] for row in secondary]), strict=True):
        row["adjusted_p"] = adjusted
    return rows


def _notes(plan: Plan, found: Mapping[str, Readout], counts: Mapping[str, int]) -> list[str]:
    notes = []
    if counts["missing"]:
        notes.append(
            f"Unfinished: {counts['missing']:,} of {counts['planned']:,} runs are missing. The numbers so far decide "
            f"nothing; stopping as soon as they please would make their p-values false."
        )
    for part in plan.parts:
        gone = {arm.name: found[part.name].diverged(arm.name) for arm in part.arms}
        told = ", ".join(f"{n} of arm {name}" for name, n in gone.items() if n)
        if told:
            notes.append(
                f"Part {part.name}: runs diverged ({told}). They are kept, with the worst value that any run of the "
                f"part has."
            )
        told = ", ".join(
            f"{endpoint.name}: {', '.join(f'{arm}, seed {seed}' for arm, seed in sorted(lost))}"
            for endpoint in part.endpoints
            if (lost := found[part.name].worst(endpoint) - found[part.name].gone)
        )
        if told:
            notes.append(f"Part {part.name}: numbers that are not finite ({told}) count as those of diverged runs do.")
        learnt = {arm.name: _without_learning(found[part.name], arm.name) for arm in part.arms}
        told = ", ".join(f"{n} of {runs} of arm {arm}" for arm, (n, runs) in learnt.items() if n)
        if told:
            notes.append(
                f"Part {part.name}: nothing was learnt in runs ({told}): their numbers are those of samples that are "
                f"no better than a flat picture, and say nothing of the arms. Train longer, or at other rates."
            )
        dead = {arm.name: [r.alive for r in found[part.name].of(arm.name) if r.alive is not None] for arm in part.arms}
        told = ", ".join(
            f"{alive.count(False)} of {len(alive)} of arm {name}" for name, alive in dead.items() if not all(alive)
        )
        if told:
            notes.append(
                f"Part {part.name}: the discriminator was dead at the end of runs ({told}). A dead one shows no "
                f"overfitting, and its death works like stopping early: read their numbers with that in mind."
            )
    return notes


def json_safe(content: Any) -> Any:
    """Mappings, lists, strings, numbers and None only; a number that is not finite becomes None."""
    if isinstance(content, Mapping):
        return {str(key): json_safe(value) for key, value in content.items()}
    if isinstance(content, (str, bool)) or content is None:
        return content
    if isinstance(content, (int, np.integer)):
        return int(content)
    if isinstance(content, (float, np.floating)):
        return finite(float(content))
    return [json_safe(item) for item in content] if isinstance(content, Iterable) else str(content)
