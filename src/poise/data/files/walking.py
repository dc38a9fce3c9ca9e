"""Going through files: folders however deep, work on a few threads in order, names that can be printed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TypeVar

from poise.data.files.turns import still_wanted, wanted_until
from poise.disk import seen_from

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


# What Poise itself writes -> the files one of which must lie beside: a run, a study, a search
OURS = {
    "spec.json": {"record.jsonl", "checkpoints"},
    "plan.json": {"events.jsonl", "runs"},
    "tune.json": {"events.jsonl", "runs", "trials.journal"},
}


def is_ours(names: Collection[str]) -> bool:
    """Whether a folder with files of these names was made by Poise: its pictures and sounds are samples, no data.

    Example:
        >>> is_ours({"spec.json", "record.jsonl", "samples"}), is_ours({"spec.json", "photo.png"})
        (True, False)
    """
    return any(name in names and not beside.isdisjoint(names) for name, beside in OURS.items())


def without_ours(folders: Sequence[str], named: int = 3) -> str:
    """The sentence about folders of Poise in a folder of data; empty where there are none."""
    if not folders:
        return ""
    names = [*map(shown, folders[:named]), *([f"{len(folders) - named:,} more"] if len(folders) > named else [])]
    return f"left out, for runs of Poise are no data: {', '.join(names)}"


def walked(folder: Path, ours: list[str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """(folder, names of its files) of a folder and of those below it, however deep.

    Left out are hidden ones, links, and runs and studies of Poise below it, which `ours` takes the names of.
    """
    waiting = [os.fspath(folder)]
    while waiting:
        above = waiting.pop()
        try:
            entries = list(os.scandir(above))
        except OSError:  # whoever reads the folder itself tells that
            continue
        if above != os.fspath(folder) and is_ours({entry.name for entry in entries}):
            if ours is not None:
                ours.append(seen_from(above, folder))
            continue
        below = (e for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False))
        waiting += (entry.path for entry in below)
        yield above, [entry.name for entry in entries if not _is_folder(entry)]


def ours_below(folder: Path) -> str:
    """The sentence about runs and studies of Poise that lie below a folder; empty where there are none."""
    found: list[str] = []
    for _ in walked(folder, found):
        pass
    return without_ours(sorted(found))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def stamp_of(facts: os.stat_result) -> int:
    """When a file was changed last, in ns: whichever is later of what its time says, which a copy may bring from
    elsewhere, and when it came here as it is."""
    return max(facts.st_mtime_ns, facts.st_ctime_ns)


def shown(name: str) -> str:
    """A file name that can be printed: bytes that are no text become a replacement character."""
    return name.encode(errors="surrogateescape").decode(errors="replace")
