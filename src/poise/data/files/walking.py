"""Going through files: folders however deep, work on a few threads in order, names that can be printed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TypeVar

from poise.data.files.turns import still_wanted, wanted_until

Progress = Callable[[int, int], object]  # done, total


A = TypeVar("A")


B = TypeVar("B")


WORKERS = min(4, os.cpu_count() or 1)  # Pillow and zlib let go of the interpreter lock while they decode


def in_order(work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """`map` on a few threads: results in order, and only a few items under way, so that memory stays flat.

    Where it is not read to its end (Ctrl-C), what is under way is told that nobody waits for it: see `turns`.
    """
    waiting: deque[Future[B]] = deque()
    unwanted = Event()

    def wanted(item: A) -> B:
        with wanted_until(unwanted):
            still_wanted()
            return work(item)

    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(wanted, item))
                if len(waiting) >= 8 * WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            unwanted.set()
            for future in waiting:
                future.cancel()


def walked(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """(folder, names of its files) of a folder and of those below it, however deep; hidden ones and links left out."""
    waiting = [os.fspath(folder)]
    while waiting:
        above = waiting.pop()
        try:
            entries = list(os.scandir(above))
        except OSError:  # whoever reads the folder itself tells that
            continue
        below = (e for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False))
        waiting += (entry.path for entry in below)
        yield above, [entry.name for entry in entries if not _is_folder(entry)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def shown(name: str) -> str:
    """A file name that can be printed: bytes that are no text become a replacement character."""
    return name.encode(errors="surrogateescape").decode(errors="replace")
