"""A worker that nobody spawned: it goes to a study's desk and does what the study's parent asks for.

It waits for a parent, works for it until that is done or gone, and waits for the next one. Ctrl-C saves its run and
ends it; whoever trains the study has that run taken up by another.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from poise.errors import PoiseError
from poise.runs.ending import Stop
from poise.specs.sources import class_paths, digest_of, trust
from poise.studies.running.desk import LOST, Seat
from poise.studies.running.worker import serve

LOOK = 0.5  # seconds between two looks at the letters
IDLE = 600.0  # seconds to wait for a parent


class Parent:
    """What a worker hears, with the words of a pipe's end; the end of it where the parent is gone, or `stop` is asked.

    A task's folder is told relative to the study's, which may be another path on another machine. Whoever starts a
    worker at a folder has what its specs name executed, as whoever starts the study has.

    Code of one's own is loaded once in a process: when its file is another one later, the task is given back, and
    `changed` says of which code.
    """

    def __init__(self, seat: Seat, stop: Stop, say: Callable[[str], None], loaded: dict[str, str | None]) -> None:
        self.seat, self.stop, self.say, self.loaded = seat, stop, say, loaded
        self.changed = ""

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
        own = [*class_paths(spec["arguments"]), *([spec["recipe"]] if "." in spec["recipe"] else [])]
        for path in own:
            if self.loaded.setdefault(path, digest_of(path)) != digest_of(path):
                self.changed = path
                self.seat.letters.send(("stopped", name))
                raise EOFError
            trust(path)
        return name, spec, str(self.seat.folder / place)


def attend(
    folder: Path, stop: Stop, say: Callable[[str], None], idle: float = IDLE, lost: float = LOST, once: bool = False
) -> None:
    """Work at the desk of a study or a search until nobody has wanted anything for `idle` seconds.

    Args: stop, asked by Ctrl-C; say, is told what happens; lost, seconds without a sign of life after which a parent is
    gone; once, end with the first parent.

    Errors: PoiseError where the folder is none, the study is trained by another version of Poise, or a file of code was
    changed after it was loaded here.
    """
    folder, loaded = Path(os.path.abspath(folder)), dict[str, str | None]()  # for it may go elsewhere
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
            name, code, place, interval = rest
            seat.begin(name, interval)
            say(f"working for a study in {folder}")
            go_to(place, say)
            parent = Parent(seat, stop, say, loaded)
            serve(parent, code, Stop())
            if parent.changed:
                raise PoiseError(
                    f"the file of {parent.changed} was changed after it was loaded: start this worker again"
                )
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
        if stop.asked or seat.left.is_set() or time.monotonic() > until:
            return None
        time.sleep(LOOK)
    return seat.letters.recv()


def go_to(place: str, say: Callable[[str], None]) -> None:
    """To the folder in which the parent runs, which relative paths of data and code start from; if it is here."""
    try:
        os.chdir(place)
    except OSError:
        say(f"there is no folder {place} here: paths of data and code start from {os.getcwd()}")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
