"""The cache folder, and files in it that are either whole or absent.

Whatever is written here is first written under a temporary name, flushed to the disk, and then renamed, so a
killed process or a full disk leaves no half-made file or folder under a final name, and two processes that
build the same thing at the same time both end with one whole copy.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from poise.data.files.exchange import PAUSE, TRIES, mark, put
from poise.disk import alive, host, write_atomically
from poise.disk import cache_dir as cache_dir  # where everything here lies
from poise.errors import PoiseError

# Of an OSError that says nothing of what lies on the disk: another time, or for another user, it may be read.
PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM, errno.EAGAIN, errno.EINTR})
CHUNK = 1 << 20  # bytes read at a time
Found = TypeVar("Found")

TEMPORARY = ".building-"  # .building-<host>-<process id>-<random>
LEFT = re.compile(rf"{re.escape(TEMPORARY)}([^\W_]+)-([0-9]+)-\w+")
ABANDONED_AFTER = 24 * 3600.0  # seconds; for temporaries whose process cannot be asked whether it lives


def cannot_write(where: Path, error: OSError) -> PoiseError:
    """The one sentence for any failure to write below the cache."""
    reason = error.strerror or type(error).__name__
    return PoiseError(
        f"cannot write in {where} ({reason}): make room there, or set POISE_CACHE to a folder on another disk"
    )


def cannot_read(where: Path, error: OSError) -> PoiseError:
    """The one sentence for what lies in the cache and cannot be read now."""
    reason = error.strerror or type(error).__name__
    return PoiseError(f"cannot read {where} ({reason}): try again, or remove it, and it is made anew")


def atomic_write(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all; folders above it are made. PoiseError where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    except PoiseError as error:
        if isinstance(error.__cause__, OSError):
            raise cannot_write(path.parent, error.__cause__) from error
        raise


def sound(folder: Path, read: Callable[[Path], Found | None]) -> Found | None:
    """What `read` makes of a folder of the cache; None where there is none, and for one of which it makes nothing: it
    is damaged (by hand, or by the disk), of another version, or to be built again. It stays until `building` puts
    another one in its place.

    Errors: PoiseError where it cannot be read now and may be another time, as with too many open files.
    """
    found = None
    for _ in range(TRIES):
        if (before := mark(folder)) is None:
            return None
        try:
            found = read(folder)
        except (OSError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile) as error:
            if isinstance(error, OSError) and error.errno in PASSING:
                raise cannot_read(folder, error) from error
            found = None
        if mark(folder) == before:  # else another process has put its own there meanwhile, which is read instead
            break
    return found


def built(folder: Path, read: Callable[[Path], Found | None]) -> Found:
    """As `sound`, of a folder that was built just now, in whose place another process may be putting its own copy.

    Errors: PoiseError where it is gone.
    """
    for _ in range(TRIES):
        if (found := sound(folder, read)) is not None:
            return found
        time.sleep(PAUSE)
    raise PoiseError(f"{folder} was removed while it was opened: start again")


@contextmanager
def temporary(parent: Path) -> Iterator[Path]:
    """Yield an empty folder in `parent` that is gone after the block, however it ends.

    What killed processes left in `parent` is removed first. An OSError in the block (a full disk, no
    permission) becomes a PoiseError about `parent`, so reading something else there needs handling of its
    own.
    """
    folder: Path | None = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent)
        folder = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}{host()}-{os.getpid()}-", dir=parent))
        yield folder
    except OSError as error:
        raise cannot_write(parent, error) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def building(final: Path, anew: bool = False) -> Iterator[Path]:
    """Yield an empty folder beside `final`; when the block ends well, it is flushed and becomes `final`.

    When the block raises, nothing is left of it. When another process has made `final` in the meantime, its
    copy stays and ours is dropped: both were built from the same key. `anew`: what lies there before the block is
    replaced, and whoever has it open keeps what it has. Errors as for `temporary`.
    """
    old = mark(final) if anew else None
    with temporary(final.parent) as folder:
        yield folder
        for file in folder.rglob("*"):
            if file.is_file():
                _sync(file)
        os.chmod(folder, 0o777 & ~_umask())  # mkdtemp made it private, as the files in it are not
        put(folder, final, old)


def sweep(parent: Path) -> None:
    """Remove temporary folders whose process is gone, or that are a day old if it cannot be asked."""
    for folder in parent.glob(f"{TEMPORARY}*"):
        named = LEFT.fullmatch(folder.name)
        if named is None:
            continue
        machine, process = named.groups()
        askable = machine == host() and os.name == "posix"
        try:
            if askable:
                gone = not alive(int(process))
            else:
                gone = time.time() - folder.stat().st_mtime > ABANDONED_AFTER
        except FileNotFoundError:  # its owner has just finished
            continue
        if gone:
            shutil.rmtree(folder, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, as hex, read a piece at a time."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def need_room(where: Path, size: int, what: str) -> None:
    """Raise PoiseError unless the disk of `where`, which need not exist yet, has `size` free bytes."""
    folder = next(p for p in (where, *where.parents) if p.exists())
    free = shutil.disk_usage(folder).free
    if free < size:
        raise PoiseError(
            f"{what} needs {size / 1e9:.2f} GB in {where}, where {free / 1e9:.2f} GB are free: make room, "
            "or set POISE_CACHE to a folder on another disk"
        )


class RowWriter:
    """Write a .npy array row by row, without knowing how many rows will come.

    The rows go through plain file writes and not through a writable memory map: a full disk is then an error
    that can be told, whereas a map would end the process with SIGBUS. numpy pads the header so that the first
    axis can grow in place; `close` writes the final count there.
    """

    def __init__(self, path: Path, row: tuple[int, ...], dtype: DTypeLike) -> None:
        self.row, self.dtype, self.count = row, np.dtype(dtype), 0
        self._file: BinaryIO = open(path, "wb", buffering=CHUNK)  # noqa: SIM115 - closed by close()
        self._header = self._file.write(self._head())

    def append(self, row: np.ndarray) -> None:
        if row.shape != self.row or row.dtype != self.dtype:
            raise ValueError(f"row {row.shape} {row.dtype} given to a file of {self.row} {self.dtype}")
        self._file.write(np.ascontiguousarray(row).tobytes())
        self.count += 1

    def extend(self, rows: np.ndarray) -> None:
        """Append many rows at once: [n, *row]."""
        if rows.shape[1:] != self.row or rows.dtype != self.dtype:
            raise ValueError(f"rows {rows.shape} {rows.dtype} given to a file of {self.row} {self.dtype}")
        self._file.write(np.ascontiguousarray(rows).tobytes())
        self.count += len(rows)

    def close(self) -> None:
        if self._file.closed:
            return
        head = self._head()
        if len(head) != self._header:
            raise ValueError("the header of a .npy file changed its length")
        try:
            self._file.seek(0)
            self._file.write(head)
        finally:
            self._file.close()

    def _head(self) -> bytes:
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            buffer,
            {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": (self.count, *self.row),
            },
        )
        return buffer.getvalue()

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _sync(file: Path) -> None:
    # Opened for update: Windows refuses to flush a descriptor that may only read.
    with open(file, "r+b") as opened:
        os.fsync(opened.fileno())


def _umask() -> int:
    mask = os.umask(0o077)  # there is no way to ask without setting it
    os.umask(mask)
    return mask
