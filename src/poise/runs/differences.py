"""`poise runs diff`: what two runs were asked to do otherwise, and what came out."""

from __future__ import annotations

from collections.abc import Sequence

from poise.record import RunFolder
from poise.report.table import columns
from poise.runs.listing import about
from poise.runs.report import RunReport

Values = dict[str, object]  # name -> what is compared


def difference(one: RunFolder, other: RunFolder) -> dict[str, list[tuple[str, str, str]]]:
    """What differs between two runs: heading -> rows of (name, of one, of the other)."""
    specs = [folder.spec() for folder in (one, other)]
    asked = _apart([{"recipe": spec.recipe, **spec.versions, **_flat(spec.arguments)} for spec in specs])
    facts = [_flat(spec.facts) for spec in specs]
    outcomes = [_outcome(folder) for folder in (one, other)]
    same = {name for name, *_ in asked}
    return {
        "asked": asked,
        "data and machine": [row for row in _apart(facts) if row[0] not in same],
        "outcome": _apart(outcomes, all_of=True),
    }


def _flat(table: object, above: str = "") -> Values:
    """Nested tables as `generator.lr`; lists by place where they hold tables."""
    if isinstance(table, dict):
        pairs = [_flat(value, f"{above}.{key}" if above else str(key)) for key, value in table.items()]
    elif isinstance(table, list) and any(isinstance(item, dict) for item in table):
        pairs = [_flat(value, f"{above}[{i}]") for i, value in enumerate(table)]
    else:
        return {above: table}
    return {key: value for pair in pairs for key, value in pair.items()}


def _outcome(folder: RunFolder) -> Values:
    """State, steps, the best score and those of the end, findings, seconds."""
    known = about(folder)
    found: Values = {"state": known.state, "steps": known.step}
    if known.best:
        found |= {f"best {known.best.score}": known.best.value, "best step": known.best.step}
    if folder.done:
        report = RunReport.of(folder)
        last = report.scores[-1] if report.scores else {}
        found |= {f"last {name}": value for name, value in last.items() if name != "step" and "." not in name}
        for player, effect in report.penalties.items():
            found |= {f"{player} {name}": value for name, value in vars(effect).items()}
        found["found"] = ", ".join(finding.name for finding in report.findings) or "nothing"
    return found


def _apart(tables: Sequence[Values], all_of: bool = False) -> list[tuple[str, str, str]]:
    names = dict.fromkeys(name for table in tables for name in table)
    rows = [(name, *(_text(table.get(name)) for table in tables)) for name in names]
    return [(name, a, b) for name, a, b in rows if all_of or a != b]


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def difference_lines(one: RunFolder, other: RunFolder) -> list[str]:
    """The same as tables for people."""
    found = []
    names = (one.name, other.name) if one.name != other.name else (str(one.path), str(other.path))
    for heading, rows in difference(one, other).items():
        title = {"asked": "Asked otherwise", "data and machine": "Otherwise found", "outcome": "What came out"}[heading]
        body = columns([(title, *names), *rows]) if rows else [f"{title}: nothing"]
        found += ["", *body]
    return found[1:]
