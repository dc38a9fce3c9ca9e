"""What a study says in words: sentences, a table for the terminal, and the same in Markdown. From study.json alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from poise.report.table import columns
from poise.studies.comparison.text import bare, change, level, plain_number, probability, seeds

HEAD = ("ARM", "AGAINST", "CHANGE [95 % interval]", "PAIRS", "P", "ADJUSTED", "EQUIVALENT", "D ALIVE", "VERDICT")
RAW = "P is of this comparison alone: how often chance flips of signs would give so large a mean difference (exact)."
HOLM = "Adjusted: the claims together (Holm); below {alpha}, the chance of any false claim is at most {alpha}."
BH = "Adjusted: all comparisons no claim rests on together (Benjamini & Hochberg), for looking around."
SAME = "Equivalent: p of two one-sided t tests against the margin, the smallest change that was said to matter."


def lines(outcome: Mapping[str, Any]) -> list[str]:
    """The content of study.json as sentences: verdicts, every comparison (those of the claims first), notes."""
    found = [f"{outcome['name']}: {outcome['question']}", counted(outcome), *([""] if outcome["claims"] else [])]
    for claim in outcome["claims"]:
        found += [f"{claim['verdict'].upper()}: {claim['says']}", f"  {_claimed(claim)}"]
    rows = rows_by_endpoint(outcome)
    for (part, endpoint), members in rows.items():
        found += ["", f"{part}, {endpoint}:", *(f"  {sentence(outcome, row)}" for row in members)]
    notes = notes_of(outcome)
    return [*found, "", *notes] if notes else found


def rows_by_endpoint(outcome: Mapping[str, Any]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """(part, endpoint) -> its comparisons, those that a claim rests on first; endpoints of claims before all others."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in [*_once(row for claim in outcome["claims"] for row in claim["tests"]), *outcome["comparisons"]]:
        if not row.get("primary"):
            found.setdefault((row["part"], row["endpoint"]), []).append(row)
    return found


