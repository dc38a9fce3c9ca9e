"""Large things are in memory one at a time, however many threads there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Mine(threading.local):
    """Of one thread: whether it is inside `turns`, and whether it has the turn."""

    inside = False
    held = False


_turn, _mine = threading.Lock(), _Mine()


@contextmanager
def turns() -> Iterator[None]:
    """A block in which what waits for its turn has it until the block ends: one block of the process at a time."""
    _mine.inside = True
    try:
        yield
    finally:
        _mine.inside = False
        if _mine.held:
            _mine.held = False
            _turn.release()


def wait_for_turn() -> None:
    """Wait until no other block has the turn; nothing outside of blocks, and where this one has it."""
    if _mine.inside and not _mine.held:
        _turn.acquire()
        _mine.held = True
