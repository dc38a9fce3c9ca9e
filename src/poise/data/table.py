"""Tables of texts: which sign parts the fields, whether the first line names them, and the rows.

What stands between the fields is found by counting: the sign that gives most rows the same number of fields, two or
more. `csv.Sniffer` looks at letters as well and takes the "e" of a sentence for a delimiter. The first line names the
columns where one of its fields is a name that people use, or that the user gives.
"""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from poise.data.encoding import Encoding, LeftOut, encoding_of, lines_in
from poise.errors import PoiseError, nearest

LARGEST_FIELD = 1 << 20  # characters
LOOKED_AT = 200  # rows from which the delimiter is told
DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "'|'"}
NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}  # as a flag may say them
ALIKE = 0.9  # share of the rows that must have one number of fields

TEXT = (
    "text", "sentence", "sentences", "transcript", "transcription", "normalized_text", "normalised_text", "content",
    "body", "message", "review", "review_text", "comment", "comment_text", "tweet", "headline", "caption", "utterance",
    "line", "lines", "verse", "poem", "lyrics", "quote", "story", "document", "article", "description", "title",
    "文本", "句子", "内容", "正文", "诗", "诗句", "文字", "內容", "texte", "phrase", "satz", "frase", "texto", "testo",
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """How a table is written. `delimiter` "" where there is one column; `header`: the names in its first line, or none;
    `width`: fields of a row."""

    delimiter: str
    quoted: bool
    header: tuple[str, ...]
    width: int

    def __str__(self) -> str:
        parted = DELIMITERS.get(self.delimiter, repr(self.delimiter)) if self.delimiter else ""
        fields = f"{self.width} columns parted by {parted}" if parted else "one column"
        names = "named in the first line" if self.header else "without names"
        return f"{fields}, {names}"


@dataclass(frozen=True)
class Row:
    """`line`: the number of its first line in the file."""

    line: int
    fields: list[str]


def layout_of(
    path: Path, encoding: Encoding, known: Iterable[str] = TEXT, delimiter: str | None = None, asked: Sequence[str] = ()
) -> Layout:
    """How a table is written, from its first rows.

    Args: known: names of columns, small, of which one makes the first line a header; delimiter: a sign, or comma,
    semicolon, tab or pipe, instead of finding it; asked: names that the user gave, which make a header as well.

    Errors: PoiseError for a delimiter of more than one sign, and what `lines_in` says.
    """
    first = [f"{line}\n" for _, line in itertools.islice(lines_in(path, encoding, LeftOut("")), LOOKED_AT)]
    known = set(known)
    sign = None if delimiter is None else NAMES.get(delimiter, delimiter)
    if sign is not None and (len(sign) != 1 or sign in '"\r\n'):
        raise PoiseError(f"--delimiter {delimiter!r} is not possible: give one sign, or comma, semicolon, tab or pipe")
    named_in_first = _of_header(first, [sign] if sign else list(DELIMITERS), {*known, *asked})
    best = named_in_first or _best(first, [sign] if sign else list(DELIMITERS), path.suffix.lower())
    if best is None and sign is None:
        head = first[0].strip().strip('"') if first else ""
        named = head.casefold() in known or head in asked
        return Layout("", _one_quoted(first), (head,) if named else (), 1)
    chosen, quoted = best or (sign or ",", sign != "|")
    rows = _parsed(first, chosen, quoted)
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    head_fields = tuple(field.strip() for field in rows[0]) if rows else ()
    named = any(field.casefold() in known or field in asked for field in head_fields)
    return Layout(chosen, quoted, head_fields if named else (), len(head_fields) if named else width)


def _of_header(lines: list[str], signs: list[str], names: set[str]) -> tuple[str, bool] | None:
    """The sign that makes a known name of a field of the first line, and whether quotes bind in what is below."""
    for sign in signs:
        head = _parsed(lines[:1], sign, sign != "|")
        if (
            head
            and len(head[0]) > 1
            and any(field.strip() in names or field.strip().casefold() in names for field in head[0])
        ):
            alike = {
                quoted: sum(len(row) == len(head[0]) for row in _parsed(lines, sign, quoted))
                for quoted in (True, False)
            }
            return sign, sign != "|" and alike[True] >= alike[False]
    return None


def _best(lines: list[str], signs: list[str], suffix: str) -> tuple[str, bool] | None:
    """The sign, and whether quotes bind, that give the most rows one number of fields; None where none does."""
    usual = {".csv": ",", ".tsv": "\t"}.get(suffix)
    found = []
    for sign in signs:
        for quoted in (True, False) if sign != "|" else (False,):
            rows = _parsed(lines, sign, quoted)
            if not rows:
                continue
            width, count = Counter(map(len, rows)).most_common(1)[0]
            if width > 1 and count >= ALIKE * len(rows):
                found.append((count / len(rows), sign == usual, width, quoted, sign))
    if not found:
        return None
    best = max(found)
    return best[4], best[3]


def _parsed(lines: list[str], sign: str, quoted: bool) -> list[list[str]]:
    """Rows that are not empty; what a strict reader refuses is a row of no field."""
    reader = csv.reader(
        iter(lines), delimiter=sign, strict=True, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    )
    rows: list[list[str]] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return rows
        except csv.Error as error:
            if "unexpected end" in str(error):  # the last of the lines that were looked at ends within quotes
                return rows
            row = [""]
        if row:
            rows.append(row)


def _one_quoted(lines: list[str]) -> bool:
    """Whether quotes bind in a table of one column: some field begins with one, and so read no row has two fields."""
    return any(line.lstrip().startswith('"') for line in lines) and all(
        len(row) == 1 for row in _parsed(lines, ",", True)
    )


def rows_of(path: Path, encoding: Encoding, layout: Layout, bad: LeftOut) -> Iterator[Row]:
    """The rows below the header that have as many fields as it, or as most rows; others are counted in `bad`.

    Errors: PoiseError for quotes that never end, and what `lines_in` says.
    """
    lines = (f"{line}\n" for _, line in lines_in(path, encoding, bad))
    before = csv.field_size_limit(LARGEST_FIELD)
    try:
        if not layout.delimiter and not layout.quoted:
            rows: Iterator[tuple[int, list[str]]] = ((i, [line.rstrip("\n")]) for i, line in enumerate(lines, 1))
        else:
            rows = _read(path, lines, layout, bad)
        for number, (line, fields) in enumerate(rows):
            if (number == 0 and layout.header) or not any(field.strip() for field in fields):
                continue
            if len(fields) == layout.width:
                yield Row(line, fields)
            else:
                bad.add(f"line {line}", f"{len(fields)} field{'s' * (len(fields) != 1)} instead of {layout.width}")
    finally:
        csv.field_size_limit(before)


def _read(path: Path, lines: Iterator[str], layout: Layout, bad: LeftOut) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        lines,
        delimiter=layout.delimiter or ",",
        strict=True,
        quoting=csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE,
    )
    while True:
        try:
            yield reader.line_num + 1, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise PoiseError(
                    f"{path}: line {reader.line_num} is no CSV (a quote is never closed): correct it"
                ) from None
            bad.add(f"line {reader.line_num}", str(error))


