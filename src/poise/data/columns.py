"""Which column of a table holds the sentences: by its name, or by what stands in it.

Names that people use come first (`table_layout.TEXT`); a column of another name is taken where it is the only one, or
the only one of running text: letters, and at least twice as many on average as in any other. Where two could be meant,
the user is asked.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from poise import disk
from poise.data.encoding import Encoding, LeftOut, lines_in
from poise.data.table import place_of, rows_of
from poise.data.table_layout import TEXT, Layout, layout_of, plain
from poise.errors import PoiseError, nearest

LOOKED_AT = 500  # rows
LEAST_LENGTH = 4  # letters of running text, on average: a Han sentence can be short
TABLES = (".csv", ".tsv", ".psv")
LARGEST_LIST = 512 << 20  # bytes of a file that is one JSON list, which is read whole
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
HALF = re.compile("[\ud800-\udfff]")  # of a pair that is one character in UTF-16


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
    place = _by_name(layout.header)
    if place is not None:
        return place, "by its name"
    if layout.width == 1:
        return 0, "the only one"
    place = running_text([[row[i] for row in some] for i in range(layout.width)])
    if place is None:
        first = ", ".join(shown(field) for field in (layout.header or some[0])[:8])
        has = f"it has: {first}" if layout.header else f"by its number, as the first line has no names: {first}"
        raise PoiseError(f"{path}: name the column of the sentences with --column; {has}")
    return place, "a guess: the longest texts"


def shown(field: str) -> str:
    return field if len(field) <= 20 else field[:19] + "…"


def _by_name(header: Sequence[str]) -> int | None:
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


def running_text(columns: Sequence[Sequence[str]]) -> int | None:
    """Which one holds running text; None where none does, or two do."""
    letters = [sum(sum(map(str.isalpha, value)) for value in column) / max(1, len(column)) for column in columns]
    order = sorted(range(len(columns)), key=lambda i: -letters[i])
    if not order or letters[order[0]] < LEAST_LENGTH:
        return None
    if len(order) > 1 and letters[order[0]] < 2 * letters[order[1]]:
        return None
    return order[0]


def objects_of(path: Path, encoding: Encoding, column: str | None, bad: LeftOut) -> tuple[list[str], list[str]]:
    """The texts of a column of JSON, one object a line or a list of them, and how it was read."""
    bad.what = "lines"
    rows = _rows_of_json(path, encoding, bad)
    places = [f"line {number}" for number, _ in rows]
    values = [row for _, row in rows]
    strings = sum(isinstance(value, str) for value in values)
    if strings and strings == len(values) and column is None:
        texts = [value for value, place in zip(values, places, strict=True) if _whole(value, place, bad)]
        return texts, ["JSON, a sentence each"]
    if not any(isinstance(value, dict) for value in values):
        for place in places:
            bad.add(place, 'no object with columns, such as {"text": ...}')
        return [], ["JSON"]
    chosen, why = _key(path, [value for value in values if isinstance(value, dict)], column)
    texts = []
    for value, place in zip(values, places, strict=True):
        if not isinstance(value, dict):
            bad.add(place, 'no object with columns, such as {"text": ...}')
        elif not isinstance(value.get(chosen), str):
            bad.add(place, f"no text in column '{chosen}'")
        elif _whole(value[chosen], place, bad):
            texts.append(value[chosen])
    return texts, [f"JSON, sentences in column '{chosen}' ({why}; --column sets it)"]


def _whole(text: str, place: str, bad: LeftOut) -> bool:
    half = HALF.search(text)
    if half:
        bad.add(place, f"half of a character, \\u{ord(half[0]):04x}, as where text was cut")
    return not half


def _rows_of_json(path: Path, encoding: Encoding, bad: LeftOut) -> list[tuple[int, Any]]:
    if path.suffix.lower() == ".json":
        listed = _listed(path, encoding)
        if listed is not None:
            return list(enumerate(listed, 1))
    rows: list[tuple[int, Any]] = []
    for number, line in lines_in(path, encoding, bad if encoding.damaged else None):
        if not line.strip():
            continue
        try:
            rows.append((number, disk.loads(line)))
        except ValueError as error:
            bad.add(f"line {number}", f"not JSON: {error}")
    return rows


def _listed(path: Path, encoding: Encoding) -> list[Any] | None:
    """The rows of a file that is one JSON list or object; None for something else, such as one object a line."""
    if path.stat().st_size > LARGEST_LIST:
        raise PoiseError(f"{path} has more than {LARGEST_LIST >> 20} MB: write one object a line, as .jsonl")
    lines = [line for _, line in lines_in(path, encoding)]
    first = next((line for line in lines if line.strip()), "")
    if not first.lstrip().startswith(("[", "{")):
        return None
    try:
        found = disk.loads("\n".join(lines))
    except ValueError as error:
        if len(lines) > 1 and first.rstrip().endswith(("]", "}")):
            return None
        raise PoiseError(f"{path} is not JSON ({error}): correct it") from None
    return found if isinstance(found, list) else _rows_of_object(found)


def _rows_of_object(found: Any) -> list[Any] | None:
    """Rows of one object: the only list in it; columns as lists or, as pandas writes them, as objects; or its texts.

    None for what is none of these, such as the only row of a file of one object a line.
    """
    values = list(found.values()) if isinstance(found, dict) else []
    lists = [value for value in values if isinstance(value, list) and value]
    if len(lists) == 1 and all(isinstance(member, str | dict) for member in lists[0]):
        return lists[0]
    columns = [list(value.values()) if isinstance(value, dict) else value for value in values]
    if len(columns) > 0 and all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        return [dict(zip(found, row, strict=True)) for row in zip(*columns, strict=True)]
    return values if len(values) > 1 and all(isinstance(value, str) for value in values) and "0" in found else None


def _key(path: Path, rows: Sequence[dict[str, Any]], column: str | None) -> tuple[str, str]:
    """The key of the sentences and why it is taken. PoiseError where it is not there, or two could be meant."""
    keys = list(dict.fromkeys(str(key) for row in rows[:LOOKED_AT] for key in row))
    if column is not None:
        if column not in keys:
            has = ", ".join(keys[:8]) or "none"
            raise PoiseError(f"{path} has no column '{column}'{nearest(column, keys)}; it has: {has}")
        return column, "as asked"
    place = _by_name(keys)
    if place is not None:
        return keys[place], "by its name"
    if len(keys) == 1:
        return keys[0], "the only one"
    columns = [[row[key] if isinstance(row.get(key), str) else "" for row in rows[:LOOKED_AT]] for key in keys]
    place = running_text(columns)
    if place is None:
        raise PoiseError(
            f"{path}: name the column of the sentences with --column; it has: {', '.join(keys[:8]) or 'none'}"
        )
    return keys[place], "a guess: the longest texts"
