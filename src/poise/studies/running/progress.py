"""How far a study is: runs done, what runs now, the time that is left; and a log of what happened."""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from poise import disk
from poise.disk.rows import LoggedEvent, events_in
from poise.report.pace import clock
from poise.studies.running.tasks import Task
from poise.terminal import escaped, raw
from poise.words import translated

EVERY = 10.0  # seconds between two plain lines
CLEAR = "\r\x1b[K"  # a terminal's line, to write it anew
SURE = 5.0  # seconds of training from which on a pace is believed: the first steps take longer than others


class Watching(Protocol):
    """Who is told what the workers do."""

    def began(self, task: Task) -> None: ...
    def step(self, task: Task, made: int, total: int) -> None: ...
    def ended(self, task: Task, outcome: str, reason: str = "") -> None: ...
    def stopped(self, task: Task) -> None: ...
    def held(self, task: Task, first: bool) -> None: ...
    def died(self, task: Task, code: int | None) -> None: ...
    def joined(self, who: str) -> None: ...
    def tick(self) -> None: ...


class Log:
    """`events.jsonl` of a study: a line for everything that happens to a run, with the time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, what: str, **details: Any) -> None:
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": what, **details}, ensure_ascii=False)
        with disk.open_to_append(self.path) as file:
            disk.append(file, f"{line}\n".encode("utf-8", "replace"))

    def entries(self) -> list[LoggedEvent]:
        """What happened, oldest first."""
        return events_in(self.path)


@dataclass
class Running:
    """A run that is being trained here."""

    task: Task
    began: float
    opened: float = 0.0  # when it had been built and was to make its next step
    first: int = -1  # the step from which it goes on; -1: nothing was heard of it yet
    heard: float = 0.0
    made: int = 0
    total: int = 0

    @property
    def whole(self) -> float | None:
        """Seconds for all steps, at the pace so far; None before that can be told."""
        steps, seconds = self.made - self.first, self.heard - self.opened
        if self.first < 0 or steps < 1 or seconds < SURE:
            return None
        return self.opened - self.began + seconds * self.total / steps


class LineView(ABC):
    """One line on what is trained now: at its place on a terminal, anew every ten seconds elsewhere, or nothing.

    Args: log: where runs that stop and workers that die are written down; quiet: print nothing.
    """

    running: MutableMapping[str, Any]  # by the names of runs

    def __init__(self, log: Log, quiet: bool) -> None:
        self.log, self.quiet = log, quiet
        self.live = sys.stderr.isatty()
        self.shown = 0.0

    @abstractmethod
    def line(self) -> str:
        """What goes on now."""

    def stopped(self, task: Task) -> None:
        self.running.pop(task.name, None)
        self.log.add("stopped", run=task.name, of=str(task))

    def held(self, task: Task, first: bool) -> None:
        self.running.pop(task.name, None)
        if first:
            self.log.add("held", run=task.name, of=str(task))
            self._say(
                f"another process has the run of {task}, and may be asleep; others go first until it lets go of it"
            )

    def died(self, task: Task, code: int | None) -> None:
        self.running.pop(task.name, None)
        self.log.add("worker died", run=task.name, of=str(task), code=code)
        lost = f"the worker of {task} is lost; the run is taken up again"
        ended = f"the worker of {task} ended (exit code {code}); the run is taken up again"
        self._say(lost if code is None else ended)

    def joined(self, who: str) -> None:
        self.log.add("worker joined", who=who)
        self._say(f"a worker has joined: {who}")

    def tick(self) -> None:
        now = time.monotonic()
        if now - self.shown >= (1.0 if self.live else EVERY):
            self.shown = now
            if self.live and not self.quiet:
                print(f"{CLEAR}{escaped(translated(self.line()))}", end="", file=raw(sys.stderr), flush=True)
            elif not self.quiet:
                print(self.line(), file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.live and not self.quiet:
            print(CLEAR, end="", file=raw(sys.stderr), flush=True)

    def tell(self, line: str) -> None:
        """Say a line."""
        self._say(line)

    def _say(self, line: str) -> None:
        if not self.quiet:
            print(f"{CLEAR if self.live else ''}{escaped(translated(line))}", file=raw(sys.stderr), flush=True)


class Progress(LineView):
    """Keeps the log, and shows a line: at its place on a terminal, anew every ten seconds elsewhere, or nothing.

    The time left is estimated: what a run of a part takes is the mean of those that were trained whole while this
    looked on, or what those now running come to at their pace; of a part that has none, the mean of the others.

    `check` is called with the first task of each part that is done: an endpoint that reads what is not there should be
    told after one run, not after all.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        done: int,
        workers: int,
        log: Log,
        quiet: bool = False,
        check: Callable[[Task], object] = lambda task: None,
    ) -> None:
        super().__init__(log, quiet)
        self.check, self.checked = check, set[str]()
        self.total, self.done, self.workers = len(tasks) + done, done, workers
        self.left = {task.name: task for task in tasks}
        self.running: dict[str, Running] = {}
        self.took: dict[str, list[float]] = {}

    def began(self, task: Task) -> None:
        self.running[task.name] = Running(task, time.monotonic())
        self.log.add("began", run=task.name, of=str(task))

    def step(self, task: Task, made: int, total: int) -> None:
        run, now = self.running[task.name], time.monotonic()
        if run.first < 0:
            run.opened, run.first = now, made
        run.heard, run.made, run.total = now, made, total

    def ended(self, task: Task, outcome: str, reason: str = "") -> None:
        run = self.running.pop(task.name)
        self.left.pop(task.name, None)
        self.done += 1
        if run.first == 0 and outcome == "done":
            self.took.setdefault(task.part, []).append(time.monotonic() - run.began)
        self.log.add(outcome, run=task.name, of=str(task), **({"why": reason} if reason else {}))
        self._say(f"{outcome}: {task}" + (f" ({reason})" if reason else ""))
        if outcome == "done" and task.part not in self.checked:
            self.checked.add(task.part)
            self.check(task)

    def line(self) -> str:
        """12 of 70 runs, 34:10 left; images, both, seed 3: 1,200 of 2,000 | ..."""
        seconds = self.seconds_left()
        left = f", about {clock(seconds)} left" if seconds is not None else ""
        now = " | ".join(f"{r.task}: {r.made:,} of {r.total:,}" for r in self.running.values() if r.total)
        return f"{self.done:,} of {self.total:,} runs{left}" + (f"; {now}" if now else "")

    def seconds_left(self) -> float | None:
        """None while nothing is known."""
        whole = {part: fmean(found) for part, found in self.took.items()}
        for run in self.running.values():
            if run.task.part not in whole and run.whole is not None:
                whole[run.task.part] = run.whole
        if not whole:
            return None
        usual = fmean(whole.values())
        shares = {name: 1 - run.made / run.total if run.total else 1.0 for name, run in self.running.items()}
        work = [whole.get(task.part, usual) * shares.get(name, 1.0) for name, task in self.left.items()]
        workers = max(self.workers, len(self.running))  # some may have joined
        return max(sum(work) / max(min(workers, len(work)), 1), max(work, default=0.0))
