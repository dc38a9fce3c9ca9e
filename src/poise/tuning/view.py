"""What is seen of a search while it goes on: a line for each trial, one on what is trained now, and a log."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from poise.report.pace import clock
from poise.report.table import columns, number
from poise.studies.running.progress import LineView, Log
from poise.studies.running.tasks import Task
from poise.tuning.space import Value
from poise.tuning.trials import REFUSED, Tried

SHOWN = 5  # trials of the table


class TuneView(LineView):
    """Keeps the log, and tells each trial that is over; on a terminal one line is written anew each second, and after
    each round the best five stand in a table.

    Args: log: events.jsonl of the search; score: what is made better, downwards if `lower`; planned: how many trials,
    None by time.
    """

    def __init__(self, log: Log, score: str, planned: int | None, quiet: bool = False, lower: bool = True) -> None:
        super().__init__(log, quiet)
        self.score, self.planned = score, planned
        self.sign = 1 if lower else -1
        self.over: list[Tried] = []
        self.running: dict[str, tuple[Task, int, int]] = {}
        self.took: list[float] = []
        self.began_at: dict[str, float] = {}
        self.tried = 0
        self.best: Tried | None = None

    def expect(self, trials: int) -> None:
        """A round begins."""
        self.log.add("round", trials=trials)

    def told(self, round: Sequence[Tried], best: Tried | None) -> None:
        """A round is over."""
        self.tried = round[-1].number + 1
        for tried in round:
            why = {"why": tried.why} if tried.why else {}
            self.log.add(tried.state, trial=tried.number, values=dict(tried.values), scores=list(tried.scores), **why)
            self.over += [tried] if tried.state != REFUSED else []
            self._say(trial_line(tried, self.score))
        if best is not None and best != self.best:
            self.best = best
            self._say(f"the best so far is trial {best.number}: {self.score} {number(best.mean)}")
        if self.live and not self.quiet:
            ordered = sorted(self.over, key=lambda one: (self.sign * one.mean, one.number))[:SHOWN]
            for line in table_of(ordered, self.score):
                self._say(line)

    def began(self, task: Task) -> None:
        self.running[task.name] = (task, 0, 0)
        self.began_at[task.name] = time.monotonic()
        self.log.add("began", run=task.name, of=str(task))

    def step(self, task: Task, made: int, total: int) -> None:
        self.running[task.name] = (task, made, total)

    def ended(self, task: Task, outcome: str, reason: str = "") -> None:
        self.running.pop(task.name, None)
        if outcome == "done":
            self.took.append(time.monotonic() - self.began_at[task.name])
        self.log.add(outcome, run=task.name, of=str(task), **({"why": reason} if reason else {}))
        if outcome not in ("done", REFUSED):  # which is told of the whole trial
            self._say(f"{outcome}: {task}" + (f" ({reason})" if reason else ""))

    def line(self) -> str:
        """12 of 40 trials, a run takes 0:34; trial 13, seed 1: 1,200 of 2,000 | ..."""
        of = f" of {self.planned:,}" if self.planned is not None else ""
        pace = f", a run takes {clock(sum(self.took) / len(self.took))}" if self.took else ""
        open_runs = [run for run in self.running.values() if run[2]]
        now = " | ".join(f"{task.arm}, seed {task.seed}: {made:,} of {total:,}" for task, made, total in open_runs)
        return f"{self.tried:,}{of} trials{pace}" + (f"; {now}" if now else "")


def told_values(values: Mapping[str, Value]) -> str:
    """ "l2_generator 0.001, generator.lr ×2"."""
    said = []
    for name, value in values.items():
        shown = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        said.append(f"{name} {'×' if name.rpartition('.')[2] == 'lr' else ''}{shown}")
    return ", ".join(said)


def table_of(trials: Sequence[Tried], score: str) -> list[str]:
    """Trials as lines of a table, one column for each option."""
    if not trials:
        return []
    names = list(trials[0].values)
    rows = [["TRIAL", *names, score, "SEEDS"]]
    for tried in trials:
        cells = [told_values({name: tried.values[name]}).removeprefix(f"{name} ") for name in names]
        rows.append([str(tried.number), *cells, number(tried.mean), str(len(tried.scores))])
    return columns(rows)


def trial_line(tried: Tried, score: str) -> str:
    """ "trial 3: l2_generator 0.001: KID 5.3, given up after 2 seeds"."""
    if tried.state == REFUSED:
        return f"trial {tried.number}: {told_values(tried.values)}: refused: {tried.why}"
    lost = sum(one is None for one in tried.scores)
    said = f"{score} {number(tried.mean)}" if math.isfinite(tried.mean) else "no score"
    state = f", given up after {len(tried.scores)} seeds" if tried.state == "given up" else ""
    gone = f", {lost} of {len(tried.scores)} runs diverged" if lost else ""
    return f"trial {tried.number}: {told_values(tried.values)}: {said}{state}{gone}"
