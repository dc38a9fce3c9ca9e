"""Several workers, whatever happens to them: a run whose worker was killed is taken up again where it was saved."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from poise.errors import PoiseError
from poise.runs.ending import Interrupted, Stop, deaf_to_ctrl_c
from poise.studies.running.progress import Watching
from poise.studies.running.tasks import Task
from poise.studies.running.worker import work

DEATHS = 5  # times in a row that a run may end its worker without having come further, before the study gives up
GRACE = 600.0  # seconds in which a worker that was told to end must have saved; it ends after its step


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


class Crew:
    """A worker's process, our end of its pipe, and what it works on."""

    def __init__(self, code: str | None) -> None:
        spawn = multiprocessing.get_context("spawn")  # a fork would hold the others' pipes open
        self.connection: Connection
        self.connection, theirs = spawn.Pipe()
        with one_thread_each(), deaf_to_ctrl_c():
            self.process = spawn.Process(target=work, args=(theirs, code), daemon=False)
            self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.fresh = False  # whether nothing has been heard of the task yet

    def give(self, task: Task, runs: Path) -> None:
        self.task, self.fresh = task, True
        self.tell((task.name, task.spec, str(runs / task.name)))

    def tell(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # one that has just died is noticed by its sentinel
            self.connection.send(message)

    def heard(self) -> list[tuple[Any, ...]]:
        """All that it has said so far."""
        found = []
        with contextlib.suppress(EOFError, OSError):
            while self.connection.poll():
                found.append(self.connection.recv())
        return found

    def end(self) -> None:
        """Without a word: what is not saved is lost."""
        self.connection.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


class Pool:
    """Trains tasks with a number of workers of one thread each.

    Args:
        workers: how many. runs: the folder of the run folders. code: see `worker.work`.
        view: is told what happens. stop: when asked, the workers save and end, and `Interrupted` is raised.

    Errors: PoiseError where a run cannot be trained for another reason than that it diverges.
    """

    def __init__(self, workers: int, runs: Path, code: str | None, view: Watching, stop: Stop) -> None:
        self.workers, self.runs, self.code, self.view, self.stop = workers, runs, code, view, stop
        self.crews: list[Crew] = []
        self.waiting: deque[Task] = deque()
        self.deaths: Counter[str] = Counter()
        self.saved: dict[str, int] = {}  # run -> the step from which it went on last

    def train(self, tasks: Sequence[Task]) -> None:
        """All of them; then the workers end."""
        try:
            self.finish(tasks)
        finally:
            self.dismiss()

    def finish(self, tasks: Sequence[Task]) -> None:
        """All of them; the workers wait for more, until they are dismissed."""
        self.waiting = deque(tasks)
        while self.waiting or any(crew.task for crew in self.crews):
            self._staff()
            self._hear(0.5)
            if self.stop.asked:
                raise Interrupted("stopped")

    def _staff(self) -> None:
        """As many workers as there is work for, each with some."""
        while len(self.crews) < self.workers and len(self.crews) < len(self.waiting) + self._busy():
            self.crews.append(Crew(self.code))
        for crew in self.crews:
            if crew.task is None and self.waiting:
                task = self.waiting.popleft()
                crew.give(task, self.runs)
                self.view.began(task)

    def _busy(self) -> int:
        return sum(crew.task is not None for crew in self.crews)

    def _hear(self, seconds: float) -> None:
        ready = wait([x for crew in self.crews for x in (crew.connection, crew.process.sentinel)], seconds)
        for crew in list(self.crews):
            if crew.connection not in ready and crew.process.sentinel not in ready:
                continue
            dead = not crew.process.is_alive()  # before its last words are read
            for word, *rest in crew.heard():
                self._take(crew, word, rest)
            if dead:
                self._bury(crew)
        self.view.tick()

    def _take(self, crew: Crew, word: str, rest: list[Any]) -> None:
        task = crew.task
        if task is None or rest[0] != task.name:
            return
        if word == "step":
            if crew.fresh and rest[1] > self.saved.get(task.name, 0):
                self.saved[task.name], self.deaths[task.name] = rest[1], 0
            crew.fresh = False
            self.view.step(task, *rest[1:])
            return
        crew.task = None
        if word == "failed":
            raise PoiseError(f"{task}: {rest[1]}")
        if word == "stopped":
            self.waiting.appendleft(task)
            self.view.stopped(task)
        else:
            self.view.ended(task, word, *rest[1:])

    def _bury(self, crew: Crew) -> None:
        """A worker is gone; its run goes to the next one."""
        self.crews.remove(crew)
        crew.end()
        task, code = crew.task, crew.process.exitcode
        if task is None:
            return
        self.deaths[task.name] += 1
        self.view.died(task, code)
        if self.deaths[task.name] >= DEATHS:
            raise PoiseError(
                f"{task}: its worker ended {DEATHS} times in a row (exit code {code}; -9 is a kill, often for want of "
                f"memory): use fewer --workers or a smaller --batch; its folder is {self.runs / task.name}"
            )
        self.waiting.appendleft(task)

    def dismiss(self) -> None:
        """Let every worker save and end; a second Ctrl-C, which is raised in here, does not wait for that."""
        try:
            for crew in self.crews:
                crew.tell(None)
            for crew in self.crews:
                crew.process.join(GRACE)
                for word, *rest in crew.heard():
                    with contextlib.suppress(PoiseError, OSError):  # a second failure while the first one is told
                        self._take(crew, word, rest)
        finally:
            for crew in self.crews:
                crew.end()
            self.crews.clear()
