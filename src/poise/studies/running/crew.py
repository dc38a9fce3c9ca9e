"""A worker as its parent sees it: what it works on, and how to speak with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from poise.runs.ending import deaf_to_ctrl_c
from poise.studies.running.tasks import Task
from poise.studies.running.worker import work


class Speaking(Protocol):
    """An end of a pipe, or what behaves like one."""

    def send(self, message: Any, /) -> None: ...
    def recv(self) -> Any: ...
    def poll(self) -> bool: ...
    def close(self) -> None: ...


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Libraries read these when they are loaded, so the environment of a worker must have them."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


class Crew(ABC):
    """A worker, and what it works on. `who`: which one, for people."""

    connection: Speaking
    who: str = ""
    code: int | None = None  # how its process ended, where that is known
    leaving: bool = False  # whether it has given a run back: it takes no other

    def __init__(self) -> None:
        self.task: Task | None = None
        self.fresh = False  # whether nothing has been heard of the task yet

    def give(self, task: Task, runs: Path) -> None:
        """Something to do."""
        self.task, self.fresh = task, True
        self.tell((task.name, task.spec, self.place_of(runs / task.name)))

    def place_of(self, path: Path) -> str:
        """A run's folder as the worker finds it."""
        return str(path)

    def tell(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # one that has just died is noticed anyway
            self.connection.send(message)

    def heard(self) -> list[list[Any]]:
        """All that it has said so far."""
        found = []
        with contextlib.suppress(EOFError, OSError):
            while self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, list | tuple) and message:
                    found.append(list(message))
        return found

    def waitables(self) -> list[Any]:
        """What `multiprocessing.connection.wait` can wait for."""
        return []

    @abstractmethod
    def dead(self) -> bool:
        """Whether nothing more will come of it."""

    @abstractmethod
    def dismissed(self, seconds: float) -> None:
        """Wait until it has ended, so long at most."""

    @abstractmethod
    def end(self) -> None:
        """Without a word: what is not saved is lost."""


class NearCrew(Crew):
    """A process of this machine, and our end of its pipe."""

    def __init__(self, code: str | None) -> None:
        super().__init__()
        spawn = multiprocessing.get_context("spawn")  # a fork would hold the others' pipes open
        self.pipe: Connection
        self.pipe, theirs = spawn.Pipe()
        self.connection = self.pipe
        with one_thread_each(), deaf_to_ctrl_c():
            self.process = spawn.Process(target=work, args=(theirs, code), daemon=False)
            self.process.start()
        theirs.close()

    def waitables(self) -> list[Any]:
        return [self.pipe, self.process.sentinel]

    def dead(self) -> bool:
        if self.process.is_alive():
            return False
        self.code = self.process.exitcode
        return True

    def dismissed(self, seconds: float) -> None:
        self.process.join(seconds)

    def end(self) -> None:
        self.connection.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.code = self.process.exitcode
