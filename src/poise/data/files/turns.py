"""Large things are in memory one at a time, however many threads there are; and what nobody waits for ends soon."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Unwanted(BaseException):
    """Nobody waits for the result any more; not an Exception, so that no reader's own handling keeps it."""


class _Mine(threading.local):
    """Of one thread: whether it is inside `turns`, whether it has the turn, and what tells that nobody waits."""

    inside = False
    held = False
    unwanted: threading.Event | None = None


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
            _give_back()
            _turn.release()


def _give_back() -> None:
    """Freed memory to the system: the C library of Linux keeps what each thread has freed, and the next picture may be
    decoded on another one."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def wait_for_turn() -> None:
    """Wait until no other block has the turn; nothing outside of blocks, and where this one has it.

    Errors: Unwanted, as of `still_wanted`.
    """
    if _mine.inside and not _mine.held:
        while not _turn.acquire(timeout=0.2):
            still_wanted()
        _mine.held = True


@contextmanager
def wanted_until(unwanted: threading.Event) -> Iterator[None]:
    """A block on this thread in which `still_wanted` raises once the event is set."""
    before, _mine.unwanted = _mine.unwanted, unwanted
    try:
        yield
    finally:
        _mine.unwanted = before


def still_wanted() -> None:
    """For long work, every now and then. Errors: Unwanted where the event of `wanted_until` is set."""
    if _mine.unwanted is not None and _mine.unwanted.is_set():
        raise Unwanted
