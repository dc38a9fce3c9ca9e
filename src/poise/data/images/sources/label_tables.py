"""Classes of pictures from a table beside them: labels.csv, metadata.csv, metadata.jsonl ... with a row for each file.

Columns go by the names that people use, or are the first and the second of two. A file may be written with its folder
or without, with folders around that, with its suffix or without, with backslashes or `./`. Where a table names pictures
in folders that are none of theirs, their bare names count, if no row names one otherwise.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
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
    """Picture -> class, of those of `names` that a row names; {} where `why_not` says why there are none.

    Errors: PoiseError where it is no table, and where two rows give one picture different classes.
    """
    found, _ = _found(content, file, names)
    for picture, classes in found.items():
        if len(classes) > 1:
            raise PoiseError(f"{picture} has the class {classes[0]} in one row and {classes[1]} in another")
    return {picture: classes[0] for picture, classes in found.items()}


def why_not(content: bytes, file: str, names: Sequence[str]) -> str:
    """Why `classes_in` finds no classes; empty where it does, or would if they did not contradict each other. Errors:
    PoiseError where it is no table."""
    return _found(content, file, names)[1]


def _found(content: bytes, file: str, names: Sequence[str]) -> tuple[dict[str, list[str]], str]:
    """Picture -> the classes that its rows give it, each once; and why there are none."""
    header, rows = _rows(content, file)
    columns = _columns(header, rows)
    if columns is None:
        return {}, "it has no column of files and one of classes by their names, nor two that a tab or a comma parts"
    place, label = columns
    pairs = [(row[place].strip(), row[label].strip()) for row in rows if len(row) > max(place, label)]
    known = _Names(names)
    found = _classes(pairs, known.find) or _classes(pairs, known.bare)
    if 2 * len(found) >= min(len(rows), len(names)) and found:
        return found, ""
    for written, _ in pairs:
        if both := known.may_be(written):
            return {}, f"'{written}' may be {both[0]} or {both[1]}: write the folder too"
    return {}, f"its {len(rows):,} rows name {len(found):,} of the {len(names):,} pictures"


def _classes(pairs: Sequence[tuple[str, str]], find: Callable[[str], str | None]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for written, named in pairs:
        picture = find(written)
        if picture and named and named not in found.setdefault(picture, []):
            found[picture].append(named)
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
        self._whole: dict[str, list[str]] = {}  # as they are, with the suffix or without
        self._ends: dict[str, list[str]] = {}  # the last folders and the name, or the name alone
        for name in names:
            for written in dict.fromkeys((name, _stem(name))):
                self._whole.setdefault(written, []).append(name)
                for end in _ends(written)[1:]:
                    self._ends.setdefault(end, []).append(name)

    def find(self, written: str) -> str | None:
        """The picture whose path a row has: all of it, with folders around it, or the end of it."""
        ends = _ends(_slashed(written))
        for end in ends:
            if picture := self._one(self._whole, end):
                return picture
        return self._one(self._ends, ends[0])

    def bare(self, written: str) -> str | None:
        """The picture with that name, whatever its folder is."""
        name = _last(_slashed(written))
        tried = (self._one(known, word) for word in (name, _stem(name)) for known in (self._whole, self._ends))
        return next(filter(None, tried), None)

    def may_be(self, written: str) -> list[str]:
        """The pictures that are meant by a row, where they are several."""
        found = self._ends.get(_slashed(written), [])
        return found if found[1:] else []

    def _one(self, known: Mapping[str, list[str]], written: str) -> str | None:
        found = known.get(written, ())
        exact = [name for name in found if name == written]  # before another one without its suffix
        return (exact or [*found])[0] if len(exact) == 1 or len(found) == 1 else None


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
