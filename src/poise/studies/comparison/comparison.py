"""All contrasts of a study: plan and results -> its outcome, a pure function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from poise.direction import SIGN
from poise.studies.comparison.before import before, check
from poise.studies.comparison.outcome import ClaimOutcome, Contrast, GuardOutcome, RunCounts, StudyOutcome
from poise.studies.comparison.pairs import compared
from poise.studies.comparison.readout import Readout, part_summary, readouts, runs_of
from poise.studies.comparison.statistics import benjamini_hochberg, holm, intersection_union, no_worse
from poise.studies.comparison.verdicts import Verdict, claim_verdict, verdict_of
from poise.studies.plans.plan import Part, Plan, Result, Test

__all__ = ["before", "compare"]

NOTHING = "nothing was learnt"  # the finding of that name


def compare(plan: Plan, results: Sequence[Result]) -> StudyOutcome:
    """What the runs of a study say, the same for the same runs in whatever order.

    Claims have verdict, reason, p, adjusted_p (Holm) and tests; `comparisons` are those of each arm with the part's
    reference (adjusted by Benjamini & Hochberg where no claim rests on it).

    A diverged run, or a number that is not finite, counts as the worst finite value that any run of its part has.
    While runs miss every verdict is "unfinished". Errors: PoiseError for runs that do not fit the plan, a finished run
    without its number, or a claim that cannot be tested (see `before`).
    """
    check(plan)
    found = readouts(plan, results)
    counts = _counts(plan, results)
    return StudyOutcome(
        plan=plan,
        runs=counts,
        claims=_claims(plan, found, counts.missing),
        comparisons=_others(plan, found),
        parts=[part_summary(found[part.name]) for part in plan.parts],
        table_of_runs=[row for part in found.values() for row in runs_of(part)],
        before=before(plan),
        notes=_notes(plan, found, counts),
    )


def _counts(plan: Plan, results: Sequence[Result]) -> RunCounts:
    planned = sum(len(part.arms) * len(part.seeds) for part in plan.parts)
    diverged = sum(result.state == "diverged" for result in results)
    return RunCounts(planned, len(results) - diverged, diverged, planned - len(results))


def _claims(plan: Plan, found: Mapping[str, Readout], missing: int) -> list[ClaimOutcome]:
    tested = [[_tested(plan, found[test.part], test) for test in claim.tests] for claim in plan.claims]
    counted = [intersection_union([row.p_claimed for row in rows]) for rows in tested]
    adjusted = holm(counted)
    claims = []
    for i, claim in enumerate(plan.claims):
        rows = []
        for row in tested[i]:
            row = replace(row, unlearnt=_unlearnt(found[row.part], row))
            if row.change is not None:  # as if its claim had this test alone
                alone = [*counted[:i], row.p_claimed, *counted[i + 1 :]]
                row = replace(row, change=replace(row.change, adjusted_p=holm(alone)[i]))
            verdict = Verdict("unfinished", "runs are missing")
            if not missing:
                verdict = verdict_of(row, plan.alpha, len(plan.claims))
            rows.append(replace(row, verdict=verdict.verdict, reason=verdict.reason))
        whole = claim_verdict(rows, missing)
        claims.append(ClaimOutcome(claim.says, claim.because, *whole, counted[i], adjusted[i], rows))
    return claims


def _without_learning(readout: Readout, arm: str) -> tuple[int, int]:
    """How many runs of an arm ended with nothing learnt, and how many came to their end."""
    runs = [result for result in readout.of(arm) if result.state == "done"]
    return sum(NOTHING in result.findings for result in runs), len(runs)


def _unlearnt(readout: Readout, row: Contrast) -> str:
    """ "9 of 10 and 10 of 10" where most runs of both arms have learnt nothing."""
    counts = [_without_learning(readout, arm) for arm in (row.arm, row.against)]
    if not all(2 * n > runs for n, runs in counts):
        return ""
    return " and ".join(f"{n} of {runs}" for n, runs in counts)


def _tested(plan: Plan, readout: Readout, test: Test) -> Contrast:
    """A contrast with what is expected of it; `p_claimed` is 1 where it goes the other way, or has no pair yet."""
    endpoint = readout.part.endpoint(test.endpoint)
    worse = -SIGN[endpoint.better]
    row = compared(readout, endpoint, test.arm, test.against, plan.alpha)
    row = replace(row, expect=test.expect, worse=worse, provided=_guard(readout, test))
    change = row.change
    if change is None:
        return row
    if test.expect == "no worse":
        if change.margin is None:
            return row
        p = no_worse([worse * d for d in change.differences.values()], change.margin)
        return replace(row, change=replace(change, p=p), p_claimed=p)
    return replace(row, p_claimed=change.p) if SIGN[test.expect] * change.estimate > 0 else row


def _guard(readout: Readout, test: Test) -> GuardOutcome | None:
    """What the test is provided with; a diverged run counts as the least value of the part."""
    if test.provided is None:
        return None
    name, least = test.provided
    values = readout.values(test.arm, readout.part.endpoint(name), min)
    mean = float(np.mean(list(values.values()))) if values else None
    return GuardOutcome(name, least, mean, mean is not None and mean >= least)


def _others(plan: Plan, found: Mapping[str, Readout]) -> list[Contrast]:
    """Each arm against the reference of its part, by endpoint; adjusted together where no claim tests the same."""
    claimed = set()
    for claim in plan.claims:
        for test in claim.tests:
            if test.expect in SIGN:
                claimed.add((test.part, test.endpoint, frozenset((test.arm, test.against))))
    rows = []
    for part in plan.parts:
        for endpoint in part.endpoints:
            for arm in (arm.name for arm in part.arms if arm.name != part.against):
                row = compared(found[part.name], endpoint, arm, part.against, plan.alpha)
                primary = (part.name, endpoint.name, frozenset((arm, part.against))) in claimed
                rows.append(replace(row, primary=primary))
    changes = {i: row.change for i, row in enumerate(rows) if row.change is not None and not row.primary}
    adjusted = benjamini_hochberg([change.p for change in changes.values()])
    for (i, change), p in zip(changes.items(), adjusted, strict=True):
        rows[i] = replace(rows[i], change=replace(change, adjusted_p=p))
    return rows


def _notes(plan: Plan, found: Mapping[str, Readout], counts: RunCounts) -> list[str]:
    notes = []
    if counts.missing:
        notes.append(
            f"Unfinished: {counts.missing:,} of {counts.planned:,} runs are missing. The numbers so far decide "
            f"nothing; stopping as soon as they please would make their p-values false."
        )
    for part in plan.parts:
        notes += _notes_of_part(part, found[part.name])
    return notes


def _notes_of_part(part: Part, readout: Readout) -> list[str]:
    notes = []
    gone, lost, unlearnt, dead = [], [], [], []
    for arm in part.arms:
        diverged = readout.diverged(arm.name)
        if diverged:
            gone.append(f"{diverged} of arm {arm.name}")
        n, runs = _without_learning(readout, arm.name)
        if n:
            unlearnt.append(f"{n} of {runs} of arm {arm.name}")
        alive = [result.alive for result in readout.of(arm.name) if result.alive is not None]
        if not all(alive):
            dead.append(f"{alive.count(False)} of {len(alive)} of arm {arm.name}")
    for endpoint in part.endpoints:
        if why := readout.no_ratio(endpoint):
            notes.append(f"Part {part.name}: '{endpoint.name}' is not compared: {why}.")
        runs_without = sorted(readout.worst(endpoint) - readout.gone)
        if runs_without:
            lost.append(f"{endpoint.name}: {', '.join(f'{arm}, seed {seed}' for arm, seed in runs_without)}")
    if gone:
        notes.append(
            f"Part {part.name}: runs diverged ({', '.join(gone)}). They are kept, with the worst value that any run of "
            f"the part has."
        )
    if lost:
        told = ", ".join(lost)
        notes.append(f"Part {part.name}: numbers that are not finite ({told}) count as those of diverged runs do.")
    if unlearnt:
        notes.append(
            f"Part {part.name}: nothing was learnt in runs ({', '.join(unlearnt)}): their numbers are those of samples "
            f"that are no better than a flat picture, and say nothing of the arms. Train longer, or at other rates."
        )
    if dead:
        notes.append(
            f"Part {part.name}: the discriminator was dead at the end of runs ({', '.join(dead)}). A dead one shows no "
            f"overfitting, and its death works like stopping early: read their numbers with that in mind."
        )
    return notes
