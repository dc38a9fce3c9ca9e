"""Scores and runs as lines of text."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence

from poise.words import language, translated


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as aligned lines: a Chinese letter has two columns of a terminal."""
    table = [list(row) for row in rows]
    if not table:
        return []
    sizes = [max(map(shown_width, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(_filled, row, sizes)).rstrip() for row in table]


def shown_width(text: str) -> int:
    """How many columns of a terminal a text has.

    Example:
        >>> shown_width("KID"), shown_width("判别器")
        (3, 6)
    """
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _filled(cell: str, size: int) -> str:
    return cell + " " * (size - shown_width(cell))


def worded(
    rows: Sequence[Sequence[str]], words: Container[int] = (), heads: int | None = None, to: str | None = None
) -> list[tuple[str, ...]]:
    """A table in a language: what is said in the first row, and in the columns `words` of the others, is translated.

    Args: heads, how many cells of the first row are (None: all); to, zh or en, or None: the one that is asked for.
    A heading is looked up as "column STATE:", a cell behind its heading as "STATE: done": by itself, a word may be the
    name of something.
    """
    if not rows or (to or language()) == "en":
        return [tuple(row) for row in rows]
    head, *others = rows
    many = len(head) if heads is None else heads
    said = [tuple(_heading(cell, to) if i < many else cell for i, cell in enumerate(head))]
    for row in others:
        said.append(tuple(word(head[i], cell, to) if i in words else cell for i, cell in enumerate(row)))
    return said


def _heading(cell: str, to: str | None) -> str:
    looked_up = f"column {cell}:"
    found = translated(looked_up, to)
    return cell if found == looked_up else found


def word(head: str, cell: str, to: str | None = None) -> str:
    """A word below a heading, in a language."""
    behind = f"{head}: {cell}"
    found = translated(behind, to)
    return translated(cell, to) if not head or found.startswith(head) else found


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


def counts_of(name: str, scores: Mapping[str, float], between: str = " / ") -> str:
    """How many generated and real items a score was computed of; empty where that is not known.

    Example:
        >>> counts_of("KID-EffLite0", {"KID-EffLite0": 2.1, "EffLite0.n": 1000, "EffLite0.m": 900})
        '1000 / 900'
    """
    short = name if f"{name}.n" in scores else name.partition("-")[2]
    if not {f"{short}.n", f"{short}.m"} <= scores.keys():
        return ""
    return f"{scores[f'{short}.n']:.0f}{between}{scores[f'{short}.m']:.0f}"


def without_empty(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table, its head first, without the columns in which no other row has anything.

    Example:
        >>> without_empty([("a", "b"), ("1", ""), ("2", "")])
        [['a'], ['1'], ['2']]
    """
    kept = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    return [[row[i] for i in kept] for row in rows]


def score_lines(scores: Mapping[str, float], floor: Mapping[str, float]) -> list[str]:
    """One line for each score: name, value [95 % interval], the same of real against real, that of plain colours, which
    know nothing of the data, N generated / N real."""
    rows = []
    for name in (key for key in scores if not key.endswith(SUFFIXES)):
        counts = f"N {counted}" if (counted := counts_of(name, scores, "/")) else ""
        beside = f"real against real {_with_interval(name, floor)}" if name in floor else ""
        if f"{name}.flat" in scores:
            beside += f", plain colours {number(scores[f'{name}.flat'])}"
        rows.append((name, _with_interval(name, scores), translated(beside), counts))
    return columns(rows)


def _with_interval(name: str, values: Mapping[str, float]) -> str:
    text = number(values[name])
    if f"{name}.low" in values:
        text += f" [{number(values[f'{name}.low'])}, {number(values[f'{name}.high'])}]"
    return text
