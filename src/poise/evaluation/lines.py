"""An evaluation as lines for people: a table for each section, then what the numbers mean."""

from __future__ import annotations

from poise.direction import SIGN, shown
from poise.evaluation.report import EvaluationReport, Section, SeenClasses, place_of
from poise.metrics.core.rows import ScoreRow, gathered
from poise.metrics.core.statistics import Estimate
from poise.report.table import columns, number

HEAD = ("METRIC", "VALUE [95 % interval]", "N", "P", "A PERFECT GENERATOR", "COPIED TRAINING DATA", "BETTER", "")
HOW = (
    "N is generated/real. A perfect generator is fresh real data in the generator's place, copied training data is the",
    "training set in its place. A value differs where its interval and that of a perfect generator do not overlap.",
    "P is the p-value of the generator against what no difference, or no copying, would give, where there is a test.",
)


def evaluation_lines(report: EvaluationReport) -> list[str]:
    """The content of an evaluation's report as text."""
    by_features = [found.section() for found in report.features]
    sections = [*by_features, *report.sections]
    lines = [_title(report)]
    for section in (*by_features, *(one for one in report.sections if one.rows)):
        table = _against_real(section) if section.columns is None else _beside(section)
        lines += ["", f"{section.title}:", *(f"  {line}" for line in columns(table))]
        lines += [f"  {line}" for line in section.about]
    lines += _shares(report)
    titles: dict[str, str] = {}
    for section in sections:
        titles |= section.titles
    if titles:
        ordered = sorted(titles.items(), key=lambda item: place_of(item[0]))
        how = HOW if any(row.perfect for section in sections for row in section.rows) else ()
        lines += ["", "How to read it:", *(f"  {line}" for line in how), *(f"  {line}" for line in columns(ordered))]
    notes = gathered([*report.notes, *(note for section in sections for note in section.notes)])
    return [*lines, *(["", "Notes:"] if notes else []), *(f"  {note}" for note in notes)]


def _title(report: EvaluationReport) -> str:
    names, counts = report.names, report.counts
    made = f"{names.what} ({names.checkpoint})" if names.checkpoint else names.what
    text = f"{made}: {counts['made']:,} {report.noun} against {counts['heldout']:,} real ones of {names.against}"
    return text + (f", trained on {names.trained_on}" if names.trained_on else "")


def _against_real(section: Section) -> list[tuple[str, ...]]:
    """Numbers beside those of a perfect generator, and of copied training data where some row has such."""
    table: list[tuple[str, ...]] = [HEAD]
    for row in section.rows:
        counts = f"{row.made.n:,}/{row.made.m:,}"
        values = [_value(row.perfect), _value(row.copied), shown(row.better, row.target)]
        table.append((row.metric, _value(row.made), counts, _p(row.made.p), *values, "differs" if row.differs else ""))
    if any(row.copied for row in section.rows):
        return table
    return [(*line[:5], *line[6:]) for line in table]


def _beside(section: Section) -> list[tuple[str, ...]]:
    """Numbers of pairs, with what could be played instead in further columns."""
    others = section.columns or ()
    table = [("METRIC", "VALUE [95 % interval]", "N", *(name.upper() for name in others), "BETTER")]
    for row in section.rows:
        made = row.made
        counts = f"{made.n:,}" if made.n == made.m else f"{made.n:,} of {made.m:,}"
        cells = [f"{_other(row.beside.get(name), made.n)}{_verdict(row, name)}" for name in others]
        table.append((row.metric, _value(made), counts, *cells, shown(row.better, row.target)))
    return table


def _other(estimate: Estimate | None, n: int) -> str:
    """A value of another column, with the number of recordings where it is not that of the first one."""
    of = f" (of {estimate.n:,})" if estimate and estimate.n != n else ""
    return f"{_value(estimate)}{of}"


def _verdict(row: ScoreRow, name: str) -> str:
    """Whether what was made is better than another column on the same recordings."""
    value, low, high = row.difference.get(name, (0.0, 0.0, 0.0))
    if low <= 0 <= high:
        return ""
    return " beaten" if value * SIGN[row.better] > 0 else " ahead"


def _p(p: float | None) -> str:
    return "" if p is None else f"{p:.2g}" if p >= 0.0005 else "<0.0005"


def _value(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]"


def _shares(report: EvaluationReport, most: int = 20) -> list[str]:
    """How often the small classifier sees each class."""
    shares = report.class_shares
    if not shares:
        return []
    rows = [("CLASS", "GENERATED", "REAL")]
    rows += [(of.name, f"{100 * of.made:.1f} %", f"{100 * of.real:.1f} %") for of in shares[:most]]
    more = [f"  and {len(shares) - most:,} more classes"] if len(shares) > most else []
    return [
        "",
        "Shares of the classes, as the small classifier sees them:",
        *(f"  {line}" for line in columns(rows)),
        *more,
        *_modes(report.class_modes),
    ]


def _modes(modes: SeenClasses | None) -> list[str]:
    if modes is None:
        return []
    return [
        f"  {modes.seen:,} of {modes.of:,} classes are generated; their shares are {number(modes.kl)} nats "
        f"(KL) from the real ones, by chance about {number(modes.kl_by_chance)}"
    ]
