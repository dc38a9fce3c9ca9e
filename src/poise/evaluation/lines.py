"""An evaluation as lines for people: a table for each section, then what the numbers mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from poise.direction import SIGN, shown
from poise.evaluation.report import EvaluationReport, Section, SeenClasses, place_of
from poise.metrics.core.rows import ScoreRow, gathered
from poise.metrics.core.statistics import Estimate
from poise.report.table import columns, number, worded
from poise.words import translated

HEAD = ("METRIC", "VALUE [95 % interval]", "N", "P", "A PERFECT GENERATOR", "COPIED TRAINING DATA", "BETTER", "")
LEGEND = (
    "N is generated/real. A perfect generator is fresh real data in the generator's place, copied training data is the",
    "training set in its place. A value differs where its interval and that of a perfect generator do not overlap.",
    "P is the p-value of the generator against what no difference, or no copying, would give, where there is a test.",
)


def evaluation_lines(report: EvaluationReport, to: str = "en") -> list[str]:
    """The content of an evaluation's report as text; `to`: zh or en, the language of its tables."""
    by_features = [found.section() for found in report.features]
    sections = [*by_features, *report.sections]
    lines = [_title(report)]
    for section in (*by_features, *(one for one in report.sections if one.rows)):
        lines += ["", f"{section.title}:", *_indented(_table(section, to)), *_indented(section.about)]
    lines += _shares(report, to)
    lines += _meanings(sections, to)
    notes = list(report.notes)
    for section in sections:
        notes += section.notes
    if notes:
        lines += ["", "Notes:", *_indented(gathered(notes))]
    return lines


def _title(report: EvaluationReport) -> str:
    names, counts = report.names, report.counts
    text = names.what
    if names.checkpoint:
        text += f" ({names.checkpoint})"
    text += f": {counts['made']:,} {report.noun} against {counts['heldout']:,} real ones of {names.against}"
    if names.trained_on:
        text += f", trained on {names.trained_on}"
    return text


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _table(section: Section, to: str) -> list[str]:
    rows = _against_real(section) if section.columns is None else _beside(section)
    return columns(worded(rows, range(3, len(rows[0])), to=to))


def _meanings(sections: Sequence[Section], to: str) -> list[str]:
    """What the numbers mean, for those that have to be explained."""
    titles: dict[str, str] = {}
    compared = False
    for section in sections:
        titles |= section.titles
        compared |= any(row.perfect for row in section.rows)
    if not titles:
        return []
    lines = ["", "How to read it:"]
    if compared:
        lines += _indented(LEGEND)
    ordered = sorted(titles.items(), key=lambda item: place_of(item[0]))
    return lines + _indented(columns([(name, translated(title, to)) for name, title in ordered]))


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
    if estimate is None or estimate.n == n:
        return _value(estimate)
    return f"{_value(estimate)} (of {estimate.n:,})"


def _verdict(row: ScoreRow, name: str) -> str:
    """Whether what was made is better than another column on the same recordings."""
    value, low, high = row.difference.get(name, (0.0, 0.0, 0.0))
    if low <= 0 <= high:
        return ""
    return " beaten" if value * SIGN[row.better] > 0 else " ahead"


def _p(p: float | None) -> str:
    if p is None:
        return ""
    if p >= 0.0005:
        return f"{p:.2g}"
    return "<0.0005"


def _value(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]"


def _shares(report: EvaluationReport, to: str, most: int = 20) -> list[str]:
    """How often the small classifier sees each class."""
    shares = report.class_shares
    if not shares:
        return []
    rows = [("CLASS", "GENERATED", "REAL")]
    rows += [(of.name, f"{100 * of.made:.1f} %", f"{100 * of.real:.1f} %") for of in shares[:most]]
    lines = ["", "Shares of the classes, as the small classifier sees them:", *_indented(columns(worded(rows, to=to)))]
    if len(shares) > most:
        lines.append(f"  and {len(shares) - most:,} more classes")
    return lines + _modes(report.class_modes)


def _modes(modes: SeenClasses | None) -> list[str]:
    if modes is None:
        return []
    return [
        f"  {modes.seen:,} of {modes.of:,} classes are generated; their shares are {number(modes.kl)} nats "
        f"(KL) from the real ones, by chance about {number(modes.kl_by_chance)}"
    ]
