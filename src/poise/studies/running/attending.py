"""A worker that nobody spawned: it goes to a study's desk and does what the study's parent asks for.

It waits for a parent, works for it until that is done or gone, and waits for the next one. Ctrl-C saves its run and
ends it; whoever trains the study has that run taken up by another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from poise.errors import PoiseError
from poise.runs.ending import Stop
from poise.specs.sources import class_paths, trust
from poise.studies.running.desk import LOST, Seat
from poise.studies.running.worker import serve

LOOK = 0.5  # seconds between two looks at the letters
IDLE = 600.0  # seconds to wait for a parent


class Parent:
    """What a worker hears, with the words of a pipe's end; the end of it where the parent is gone, or `stop` is asked.

    A task's folder is told relative to the study's, which may be another path on another machine. Whoever starts a
    worker at a folder has what its specs name executed, as whoever starts the study has.
    """

    def __init__(self, seat: Seat, stop: Stop, say: Callable[[str], None]) -> None:
        self.seat, self.stop, self.say = seat, stop, say

    def send(self, message: Any) -> None:
        if message[0] != "step":
            self.say(f"{message[0]}: {' '.join(map(str, message[1:]))}")
        self.seat.letters.send(message)

    def recv(self) -> Any:
        while not self.seat.letters.poll():
            if self.stop.asked or self.seat.alone():
                raise EOFError
            time.sleep(LOOK)
        message = self.seat.letters.recv()
        if message is None:
            return None
        name, spec, place = message
        for path in class_paths(spec["arguments"]):
            trust(path)
        return name, spec, str(self.seat.folder / place)


def attend(
    folder: Path, stop: Stop, say: Callable[[str], None], idle: float = IDLE, lost: float = LOST, once: bool = False
) -> None:
    """Work at the desk of a study or a search until nobody has wanted anything for `idle` seconds.

    Args: stop, asked by Ctrl-C; say, is told what happens; lost, seconds without a sign of life after which a parent is
    gone; once, end with the first parent.

    Errors: PoiseError where the folder is none, or the study is trained by another version of Poise.
    """
    say(f"waiting for work in {folder}")
    since = time.monotonic()
    while not stop.asked and time.monotonic() - since < idle:
        with Seat(folder, lost) as seat:
            begin = _called(seat, stop, since + idle)
            if begin is None:
                continue
            word, *rest = begin
            if word == "end":
                raise PoiseError(f"{folder}: {rest[0]}; use the same version on all machines")
            seat.parent, code = rest
            say(f"working for a study in {folder}")
            serve(Parent(seat, stop, say), code, Stop())
        since = time.monotonic()
        if once:
            break
    say(
        "nobody has wanted anything any more"
        if not stop.asked
        else "left; what was trained here is taken up by another"
    )


def _called(seat: Seat, stop: Stop, until: float) -> Any:
    """What a parent begins with; None where none came."""
    while not seat.letters.poll():
        if stop.asked or time.monotonic() > until:
            return None
        time.sleep(LOOK)
    return seat.letters.recv()
