"""An evaluation as lines for people: a table for each extractor, then what the numbers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from poise.report.table import columns, number

HEAD = ("METRIC", "VALUE [95 % interval]", "N", "P", "A PERFECT GENERATOR", "COPIED TRAINING DATA", "BETTER", "")
FIRST = ("KID", "FD")  # to be read first; the others follow in the order of the registry
BETTER = {"low": "lower", "high": "higher", "at": "as real"}
HOW = (
    "N is generated/real. A perfect generator is fresh real data in the generator's place, copied training data is the",
    "training set in its place. A value differs where its interval and that of a perfect generator do not overlap.",
    "P is the p-value of the generator against what no difference, or no copying, would give, where there is a test.",
)


def evaluation_lines(report: Mapping[str, Any]) -> list[str]:
    """The content of an evaluation's report as text."""
    lines = [_title(report)]
    for found in report["evaluations"]:
        lines += ["", f"By {found['extractor']}, {found['d']:,} features{_sense(found)}:"]
        lines += [f"  {line}" for line in columns(_table(found))]
        lines += [f"  {line}" for line in _means(found)]
    for section in report.get("sections", ()):
        if not section["rows"]:
            continue
        table = _beside(section) if "columns" in section else _table(section)
        lines += ["", f"{section['title']}:", *(f"  {line}" for line in columns(table))]
        lines += [f"  {line}" for line in section.get("about", ())]
    lines += _shares(report)
    told = [*report["evaluations"], *report.get("sections", ())]
    titles = {_label(found, row): row["title"] for found in report["evaluations"] for row in found["rows"]}
    titles |= {name: title for section in report.get("sections", ()) for name, title in section["titles"].items()}
    if titles:
        ordered = sorted(titles.items(), key=lambda item: _place(item[0]))
        how = HOW if any(row["perfect"] for found in told for row in found["rows"]) else ()
        lines += ["", "How to read it:", *(f"  {line}" for line in how), *(f"  {line}" for line in columns(ordered))]
    notes = _gathered([*report["notes"], *(n for found in told for n in found["notes"])])
    return [*lines, *(["", "Notes:"] if notes else []), *(f"  {note}" for note in notes)]


def _title(report: Mapping[str, Any]) -> str:
    made = f"{report['what']} ({report['checkpoint']})" if report.get("checkpoint") else str(report["what"])
    counts = report["counts"]
    text = f"{made}: {counts['made']:,} {report['noun']} against {counts['heldout']:,} real ones of {report['against']}"
    return text + (f", trained on {report['trained_on']}" if report.get("trained_on") else "")


def _place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _gathered(notes: Sequence[str]) -> list[str]:
    """Each note once; metrics that are left out for one reason together."""
    found: dict[str, list[str]] = {}
    for note in notes:
        name, left_out, reason = note.partition(" is left out: ")
        names = found.setdefault(left_out + reason if left_out else note, [])
        if left_out and name not in names:
            names.append(name)
    return [
        f"{', '.join(names)}{rest.replace(' is ', ' are ', 1) if len(names) > 1 else rest}"
        for rest, names in found.items()
    ]


def _sense(found: Mapping[str, Any]) -> str:
    return ", the standard ones" if found["extractor"] == "FID" else ""


def _label(found: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """The Fréchet distance on the standard features, and only that, is called FID."""
    return "FID" if row["metric"] == "FD" and found.get("extractor") == "FID" else str(row["metric"])


def _table(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    copied = any(row["copied"] for row in found["rows"])
    rows: list[tuple[str, ...]] = [HEAD]
    for row in sorted(found["rows"], key=lambda row: _place(row["metric"])):
        counts = f"{row['made']['n']:,}/{row['made']['m']:,}"
        values = [_value(row[which]) for which in ("made", "perfect", "copied")]
        apart = max(row["made"]["low"], row["perfect"]["low"]) > min(row["made"]["high"], row["perfect"]["high"])
        better, differs = BETTER.get(row["better"], row["better"]), "differs" if apart else ""
        rows.append(
            (_label(found, row), values[0], counts, _p(row["made"]["p"]), values[1], values[2], better, differs)
        )
    return rows if copied else [(*row[:5], *row[6:]) for row in rows]


def _beside(section: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Numbers of pairs, with what could be played instead in further columns."""
    others = section["columns"]
    rows = [("METRIC", "VALUE [95 % interval]", "N", *(name.upper() for name in others), "BETTER")]
    for row in section["rows"]:
        made = row["made"]
        counts = f"{made['n']:,}" if made["n"] == made["m"] else f"{made['n']:,} of {made['m']:,}"
        cells = [f"{_other(row['beside'].get(name), made['n'])}{_verdict(row, name)}" for name in others]
        rows.append((row["metric"], _value(made), counts, *cells, BETTER.get(row["better"], row["better"])))
    return rows


def _other(estimate: Mapping[str, Any] | None, n: int) -> str:
    """A value of another column, with the number of recordings where it is not that of the first one."""
    of = f" (of {estimate['n']:,})" if estimate and estimate["n"] != n else ""
    return f"{_value(estimate)}{of}"


def _verdict(row: Mapping[str, Any], name: str) -> str:
    """Whether what was made is better than another column on the same recordings."""
    apart = row["difference"].get(name)
    if apart is None or apart["low"] <= 0 <= apart["high"]:
        return ""
    return " beaten" if (apart["value"] < 0) == (row["better"] == "low") else " ahead"


def _p(p: float | None) -> str:
    return "" if p is None else f"{p:.2g}" if p >= 0.0005 else "<0.0005"


def _value(estimate: Mapping[str, float] | None) -> str:
    if estimate is None:
        return "-"
    return f"{number(estimate['value'])} [{number(estimate['low'])}, {number(estimate['high'])}]"


def _means(found: Mapping[str, Any]) -> list[str]:
    """The means of features that mean something by themselves, beside those of the real items."""
    means = found.get("means")
    if not means:
        return []
    parts = [f"{name} {number(of['made'])} (real {number(of['heldout'])})" for name, of in means.items()]
    return [f"means: {', '.join(parts)}"]


def _shares(report: Mapping[str, Any], most: int = 20) -> list[str]:
    """How often the small classifier sees each class."""
    shares: Sequence[Mapping[str, Any]] = report.get("class_shares") or []
    if not shares:
        return []
    rows = [("CLASS", "GENERATED", "REAL")]
    rows += [(str(of["class"]), f"{100 * of['made']:.1f} %", f"{100 * of['real']:.1f} %") for of in shares[:most]]
    more = [f"  and {len(shares) - most:,} more classes"] if len(shares) > most else []
    return [
        "",
        "Shares of the classes, as the small classifier sees them:",
        *(f"  {line}" for line in columns(rows)),
        *more,
        *_modes(report.get("class_modes")),
    ]


def _modes(modes: Mapping[str, Any] | None) -> list[str]:
    if modes is None:
        return []
    return [
        f"  {modes['seen']:,} of {modes['of']:,} classes are generated; their shares are {number(modes['kl'])} nats "
        f"(KL) from the real ones, by chance about {number(modes['kl_by_chance'])}"
    ]
