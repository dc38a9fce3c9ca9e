"""Which column of a table holds the sentences: by its name, or by what stands in it.

Names that people use come first (`table_layout.TEXT`); a column of another name is taken where it is the only one, or
the only one of running text: letters, and at least twice as many on average as in any other. Where two could be meant,
the user is asked.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from poise import disk
from poise.data.tables.encoding import Encoding, LeftOut, lines_in
from poise.data.tables.table import place_of, rows_of
from poise.data.tables.table_layout import TEXT, Layout, layout_of, plain
from poise.errors import PoiseError

LOOKED_AT = 500  # rows
KINDS = 20  # rows to a value from which on a column holds no texts but kinds
PIXELS = 64  # numbers in a row from which on they are a picture
LEAST_LENGTH = 4  # letters of running text, on average: a Han sentence can be short
TABLES = (".csv", ".tsv", ".psv")
# Words of names of columns, of which one makes a header of a first line that could be one.
WORDS = {
    *TEXT,
    "id",
    "name",
    "user",
    "author",
    "label",
    "date",
    "time",
    "rating",
    "stars",
    "score",
    "category",
    "source",
    "lang",
}


def is_table(path: Path, encoding: Encoding, column: str | None, delimiter: str | None) -> str:
    """ "json" for objects of JSON, "table" for fields with signs between them, else "text"; by content."""
    first = next((line.strip() for _, line in lines_in(path, encoding, LeftOut("")) if line.strip()), "")
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".json") or (first.startswith("{") and suffix not in TABLES and _object(first)):
        return "json"
    if suffix in TABLES or delimiter is not None:
        return "table"
    if column is None and not first.isascii():
        return "text"
    layout = layout_of(path, encoding, TEXT, None, (column,) if column else ())
    if column is not None and column.isdigit() and layout.delimiter == "\t":
        return "table"
    return "table" if layout.delimiter in ("\t", "|", ";") and layout.header else "text"


def _object(line: str) -> bool:
    try:
        return isinstance(disk.loads(line), dict)
    except ValueError:
        return False


def cells_of(
    path: Path, encoding: Encoding, column: str | None, delimiter: str | None, bad: LeftOut
) -> tuple[list[str], list[str]]:
    """The texts of a column of a table, and how it was read."""
    layout = layout_of(path, encoding, TEXT, delimiter, (column,) if column else ())
    bad.what = "rows"
    some = [row.fields for row in itertools.islice(rows_of(path, encoding, layout, LeftOut("")), LOOKED_AT)]
    layout = _with_header(path, layout, some)
    some = some[1:] if layout.header and some and tuple(map(str.strip, some[0])) == layout.header else some
    if column is not None:
        place, why = place_of(path, layout, column), "as asked"
    else:
        place, why = _chosen(path, layout, some)
    name = f"'{layout.header[place]}'" if layout.header else f"{place + 1}"
    texts = [row.fields[place] for row in rows_of(path, encoding, layout, bad)]
    where = f"sentences in column {name} ({why}; --column sets it)" if layout.width > 1 else "a sentence in each row"
    return texts, [str(layout), where]


def _with_header(path: Path, layout: Layout, some: Sequence[Sequence[str]]) -> Layout:
    """A first line of unknown names is a header where it looks like names and what is below it does not."""
    if layout.header or not some:
        return layout
    first, below = [field.strip() for field in some[0]], some[1:]
    if len(set(first)) < len(first) or not all(re.fullmatch(r"[^\W\d][\w -]{0,30}", field) for field in first):
        return layout
    words = {word for field in first for word in plain(field).split("_")}
    if words & WORDS and all(len(field.split()) <= 4 for field in first):
        return replace(layout, header=tuple(first))
    for place, name in enumerate(first):
        values = [row[place].strip() for row in below if row[place].strip()]
        alike = sum(bool(re.fullmatch(r"[^\W\d][\w-]*", value)) for value in values)
        if values and not alike and " " not in name:
            return replace(layout, header=tuple(first))
    return layout


def _chosen(path: Path, layout: Layout, some: Sequence[Sequence[str]]) -> tuple[int, str]:
    """The place of the sentences and why it is taken. PoiseError where two could be meant."""
    place = by_name(layout.header)
    if place is not None:
        return place, "by its name"
    if layout.width == 1:
        return 0, "the only one"
    place = running_text([[row[i] for row in some] for i in range(layout.width)])
    if place is None:
        if why := pixels_in(some):
            raise PoiseError(f"{path} {why}")
        first = ", ".join(shown(field) for field in (layout.header or some[0])[:8])
        has = f"it has: {first}" if layout.header else f"by its number, as the first line has no names: {first}"
        raise PoiseError(f"{path}: name the column of the sentences with --column; {has}")
    return place, "a guess: the longest texts"


def shown(field: str) -> str:
    return field if len(field) <= 20 else field[:19] + "…"


def by_name(header: Sequence[str]) -> int | None:
    """The place of a name that people use for texts, whole or as a word of one."""
    small = [plain(name) for name in header]
    for name in TEXT:
        if name in small:
            return small.index(name)
    for name in TEXT[:12]:
        among = [place for place, own in enumerate(small) if name in own.split("_")]
        if len(among) == 1:
            return among[0]
    return None


def pixels_in(rows: Sequence[Sequence[str]]) -> str:
    """What a table is that holds pictures as numbers, one in each row, and what to do; "" for any other."""
    for row in rows[:1]:
        values = [field.split() for field in row]
        long = [field for field in values if len(field) >= PIXELS and all(map(str.isdecimal, field))]
        count = len(long[0]) if long else sum(len(field) == 1 and field[0].isdecimal() for field in values)
        if count >= PIXELS:
            count = next((n for n in (count, count - 1) if math.isqrt(n) ** 2 == n), count)  # a label is a number, too
            side = math.isqrt(count)
            size = f"{side}x{side}" if side * side == count else f"{count:,} numbers"
            return f"holds pixels, not sentences ({size} in a row): save them as an .npz of uint8 [N,H,W]"
    return ""


def running_text(columns: Sequence[Sequence[str]]) -> int | None:
    """Which one holds running text; None where none does, or two do."""
    letters = [
        0 if _few(column) else sum(sum(map(str.isalpha, value)) for value in column) / max(1, len(column))
        for column in columns
    ]
    order = sorted(range(len(columns)), key=lambda i: -letters[i])
    if not order or letters[order[0]] < LEAST_LENGTH:
        return None
    if len(order) > 1 and letters[order[0]] < 2 * letters[order[1]]:
        return None
    return order[0]


def _few(column: Sequence[str]) -> bool:
    """Whether a column has so few values that they are names of kinds, such as Training and Test."""
    return len(column) >= KINDS and len(set(column)) <= len(column) / KINDS
