"""How a study and its workers on other machines speak with each other: through files in the study's folder.

    desk/parent                 who trains the study now, touched every few seconds
    desk/WORKER/hello.json      which machine, process and version; written once
    desk/WORKER/beat            touched every few seconds
    desk/WORKER/in, out         messages to the worker and from it, a JSON line each; each has one writer
    desk/WORKER/left            the worker has gone

A disk that all of them see is all that it takes. What is old is told by the disk's own clock: both sides compare times
of files in one folder. Either side counts as lost when it has not been heard of for `lost` seconds. A worker whose
parent is lost, or is another one, saves its run and ends; a run that was lost with its worker is taken up again where
it was saved.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from poise import __version__
from poise.disk import read_json, seen_from, write_atomically, write_json
from poise.errors import PoiseError
from poise.studies.running.crew import Crew
from poise.studies.running.letters import Letters

DESK = "desk"
BEAT = 5.0  # seconds between two signs of life
NEW = 0.5  # seconds between two looks at who is new
LOST = 60.0  # seconds without one


def touched(path: Path) -> float:
    """Touch a file; the time that the disk gave it."""
    path.touch()
    os.utime(path)
    return path.stat().st_mtime


def silent(path: Path, now: float) -> float:
    """Seconds since a file was touched, or for ever where it is gone."""
    try:
        return now - path.stat().st_mtime
    except OSError:
        return float("inf")


class FarCrew(Crew):
    """A worker on another machine, or one that somebody started by hand."""

    def __init__(self, place: Path, who: str, lost: float) -> None:
        super().__init__()
        self.place, self.who, self.lost = place, who, lost
        self.connection = Letters(place / "out", place / "in")
        self.now = 0.0  # by the clock of the disk

    def place_of(self, path: Path) -> str:
        return Path(seen_from(path, self.place.parent.parent)).as_posix()  # read by any system

    def dead(self) -> bool:
        return (self.place / "left").exists() or silent(self.place / "beat", self.now) > self.lost

    def dismissed(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not self.dead() and time.monotonic() < ends:
            time.sleep(0.1)
            self.now = touched(self.place.parent / "parent")

    def end(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)


class Desk:
    """The parent's side. Args: folder of the study or search; code, see `worker.work`; lost, seconds."""

    def __init__(self, folder: Path, code: str | None = None, lost: float | None = None) -> None:
        self.folder, self.code = folder / DESK, code
        self.lost = LOST if lost is None else lost
        self.me = secrets.token_hex(8)
        self.known: set[str] = set()
        self.next = self.look = 0.0

    @property
    def interval(self) -> float:
        """Seconds between two signs of life."""
        return min(BEAT, self.lost / 4)

    def beat(self, crews: list[Crew]) -> None:
        """A sign of life, where there are workers to see it."""
        if time.monotonic() < self.next or not self.folder.is_dir():
            return
        self.next = time.monotonic() + self.interval
        now = self._sign()
        for crew in crews:
            if isinstance(crew, FarCrew):
                crew.now = now

    def _sign(self) -> float:
        """This parent's name and a sign of its life; the time that the disk gave it."""
        parent = self.folder / "parent"
        if not parent.exists() or parent.read_text(encoding="utf-8") != self.me:
            write_atomically(parent, self.me.encode())  # who reads half a name would leave
        return touched(parent)

    def joined(self, crews: list[Crew]) -> Iterator[FarCrew]:
        """Workers that have come since the last look, told what to begin with."""
        self.beat(crews)
        if time.monotonic() < self.look:
            return
        self.look = time.monotonic() + NEW
        for hello in sorted(self.folder.glob("*/hello.json")) if self.folder.is_dir() else []:
            place = hello.parent
            if place.name in self.known:
                continue
            self.known.add(place.name)
            now = self._sign()  # before a word to a worker, who looks whose it is
            if self._deserted(place, now):
                shutil.rmtree(place, ignore_errors=True)
            elif not (place / "in").exists():  # or else another parent's: it will notice, and come anew
                yield from self._greeted(hello, now)

    def _greeted(self, hello: Path, now: float) -> Iterator[FarCrew]:
        """The worker, if it is there and has this version."""
        try:
            told = read_json(hello)
            who, version = f"{told['host']}, process {told['process']}", told["version"]
            lost = max(self.lost, 3 * float(told.get("interval", 0.0)))
        except (PoiseError, OSError, LookupError, TypeError, ValueError, AttributeError):  # it has just left
            return
        crew = FarCrew(hello.parent, who, lost)
        crew.now = now
        if version != __version__:
            crew.tell(["end", f"this study is trained by Poise {__version__}, and this is {version}"])
            return
        crew.tell(["begin", self.me, self.code, os.getcwd(), self.interval])
        yield crew

    def _deserted(self, place: Path, now: float) -> bool:
        return (place / "left").exists() or silent(place / "beat", now) > self.lost

    def close(self) -> None:
        """When all is over: what those left who have gone is taken away; whoever still waits keeps its place."""
        if not self.folder.is_dir():
            return
        with contextlib.suppress(OSError):
            now = self._sign()
            for hello in list(self.folder.glob("*/hello.json")):
                if self._deserted(hello.parent, now):
                    shutil.rmtree(hello.parent, ignore_errors=True)
            (self.folder / "parent").unlink()


