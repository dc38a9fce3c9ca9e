"""With how many CPU threads each step is computed, chosen by measuring while a run trains.

Threads of one step wait for each other at every layer. On a machine that does something else as well, each layer waits
for whichever thread is not running now, and two threads may be many times slower than one. How busy a machine is
changes, so the choice is looked at again while the run goes on.

The number of threads decides how sums are split, hence the last bits of every number. So what was chosen is part of
the run: the plan says from which step on how many threads computed it, it is written before the first such step, and a
run that goes on follows it as far as it goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple

import torch

TRIED = 6  # steps with each number of threads
WARM = 2  # of them, which do not count: the first ones make plans and take memory
SLOWER = 1.4  # times the usual seconds a step, in the median of `WINDOW` steps: other work is in the way
WINDOW = 8
STUCK = 3.0  # times the usual seconds in two steps running; or in one step of a trial: enough has been seen
WORTH = 0.95  # times the seconds of fewer threads, below which more threads are worth their while
AGAIN = 60.0  # seconds until more threads are tried again, doubled each time they are found slower
LATEST = 3840.0
SHORT = 100  # steps: a shorter run is not worth a trial


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch in one thread inside, and as it was afterwards; the threads of numpy stay as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Choice(NamedTuple):
    """From step `step` on (counted from 0), `threads` threads, because of `why`; `ms` a step, or None in a trial."""

    step: int
    threads: int
    why: str
    ms: float | None


def candidates(most: int) -> list[int]:
    """1, 2, 4 ... and `most`."""
    found = [1]
    while found[-1] < most:
        found.append(min(2 * found[-1], most))
    return found


class Threads:
    """Chooses the number of threads, one step at a time.

    First each candidate computes a few steps, fewest threads first, and the quickest stays. When steps come to take
    much longer than they did, one thread is tried; after a while more are tried again.

    Args:
        most: the largest number of threads.
        plan: the choices so far, of a run that goes on.
        write: is given the whole plan before a choice is acted upon.
        say: is told what was chosen, in a line.
        fixed: nothing is measured: `most` threads, or the plan.
        clock: seconds; apply: sets the number of threads.
    """

    def __init__(
        self,
        most: int,
        plan: list[Choice],
        write: Callable[[list[Choice]], None],
        say: Callable[[str], None] = lambda line: None,
        fixed: bool = False,
        clock: Callable[[], float] = time.perf_counter,
        apply: Callable[[int], None] = torch.set_num_threads,
    ) -> None:
        self.most, self.plan, self.write, self.say, self.clock, self.apply = most, plan, write, say, clock, apply
        self.fixed = fixed
        self.times: list[float] = []  # of steps with the present number
        self.tried: dict[int, float] = {}  # threads -> seconds a step, in the trial that goes on
        self.waiting: list[int] = []  # candidates that are to be tried yet
        self.usual = 0.0  # seconds a step, when the present number was chosen
        self.now, self.wait, self.again_at = most, AGAIN, 0.0
        self.ended = clock()

    def end(self) -> None:
        """Leave the process as it was."""
        self.apply(self.most)

    def begin(self, step: int) -> None:
        """Before step `step`: of a run, of what is left of it, or after a rollback."""
        self.now = next((choice.threads for choice in reversed(self.plan) if choice.step <= step), self.most)
        self.apply(self.now)
        self.times, self.tried, self.waiting = [], {}, []
        last = self.plan[-1] if self.plan else None
        if last is not None and last.ms is not None:
            self.usual, self.again_at = last.ms / 1000, self.clock() + self.wait
        elif not self.fixed and (last is None or last.step < step):
            self._try(step, candidates(self.most), "tried")
        self.ended = self.clock()

    def computed(self) -> None:
        """Right after a step: what comes now, until `next`, is no training."""
        self.times.append(self.clock() - self.ended)

    def next(self, step: int) -> None:
        """Before step `step`, the last thing after the one before it."""
        planned = next((choice.threads for choice in self.plan if choice.step == step), None)
        if planned is not None and planned != self.now:
            self.now = planned
            self.apply(planned)
            self.times = []
        elif not self.fixed and (not self.plan or self.plan[-1].step < step):
            self._consider(step)
        self.ended = self.clock()

    def _consider(self, step: int) -> None:
        if self.tried or self.waiting:
            if len(self.times) >= TRIED or self._hopeless():
                self._tried(step)
        elif not self.usual:  # a plan that ended within a trial
            self._try(step, candidates(self.most), "tried")
        elif self.now > 1 and self._stuck():
            self._try(step, [1, self.now], "steps take longer than they did")
        elif self.now < self.most and self.clock() > self.again_at:
            self._try(step, [self.now, self.most], "tried again")

    def _try(self, step: int, those: list[int], why: str) -> None:
        """Begin a trial of these numbers of threads."""
        self.tried, self.waiting = {}, those[1:]
        if len(those) > 1 or those[0] != self.now:
            self._set(Choice(step, those[0], why, None))

    def _tried(self, step: int) -> None:
        """What the present number takes is known: go on to the next one, or choose."""
        self.tried[self.now] = median(self.times[WARM:] or self.times)
        if self.waiting:
            self._set(Choice(step, self.waiting.pop(0), "tried", None))
            return
        best = 1 if 1 in self.tried else min(self.tried)
        for threads, seconds in sorted(self.tried.items()):
            if seconds < WORTH * self.tried[best]:
                best = threads
        slow = best < max(self.tried)
        self.wait = min(2 * self.wait, LATEST) if slow and len(self.plan) > len(candidates(self.most)) else AGAIN
        self.again_at = self.clock() + self.wait
        self.usual = self.tried[best]
        measured = ", ".join(f"{1000 * s:.3g} ms a step with {n}" for n, s in sorted(self.tried.items()))
        self._set(Choice(step, best, measured, round(1000 * self.usual, 3)))
        self.say(f"computed with {best} thread{'s' if best > 1 else ''} from step {step + 1:,} on: {measured}")
        self.tried = {}

    def _hopeless(self) -> bool:
        """Whether this trial takes far longer than another did: then one step is enough."""
        return bool(self.tried) and self.times[-1] > STUCK * min(self.tried.values())

    def _stuck(self) -> bool:
        slow = len(self.times) >= 2 and min(self.times[-2:]) > STUCK * self.usual
        return slow or (len(self.times) >= WINDOW and median(self.times[-WINDOW:]) > SLOWER * self.usual)

    def _set(self, choice: Choice) -> None:
        self.plan.append(choice)
        self.write(self.plan)
        self.now, self.times = choice.threads, []
        self.apply(choice.threads)


def plan_of(content: Any) -> list[Choice]:
    """The plan from its JSON; raises ValueError for what is none."""
    found = [Choice(int(c["step"]), int(c["threads"]), str(c["why"]), c["ms"]) for c in content]
    if any(choice.threads < 1 or choice.step < 0 for choice in found):
        raise ValueError("threads and steps are counted from 1 and 0")
    return found
