"""Folders and zip archives of encoded pictures."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from poise.data.files.contents import HEAD
from poise.data.files.reading import ReadingProgress
from poise.data.files.walking import is_ours, shown, stamp_of, without_ours
from poise.data.images.sources.encoded import PACKED, FileSource, hidden
from poise.data.images.sources.layout import DATASET_FILE, LABELS_FILE
from poise.data.images.sources.opening import Unreadable
from poise.errors import PoiseError


class FolderSource(FileSource):
    """A folder with everything below it, in the order of the names. Hidden files and folders are left out, and so are
    runs and studies of Poise below it."""

    kind = "folder"

    def __init__(self, path: Path, splits: str = "auto", progress: ReadingProgress | None = None) -> None:
        super().__init__(path, splits, progress)
        self._ours: list[str] = []
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
            if is_folder and hidden(entry.name):
                continue
            if is_folder and entry.is_symlink() and _inside(os.path.realpath(entry.path), root):
                self.lost.append((shown(name), "a link to a folder that is read already"))
            elif is_folder:
                waiting.append(self._entries(entry.path, f"{name}/", seen))
            elif stat.S_ISREG(facts.st_mode):
                yield name, facts.st_size, stamp_of(facts)
            else:  # reading a pipe or a device would wait for ever, or never end
                self.lost.append((shown(name), "no regular file"))

    def _entries(self, folder: str, prefix: str, seen: set[tuple[int, int]]) -> tuple[str, list[os.DirEntry[str]]]:
        """What lies in a folder, the last name first; nothing in one that was seen."""
        try:
            here = os.stat(folder)
            if (here.st_dev, here.st_ino) in seen:
                return prefix, []
            seen.add((here.st_dev, here.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            self.lost.append((shown(prefix) or folder, error.strerror or type(error).__name__))
            self.passing = True
            return prefix, []
        if prefix and is_ours({entry.name for entry in entries}):
            self._ours.append(prefix.removesuffix("/"))
            return prefix, []
        return prefix, entries

    def besides(self) -> str:
        return without_ours(self._ours)

    def head(self, name: str) -> bytes:
        with open(self.path / name, "rb", buffering=0) as file:
            return file.read(HEAD)

    def whole(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


class ZipSource(FileSource):
    """A zip archive, read without unpacking. One folder around everything is not taken for a class."""

    kind = "zip"

    def __init__(self, path: Path, splits: str = "auto", progress: ReadingProgress | None = None) -> None:
        super().__init__(path, splits, progress)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise PoiseError(f"{path} is not a whole zip archive ({error}): make or download it again") from None
        stamp = stamp_of(path.stat())
        named = [(_plain(m.filename), m) for m in self._zip.infolist() if not m.is_dir()]
        members = [(name, m) for name, m in named if not hidden(name)]
        tops = {name.partition("/")[0] for name, _ in members}
        around = f"{min(tops)}/" if len(tops) == 1 else ""
        if not any("/" in name.removeprefix(around) for name, _ in members):
            tables = {around + LABELS_FILE, around + DATASET_FILE}
            around = around if any(name in tables for name, _ in members) else ""
        self._members = {name.removeprefix(around): m for name, m in members}
        try:
            self._list((name, m.file_size, stamp) for name, m in sorted(self._members.items()))
        except PoiseError:
            self.close()
            raise

    def head(self, name: str) -> bytes:
        with self._zip.open(self._members[name]) as file:
            return file.read(HEAD)

    def whole(self, name: str) -> bytes:
        member = self._members[name]
        if member.file_size > PACKED and member.file_size > 20 * member.compress_size:
            raise Unreadable(f"it unpacks to {member.file_size / 1e6:,.0f} MB, far more than it takes: no picture does")
        return self._zip.read(member)

    def close(self) -> None:
        self._zip.close()


def _plain(name: str) -> str:
    """A member's name without `.` in its path and with `/` in it: a/b.png for what some tools write as .\\a\\b.png."""
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(os.path.join(root, ""))
