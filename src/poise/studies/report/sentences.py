"""What a study says in words: sentences, a table for the terminal, and the same in Markdown. From its outcome alone."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import chain

from poise.report.table import columns, markdown_table, markdown_text
from poise.studies.comparison.outcome import (
    ClaimOutcome,
    Contrast,
    EndpointSummary,
    PartSummary,
    Proportion,
    StudyOutcome,
)
from poise.studies.comparison.text import bare, change_text, level, plain_number, probability, seeds

HEAD = ("ARM", "AGAINST", "CHANGE [95 % interval]", "PAIRS", "P", "ADJUSTED", "EQUIVALENT", "D ALIVE", "VERDICT")
RAW = "P is of this comparison alone: how often chance flips of signs would give so large a mean difference (exact)."
HOLM = "Adjusted: the claims together (Holm); below {alpha}, the chance of any false claim is at most {alpha}."
BH = "Adjusted: all comparisons no claim rests on together (Benjamini & Hochberg), for looking around."
SAME = "Equivalent: p of two one-sided t tests against the margin, the smallest change that was said to matter."
Table = tuple[str, list[tuple[str, ...]]]  # a title; rows, the first being the head


def lines(outcome: StudyOutcome) -> list[str]:
    """The outcome as sentences: verdicts, every contrast (those of the claims first), notes."""
    found = [f"{outcome.plan.name}: {outcome.plan.question}", counted(outcome)]
    if outcome.claims:
        found.append("")
    for claim in outcome.claims:
        found += [f"{claim.verdict.upper()}: {claim.says}", f"  {_claimed(claim)}"]
    for (part, endpoint), rows in rows_by_endpoint(outcome).items():
        found += ["", f"{part}, {endpoint}:", *(f"  {sentence(outcome, row)}" for row in rows)]
    notes = notes_of(outcome)
    return [*found, "", *notes] if notes else found


def rows_by_endpoint(outcome: StudyOutcome) -> dict[tuple[str, str], list[Contrast]]:
    """(part, endpoint) -> its contrasts, those that a claim rests on first; endpoints of claims before all others.

    A test that several claims rest on is told once.
    """
    tests: dict[tuple[str, ...], Contrast] = {}
    for claim in outcome.claims:
        for row in claim.tests:
            tests.setdefault((row.part, row.endpoint, row.arm, row.against, str(row.expect)), row)
    found: dict[tuple[str, str], list[Contrast]] = {}
    for row in [*tests.values(), *outcome.comparisons]:
        if not row.primary:
            found.setdefault((row.part, row.endpoint), []).append(row)
    return found


def sentence(outcome: StudyOutcome, row: Contrast) -> str:
    """ "both (l2 0.003) against none: KID −12 % [−18, −5], 10 seeds, p = .002, Holm .004; D alive in 10 of 10"."""
    start = f"{_with_arguments(row)} against {row.against}: {row.endpoint}"
    change = row.change
    if change is None:
        return f"{start}: {row.reason}" if row.reason else f"{start}: no pair of runs yet"
    text = f"{start} {change_text(change)}, {seeds(row.n)}"
    if row.n < row.planned:
        text += f" of {row.planned}"
    text += f", p {probability(change.p)}"
    if row.expect == "no worse":
        text += " that it is no worse"
    if change.adjusted_p is not None:
        text += f", {_adjustment(row)} {bare(change.adjusted_p)}"
    if change.equivalence and change.equivalence.within:
        text += f"; no change that matters (equivalence p {probability(change.equivalence.p)})"
    alive = _alive(outcome, row)
    if alive:
        text += f"; D alive in {alive}"
    if row.worst_seeds:
        text += f"; diverged or not finite in {seeds(len(row.worst_seeds))}, counted as worst"
    if row.expect:
        text += f": {row.verdict}"
    return text


def tables(outcome: StudyOutcome) -> list[Table]:
    """Titles and rows, the first row being the head: a table for each endpoint, then the runs of each part."""
    found = []
    for (part, endpoint), rows in rows_by_endpoint(outcome).items():
        found.append((f"{part}: {endpoint} ({rows[0].better} is better)", _cells(outcome, rows)))
    return found + [(f"Runs of {part.name}", arm_rows(part)) for part in outcome.parts]


def table(outcome: StudyOutcome) -> str:
    """Everything as aligned plain text."""
    found = [f"{outcome.plan.name}: {outcome.plan.question}", counted(outcome)]
    for claim in outcome.claims:
        found += ["", f"{claim.verdict.upper()}: {claim.says}", f"  {_claimed(claim)}"]
    for title, rows in tables(outcome):
        found += ["", title, *(f"  {line}" for line in columns(rows))]
    return "\n".join([*found, "", *notes_of(outcome)]) + "\n"


def markdown(outcome: StudyOutcome) -> str:
    """Everything as Markdown."""
    found = [
        f"# {markdown_text(outcome.plan.name)}",
        "",
        markdown_text(outcome.plan.question),
        "",
        markdown_text(counted(outcome)),
        "",
    ]
    if outcome.claims:
        head = ("Claim", "Verdict", "Why", "p", "Holm")
        cells = [(c.says, c.verdict, c.reason, bare(c.p), bare(c.adjusted_p)) for c in outcome.claims]
        found += [*markdown_table([head, *cells]), ""]
    for title, rows in tables(outcome):
        found += [f"## {markdown_text(title)}", "", *markdown_table(rows), ""]
    return "\n".join([*found, *(f"- {markdown_text(note)}" for note in notes_of(outcome))]) + "\n"


def _cells(outcome: StudyOutcome, rows: Sequence[Contrast]) -> list[tuple[str, ...]]:
    """Head and rows; columns in which no row has anything are left out."""
    cells = [HEAD, *(_cells_of(outcome, row) for row in rows)]
    return _filled(cells, range(5))


def _cells_of(outcome: StudyOutcome, row: Contrast) -> tuple[str, ...]:
    p, adjusted, same = _tested(row)
    if row.expect:
        verdict = f"'{row.expect}' was expected: {row.verdict}"
    else:
        verdict = "" if outcome.complete else "unfinished"
    pairs = str(row.n) if row.n == row.planned else f"{row.n} of {row.planned}"
    alive = _alive(outcome, row)
    return _with_arguments(row), row.against, change_text(row.change), pairs, p, adjusted, same, alive, verdict


def _tested(row: Contrast) -> tuple[str, str, str]:
    """p, adjusted p and equivalence as far as they are known."""
    change = row.change
    if change is None:
        return bare(None), "", ""
    adjusted = same = ""
    if change.adjusted_p is not None:
        adjusted = f"{bare(change.adjusted_p)} {_adjustment(row)}"
    if change.equivalence is not None:
        within = "yes" if change.equivalence.within else "no"
        same = f"{bare(change.equivalence.p)} {within}"
    return bare(change.p), adjusted, same


def _filled(rows: Sequence[tuple[str, ...]], always: Container[int]) -> list[tuple[str, ...]]:
    """Without the columns, other than those of `always`, in which no row below the head has anything."""
    kept = []
    for i in range(len(rows[0])):
        if i in always or any(row[i] for row in rows[1:]):
            kept.append(i)
    return [tuple(row[i] for i in kept) for row in rows]


def arm_rows(part: PartSummary) -> list[tuple[str, ...]]:
    """For each arm of a part: how many runs there are, whether D lived, what was found, and the means ± s.d."""
    endpoints = [endpoint.name for endpoint in part.endpoints]
    rows: list[tuple[str, ...]] = [("ARM", "DONE", "DIVERGED", "D ALIVE", *endpoints, "FOUND")]
    for arm in part.arms:
        lived = _share(arm.alive) if arm.alive else ""
        found = "; ".join(f"{name} {_share(of)}" for name, of in arm.findings.items())
        means = (_mean(arm.endpoints[name]) for name in endpoints)
        done = f"{arm.done} of {arm.planned}"
        rows.append((arm.name, done, str(arm.diverged or ""), lived, *means, found))
    return _filled(rows, {0, 1, *range(4, 4 + len(endpoints))})


def _share(share: Proportion) -> str:
    return f"{share.k} of {share.n} [{100 * share.low:.0f}, {100 * share.high:.0f} %]"


def _mean(values: EndpointSummary) -> str:
    if values.mean is None:
        return "-"
    if values.sd is None:
        return plain_number(values.mean)
    return f"{plain_number(values.mean)} ± {plain_number(values.sd)}"


def notes_of(outcome: StudyOutcome) -> list[str]:
    """What has to be known to read the numbers: unfinished, diverged, too few seeds, which p is which."""
    rows = list(chain.from_iterable(rows_by_endpoint(outcome).values()))
    alpha = level(outcome.plan.alpha)
    notes = [*outcome.notes, *(f"{line[0].upper()}{line[1:]}." for line in outcome.before[1:])]
    if rows:
        notes.append(RAW)
    if any(row.expect for row in rows):
        notes.append(HOLM.format(alpha=alpha))
    if not all(row.expect for row in rows):
        notes.append(BH)
    if any(row.change and row.change.equivalence for row in rows):
        notes.append(SAME)
    return notes


def counted(outcome: StudyOutcome) -> str:
    runs = outcome.runs
    text = f"{runs.done:,} of {runs.planned:,} runs done"
    if runs.diverged:
        text += f", {runs.diverged:,} diverged"
    if runs.missing:
        text += f", {runs.missing:,} missing: UNFINISHED, nothing is decided yet"
    return text


def _claimed(claim: ClaimOutcome) -> str:
    """The reason, and with several tests the p of the claim as a whole."""
    if claim.verdict == "unfinished" or len(claim.tests) == 1:
        return claim.reason
    return f"{claim.reason} (claim: p {probability(claim.p)}, Holm {bare(claim.adjusted_p)})"


def _alive(outcome: StudyOutcome, row: Contrast) -> str:
    alive = outcome.part(row.part).arm(row.arm).alive
    return f"{alive.k} of {alive.n}" if alive else ""


def _with_arguments(row: Contrast) -> str:
    return f"{row.arm} ({row.differs})" if row.differs else row.arm


def _adjustment(row: Contrast) -> str:
    return "Holm" if row.expect else "BH"
