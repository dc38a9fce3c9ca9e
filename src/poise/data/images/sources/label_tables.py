"""Classes of pictures from a table beside them: labels.csv, metadata.csv, metadata.jsonl ... with a row for each file.

Columns go by the names that people use, or are the first and the second of two. A file may be written with its folder
or without, with folders around that, with its suffix or without, with backslashes or `./`. Where a table names pictures
in folders that are none of theirs, their bare names count, if no row names one otherwise.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class ClassTable:
    """What a table says of pictures: picture -> the classes that its rows give it, each once. `why`: the reason where
    it is not used; `notes`: what a user should know where it is."""

    classes: dict[str, list[str]]
    why: str = ""
    notes: Sequence[str] = ()


def classes_in(content: bytes, file: str, names: Sequence[str]) -> dict[str, str]:
    """Picture -> class, of those of `names` that a row names; {} where `class_table` says why there are none.

    Errors: PoiseError where it is no table, and where two rows give one picture different classes.
    """
    found = class_table(content, file, names).classes
    for picture, classes in found.items():
        if len(classes) > 1:
            raise PoiseError(f"{picture} has the class {classes[0]} in one row and {classes[1]} in another")
    return {picture: classes[0] for picture, classes in found.items()}


def class_table(content: bytes, file: str, names: Sequence[str]) -> ClassTable:
    """The classes of those of `names` that a row names, if they are half of the rows or of the pictures. Errors:
    PoiseError where it is no table."""
    header, rows = _rows(content, file)
    columns = _columns(header, rows)
    if columns is None:
        return ClassTable({}, "it has no column of files and one of classes by name, nor two that a tab or comma parts")
    place, label = columns
    pairs = [(row[place].strip(), row[label].strip()) for row in rows if len(row) > max(place, label)]
    known, notes = _Names(names, file.rpartition("/")[0]), []
    found, others = _classes(pairs, known.find)
    if not found:
        found, others = _classes(pairs, known.bare)
        notes = [f"{file} has other folders than the pictures, which go by their names alone"]
    if found and 2 * len(found) >= min(len(rows), len(names)):
        notes += [f"{others:,} of the {len(rows):,} rows of {file} name no picture that is here"] if others else []
        return ClassTable(found, notes=notes)
    bare = sum(not named for _, named in pairs)
    if 2 * bare > len(pairs):
        return ClassTable({}, f"{bare:,} of its {len(rows):,} rows have no class")
    for written, _ in pairs:
        if both := known.may_be(written):
            return ClassTable({}, f"'{written}' may be {both[0]} or {both[1]}: write the folder too")
    return ClassTable({}, f"its {len(rows):,} rows name {len(found):,} of the {len(names):,} pictures")


def _classes(pairs: Sequence[tuple[str, str]], find: Callable[[str], str | None]) -> tuple[dict[str, list[str]], int]:
    """Picture -> its classes, and how many rows name none of them."""
    found: dict[str, list[str]] = {}
    others = 0
    for written, named in pairs:
        picture = find(written)
        others += picture is None
        if picture and named and named not in found.setdefault(picture, []):
            found[picture].append(named)
    return found, others


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
    """Pictures by every way in which a table may write them; what may be two is neither. `folder`: that of the table,
    which need not be written."""

    def __init__(self, names: Sequence[str], folder: str) -> None:
        self._folder = folder
        self._twice: dict[str, tuple[str, str]] = {}
        self._whole: dict[str, str | None] = {}  # as they are, with the suffix or without
        self._ends: dict[str, str | None] = {}  # the last folders and the name, or the name alone
        for name in names:
            stem = _stem(name)
            self._add(self._whole, stem, name)
            for end in (*_ends(name)[1:], *_ends(stem)[1:]):
                self._add(self._ends, end, name)
        self._whole |= {name: name for name in names}  # the surer way

    def _add(self, into: dict[str, str | None], written: str, name: str) -> None:
        first = into.setdefault(written, name)
        if first is not None and first != name:
            self._twice.setdefault(written, (first, name))
            into[written] = None

    def find(self, written: str) -> str | None:
        """The picture whose path a row has: all of it, with folders around it, or the end of it; then with another
        suffix."""
        path = _slashed(written)
        for tried in (path, _stem(path)):
            places = [f"{self._folder}/{tried}"] if self._folder else []
            whole = next(filter(None, map(self._whole.get, [*places, *_ends(tried)])), None)
            if found := whole or self._ends.get(tried):
                return found
        return None

    def bare(self, written: str) -> str | None:
        """The picture with that name, whatever its folder is."""
        name = _last(_slashed(written))
        tried = (known.get(word) for word in (name, _stem(name)) for known in (self._whole, self._ends))
        return next(filter(None, tried), None)

    def may_be(self, written: str) -> tuple[str, str] | None:
        """Two pictures that are meant by a row."""
        path = _slashed(written)
        return self._twice.get(path) or self._twice.get(_stem(path))


def _slashed(written: str) -> str:
    return "/".join(part for part in written.replace("\\", "/").split("/") if part not in ("", "."))


def _ends(name: str) -> list[str]:
    """The name, the same without its first folder, without its first two ..."""
    parts = name.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix("")) if name else name


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
