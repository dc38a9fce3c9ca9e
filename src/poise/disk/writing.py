"""Writing, locking and removing: whole or not at all, under random names that are made exclusively."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from poise.disk.reading import BINARY, LINE, LINES, SAFE, loads, read_bytes, regular
from poise.errors import Busy, PoiseError

SUFFIX = ".tmp"
# .NAME.HOST-PROCESS-RANDOM.tmp; what others call .NAME.tmp is theirs, and stays.
TEMPORARY = re.compile(r"\..*\.([^\W_]+)-([0-9]+)-[0-9a-f]{16}\.tmp", re.DOTALL)
ABANDONED_AFTER = 24 * 3600.0  # seconds; for rests whose process cannot be asked whether it lives

WAIT = 0.06  # seconds for which a lock is tried again


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, fsync, rename: a reader sees the old file or the new one, never half of it.

    Where `path` is a link, the link is replaced and what it pointed to stays as it was.
    """
    with written(path) as file:
        file.write(content)


@contextlib.contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """The same for what is written piece by piece: a file under a temporary name, renamed to `path` at the end of the
    block, and removed where the block ends by an error.

    Errors: PoiseError for an OSError of the block or of the disk.
    """
    temporary = _temporary(path)
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE | BINARY, 0o666)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            said = f"cannot write {path}: {error.strerror or error}; free some space or write elsewhere"
            raise PoiseError(said) from error
        raise


def write_json(path: Path, content: Any) -> None:
    """`content` as JSON in UTF-8; a byte of a file name that is no text is written \\udce9, and read back as it was."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode(errors="backslashreplace"))


def make_folder(folder: Path) -> None:
    """A folder for what is written at the user's wish, with those above it. Errors: PoiseError for an OSError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoiseError(f"cannot make the folder {folder}: {error.strerror}; choose another --out") from None


def check_parent(path: Path, flag: str = "--out") -> None:
    """PoiseError unless the folder exists in which `path` is to be written, as `flag` asked for; before any work."""
    if not path.parent.is_dir():
        raise PoiseError(f"{flag} {path}: there is no folder {path.parent}; make it, or write elsewhere")


def open_to_append(path: Path) -> IO[bytes]:
    """The regular file of lines `path`, made where it is not there, for writing at its end; a last line that was cut
    off is taken away.

    A file that has a second name (a hard link, as backups make them) becomes a copy first. Errors as of `regular`.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    handle = regular(path, flags)
    if os.fstat(handle).st_nlink > 1:
        os.close(handle)
        write_atomically(path, read_bytes(path, LINES))
        handle = regular(path, flags)
    file = os.fdopen(handle, "ab+", buffering=0)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - LINE))
    cut = file.read(LINE).rpartition(b"\n")[2]
    try:
        if cut:
            loads(cut.decode())
            file.write(b"\n")
    except ValueError:
        os.ftruncate(file.fileno(), size - len(cut))
    return file


@contextlib.contextmanager
def locked(path: Path, wait: float = WAIT) -> Iterator[None]:
    """Hold the lock of the file `path`, which is made where it is not there and never written to.

    `wait`: seconds for which it is tried again, for somebody may just be looking whether it is held.
    Errors: Busy where another process holds it; PoiseError where it is no regular file.
    """
    os.close(regular(path, os.O_RDWR | os.O_CREAT))
    lock = FileLock(path, timeout=wait)
    try:
        lock.acquire(poll_interval=0.02)
    except (Timeout, OSError):
        raise Busy(f"{path.parent} is being worked on by another process; wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release()


def temporary_folder(final: Path) -> Path:
    """A new, empty folder beside `final` that will be renamed to it. Errors: OSError."""
    folder = _temporary(final)
    folder.mkdir(parents=True)
    return folder


def append(file: IO[bytes], content: bytes) -> None:
    """Write all of it to an unbuffered file, which may take a part at a time. Errors: OSError; what a full disk took of
    it is taken away again where that can be done."""
    begun = os.fstat(file.fileno()).st_size
    left = memoryview(content)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file.fileno(), begun)
        raise


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it; first it gets a temporary name, so that none is left by half."""
    going = _temporary(folder)
    with contextlib.suppress(OSError):
        os.rename(folder, going)
        shutil.rmtree(going, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove temporary files and folders right below `folder` that processes of Poise left which are no more.

    It is the user's own folder that a run lies in: all that is not of the form of `TEMPORARY` stays.
    """
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            if _abandoned(entry):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with contextlib.suppress(OSError):
                        os.unlink(entry.path)


def _temporary(path: Path) -> Path:
    """.NAME.HOST-PROCESS-RANDOM.tmp, in the same folder."""
    name = os.fsdecode(os.fsencode(path.name)[:100])
    return path.with_name(f".{name}.{host()}-{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}")


def _abandoned(entry: os.DirEntry[str]) -> bool:
    """Whether this is a temporary whose process is gone; one that cannot be asked has a day."""
    named = TEMPORARY.fullmatch(entry.name)
    if named is None:
        return False
    machine, process = named.groups()
    if machine == host() and os.name == "posix":
        return not alive(int(process))
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED_AFTER
    except OSError:
        return False


def host() -> str:
    """The name of this machine, in letters and digits, as it stands in names of temporary files."""
    return "".join(c for c in socket.gethostname() if c.isalnum()) or "host"


def alive(process: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # somebody else's process; a number that is no process of ours
        return True
    return True
