"""What is said while a study or a search goes on, and how Ctrl-C ends it."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poise.runs.ending import Stop


def teller(quiet: bool) -> Callable[[str], None]:
    """Who hears a line: it is printed at once, or not at all."""
    return _silent if quiet else _printed


@contextlib.contextmanager
def stopped_by_ctrl_c(stop: Stop) -> Iterator[None]:
    """Ctrl-C asks to stop; a second one does not wait."""

    def ask(signum: int, frame: Any) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        print("stopping: the runs are being saved", file=sys.stderr)

    previous = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


def _printed(line: str) -> None:
    print(line, flush=True)


def _silent(line: str) -> None:
    pass
