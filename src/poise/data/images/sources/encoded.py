"""What folders and zip archives of encoded pictures have in common: which files are pictures, and their classes."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from poise.data.files import contents, index
from poise.data.files.reading import ReadingProgress
from poise.data.files.walking import shown
from poise.data.images.sources import label_tables, layout
from poise.data.images.sources.decode import LARGE, SUFFIXES, Decoded, decode, header
from poise.data.images.sources.depth import TooDeep
from poise.data.images.sources.opening import Unreadable
from poise.data.images.sources.source import Job, Source
from poise.errors import PoiseError

PACKED = 64 << 20  # bytes of a member of an archive from which on it must not be packed suspiciously well
SAMPLES = 3  # pictures that are shown, one of each suffix
LARGEST_FILE = 1 << 30  # bytes; no picture under the pixel limit needs more


class FileSource(Source):
    """Encoded pictures, one a file. A table of labels beside them counts as content but not as a picture.

    `splits`: whether folders called train, test or val are splits ("auto") or not ("none").
    """

    named = True

    def __init__(self, path: Path, splits: str = "auto", progress: ReadingProgress | None = None) -> None:
        super().__init__(path)
        self._splits, self._progress = splits, progress
        self.no_tables: list[str] = []  # "file: why", of those that might have had classes by their names

    def _list(self, found: Iterable[tuple[str, int, int]]) -> None:
        """Take (name, size, stamp) of every file, in the order to be kept."""
        pictures, tables, offered = [], {}, []
        for i, (name, size, stamp) in enumerate(found):
            if self._progress:
                self._progress(i, 0)
            if hidden(name):
                continue
            if name == layout.LABELS_FILE or (name == layout.DATASET_FILE and self._has_labels(name, size)):
                tables[name] = (name, size, stamp)
            elif label_tables.is_offered(name):
                offered.append((name, size, stamp))
            elif os.path.splitext(name)[1].lower() in SUFFIXES or self._is_picture(name, size):
                pictures.append((name, size, stamp))
        table = tables.get(layout.LABELS_FILE) or tables.get(layout.DATASET_FILE)
        table = self._offered(offered, [name for name, _, _ in pictures], table)
        if not pictures:
            there = "; ".join(line for line in (self.others.line(), self.besides()) if line)
            raise PoiseError(
                f"{self.path} holds no pictures (files ending in .png, .jpg, .webp, .gif, .bmp, .tif ..., or with such "
                f"content){': ' if there else ''}{there}: give a folder or an archive that does"
            )
        self.notes += [besides] if (besides := self.besides()) else []
        pictures = self._by_split(pictures)
        self._count = len(pictures)
        rows = [*pictures, table] if table else pictures
        self.files = [name for name, _, _ in rows]
        self.sizes = np.array([size for _, size, _ in rows], np.int64)
        self.stamps = np.array([stamp for _, _, stamp in rows], np.int64)

    def besides(self) -> str:
        """A sentence about what lies beside the pictures and is none of them; empty where there is nothing."""
        return ""

    def _offered(
        self, tables: list[tuple[str, int, int]], names: list[str], known: tuple[str, int, int] | None
    ) -> tuple[str, int, int] | None:
        """The table of classes: `known`, or the first that names the pictures; the others are named as files that are
        not read."""
        chosen = known
        for name, size, stamp in sorted(tables, key=lambda one: label_tables.rank(one[0])):
            why = f"{chosen[0]} is used" if chosen else self._no_table(name, size, names)
            if why:
                self.no_tables.append(f"{shown(name)}: {why}")
                self.others.add(shown(name), contents.Content("", "no table of classes", why))
            else:
                chosen = (name, size, stamp)
        return chosen

    def _no_table(self, name: str, size: int, names: list[str]) -> str:
        """Why a file is no table of the classes of pictures; empty where it is one."""
        if size > PACKED:
            return "it is too large"
        try:
            table = label_tables.class_table(self.whole(name), name, names)
        except Exception as error:  # another tool's file of that name
            return str(error) or type(error).__name__
        self.notes += table.notes
        return table.why

    def _by_split(self, pictures: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
        """Those to train on first and the own test split last, where folders are splits."""
        names = [name for name, _, _ in pictures]
        found = layout.parts(names) if self._splits == "auto" else None
        if found is None:
            beside = (layout.beside_splits(names) or layout.below_one(names)) if self._splits == "auto" else ""
            self.notes += [beside] if beside else []
            return pictures
        self.split, self.own_test, self.unused = True, found.own_test, found.unused
        self.notes.append(found.note)
        return [pictures[row] for row in found.order]

    def _is_picture(self, name: str, size: int) -> bool:
        """By its content; what it is else is kept in `others`."""
        try:
            told = contents.content(self.head(name), name, lambda: self._small(name, size))
        except Exception as error:  # as in `_bytes`
            told = contents.Content("", "unreadable", getattr(error, "strerror", None) or str(error))
        if not told.format:
            self.others.add(shown(name), told)
        return bool(told.format)

    def _small(self, name: str, size: int) -> bytes:
        """A whole file, unless it is so large that nobody would try what it may be; then nothing."""
        return self.whole(name) if size <= PACKED else b""

    def _has_labels(self, name: str, size: int) -> bool:
        try:
            return size <= LARGEST_FILE and layout.table(self.whole(name), name) is not None
        except Exception:  # another tool's file of that name: it is named among the others
            return False

    @abstractmethod
    def head(self, name: str) -> bytes:
        """The first `contents.HEAD` bytes of a file. Any exception means that it cannot be read."""

    @abstractmethod
    def whole(self, name: str) -> bytes:
        """The bytes of a file. Any exception means that it cannot be read."""

    def __len__(self) -> int:
        return self._count

    def picture_name(self, i: int) -> str:
        return shown(self.files[i])

    def jobs(self, count_frames: bool = False) -> Iterator[Job]:
        return (partial(self._decoded, i, count_frames) for i in range(len(self)))

    def survey(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        info = self.info[: len(self)]
        info = info[info["width"] > 0]
        return info["width"], info["height"], info["grey"]

    def look_at(self, row: int) -> tuple[bytes, int, int, bool]:
        try:
            data = self._bytes(row)
        except Unreadable:  # read again next time: permissions change without a new time stamp
            return index.UNKNOWN, 0, 0, False
        digest = hashlib.sha256(data).digest()
        try:
            return (digest, *header(data, self.files[row]))
        except Unreadable:
            return digest, 0, 0, False

    def samples(self) -> list[tuple[int, Job]]:
        found: dict[str, int] = {}
        info = self.info[: len(self)]
        small = (info["width"] > 0) & (info["width"].astype(np.int64) * info["height"] <= LARGE)
        for row in np.flatnonzero(small).tolist():
            found.setdefault(os.path.splitext(self.files[row])[1].lower(), row)
        return [(row, partial(self._decoded, row, False)) for row in list(found.values())[:SAMPLES]]

    def doubtful(self) -> np.ndarray:
        return np.flatnonzero(self.info["width"][: len(self)] == 0)

    @property
    def brings_labels(self) -> bool:
        return len(self.files) > len(self)

    @property
    def offers_labels(self) -> str:
        return self.files[-1] if self.brings_labels and label_tables.is_offered(self.files[-1]) else ""

    def leave_labels(self) -> None:
        if self.files[-1] == layout.DATASET_FILE or self.offers_labels:
            self.files, self.sizes, self.stamps = self.files[:-1], self.sizes[:-1], self.stamps[:-1]

    def labels(self, where: str) -> tuple[np.ndarray, list[str]] | None:
        if where == "none":
            return None
        names = self.files[: len(self)]
        if where == "file":
            words, classes = self._from_file(names)
        else:
            words = [layout.folder_class(self.path, name, self.split) for name in names]
            classes = sorted(set(words))
        number = {word: i for i, word in enumerate(classes)}
        return np.array([number[word] for word in words], np.int64), classes

    def _from_file(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        if not self.brings_labels:
            raise PoiseError(
                f"{self.path} brings no labels: it has no {layout.LABELS_FILE} (a table from file name to class), no "
                f"{layout.DATASET_FILE} of NVIDIA's tools and no table such as labels.csv"
                f"{self._looked_at()}; use --labels folders or none"
            )
        try:
            content = self._bytes(len(self))
        except Unreadable as error:
            raise PoiseError(f"{self.path}: {self.files[-1]} cannot be read ({error}): correct it") from None
        return layout.file_classes(self.path, self.files[-1], content, names)

    def _looked_at(self) -> str:
        return f" that could be used ({'; '.join(self.no_tables)})" if self.no_tables else ""

    def _bytes(self, row: int) -> bytes:
        if self.sizes[row] > LARGEST_FILE:
            raise Unreadable("the file is larger than 1 GiB")
        try:
            return self.whole(self.files[row])
        except Unreadable:
            raise
        except OSError as error:
            raise Unreadable(error.strerror or str(error) or type(error).__name__, passing=True) from None
        except Exception as error:  # zipfile: RuntimeError (password), NotImplementedError, BadZipFile, zlib.error
            raise Unreadable(str(error) or type(error).__name__) from None

    def _decoded(self, i: int, count_frames: bool) -> Decoded:
        data = self._bytes(i)
        known = self.info["digest"][i].tobytes() if len(self.info) else index.UNKNOWN
        if known not in (index.UNKNOWN, hashlib.sha256(data).digest()):
            index.forget(self.path)
            raise PoiseError(f"{self.path}: '{self.files[i]}' changed while it was read: start again")
        try:
            return decode(data, count_frames, self.files[i], self.bits)
        except TooDeep as error:
            raise PoiseError(error.sentence(f"{self.path}: {self.picture_name(i)}")) from None


def hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
