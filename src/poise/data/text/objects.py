"""Sentences from JSON: one object or text a line, a list of them, or columns as pandas writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from poise import disk
from poise.data.tables.columns import LOOKED_AT, by_name, running_text
from poise.data.tables.encoding import Encoding, LeftOut, lines_in
from poise.errors import PoiseError, nearest

LARGEST_LIST = 512 << 20  # bytes of a file that is one JSON list, which is read whole
HALF = re.compile("[\ud800-\udfff]")  # of a pair that is one character in UTF-16


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
    place = by_name(keys)
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
