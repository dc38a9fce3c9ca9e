"""What `poise evaluate` has left in the report of a run, as tables: values beside a perfect generator and copied
training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from poise.record import RunFolder
from poise.report.table import number
from poise.results.forms.document import Cells

HEAD = ("METRIC", "VALUE", "A PERFECT GENERATOR", "COPIED TRAINING DATA")
SIDES = ("made", "perfect", "copied")


def evaluation_tables(folder: RunFolder) -> list[Cells]:
    """A table for each evaluation and each extractor; what is no evaluation is left out."""
    entries = folder.report().get("evaluations") if folder.done else None
    found = []
    for entry in entries if isinstance(entries, list) else ():
        by = entry.get("by") if isinstance(entry, Mapping) else None
        for extractor, metrics in by.items() if isinstance(by, Mapping) else ():
            rows = _rows(metrics)
            if rows:
                where = f"{entry.get('checkpoint')} against {entry.get('against')}"
                found.append(Cells(f"Evaluated by {extractor}: {where}", HEAD, rows))
    return found


def _rows(metrics: object) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for name, values in metrics.items() if isinstance(metrics, Mapping) else ():
        if isinstance(values, Mapping):
            rows.append((str(name), *(_estimate(values.get(side)) for side in SIDES)))
    return [row for row in rows if row[1]]


def _estimate(found: object) -> str:
    """ "0.12 [0.1, 0.2]"; nothing where there is no number."""
    if not isinstance(found, Mapping):
        return ""
    value, low, high = (found.get(name) for name in ("value", "low", "high"))
    if not isinstance(value, int | float):
        return ""
    interval = isinstance(low, int | float) and isinstance(high, int | float)
    return f"{number(value)} [{number(low)}, {number(high)}]" if interval else number(value)  # type: ignore[arg-type]
