"""What a user sees and can do while data are read: how far it is, and a Ctrl-C that is heard at once.

    with reading("photos") as progress:
        open_images("photos", progress=progress)

A thread tells how far it is, on standard error: a line that is written over on a terminal, plain lines elsewhere. What
is over within two seconds is not told.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from poise.terminal import escaped, raw

FIRST = 2.0  # seconds until something is said
EVERY = 10.0  # seconds between plain lines
REDRAWN = 0.5  # seconds between looks at a line on a terminal

quiet = False  # whether nothing is told, as --quiet wants it


class ReadingProgress:
    """How far it is. `stage`: what is being done; called with (done, total), 0 where the total is not known."""

    def __init__(self, name: str) -> None:
        self.name, self.stage, self.done, self.total = name, "reading", 0, 0

    def __call__(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def begin(self, stage: str) -> None:
        """Another stage, of which nothing is done yet."""
        self.stage, self.done, self.total = stage, 0, 0

    def line(self) -> str:
        """Such as "photos: decoding, 1,234 of 80,000"."""
        many = f", {self.done:,}" if self.done or self.total else ""
        return f"{self.name}: {self.stage}{many}" + (f" of {self.total:,}" if self.total else "")


@contextmanager
def reading(name: str, shown: bool = True) -> Iterator[ReadingProgress]:
    """A block that tells how far it is and that Ctrl-C ends: in the main thread it raises KeyboardInterrupt, even where
    a handler is in force that would let a run end after its step. `shown`: whether it tells."""
    progress, over = ReadingProgress(name), threading.Event()
    teller = threading.Thread(target=_show, args=(progress, over, sys.stderr), daemon=True)
    shown = shown and not quiet and multiprocessing.parent_process() is None
    if shown:
        teller.start()
    try:
        with _interruptible():
            yield progress
    finally:
        over.set()
        if shown:
            teller.join()


def _show(progress: ReadingProgress, over: threading.Event, stream: Any) -> None:
    terminal = stream.isatty()
    if over.wait(FIRST):
        return
    due = 0.0
    while True:
        if terminal:
            raw(stream).write(f"\r\x1b[K{escaped(progress.line())}")
            raw(stream).flush()
        elif time.monotonic() >= due:
            due = time.monotonic() + EVERY
            print(progress.line(), file=stream, flush=True)
        if over.wait(REDRAWN):
            break
    if terminal:
        raw(stream).write("\r\x1b[K")
        raw(stream).flush()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Handlers that only ask a run to stop are set aside: there is no step that they could wait for."""
    mine = threading.current_thread() is threading.main_thread()
    signals = (signal.SIGINT, signal.SIGTERM) if mine else ()
    before = {s: signal.getsignal(s) for s in signals}
    before = {s: h for s, h in before.items() if callable(h) and h is not signal.default_int_handler}
    for signum in before:
        signal.signal(signum, _stop)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
