"""Folders and zip archives of encoded pictures."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from poise.data import index
from poise.data.decode import SUFFIXES, Decoded, Unreadable, decode, header
from poise.data.sources import Job, Source, shown
from poise.errors import PoiseError

PACKED = 64 << 20  # bytes of a member of an archive from which on it must not be packed suspiciously well
LARGEST_FILE = 1 << 30  # bytes; no picture under the pixel limit needs more
LABELS_FILE = "labels.json"


class _FileSource(Source):
    """Encoded pictures, one a file. A `labels.json` beside them counts as content but not as a picture."""

    def _list(self, found: Iterable[tuple[str, int, int]]) -> None:
        """Take (name, size, stamp) of every file, in the order to be kept."""
        pictures, extras = [], []
        for name, size, stamp in found:
            if _hidden(name):
                continue
            if name == LABELS_FILE:
                extras.append((name, size, stamp))
            elif os.path.splitext(name)[1].lower() in SUFFIXES:
                pictures.append((name, size, stamp))
            else:
                self.ignored += 1
        if not pictures:
            raise PoiseError(
                f"{self.path} holds no pictures (files ending in .png, .jpg, .webp, .gif, .bmp, .tif ...): "
                "give a folder or an archive that does"
            )
        self._count = len(pictures)
        rows = pictures + extras
        self.files = [name for name, _, _ in rows]
        self.sizes = np.array([size for _, size, _ in rows], np.int64)
        self.stamps = np.array([stamp for _, _, stamp in rows], np.int64)

    @abstractmethod
    def read(self, row: int) -> bytes:
        """The bytes of file `row`. Any exception means that it cannot be read."""

    def __len__(self) -> int:
        return self._count

    def picture_name(self, i: int) -> str:
        return shown(self.files[i])

    def jobs(self, count_frames: bool = False) -> Iterator[Job]:
        return (partial(self._decoded, i, count_frames) for i in range(len(self)))

    def survey(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        facts = self.facts[: len(self)]
        facts = facts[facts["width"] > 0]
        return facts["width"], facts["height"], facts["grey"]

    def look_at(self, row: int) -> tuple[bytes, int, int, bool]:
        try:
            data = self._bytes(row)
        except Unreadable:
            return (
                index.UNKNOWN,
                0,
                0,
                False,
            )  # read again next time: permissions change without a new time stamp
        digest = hashlib.sha256(data).digest()
        try:
            return (digest, *header(data))
        except Unreadable:
            return digest, 0, 0, False

    @property
    def brings_labels(self) -> bool:
        return LABELS_FILE in self.files

    def labels(self, how: str) -> tuple[np.ndarray, list[str]] | None:
        if how == "none":
            return None
        names = self.files[: len(self)]
        words = self._from_file(names) if how == "file" else [self._folder_of(name) for name in names]
        classes = sorted(set(words))
        number = {word: i for i, word in enumerate(classes)}
        return np.array([number[word] for word in words], np.int64), classes

    def _folder_of(self, name: str) -> str:
        first, slash, _ = name.partition("/")
        if not slash:
            raise PoiseError(
                f"{self.path}: the picture '{name}' lies in no sub-folder, so it has no class: "
                "move it into one, or leave out --labels folders"
            )
        return first

    def _from_file(self, names: Sequence[str]) -> list[str]:
        if LABELS_FILE not in self.files:
            raise PoiseError(
                f"{self.path} brings no labels: it has no {LABELS_FILE} (a table from file name to class); "
                "use --labels folders or none"
            )
        try:
            table = json.loads(self._bytes(self.files.index(LABELS_FILE)))
        except (Unreadable, ValueError) as error:
            raise PoiseError(f"{self.path}: {LABELS_FILE} cannot be read ({error}): correct it") from None
        missing = [name for name in names if not isinstance(table, dict) or name not in table]
        if missing:
            raise PoiseError(
                f"{self.path}: {LABELS_FILE} has no class for '{missing[0]}'"
                + (f" and {len(missing) - 1:,} more" if missing[1:] else "")
                + ": add what is missing, or remove the pictures"
            )
        return [str(table[name]) for name in names]

    def _bytes(self, row: int) -> bytes:
        if self.sizes[row] > LARGEST_FILE:
            raise Unreadable("the file is larger than 1 GiB")
        try:
            return self.read(row)
        except OSError as error:
            raise Unreadable(error.strerror or str(error) or type(error).__name__, passing=True) from None
        except Exception as error:  # zipfile: RuntimeError (password), NotImplementedError, BadZipFile, zlib.error
            raise Unreadable(str(error) or type(error).__name__) from None

    def _decoded(self, i: int, count_frames: bool) -> Decoded:
        data = self._bytes(i)
        known = self.facts["digest"][i].tobytes() if len(self.facts) else index.UNKNOWN
        if known not in (index.UNKNOWN, hashlib.sha256(data).digest()):
            index.forget(self.path)
            raise PoiseError(f"{self.path}: '{self.files[i]}' changed while it was read: start again")
        return decode(data, count_frames)


class FolderSource(_FileSource):
    """A folder with everything below it, in the order of the names. Hidden files and folders are left out."""

    kind = "folder"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._list(self._walk(path))

    def _walk(self, folder: Path) -> Iterator[tuple[str, int, int]]:
        """(name, size, time stamp) of each file, in the order of the names. Each real folder once: a link to one that
        lies in this folder is left out, for its files come by their own name."""
        seen: set[tuple[int, int]] = set()
        root = os.path.realpath(folder)
        waiting = [self._entries(os.fspath(folder), "", seen)]
        while waiting:
            prefix, entries = waiting[-1]
            if not entries:
                waiting.pop()
                continue
            entry = entries.pop()
            name = prefix + entry.name
            try:
                is_folder = entry.is_dir()
                facts = entry.stat()
            except OSError:  # a link to nowhere: reading it will say so
                yield name, 0, 0
                continue
            if is_folder and _hidden(entry.name):
                continue
            if is_folder and entry.is_symlink() and _inside(os.path.realpath(entry.path), root):
                self.lost.append((shown(name), "a link to a folder that is read already"))
            elif is_folder:
                waiting.append(self._entries(entry.path, f"{name}/", seen))
            elif stat.S_ISREG(facts.st_mode):
                yield name, facts.st_size, facts.st_mtime_ns
            else:  # reading a pipe or a device would wait for ever, or never end
                self.lost.append((shown(name), "no regular file"))

    def _entries(self, folder: str, prefix: str, seen: set[tuple[int, int]]) -> tuple[str, list[os.DirEntry[str]]]:
        """What lies in a folder, the last name first; nothing in one that was seen."""
        try:
            here = os.stat(folder)
            if (here.st_dev, here.st_ino) in seen:
                return prefix, []
            seen.add((here.st_dev, here.st_ino))
            return prefix, sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            self.lost.append((shown(prefix) or folder, error.strerror or type(error).__name__))
            self.passing = True
            return prefix, []

    def read(self, row: int) -> bytes:
        return (self.path / self.files[row]).read_bytes()


class ZipSource(_FileSource):
    """A zip archive, read without unpacking. One folder around everything is not taken for a class."""

    kind = "zip"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise PoiseError(f"{path} is not a whole zip archive ({error}): make or download it again") from None
        stamp = path.stat().st_mtime_ns
        named = [(_plain(m.filename), m) for m in self._zip.infolist() if not m.is_dir()]
        members = [(name, m) for name, m in named if not _hidden(name)]
        tops = {name.partition("/")[0] for name, _ in members}
        around = f"{min(tops)}/" if len(tops) == 1 else ""
        if not any("/" in name.removeprefix(around) for name, _ in members):
            around = around if any(name == around + LABELS_FILE for name, _ in members) else ""
        self._around = around
        self._members = {name.removeprefix(around): m for name, m in members}
        try:
            self._list((name, m.file_size, stamp) for name, m in sorted(self._members.items()))
        except PoiseError:
            self.close()
            raise

    def read(self, row: int) -> bytes:
        member = self._members[self.files[row]]
        if member.file_size > PACKED and member.file_size > 20 * member.compress_size:
            raise Unreadable(f"it unpacks to {member.file_size / 1e6:,.0f} MB, far more than it takes: no picture does")
        return self._zip.read(member)

    def close(self) -> None:
        self._zip.close()


def _plain(name: str) -> str:
    """A member's name without `.` in its path, as some tools write it: ./a/b.png is a/b.png."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(os.path.join(root, ""))


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
