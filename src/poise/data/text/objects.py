"""Sentences from JSON: one object or text a line, a list of them, or columns as pandas writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import UnionType
from typing import Any

from poise import disk
from poise.data.tables.columns import LOOKED_AT, by_name, running_text
from poise.data.tables.encoding import Encoding, LeftOut, lines_in
from poise.data.tables.table import json_lines, keys_of
from poise.errors import PoiseError, nearest

LARGEST_LIST = 512 << 20  # bytes of a file that is one JSON list, which is read whole
NO_OBJECT = 'no object with columns, such as {"text": ...}'
HALF = re.compile("[\ud800-\udfff]")  # of a pair that is one character in UTF-16


def objects_of(path: Path, encoding: Encoding, column: str | None, bad: LeftOut) -> tuple[list[str], list[str]]:
    """The texts of a column of JSON, one object a line or a list of them, and how it was read."""
    bad.what = "lines"
    rows = _rows_of_json(path, encoding, bad)
    if rows and column is None and _all_are(str, [row for _, row in rows]):
        texts = [row for number, row in rows if _whole(row, f"line {number}", bad)]
        return texts, ["JSON, a sentence each"]
    objects = [row for _, row in rows if isinstance(row, dict)]
    if not objects:
        for number, _ in rows:
            bad.add(f"line {number}", NO_OBJECT)
        return [], ["JSON"]
    chosen, why = _key(path, objects, column)
    texts = []
    for number, row in rows:
        place = f"line {number}"
        if not isinstance(row, dict):
            bad.add(place, NO_OBJECT)
        elif not isinstance(row.get(chosen), str):
            bad.add(place, f"no text in column '{chosen}'")
        elif _whole(row[chosen], place, bad):
            texts.append(row[chosen])
    return texts, [f"JSON, sentences in column '{chosen}' ({why}; --column sets it)"]


def _all_are(kind: type | UnionType, values: Iterable[object]) -> bool:
    return all(isinstance(value, kind) for value in values)


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
    return list(json_lines(lines_in(path, encoding, bad if encoding.damaged else None), bad))


def _listed(path: Path, encoding: Encoding) -> list[Any] | None:
    """The rows of a file that is one JSON list or object; None for something else, such as one object a line."""
    if path.stat().st_size > LARGEST_LIST:
        raise PoiseError(f"{path} has more than {LARGEST_LIST >> 20} MB: write one object a line, as .jsonl")
    lines = [line for _, line in lines_in(path, encoding)]
    first = next(filter(str.strip, lines), "")
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
    if not isinstance(found, dict):
        return None
    values = list(found.values())
    lists = [value for value in values if isinstance(value, list) and value]
    if len(lists) == 1 and _all_are(str | dict, lists[0]):
        return lists[0]
    columns = [list(value.values()) if isinstance(value, dict) else value for value in values]
    if _all_are(list, columns) and len(set(map(len, columns))) == 1:
        return [dict(zip(found, row, strict=True)) for row in zip(*columns, strict=True)]
    if len(values) > 1 and "0" in found and _all_are(str, values):
        return values
    return None


def _key(path: Path, rows: Sequence[dict[str, Any]], column: str | None) -> tuple[str, str]:
    """The key of the sentences and why it is taken. PoiseError where it is not there, or two could be meant."""
    some = rows[:LOOKED_AT]
    keys = keys_of(some)
    has = ", ".join(keys[:8]) or "none"
    if column is not None:
        if column not in keys:
            raise PoiseError(f"{path} has no column '{column}'{nearest(column, keys)}; it has: {has}")
        return column, "as asked"
    place = by_name(keys)
    if place is not None:
        return keys[place], "by its name"
    if len(keys) == 1:
        return keys[0], "the only one"
    place = running_text([[_text_of(row.get(key)) for row in some] for key in keys])
    if place is None:
        raise PoiseError(f"{path}: name the column of the sentences with --column; it has: {has}")
    return keys[place], "a guess: the longest texts"


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else ""
