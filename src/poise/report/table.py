"""Scores and runs as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as aligned lines."""
    table = [list(row) for row in rows]
    if not table:
        return []
    sizes = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return ["  ".join(c.ljust(size) for c, size in zip(row, sizes, strict=True)).rstrip() for row in table]


MARKDOWN = str.maketrans({"<": "&lt;", ">": "&gt;"} | {mark: f"\\{mark}" for mark in "\\`*_[]|#"})


def markdown_text(text: str) -> str:
    """Text that means itself in Markdown, on one line."""
    return " ".join(str(text).split()).translate(MARKDOWN)


def markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table whose first row is its head."""
    head, *others = [f"| {' | '.join(map(markdown_text, row))} |" for row in rows]
    return [head, f"|{'---|' * len(rows[0])}", *others]


SUFFIXES = (".low", ".high", ".n", ".m", ".flat")


def number(value: float) -> str:
    """Three significant digits; no exponent for what is easily read without.

    Example:
        >>> number(0.0123456), number(12345.6), number(34430849074241876.0)
        ('0.0123', '12346', '3.44e+16')
    """
    return f"{value:.0f}" if 999.5 <= abs(value) < 1e10 else f"{value:.3g}"


def score_lines(scores: Mapping[str, float], floor: Mapping[str, float]) -> list[str]:
    """One line for each score: name, value [95 % interval], the same of real against real, that of plain colours, which
    know nothing of the data, N generated / N real."""
    rows = []
    for name in (key for key in scores if not key.endswith(SUFFIXES)):
        short = name if f"{name}.n" in scores else name.partition("-")[2]
        counts = f"N {scores[f'{short}.n']:.0f}/{scores[f'{short}.m']:.0f}" if f"{short}.n" in scores else ""
        beside = f"real against real {_with_interval(name, floor)}" if name in floor else ""
        if f"{name}.flat" in scores:
            beside += f", plain colours {number(scores[f'{name}.flat'])}"
        rows.append((name, _with_interval(name, scores), beside, counts))
    return columns(rows)


def _with_interval(name: str, values: Mapping[str, float]) -> str:
    text = number(values[name])
    if f"{name}.low" in values:
        text += f" [{number(values[f'{name}.low'])}, {number(values[f'{name}.high'])}]"
    return text
