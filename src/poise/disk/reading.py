"""Opening and reading: regular files only, no link followed, sizes bounded, damage named with its line."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from poise.errors import PoiseError

DOCUMENT = 64 << 20  # bytes of a JSON file
LINES = 4 << 30  # bytes of a file of lines
LINE = 4 << 20  # bytes of one line
ENTRIES = 1_000_000  # files and folders below a run or study

SAFE = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) if os.name == "posix" else 0
BINARY = getattr(os, "O_BINARY", 0)
_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def _kind(mode: int) -> str:
    """What something is that is not a regular file; empty for one that is."""
    if stat.S_ISREG(mode):
        return ""
    return next((name for test, name in _KINDS if test(mode)), "no regular file")


def _kind_of(entry: os.DirEntry[str]) -> str:
    """The same of an entry of a folder; empty as well where it has just gone."""
    try:
        return _kind(entry.stat(follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return ""


def _not_plain(path: Path, kind: str) -> PoiseError:
    return PoiseError(f"{path} is {kind} and no regular file, so it is not opened: remove it, or take another folder")


def regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the regular file `path`.

    Errors: PoiseError, before anything is touched, for a link, a pipe, a device, a folder; OSError as from `os.open`.
    """
    try:
        if kind := _kind(os.lstat(path).st_mode):
            raise _not_plain(path, kind)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    try:
        handle = os.open(path, flags | SAFE | BINARY, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):  # it has become a link since we looked
            raise _not_plain(path, "a link") from None
        raise
    if kind := _kind(os.fstat(handle).st_mode):
        os.close(handle)
        raise _not_plain(path, kind)
    return handle


def open_file(path: Path) -> IO[bytes]:
    """The regular file `path`, for reading. Errors as of `regular`."""
    return os.fdopen(regular(path), "rb")


def read_bytes(path: Path, most: int = DOCUMENT) -> bytes:
    """The content of a regular file of at most `most` bytes. Errors: PoiseError; OSError as from `os.open`."""
    with open_file(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise PoiseError(f"{path} has more than {most / 1e6:,.0f} MB, which none of its kind has: it is damaged")
    return content


def loads(text: str | bytes) -> Any:
    """`json.loads`; whatever is wrong with the text is a ValueError."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_json(path: Path) -> Any:
    """The content of a JSON file; a missing or damaged one is named."""
    try:
        return loads(read_bytes(path).decode())
    except FileNotFoundError:
        raise PoiseError(f"{path} is missing; is {path.parent} a run folder?") from None
    except (OSError, ValueError) as error:
        said = str(error)[:120]
        raise PoiseError(f"{path} cannot be read ({said}): it is damaged; put it back, or start a new run") from None


def read_lines(path: Path, advice: str = "put it back") -> Iterator[tuple[int, bytes]]:
    """(number from 1, line with its end) of a file that is written line by line. A last line without an end may have
    been cut off: its process was killed while it wrote.

    Errors: PoiseError for a line or a file that is too long; OSError as from `os.open`.
    """
    total = 0
    with open_file(path) as file:
        for number in range(1, LINES):
            line = file.readline(LINE + 1)
            total += len(line)
            if len(line) > LINE or total > LINES:
                raise PoiseError(
                    f"{path}, line {number:,} is damaged (more than "
                    f"{(LINE if len(line) > LINE else LINES) / 1e6:,.0f} MB, which no such file has); {advice}"
                )
            if not line:
                return
            yield number, line


def entries(path: Path, wrong: Callable[[Any], str], advice: str) -> list[dict[str, Any]]:
    """All of `each_entry`; an object that something is the matter with is told where every line is one."""
    found = list(each_entry(path, lambda entry: "", advice))
    for number, entry in enumerate(found, 1):
        if reason := wrong(entry):
            raise _damaged(path, number, reason, advice)
    return found


def _damaged(path: Path, number: int, reason: str, advice: str) -> PoiseError:
    return PoiseError(f"{path}, line {number:,} is damaged ({reason}); {advice}")


def each_entry(path: Path, wrong: Callable[[Any], str], advice: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file of lines, in order, one at a time; only a last line that was cut off is left out.

    Args: wrong: what is the matter with an object, or nothing; advice: what to do where a line is damaged.
    Errors: PoiseError that names file and line; FileNotFoundError.
    """
    try:
        for number, line in read_lines(path, advice):
            try:
                entry = loads(line.decode())
                reason = wrong(entry) if isinstance(entry, dict) else "it is no object"
            except ValueError:
                if not line.endswith(b"\n"):
                    break
                reason = "it is no JSON"
            if reason:
                raise _damaged(path, number, reason, advice)
            yield entry
    except FileNotFoundError:
        raise
    except OSError as error:
        raise PoiseError(f"{path} cannot be read ({error.strerror}); put that right and try again") from None


def bytes_below(path: Path) -> int:
    """The size of all files below a folder; no link is followed."""
    total = 0
    for place, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def inspect(folder: Path) -> None:
    """PoiseError unless everything below `folder` is a regular file or a folder: no link, pipe, socket or device.

    Before a run folder is used: nothing in it can then lead elsewhere.
    """
    seen, left = 0, [os.fspath(folder)]
    while left:
        above = left.pop()
        try:
            found = [(entry, _kind_of(entry)) for entry in list(os.scandir(above))]
        except FileNotFoundError:
            if above == os.fspath(folder):
                raise PoiseError(f"{folder} is not there any more; see poise runs") from None
            continue  # a process that trains here has just removed a checkpoint
        except OSError as error:
            raise PoiseError(f"{error.filename} cannot be read ({error.strerror}); put that right first") from None
        for entry, kind in found:
            if kind == "a folder":
                left.append(entry.path)
            elif kind:
                raise PoiseError(
                    f"{entry.path} is {kind}: a run folder holds regular files and folders only; remove it, or put "
                    "what it stands for in its place"
                )
        seen += len(found)
        if seen > ENTRIES:
            raise PoiseError(f"{folder} holds more than {ENTRIES:,} files: this is no run folder")


def folders_with(root: Path, name: str) -> Iterator[Path]:
    """The folders right below `root` that hold a file of this name, in the order of their names: none that is hidden
    or a link, and none at all where `root` cannot be read."""
    try:
        below = sorted(root.iterdir())
    except OSError:
        return
    for path in below:
        if not path.name.startswith(".") and not path.is_symlink() and (path / name).is_file():
            yield path
