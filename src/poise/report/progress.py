"""How far something is that takes a while: a bar on a terminal, a plain line every ten seconds otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Self

from poise.terminal import escaped, raw
from poise.words import translated

EVERY = 10.0  # seconds between plain lines


class ProgressView:
    """On standard error, so that a report can be piped on. What is done before its first line is due is not told.

    with ProgressView() as view:
        tell = view.task("features of cats")
        tell(10, 100)
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._due = time.monotonic() + EVERY

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(file=raw(sys.stderr)), transient=True)
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def task(self, what: str) -> Callable[[int, int], None]:
        """Where the progress (done, total) of one piece of work is told."""
        number: Any = None

        def tell(done: int, total: int) -> None:
            nonlocal number
            if self._bar is not None:
                if number is None:
                    number = self._bar.add_task(escaped(translated(what)), total=total)
                self._bar.update(number, completed=done, total=total, visible=done < total)
            elif time.monotonic() > self._due:
                self._due = time.monotonic() + EVERY
                print(f"{translated(what)}: {done:,} of {total:,}", file=sys.stderr, flush=True)

        return tell
