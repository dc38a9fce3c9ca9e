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
from poise.data.tables.table import place_among, place_of, rows_of
from poise.data.tables.table_layout import TEXT, Layout, layout_of, plain
from poise.errors import PoiseError

LOOKED_AT = 500  # rows
KINDS = 20  # rows to a value from which on a column holds no texts but kinds
PIXELS = 64  # numbers in a row from which on they are a picture
LEAST_LENGTH = 4  # letters of running text, on average: a Han sentence can be short
NAME = re.compile(r"[^\W\d][\w -]{0,30}")
WORD = re.compile(r"[^\W\d][\w-]*")
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
    first = _first_line(path, encoding)
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".json"):
        return "json"
    if suffix in TABLES:
        return "table"
    if first.startswith("{") and _object(first):
        return "json"
    if delimiter is not None:
        return "table"
    if column is None and not first.isascii():
        return "text"
    layout = _layout(path, encoding, column, None)
    if layout.delimiter == "\t" and column is not None and column.isdigit():
        return "table"
    if layout.header and layout.delimiter in ("\t", "|", ";"):
        return "table"
    return "text"


def _first_line(path: Path, encoding: Encoding) -> str:
    """The first line that holds something, without blanks around it; "" where none does."""
    for _, line in lines_in(path, encoding, LeftOut("")):
        if found := line.strip():
            return found
    return ""


def _object(line: str) -> bool:
    try:
        return isinstance(disk.loads(line), dict)
    except ValueError:
        return False


def _layout(path: Path, encoding: Encoding, column: str | None, delimiter: str | None) -> Layout:
    """How a table is written in which the user may name a column."""
    asked = (column,) if column else ()
    return layout_of(path, encoding, TEXT, delimiter, asked)


def cells_of(
    path: Path, encoding: Encoding, column: str | None, delimiter: str | None, bad: LeftOut
) -> tuple[list[str], list[str]]:
    """The texts of a column of a table, and how it was read."""
    layout = _layout(path, encoding, column, delimiter)
    bad.what = "rows"
    some = [row.fields for row in itertools.islice(rows_of(path, encoding, layout, LeftOut("")), LOOKED_AT)]
    layout = _with_header(layout, some)
    if some and tuple(map(str.strip, some[0])) == layout.header:
        some = some[1:]
    if column is not None:
        place, why = place_of(path, layout, column), "as asked"
    else:
        place, why = _chosen(path, layout, some)
    texts = [row.fields[place] for row in rows_of(path, encoding, layout, bad)]
    if layout.width <= 1:
        return texts, [str(layout), "a sentence in each row"]
    name = f"'{layout.header[place]}'" if layout.header else f"{place + 1}"
    return texts, [str(layout), f"sentences in column {name} ({why}; --column sets it)"]


def _with_header(layout: Layout, some: Sequence[Sequence[str]]) -> Layout:
    """A first line of unknown names is a header where it looks like names and what is below it does not."""
    if layout.header or not some:
        return layout
    first = list(map(str.strip, some[0]))
    if _like_names(first) and (_usual(first) or _unlike_below(first, some[1:])):
        return replace(layout, header=tuple(first))
    return layout


def _like_names(fields: Sequence[str]) -> bool:
    """Whether all fields differ and could be names of columns."""
    return len(set(fields)) == len(fields) and all(map(NAME.fullmatch, fields))


def _usual(fields: Sequence[str]) -> bool:
    """Whether a word of names of columns is among those of short fields."""
    words = "_".join(map(plain, fields)).split("_")
    return not WORDS.isdisjoint(words) and all(len(field.split()) <= 4 for field in fields)


def _unlike_below(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether some field is a word, and none of the values below it is one."""
    for name, *values in zip(first, *below, strict=True):
        filled = list(filter(None, map(str.strip, values)))
        if filled and " " not in name and not any(map(WORD.fullmatch, filled)):
            return True
    return False


def _chosen(path: Path, layout: Layout, some: Sequence[Sequence[str]]) -> tuple[int, str]:
    """The place of the sentences and why it is taken. PoiseError where two could be meant."""
    place = by_name(layout.header)
    if place is not None:
        return place, "by its name"
    if layout.width == 1:
        return 0, "the only one"
    place = running_text(list(zip(*some, strict=True)))
    if place is not None:
        return place, "a guess: the longest texts"
    if why := pixels_in(some):
        raise PoiseError(f"{path} {why}")
    if layout.header:
        has = f"it has: {_names(layout.header)}"
    elif not some:
        raise PoiseError(f"{path} is a table without rows: give one with a sentence in each")
    else:
        has = f"by its number, as the first line has no names: {_names(some[0])}"
    raise PoiseError(f"{path}: name the column of the sentences with --column; {has}")


def _names(fields: Sequence[str]) -> str:
    return ", ".join(map(shown, fields[:8]))


def shown(field: str) -> str:
    return field if len(field) <= 20 else field[:19] + "…"


def by_name(header: Sequence[str]) -> int | None:
    """The place of a name that people use for texts, whole or as a word of one."""
    small = list(map(plain, header))
    place = place_among(small, TEXT)
    if place is not None:
        return place
    for name in TEXT[:12]:
        among = [place for place, own in enumerate(small) if name in own.split("_")]
        if len(among) == 1:
            return among[0]
    return None


def pixels_in(rows: Sequence[Sequence[str]]) -> str:
    """What a table is that holds pictures as numbers, one in each row, and what to do; "" for any other."""
    if not rows:
        return ""
    count = _numbers_in(rows[0])
    if count < PIXELS:
        return ""
    return f"holds pixels, not sentences ({_size(count)} in a row): save them as an .npz of uint8 [N,H,W]"


def _numbers_in(row: Sequence[str]) -> int:
    """How many numbers are in the first field that holds a picture of them, or in how many fields there is one."""
    alone = 0
    for field in row:
        values = field.split()
        if not all(map(str.isdecimal, values)):
            continue
        if len(values) >= PIXELS:
            return len(values)
        alone += len(values) == 1
    return alone


def _size(count: int) -> str:
    for pixels in (count, count - 1):  # a label is a number, too
        side = math.isqrt(pixels)
        if side * side == pixels:
            return f"{side}x{side}"
    return f"{count:,} numbers"


def running_text(columns: Sequence[Sequence[str]]) -> int | None:
    """Which one holds running text; None where none does, or two do."""
    letters = list(map(_letters, columns))
    second, most = sorted([0.0, 0.0, *letters])[-2:]
    if most < LEAST_LENGTH or most < 2 * second:
        return None
    return letters.index(most)


def _letters(column: Sequence[str]) -> float:
    """How many letters a value has on average; none where they are names of kinds."""
    if _few(column):
        return 0.0
    return sum(map(str.isalpha, "".join(column))) / max(1, len(column))


def _few(column: Sequence[str]) -> bool:
    """Whether a column has so few values that they are names of kinds, such as Training and Test."""
    return len(column) >= KINDS and len(set(column)) <= len(column) / KINDS
