"""What a step takes now: a few steps of the last stage, with what is looked at and shown, timed and thrown away."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from poise.core import ScheduledValue
from poise.disk import read_json
from poise.errors import NonFinite, PoiseError
from poise.recipes.common.recipe import Recipe, Stage
from poise.training.capture.record import Row
from poise.training.checkpoint import latest, load, step_of
from poise.training.loop import train
from poise.training.threads import plan_of

WARM = 2  # steps that do not count: the first ones make plans and take memory
LEAST = 8  # steps that do
SECONDS = 3.0  # for so long at least
LONGEST = 60.0  # and not much longer than this, however few steps it holds


class _Timed(Exception):
    """It is known what a step takes."""


class _Stopwatch:
    """Watches steps until enough of them are timed."""

    def __init__(self) -> None:
        self.began = self.ended = time.monotonic()
        self.steps = -WARM

    def __call__(self, step: int, row: Row) -> None:
        for value in row.values():
            float(value)  # waits for a GPU
        now = time.monotonic()
        self.steps += 1
        if self.steps <= 0:
            self.began = now
        self.ended = now
        elapsed = now - self.began
        if self.steps >= 1 and (elapsed > LONGEST or (self.steps >= LEAST and elapsed > SECONDS)):
            raise _Timed


def seconds_of_a_step(
    run: Path, recipe: Recipe, free: bool = False, remedied: Callable[[Stage], Sequence[ScheduledValue]] | None = None
) -> float:
    """The mean seconds of a step of the last stage, from the newest checkpoint on, with as many threads as last chosen.
    `free`: where none were, the run will choose between one and all on a CPU, so what the quicker of them takes.

    What the monitor and a file of samples take is shared out among the steps between two of them; scores are left out.

    Args: run, its folder, which is not changed; recipe, which is spent afterwards: its networks have been trained;
    remedied, puts what rollbacks have changed into a stage that was loaded, and returns its dials.
    """
    stage = recipe.stages[-1]
    monitor = stage.monitor() if stage.monitor else None
    first = sum(one.steps for one in recipe.stages[:-1])
    newest, at = latest(run / "checkpoints"), 0
    if newest is not None and step_of(newest) > first:
        load(newest, stage.game, recipe.execution)
        at = step_of(newest) - first
    dials = stage.dials if remedied is None else remedied(stage)
    threads, plan = torch.get_num_threads(), []
    with contextlib.suppress(PoiseError, KeyError, TypeError, ValueError, AttributeError):
        plan = plan_of(read_json(run / "threads.json"))  # a damaged file is told of when the run goes on
        torch.set_num_threads(plan[-1].threads if plan else threads)
    try:
        seconds = _training(stage, at, recipe, dials)
        if free and not plan and threads > 1 and recipe.execution.device.type == "cpu":
            torch.set_num_threads(1)
            seconds = min(seconds, _training(stage, at, recipe, dials))
        if monitor is not None:
            seconds += _again(lambda: monitor(1)) / recipe.cadence.probe
        with tempfile.TemporaryDirectory() as folder:
            seconds += _again(lambda: recipe.show(Path(folder) / "samples")) / recipe.cadence.sample
    finally:
        torch.set_num_threads(threads)
    return seconds


def _training(stage: Stage, at: int, recipe: Recipe, dials: Sequence[ScheduledValue]) -> float:
    """Seconds of a step of training, from step `at` of the stage on."""
    watch = _Stopwatch()
    try:
        train(
            stage.game, stage.stream, range(at, at + 10**6), recipe.seed, dials, watch, recipe.execution,
            detail_every=recipe.cadence.log,
        )  # fmt: skip
    except _Timed:
        pass
    except NonFinite as error:
        raise PoiseError(f"the run diverged while a step was timed ({error}): give --steps, not --minutes") from None
    return max(watch.ended - watch.began, 1e-6) / max(watch.steps, 1)


def _again(work: Callable[[], object]) -> float:
    """Seconds that some work takes when it is done for the second time."""
    work()
    began = time.monotonic()
    work()
    return time.monotonic() - began
