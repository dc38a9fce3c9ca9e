"""Classes of pictures from a table beside them: labels.csv, metadata.csv, metadata.jsonl ... with a row for each file.

Columns go by the names that people use, or are the first and the second of two. A file may be written with its folder
or without, with its suffix or without, with backslashes or `./`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from poise import disk
from poise.data.tables.encoding import LeftOut, encoding_of, lines_in
from poise.data.tables.table import keys_of, place_among, read_table
from poise.data.tables.table_layout import plain
from poise.errors import PoiseError

OFFERED = (
    "labels.csv", "labels.tsv", "labels.jsonl", "labels.txt", "metadata.csv", "metadata.tsv", "metadata.jsonl",
    "classes.csv", "train.csv",
)  # fmt: skip
FILE = (
    "file_name", "filename", "file", "path", "image", "image_path", "image_name", "image_id", "image_file", "img",
    "img_path", "img_name", "picture", "name", "id",
)  # fmt: skip
CLASS = (
    "label", "class", "category", "class_name", "label_name", "target", "class_id", "label_id", "species", "breed",
    "emotion", "y",
)  # fmt: skip


def is_offered(name: str) -> bool:
    """Whether a file may be such a table by its name: beside the pictures, or in the one folder around them."""
    return name.count("/") <= 1 and _last(name) in OFFERED


def rank(name: str) -> int:
    """Which one is looked at first."""
    return OFFERED.index(_last(name))


def classes_in(content: bytes, file: str, names: Sequence[str]) -> dict[str, str]:
    """Picture -> class, of those of `names` that a row names; {} where the table has no columns of files and classes,
    or fewer than half of its rows name a picture.

    Errors: PoiseError where it is no table, and where two rows give one picture different classes.
    """
    found = _found(content, file, names)
    for picture, classes in found.items():
        if len(classes) > 1:
            raise PoiseError(f"{picture} has the class {classes[0]} in one row and {classes[1]} in another")
    return {picture: classes[0] for picture, classes in found.items()}


def names_pictures(content: bytes, file: str, names: Sequence[str]) -> bool:
    """Whether `classes_in` finds classes, or would if they did not contradict each other. Errors: PoiseError where it
    is no table."""
    return bool(_found(content, file, names))


def _found(content: bytes, file: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Picture -> the classes that its rows give it, each once."""
    header, rows = _rows(content, file)
    columns = _columns(header, rows)
    if columns is None:
        return {}
    place, label = columns
    known = _Names(names)
    found: dict[str, list[str]] = {}
    for row in rows:
        if len(row) <= max(place, label):
            continue
        picture, named = known.find(row[place].strip()), row[label].strip()
        if picture and named and named not in found.setdefault(picture, []):
            found[picture].append(named)
    if 2 * len(found) < len(rows):
        return {}
    return found


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[int, int] | None:
    """Where files and classes are: by the names of the columns, or the only two of a table without names."""
    if not header:
        if rows and len(rows[0]) == 2:
            return 0, 1
        return None
    small = list(map(plain, header))
    place, label = place_among(small, FILE), place_among(small, CLASS)
    if place is None or label is None:
        return None
    return place, label


class _Names:
    """Pictures by every way in which a table may write them; what may be two is neither."""

    def __init__(self, names: Sequence[str]) -> None:
        self._known: dict[str, str] = {}
        ways = (_last_stem, _last, _stem, str)
        for way in ways:  # the surer ways last, which take precedence
            mine: dict[str, list[str]] = {}
            for name in names:
                mine.setdefault(way(name), []).append(name)
            self._known |= {key: them[0] for key, them in mine.items() if len(them) == 1}

    def find(self, written: str) -> str | None:
        name = "/".join(part for part in written.replace("\\", "/").split("/") if part not in ("", "."))
        tried = (name, _last(name), _stem(_last(name)))
        return next(filter(None, map(self._known.get, tried)), None)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix("")) if name else name


def _last_stem(name: str) -> str:
    return _stem(_last(name))


def _rows(content: bytes, file: str) -> tuple[Sequence[str], list[list[str]]]:
    """The names of the columns and the rows; bad rows are left out, for whoever lacks a class is named."""
    with tempfile.TemporaryDirectory() as folder:  # the content may come out of an archive
        path = Path(folder) / os.path.basename(file)
        path.write_bytes(content)
        try:
            if path.suffix == ".jsonl":
                return _objects(path)
            table = read_table(path, (*FILE, *CLASS))
            return table.layout.header, [row.fields for row in table.rows(LeftOut("rows"))]
        except PoiseError as error:
            raise PoiseError(str(error).replace(f"{folder}{os.sep}", "")) from None


def _objects(path: Path) -> tuple[Sequence[str], list[list[str]]]:
    rows = []
    for _, line in lines_in(path, encoding_of(path), LeftOut("lines")):
        try:
            row = disk.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    header = keys_of(rows[:500])
    return header, [[str(row.get(key, "")) for key in header] for row in rows]
