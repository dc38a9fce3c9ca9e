"""The process that draws, seen from the server: begun with the first wish, and anew where it has ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Protocol

from poise.errors import PoiseError
from poise.runs.ending import deaf_to_ctrl_c
from poise.serve.drawing import Wish, work

PATIENCE = 120.0  # seconds that one drawing may take, with the loading of torch
IDLE = 900.0  # seconds without a wish after which the process ends, and gives its memory back


class TooMany(PoiseError):
    """Others are drawing, or what draws has gone to rest: the same may be asked again, and pages do so."""


class Painter(Protocol):
    """What draws."""

    def draw(self, wish: Wish) -> tuple[bool, bytes]: ...


class Apart:
    """A process of its own that draws, begun with the first wish and anew where it has ended. `idle`: seconds without a
    wish after which it ends."""

    def __init__(self, idle: float = IDLE) -> None:
        self._idle = idle
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._one = threading.Lock()  # a question and its answer belong together

    def draw(self, wish: Wish) -> tuple[bool, bytes]:
        """Whether it was drawn, and the content or a sentence. Errors: PoiseError where the process ended or hung: that
        would happen again."""
        with self._one:
            found = self._draw(self._ready(), wish) or self._draw(self._ready(), wish)
            if found is None:
                raise TooMany("what draws here has ended; try again")
            return found

    def _draw(self, connection: Connection, wish: Wish) -> tuple[bool, bytes] | None:
        """The answer; None where the process had just gone to rest."""
        try:
            connection.send(wish)
            if not connection.poll(PATIENCE):
                self.end()
                raise PoiseError(
                    f"this takes more than {PATIENCE:.0f} seconds to draw here: ask for less, or use poise sample"
                )
            found: tuple[bool, bytes] = connection.recv()
            return found
        except (EOFError, OSError):
            if self._process is not None:
                self._process.join(1)
            rested = self._process is not None and self._process.exitcode == 0
            self.end()
            if rested:
                return None
            raise PoiseError("what draws here has ended, perhaps for want of memory; ask for less") from None

    def _ready(self) -> Connection:
        if self._connection is not None and self._process is not None and self._process.is_alive():
            return self._connection
        self.end()
        spawn = multiprocessing.get_context("spawn")  # a fork would have this server's sockets
        ours, theirs = spawn.Pipe()
        with deaf_to_ctrl_c():
            self._process = spawn.Process(target=work, args=(theirs, self._idle), daemon=True, name="poise-serve-draws")
            self._process.start()
        theirs.close()
        self._connection = ours
        return ours

    def stop(self) -> None:
        """From another thread: whoever waits for a drawing hears at once that there is none."""
        process = self._process
        if process is not None and process.pid is not None:  # it has been started
            process.kill()

    def end(self) -> None:
        """End the process, if there is one."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._connection = self._process = None
