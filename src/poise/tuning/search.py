"""The rounds of a search: runs are trained, read, and given up where they are worse than the best."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from poise.errors import PoiseError
from poise.record import RunFolder
from poise.specs.spec import instantiated, kind_of, run_name
from poise.studies.plans.plan import Arm, Part
from poise.studies.running.tasks import Task, result_of, state_of
from poise.tuning.asked import Asked
from poise.tuning.trials import TOGETHER, Trials, Tried
from poise.tuning.view import TuneView, told_values

FIRST = 2  # seeds of a trial after which it may be given up
RUNS = "runs"


class Trainer(Protocol):
    """What trains runs: `poise.studies.running.pool.Pool`. `refusals`: run -> why there can be none."""

    refusals: dict[str, str] | None

    def finish(self, tasks: Sequence[Task]) -> None: ...


@dataclass
class Budget:
    """How long a search goes on: so many trials, or so many seconds, of which `reserved` are for the confirmation."""

    trials: int | None = None
    seconds: float | None = None
    reserved: float = 0.0
    spent: float = 0.0  # in earlier sittings
    began: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        return self.spent + time.monotonic() - self.began

    def left(self, tried: int) -> int:
        """How many trials a round may still have that begins after so many; the first one always begins."""
        if self.trials is not None:
            return max(0, self.trials - tried)
        over = tried > 0 and self.seconds is not None and self.elapsed > self.seconds - self.reserved
        return 0 if over else TOGETHER


def tasks_of_trial(asked: Asked, tried: Tried, seeds: Sequence[int]) -> list[Task]:
    """The runs of a trial with these seeds; trials that ask for the same run share it. Errors: PoiseError for values
    that the recipe refuses together."""
    found = []
    for seed in seeds:
        arguments = asked.run_arguments(tried.values, seed)
        name = run_name(asked.recipe, arguments)
        found.append(Task("search", f"trial {tried.number}", seed, name, asked.recipe, arguments))
    return found


class Search:
    """Trials until the budget is spent.

    Args:
        asked, folder: what is searched and where its runs lie. trials: Optuna's. pool: trains runs.
        view: is told of what comes out.
    """

    def __init__(self, asked: Asked, folder: Path, trials: Trials, pool: Trainer, view: TuneView) -> None:
        self.asked, self.runs, self.trials, self.pool, self.view = asked, folder / RUNS, trials, pool, view
        self.part = Part("search", asked.recipe, asked.arguments, [Arm("default", {})], [], "default", [asked.endpoint])
        self.seeds = [asked.first + i for i in range(asked.seeds)]

    def go(self, budget: Budget) -> None:
        """Rounds until the budget is spent. Raises Interrupted when it was asked to stop."""
        number = 0
        while most := budget.left(number * TOGETHER):
            running = [tried for tried in self.trials.round(number, most) if tried.state == "running"]
            if running:
                self._round(running)
                self.view.log.add("searched", seconds=budget.elapsed)  # a kill loses no more than a round of it
            number += 1

    def _round(self, round: Sequence[Tried]) -> None:
        self.view.expect(len(round))
        given_up: set[int] = set()
        refused: dict[int, str] = {}
        begin = round[0].number - round[0].number % TOGETHER
        for seeds in (self.seeds[:FIRST], self.seeds[FIRST:]):
            alive = [tried for tried in round if tried.number not in given_up]
            refused |= self._trained([tried for tried in alive if tried.number not in refused], seeds)
            possible = [tried for tried in round if tried.number not in refused]
            for tried in [tried for tried in alive if tried.number not in refused]:
                known = self.scores(tried)[:FIRST]
                more = len(self.seeds) > FIRST and seeds == self.seeds[:FIRST]
                worst = self._worst([tried], begin, possible)
                if more and self.trials.worse(tried, [worst if one is None else one for one in known]):
                    given_up.add(tried.number)
        for tried in round:
            if tried.number in refused:
                self.trials.refuse(tried, refused[tried.number], self._worst([], tried.number, possible))
                continue
            scores = self.scores(tried)[: FIRST if tried.number in given_up else len(self.seeds)]
            worst = self._worst([tried], tried.number, possible)
            self.trials.tell(tried, scores, worst, tried.number in given_up)
        self.view.told(self.trials.all()[round[0].number : round[-1].number + 1], self.trials.best())

    def _trained(self, round: Sequence[Tried], seeds: Sequence[int]) -> dict[int, str]:
        """Train what is not over of these trials; number -> why, of those of which there can be no run."""
        refused: dict[int, str] = {}
        tasks: dict[int, list[Task]] = {}
        for tried in round:
            try:
                tasks[tried.number] = tasks_of_trial(self.asked, tried, seeds)
            except PoiseError as error:  # of values that are refused together
                refused[tried.number] = str(error)
        todo = {task.name: task for found in tasks.values() for task in found if not self._over(task)}
        self.pool.finish(list(todo.values()))
        said = self.pool.refusals or {}
        for number, found in tasks.items():
            for task in found:
                if task.name in said:
                    refused[number] = said[task.name]
        if refused:  # of the values, and not of data that are gone
            self._check_default()
        return refused

    def _check_default(self) -> None:
        """That it can still be built, on data that are still there. Errors: PoiseError."""
        from poise.training.threads import one_thread

        try:
            arguments = self.asked.run_arguments(self.asked.defaults, self.asked.first)
            with one_thread():
                kind_of(self.asked.recipe).build(**instantiated(self.asked.recipe, arguments))
        except PoiseError as error:
            raise PoiseError(f"the default ({told_values(self.asked.defaults)}) is refused: {error}") from None

    def _over(self, task: Task) -> bool:
        return state_of(RunFolder(self.runs / task.name)) in ("done", "diverged")

    def scores(self, tried: Tried) -> list[float | None]:
        """Of its seeds whose runs are over, in their order; None for a run that diverged."""
        found: list[float | None] = []
        for task in tasks_of_trial(self.asked, tried, self.seeds):
            folder = RunFolder(self.runs / task.name)
            if not self._over(task):
                break
            value = result_of(self.part, task, folder).values[self.asked.endpoint.name]
            found.append(value if value is not None and math.isfinite(value) else None)
        return found

    def _worst(self, own: Sequence[Tried], before: int, round: Sequence[Tried]) -> float:
        """What a run of a trial counts that diverged: the worst score of its `own` runs and of trials before a number.

        Of the whole round where all of those diverged. Trials that come later have no say, so that a search that is
        lengthened goes on as one that was longer from the beginning.
        """
        known = [score for one in self.trials.all()[:before] for score in one.scores if score is not None]
        known += [score for one in own for score in self.scores(one) if score is not None]
        if not known:
            known = [score for one in round for score in self.scores(one) if score is not None]
        if not known:
            raise PoiseError(
                "every run so far has diverged: begin with lower learning rates, or narrow the search (--space)"
            )
        return max(known) if self.asked.lower else min(known)