class Seat:
    """The worker's side: its folder at the desk, and its signs of life while it is there.

    Args: folder of the study or search; lost, seconds. Errors: PoiseError where the folder is none.
    """

    def __init__(self, folder: Path, lost: float) -> None:
        if not folder.is_dir():
            raise PoiseError(f"{folder} is no folder of a study or a search; start poise study or poise tune first")
        self.folder, self.lost, self.interval = folder, lost, min(BEAT, lost / 4)
        self.place = folder / DESK / f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.letters = Letters(self.place / "in", self.place / "out")
        self.parent: str | None = None
        self.left = threading.Event()
        self.looked, self.reached = 0.0, time.monotonic()

    def __enter__(self) -> Seat:
        try:
            self.place.mkdir(parents=True)
            touched(self.place / "beat")
            told = {"host": socket.gethostname(), "process": os.getpid(), "version": __version__}
            write_json(self.place / "hello.json", {**told, "interval": self.interval})
        except OSError as error:
            raise PoiseError(f"cannot write in {self.folder}: {error.strerror}; put that right first") from None
        threading.Thread(target=self._beating, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.left.set()
        if not (self.place / "in").exists():  # nobody has ever noticed it
            shutil.rmtree(self.place, ignore_errors=True)
        elif self.place.exists():
            (self.place / "left").touch()

    def begin(self, parent: str, interval: float) -> None:
        """Work for a parent, who is not lost before three of its signs of life have failed to come."""
        self.parent, self.lost = parent, max(self.lost, 3 * interval)

    def _beating(self) -> None:
        while not self.left.wait(self.interval):
            try:
                touched(self.place / "beat")
            except FileNotFoundError:  # the parent has given this worker up and taken its place away
                self.left.set()
            except OSError:  # a disk that is out of reach for a moment
                continue

    def alone(self) -> bool:
        """Whether nobody is there any more whom to work for: the parent is lost or another one, or has given up."""
        if self.left.is_set():
            return True
        if time.monotonic() - self.looked < self.interval:  # a disk that all share has other things to do
            return False
        self.looked = time.monotonic()
        parent = self.folder / DESK / "parent"
        try:
            if self.parent is not None and parent.read_text(encoding="utf-8") != self.parent:
                return True
            found = silent(parent, touched(self.place / "beat")) > self.lost
            self.reached = time.monotonic()
        except FileNotFoundError:
            return True
        except OSError:  # a disk that is out of reach for a moment
            return time.monotonic() - self.reached > self.lost
        return found