def _once(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A test that several claims rest on is told once."""
    kept: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for row in rows:
        kept.setdefault(tuple(row[key] for key in ("part", "endpoint", "arm", "against", "expect")), row)
    return list(kept.values())


def sentence(outcome: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """ "both (l2 0.003) against none: KID −12 % [−18, −5], 10 seeds, p = .002, Holm .004; D alive in 10 of 10"."""
    does = f" ({row['differs']})" if row["differs"] else ""
    start = f"{row['arm']}{does} against {row['against']}: {row['endpoint']}"
    if row["estimate"] is None:
        return f"{start}: no pair of runs yet"
    of = f" of {row['planned']}" if row["n"] < row["planned"] else ""
    beaten = f" that it is {row['expect']}" if row.get("expect") == "no worse" else ""
    adjusted = f", {_how(row)} {bare(row['adjusted_p'])}" if row["adjusted_p"] is not None else ""
    text = f"{start} {change(row)}, {seeds(row['n'])}{of}, p {probability(row['p'])}{beaten}{adjusted}"
    if row["equivalence"] and row["equivalence"]["within"]:
        text += f"; no change that matters (equivalence p {probability(row['equivalence']['p'])})"
    alive = _alive(outcome, row)
    text += f"; D alive in {alive}" if alive else ""
    if row["worst_seeds"]:
        text += f"; diverged or not finite in {seeds(len(row['worst_seeds']))}, counted as worst"
    return f"{text}: {row['verdict']}" if "verdict" in row else text


def tables(outcome: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Titles and rows, the first row being the head: a table for each endpoint, then the runs of each part."""
    found = [
        (f"{part}: {endpoint}{_better(outcome, part, endpoint)}", _cells(outcome, rows))
        for (part, endpoint), rows in rows_by_endpoint(outcome).items()
    ]
    return found + [(f"Runs of {part['name']}", arm_rows(part)) for part in outcome["parts"]]


def table(outcome: Mapping[str, Any]) -> str:
    """Everything as aligned plain text."""
    found = [f"{outcome['name']}: {outcome['question']}", counted(outcome)]
    for claim in outcome["claims"]:
        found += ["", f"{claim['verdict'].upper()}: {claim['says']}", f"  {_claimed(claim)}"]
    for title, rows in tables(outcome):
        found += ["", title, *(f"  {line}" for line in columns(rows))]
    return "\n".join([*found, "", *notes_of(outcome)]) + "\n"


def markdown(outcome: Mapping[str, Any]) -> str:
    """Everything as Markdown."""
    found = [f"# {_md(outcome['name'])}", "", _md(outcome["question"]), "", _md(counted(outcome)), ""]
    if outcome["claims"]:
        head = ("Claim", "Verdict", "Why", "p", "Holm")
        cells = [(c["says"], c["verdict"], c["reason"], bare(c["p"]), bare(c["adjusted_p"])) for c in outcome["claims"]]
        found += [*_md_table([head, *cells]), ""]
    for title, rows in tables(outcome):
        found += [f"## {_md(title)}", "", *_md_table(rows), ""]
    return "\n".join([*found, *(f"- {_md(note)}" for note in notes_of(outcome))]) + "\n"


def _cells(outcome: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Head and rows; columns in which no row has anything are left out."""
    cells: list[tuple[str, ...]] = []
    for row in rows:
        same = row["equivalence"]
        inside = f"{bare(same['p'])} {'yes' if same['within'] else 'no'}" if same else ""
        named = f"{row['arm']} ({row['differs']})" if row["differs"] else row["arm"]
        verdict = row.get("verdict", "" if outcome["complete"] else "unfinished")
        expected = f"'{row['expect']}' was expected: {verdict}" if "expect" in row else verdict
        pairs = str(row["n"]) if row["n"] == row["planned"] else f"{row['n']} of {row['planned']}"
        adjusted = f"{bare(row['adjusted_p'])} {_how(row)}" if row["adjusted_p"] is not None else ""
        cells.append(
            (
                named,
                row["against"],
                change(row),
                pairs,
                bare(row["p"]),
                adjusted,
                inside,
                _alive(outcome, row),
                expected,
            )
        )
    kept = [i for i, name in enumerate(HEAD) if i < 5 or any(row[i] for row in cells)]
    return [tuple(row[i] for i in kept) for row in (HEAD, *cells)]


def arm_rows(part: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For each arm of a part: how many runs there are, whether D lived, what was found, and the means ± s.d."""
    endpoints = [endpoint["name"] for endpoint in part["endpoints"]]
    rows: list[tuple[str, ...]] = [("ARM", "DONE", "DIVERGED", "D ALIVE", *endpoints, "FOUND")]
    for arm in part["arms"]:
        alive = arm["alive"]
        lived = f"{_of(alive)} {_shares(alive)}" if alive else ""
        found = "; ".join(f"{of['name']} {_of(of)} {_shares(of)}" for of in arm["findings"])
        means = (_mean(arm["endpoints"][name]) for name in endpoints)
        done = f"{arm['done']} of {arm['planned']}"
        rows.append((arm["name"], done, str(arm["diverged"] or ""), lived, *means, found))
    kept = [i for i, name in enumerate(rows[0]) if i < 2 or name in endpoints or any(row[i] for row in rows[1:])]
    return [tuple(row[i] for i in kept) for row in rows]


def _of(share: Mapping[str, Any]) -> str:
    return f"{share['k']} of {share['n']}"


def _shares(share: Mapping[str, Any]) -> str:
    return f"[{100 * share['low']:.0f}, {100 * share['high']:.0f} %]"


def _mean(values: Mapping[str, Any]) -> str:
    if values["mean"] is None:
        return "-"
    return plain_number(values["mean"]) + (f" ± {plain_number(values['sd'])}" if values["sd"] is not None else "")


def notes_of(outcome: Mapping[str, Any]) -> list[str]:
    """What has to be known to read the numbers: unfinished, diverged, too few seeds, which p is which."""
    rows = [row for rows in rows_by_endpoint(outcome).values() for row in rows]
    alpha = level(outcome["alpha"])
    notes = [*outcome["notes"], *(f"{line[0].upper()}{line[1:]}." for line in outcome["before"][1:])]
    if rows:
        notes.append(RAW)
    if any("expect" in row for row in rows):
        notes.append(HOLM.format(alpha=alpha))
    if any("expect" not in row for row in rows):
        notes.append(BH)
    if any(row["equivalence"] for row in rows):
        notes.append(SAME)
    return notes


def counted(outcome: Mapping[str, Any]) -> str:
    runs = outcome["runs"]
    text = f"{runs['done']:,} of {runs['planned']:,} runs done"
    text += f", {runs['diverged']:,} diverged" if runs["diverged"] else ""
    return text + (f", {runs['missing']:,} missing: UNFINISHED, nothing is decided yet" if runs["missing"] else "")


def _claimed(claim: Mapping[str, Any]) -> str:
    """The reason, and with several tests the p of the claim as a whole."""
    if claim["verdict"] == "unfinished" or len(claim["tests"]) == 1:
        return str(claim["reason"])
    return f"{claim['reason']} (claim: p {probability(claim['p'])}, Holm {bare(claim['adjusted_p'])})"


def _alive(outcome: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    part = next(part for part in outcome["parts"] if part["name"] == row["part"])
    alive = next(arm["alive"] for arm in part["arms"] if arm["name"] == row["arm"])
    return _of(alive) if alive else ""


def _better(outcome: Mapping[str, Any], part: str, endpoint: str) -> str:
    facts = next(p for p in outcome["parts"] if p["name"] == part)["endpoints"]
    return f" ({next(e for e in facts if e['name'] == endpoint)['better']} is better)"


def _how(row: Mapping[str, Any]) -> str:
    return "Holm" if "expect" in row else "BH"


def _md(text: str) -> str:
    """Text that means itself in Markdown."""
    flat = " ".join(str(text).split())
    for mark in "\\`*_[]<>|#":
        flat = flat.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    return flat


def _md_table(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *others = [f"| {' | '.join(_md(cell) for cell in row)} |" for row in rows]
    return [head, f"|{'---|' * len(rows[0])}", *others]
