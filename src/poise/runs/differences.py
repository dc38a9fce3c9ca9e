"""`poise runs diff`: what two runs were asked to do otherwise, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from poise.disk.description import RunSpec
from poise.disk.rows import StepRow
from poise.record import RunFolder
from poise.report.conclude import scores
from poise.report.table import columns, word, worded
from poise.runs.diagnosis import diagnosis
from poise.runs.further.lengthening import line_of
from poise.runs.listing import about
from poise.runs.report import RunReport

Values = dict[str, object]  # name -> what is compared
TITLES = {"asked": "Asked otherwise", "data and machine": "Otherwise found", "outcome": "What came out"}


def difference(one: RunFolder, other: RunFolder) -> dict[str, list[tuple[str, str, str]]]:
    """What differs between two runs: heading -> rows of (name, of one, of the other)."""
    found = differences([one, other])
    return {heading: [(name, mine, others) for name, mine, others in rows] for heading, rows in found.items()}


def differences(
    runs: Sequence[RunFolder],
    unfinished: bool = False,
    rows_of: Callable[[RunFolder], Sequence[StepRow]] = RunFolder.rows,
) -> dict[str, list[tuple[str, ...]]]:
    """The same of several runs: heading -> rows of (name, of each run). `unfinished`: of runs that are not done, too,
    the last scores and what is wrong; `rows_of`, the rows of a record, those with scores and the last at least."""
    specs = [run.spec() for run in runs]
    asked = _apart([asked_of(spec) for spec in specs])
    told = {name for name, *_ in asked}
    return {
        "asked": asked,
        "data and machine": [row for row in _apart([_flat(spec.facts) for spec in specs]) if row[0] not in told],
        "outcome": _apart([_outcome(run, unfinished, rows_of) for run in runs], all_of=True),
    }


def asked_of(spec: RunSpec) -> Values:
    """What a run was asked to do, flat: `generator.lr`; recipe and versions first."""
    found = {"recipe": spec.recipe, **spec.versions, **_flat(spec.arguments)}
    if spec.lengthened:
        found["lengthened"] = line_of(spec.lengthened)
    return found


def _flat(table: object, above: str = "") -> Values:
    """Nested tables as `generator.lr`; lists by place where they hold tables."""
    found: Values = {}
    if isinstance(table, dict):
        for key, value in table.items():
            found |= _flat(value, f"{above}.{key}" if above else str(key))
    elif isinstance(table, list) and any(isinstance(item, dict) for item in table):
        for i, value in enumerate(table):
            found |= _flat(value, f"{above}[{i}]")
    else:
        found[above] = table
    return found


def _outcome(folder: RunFolder, unfinished: bool, rows_of: Callable[[RunFolder], Sequence[StepRow]]) -> Values:
    """State, steps, the best score and those of the end, findings, seconds."""
    known = about(folder, rows_of, sized=False)
    found: Values = {"state": known.state, "steps": known.step}
    if known.best:
        found |= {f"best {known.best.score}": known.best.value, "best step": known.best.step}
    if folder.done:
        report = RunReport.of(folder)
        found |= _last(report.scores)
        for player, effect in report.penalties.items():
            found |= {f"{player} {name}": value for name, value in vars(effect).items()}
        found["found"] = ", ".join(finding.name for finding in report.findings) or "nothing"
    elif unfinished and (rows := rows_of(folder)):
        found |= _last(scores(rows))
        found["found"] = ", ".join(finding.name for finding in diagnosis(folder, rows).findings) or "nothing"
    return found


def _last(taken: Sequence[StepRow]) -> Values:
    last = taken[-1] if taken else StepRow()
    return {f"last {name}": value for name, value in last.items() if name != "step" and "." not in name}


def _apart(tables: Sequence[Values], all_of: bool = False) -> list[tuple[str, ...]]:
    rows = []
    for name in dict.fromkeys(name for table in tables for name in table):
        texts = [_text(table.get(name)) for table in tables]
        if all_of or len(set(texts)) > 1:
            rows.append((name, *texts))
    return rows


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def difference_lines(one: RunFolder, other: RunFolder) -> list[str]:
    """The same as tables for people."""
    return lines_of([one, other], differences([one, other]))


def lines_of(runs: Sequence[RunFolder], known: Mapping[str, Sequence[tuple[str, ...]]]) -> list[str]:
    """What `differences` found, as tables for people."""
    found = []
    for heading, rows in known.items():
        title = TITLES[heading]
        if rows:
            came_out = heading == "outcome"
            told = [(row[0], *_in_words(row)) for row in rows] if came_out else rows
            found += ["", *columns(worded([(title, *called(runs)), *told], {0} if came_out else (), heads=1))]
        else:
            found += ["", f"{title}: nothing"]
    return found[1:]


def _in_words(row: tuple[str, ...]) -> list[str]:
    """The values of an outcome, those that are words in the language that is asked for."""
    name, *values = row
    if name == "state":
        return [word("STATE", value) for value in values]
    return [word("found", value) for value in values] if name == "found" else values


def called(runs: Sequence[RunFolder]) -> list[str]:
    """The names of runs, or their paths where two have one name."""
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.path) for run in runs]