def place_of(path: Path, layout: Layout, column: str) -> int:
    """Where a column is that the user names, or numbers from 1. PoiseError where there is none."""
    if column in layout.header:
        return layout.header.index(column)
    if column.isascii() and column.isdigit() and 1 <= int(column[:9]) <= layout.width:
        return int(column) - 1
    has = (
        f"it has: {', '.join(layout.header[:8])}" if layout.header else f"its columns have numbers, 1 to {layout.width}"
    )
    raise PoiseError(f"{path} has no column '{column}'{nearest(column, layout.header)}; {has}")


@dataclass(frozen=True)
class Table:
    """A table that was looked at: its rows are read again by each `rows`."""

    path: Path
    encoding: Encoding
    layout: Layout

    def rows(self, bad: LeftOut) -> Iterator[Row]:
        return rows_of(self.path, self.encoding, self.layout, bad)


def read_table(
    path: Path,
    known: Iterable[str] = TEXT,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    asked: Sequence[str] = (),
) -> Table:
    """A table of any delimiter and encoding (see `encoding.encoding_of` and `layout_of`).

    Example:
        >>> table = read_table(path)                                    # doctest: +SKIP
        >>> print(table.layout, table.encoding)                         # doctest: +SKIP
        3 columns parted by a semicolon, named in the first line UTF-8
    """
    found = encoding_of(path, encoding)
    return Table(path, found, layout_of(path, found, known, delimiter, asked))
