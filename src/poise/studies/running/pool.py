"""Several workers, whatever happens to them: a run whose worker was killed is taken up again where it was saved."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from poise.errors import PoiseError
from poise.runs.ending import Interrupted, Stop
from poise.studies.running.crew import Crew, NearCrew
from poise.studies.running.desk import Desk
from poise.studies.running.progress import Watching
from poise.studies.running.tasks import Task

DEATHS = 5  # times in a row that a run may end its worker without having come further, before the study gives up
LETTERS = 0.2  # seconds between two looks at what the workers of other machines wrote
FEW = 20  # of them
GRACE = 600.0  # seconds in which a worker that was told to end must have saved; it ends after its step


class Pool:
    """Trains tasks with a number of workers of one thread each, and with those that join on other machines.

    Args:
        workers: how many of this machine. runs: the folder of the run folders. code: see `worker.work`.
        desk: the folder at whose desk workers of other machines are met; by default that of the run folders' folder.
        view: is told what happens. stop: when asked, the workers save and end, and `Interrupted` is raised.

    `refusals`: run -> sentence, of runs that cannot be built; None: the first such run ends all, as any other fault.

    Errors: PoiseError where a run cannot be trained for another reason than that it diverges, or is refused.
    """

    def __init__(
        self, workers: int, runs: Path, code: str | None, view: Watching, stop: Stop, desk: Path | None = None
    ) -> None:
        self.workers, self.runs, self.code, self.view, self.stop = workers, runs, code, view, stop
        self.crews: list[Crew] = []
        self.desk = Desk(desk or runs.parent, code)
        self.waiting: deque[Task] = deque()
        self.deaths: Counter[str] = Counter()
        self.saved: dict[str, int] = {}  # run -> the step from which it went on last
        self.refusals: dict[str, str] | None = None
        self.held: set[str] = set()  # runs that another process has, each of which was told

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
        """Those who have joined, and as many of this machine as there is work for; each with some."""
        for joined in self.desk.joined(self.crews):
            self.crews.append(joined)
            self.view.joined(joined.who)
        near = sum(isinstance(crew, NearCrew) for crew in self.crews)
        while near < self.workers and len(self.crews) < len(self.waiting) + self._busy():
            self.crews.append(NearCrew(self.code))
            near += 1
        for crew in self.crews:
            if crew.task is None and not crew.leaving and self.waiting:
                task = self.waiting.popleft()
                crew.give(task, self.runs)
                self.view.began(task)

    def _busy(self) -> int:
        return sum(crew.task is not None for crew in self.crews)

    def _hear(self, seconds: float) -> None:
        places = [place for crew in self.crews for place in crew.waitables()]
        far = sum(not isinstance(crew, NearCrew) for crew in self.crews)
        if far:  # of very many the letters are looked at less often, or the disk would do nothing else
            seconds = LETTERS * max(1.0, far / FEW)
        ready = wait(places, seconds) if places else []
        if not places:
            time.sleep(seconds)
        for crew in list(self.crews):
            if isinstance(crew, NearCrew) and not {*crew.waitables()} & {*ready}:
                continue
            dead = crew.dead()  # before its last words are read
            for word, *rest in crew.heard():
                self._take(crew, word, rest)
            if dead:
                self._bury(crew)
        self.view.tick()

    def _take(self, crew: Crew, word: str, rest: list[Any]) -> None:
        task = crew.task
        if task is None or not rest or rest[0] != task.name:
            return
        if word == "step":
            if crew.fresh and rest[1] > self.saved.get(task.name, 0):
                self.saved[task.name], self.deaths[task.name] = rest[1], 0
            crew.fresh = False
            self.held.discard(task.name)
            self.view.step(task, *rest[1:])
            return
        crew.task = None
        if word == "refused" and self.refusals is not None:
            self.refusals[task.name] = str(rest[1])
        elif word in ("failed", "refused"):
            raise PoiseError(f"{task}, on {crew.who}: {rest[1]}" if crew.who else f"{task}: {rest[1]}")
        if word == "stopped":
            crew.leaving = True
            self.waiting.appendleft(task)
            self.view.stopped(task)
        elif word == "held":
            self._wait_for(task)
        else:
            self.view.ended(task, word, *rest[1:])

    def _wait_for(self, task: Task) -> None:
        """Another process has the run, perhaps one that sleeps: others are trained first, and then it is tried anew."""
        self.waiting.append(task)
        self.view.held(task, task.name not in self.held)
        self.held.add(task.name)

    def _bury(self, crew: Crew) -> None:
        """A worker is gone; its run goes to the next one."""
        self.crews.remove(crew)
        crew.end()
        task, code = crew.task, crew.code
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
                crew.dismissed(GRACE)
                for word, *rest in crew.heard():
                    with contextlib.suppress(PoiseError, OSError):  # a second failure while the first one is told
                        self._take(crew, word, rest)
        finally:
            for crew in self.crews:
                crew.end()
            self.crews.clear()
            self.desk.close()
