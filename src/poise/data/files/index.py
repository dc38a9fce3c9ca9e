"""What is known of a source's files since the last look, so that a second start reads none of them again.

One file per source below `<cache>/index/`: names, sizes and time stamps, and of each file its sha256 and what
its header says. A file whose size or time stamp differs is looked at again. The index only saves time:
without it, or with a damaged one, everything is looked at.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
import zipfile
from pathlib import Path

import numpy as np

from poise.data.files import store

FILE_INFO = np.dtype([("digest", np.uint8, (32,)), ("width", np.int32), ("height", np.int32), ("grey", np.bool_)])
UNKNOWN = bytes(32)  # the digest of a file that could not be read
VERSION = 1
# A file changed this shortly before the index is written could change once more without a new time stamp,
# where the file system keeps whole (FAT: two) seconds; it is looked at again next time.
TOO_FRESH = 2 * 10**9


def recall(source: Path, names: list[str], sizes: np.ndarray, stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """FILE_INFO [N] with everything still valid filled in, and the rows (int64) that have to be looked at."""
    info = np.zeros(len(names), FILE_INFO)
    known = _load(_place(source))
    if known is None:
        return info, np.arange(len(names))
    old_names, old_sizes, old_stamps, old_info = known
    if old_names == names:
        rows = np.arange(len(names))
    else:
        where = {name: i for i, name in enumerate(old_names)}
        rows = np.array([where.get(name, -1) for name in names], np.int64)
    valid = rows >= 0
    at = rows[valid]
    same = (old_sizes[at] == sizes[valid]) & (old_stamps[at] == stamps[valid])
    same &= old_info["digest"][at].any(axis=1)
    valid[valid] = same
    info[valid] = old_info[rows[valid]]
    return info, np.flatnonzero(~valid)


def remember(source: Path, names: list[str], sizes: np.ndarray, stamps: np.ndarray, info: np.ndarray) -> None:
    """Write the index of a source. PoiseError where the cache cannot be written."""
    sure = stamps < time.time_ns() - TOO_FRESH
    buffer = io.BytesIO()
    np.savez(
        buffer,
        version=np.int64(VERSION),
        names=np.frombuffer("\0".join(names).encode(errors="surrogateescape"), np.uint8),
        sizes=sizes,
        stamps=np.where(sure, stamps, -1),
        facts=info,
    )
    store.atomic_write(_place(source), buffer.getvalue())


def forget(source: Path) -> None:
    """Drop the index of a source."""
    _place(source).unlink(missing_ok=True)


def _place(source: Path) -> Path:
    path = os.path.realpath(source).encode(errors="surrogateescape")
    return store.cache_dir() / "index" / f"{hashlib.sha256(path).hexdigest()[:32]}.npz"


def _load(place: Path) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray] | None:
    try:
        with np.load(place, allow_pickle=False) as table:
            names = table["names"].tobytes().decode(errors="surrogateescape").split("\0")
            sizes, stamps, info = table["sizes"], table["stamps"], table["facts"]
            whole = int(table["version"]) == VERSION and info.dtype == FILE_INFO
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if not whole or not len(names) == len(sizes) == len(stamps) == len(info):
        return None
    return names, sizes, stamps, info
