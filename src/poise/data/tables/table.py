"""Tables of texts: their rows, and where a column is; see `table_layout` for how a table is written."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise import disk
from poise.data.tables.encoding import Encoding, LeftOut, encoding_of, lines_in
from poise.data.tables.table_layout import TEXT, Layout, layout_of, plain, reader_of
from poise.errors import PoiseError, nearest

LARGEST_FIELD = 1 << 20  # characters


@dataclass(frozen=True)
class TableRow:
    """`line`: the number of its first line in the file."""

    line: int
    fields: list[str]


def rows_of(path: Path, encoding: Encoding, layout: Layout, bad: LeftOut) -> Iterator[TableRow]:
    """The rows below the header that have as many fields as it, or as most rows; others are counted in `bad`.

    Errors: PoiseError for quotes that never end, and what `lines_in` says.
    """
    lines = (f"{line}\n" for _, line in lines_in(path, encoding, bad))
    for number, line in enumerate(itertools.islice(lines, layout.skip), 1):
        if line.strip() and not line.lower().lstrip('"').startswith("sep="):
            bad.add(f"line {number}", "above the names of the columns")
    before = csv.field_size_limit(LARGEST_FIELD)
    try:
        if not layout.delimiter and not layout.quoted:
            rows: Iterator[tuple[int, list[str]]] = ((i, [line.rstrip("\n")]) for i, line in enumerate(lines, 1))
        else:
            rows = _read(path, lines, layout, bad)
        filled = (row for row in rows if any(field.strip() for field in row[1]))
        for count, (number, fields) in enumerate(filled):
            if count == 0 and layout.header:
                continue
            if len(fields) > layout.width and not any(map(str.strip, fields[layout.width :])):
                fields = fields[: layout.width]  # delimiters at the end of the line
            if len(fields) == layout.width:
                yield TableRow(number + layout.skip, fields)
            else:
                what = f"{len(fields)} field{'s' * (len(fields) != 1)} instead of {layout.width}"
                bad.add(f"line {number + layout.skip}", what)
    finally:
        csv.field_size_limit(before)


def _read(path: Path, lines: Iterator[str], layout: Layout, bad: LeftOut) -> Iterator[tuple[int, list[str]]]:
    reader = reader_of(lines, layout)
    while True:
        try:
            yield reader.line_num + 1, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number = reader.line_num + layout.skip
            if "unexpected end" in str(error):
                raise PoiseError(f"{path}: line {number} is no CSV (a quote is never closed): correct it") from None
            bad.add(f"line {number}", str(error))


def place_of(path: Path, layout: Layout, column: str) -> int:
    """Where a column is that the user names, or numbers from 1. PoiseError where there is none."""
    if column in layout.header:
        return layout.header.index(column)
    small = [plain(name) for name in layout.header]
    if plain(column) in small:
        return small.index(plain(column))
    if column.isascii() and column.isdigit() and 1 <= int(column[:9]) <= layout.width:
        return int(column) - 1
    has = (
        f"it has: {', '.join(layout.header[:8])}" if layout.header else f"its columns have numbers, 1 to {layout.width}"
    )
    raise PoiseError(f"{path} has no column '{column}'{nearest(column, layout.header)}; {has}")


def place_among(columns: Sequence[str], usual: Iterable[str]) -> int | None:
    """Where the first of the usual names stands that is among plain names of columns; None where none of them is."""
    for name in usual:
        if name in columns:
            return columns.index(name)
    return None


def json_lines(lines: Iterable[tuple[int, str]], bad: LeftOut) -> Iterator[tuple[int, Any]]:
    """The numbers of lines and what they say in JSON: empty ones are passed over, what is no JSON goes to `bad`."""
    for number, line in lines:
        if not line.strip():
            continue
        try:
            value = disk.loads(line)
        except ValueError as error:
            bad.add(f"line {number}", f"not JSON: {error}")
            continue
        yield number, value


def keys_of(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """The keys of objects of JSON, each once, in the order in which they are first there: they name the columns."""
    return list(dict.fromkeys(itertools.chain.from_iterable(rows)))


@dataclass(frozen=True)
class Table:
    """A table that was looked at: its rows are read again by each `rows`."""

    path: Path
    encoding: Encoding
    layout: Layout

    def rows(self, bad: LeftOut) -> Iterator[TableRow]:
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
