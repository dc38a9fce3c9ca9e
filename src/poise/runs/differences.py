"""`poise runs diff`: what two runs were asked to do otherwise, and what came out."""

from __future__ import annotations

from poise.disk.description import RunSpec
from poise.record import RunFolder
from poise.report.table import columns
from poise.runs.further.lengthening import line_of
from poise.runs.listing import about
from poise.runs.report import RunReport

Values = dict[str, object]  # name -> what is compared
TITLES = {"asked": "Asked otherwise", "data and machine": "Otherwise found", "outcome": "What came out"}


def difference(one: RunFolder, other: RunFolder) -> dict[str, list[tuple[str, str, str]]]:
    """What differs between two runs: heading -> rows of (name, of one, of the other)."""
    mine, others = one.spec(), other.spec()
    asked = _apart(asked_of(mine), asked_of(others))
    told = {name for name, *_ in asked}
    return {
        "asked": asked,
        "data and machine": [row for row in _apart(_flat(mine.facts), _flat(others.facts)) if row[0] not in told],
        "outcome": _apart(_outcome(one), _outcome(other), all_of=True),
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


def _outcome(folder: RunFolder) -> Values:
    """State, steps, the best score and those of the end, findings, seconds."""
    known = about(folder)
    found: Values = {"state": known.state, "steps": known.step}
    if known.best:
        found |= {f"best {known.best.score}": known.best.value, "best step": known.best.step}
    if folder.done:
        report = RunReport.of(folder)
        if report.scores:
            last = report.scores[-1]
            found |= {f"last {name}": value for name, value in last.items() if name != "step" and "." not in name}
        for player, effect in report.penalties.items():
            found |= {f"{player} {name}": value for name, value in vars(effect).items()}
        found["found"] = ", ".join(finding.name for finding in report.findings) or "nothing"
    return found


def _apart(one: Values, other: Values, all_of: bool = False) -> list[tuple[str, str, str]]:
    rows = []
    for name in one | other:
        a, b = _text(one.get(name)), _text(other.get(name))
        if all_of or a != b:
            rows.append((name, a, b))
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
    found = []
    names = (one.name, other.name)
    if one.name == other.name:
        names = (str(one.path), str(other.path))
    for heading, rows in difference(one, other).items():
        title = TITLES[heading]
        if rows:
            found += ["", *columns([(title, *names), *rows])]
        else:
            found += ["", f"{title}: nothing"]
    return found[1:]
