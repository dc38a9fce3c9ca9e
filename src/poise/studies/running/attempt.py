"""One run tried: built on its data, its first steps taken, its samples drawn and scored; what it would cost is known
then."""

from __future__ import annotations

import contextlib
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

from poise.disk.description import Arguments
from poise.errors import NonFinite, PoiseError
from poise.recipes.common.recipe import Recipe
from poise.specs.spec import instantiated, kind_of

if TYPE_CHECKING:
    from poise.training.capture.record import Row

STEPS, SECONDS = 17, 2.0  # a step is timed on so many, or for so long: 17 hold one of those that come each 16 steps
KEPT = 3  # checkpoints that a run keeps, about: the newest, the best, one between stages


@dataclass
class Known:
    """What runs of an arm will have, and what they cost."""

    recorded: set[str] = field(default_factory=set)  # names of the record, other than scores
    scores: set[str] = field(default_factory=set)
    step: float = 0.0  # seconds
    scoring: float = 0.0  # seconds of one look with scores
    looks: int = 0
    steps: int = 0
    checkpoint: int = 0  # bytes
    pictures: int = 0  # bytes of all files of samples

    @property
    def seconds(self) -> float:
        return self.steps * self.step + self.looks * self.scoring

    @property
    def bytes(self) -> int:
        return KEPT * self.checkpoint + self.pictures


class FirstStepsFail(PoiseError):
    """A run that diverges at once; any other `PoiseError` says that there can be no such run."""


def attempt(name: str, arguments: Arguments, like: Known | None = None) -> Known:
    """Build a run, take steps of each stage, look at it as a run does. `like` has the scores of its part already.

    Errors: PoiseError, in a sentence without the arm.
    """
    from poise.training.threads import one_thread

    with one_thread():  # as in the workers
        try:
            recipe = kind_of(name).build(**instantiated(name, arguments))
            known = Known(steps=sum(stage.steps for stage in recipe.stages), looks=len(recipe.cadence.scores))
            _steps(recipe, known)
            _looks(recipe, known, like)
        except NonFinite as error:
            raise FirstStepsFail(f"its very first steps fail: {error}") from None
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and "memory" not in str(error):
                raise
            raise PoiseError(f"it does not fit into memory: {str(error)[:120]}; use a smaller batch or width") from None
    return known


def _steps(recipe: Recipe, known: Known) -> None:
    """The first steps of each stage, timed; names of what is recorded, and of what the monitor sees."""
    from poise.training.checkpoint import begin, initial
    from poise.training.loop import train

    monitors = [stage.monitor() if stage.monitor else None for stage in recipe.stages]
    fresh = [initial(stage.game) for stage in recipe.stages] if len(recipe.stages) > 1 else []
    times: list[tuple[int, float]] = []
    for i, (stage, monitor) in enumerate(zip(recipe.stages, monitors, strict=True)):
        if i:
            begin(stage.game, fresh[i], after=recipe.stages[i - 1].game)
        clock = _Clock(known)
        with contextlib.suppress(_Enough):
            train(
                stage.game, stage.stream, range(min(STEPS, stage.steps)), recipe.seed, stage.dials, clock,
                recipe.execution, detail_every=recipe.cadence.log,
            )  # fmt: skip
        if monitor is not None:
            known.recorded |= set(monitor(0))
        times.append((stage.steps, clock.step))
    known.step = sum(steps * seconds for steps, seconds in times) / max(1, known.steps)


class _Enough(Exception):
    pass


class _Clock:
    """Watches the first steps: their names, and their times."""

    def __init__(self, known: Known) -> None:
        self.known, self.times, self.last = known, list[float](), time.monotonic()

    @property
    def step(self) -> float:
        """Seconds of a step: the mean without the first, and without those in which something is compiled."""
        times = self.times[1:] or self.times
        return mean([seconds for seconds in times if seconds <= 10 * median(times)])

    def __call__(self, step: int, row: Row) -> None:
        from poise.training.capture.record import verify

        for name, value in row.items():
            player, _, what = name.partition("/")
            verify(player, step, {what: value})
        self.known.recorded |= set(row)
        now = time.monotonic()
        self.times.append(now - self.last)
        self.last = now
        if len(self.times) > 1 and sum(self.times[1:]) > SECONDS:
            raise _Enough


def _looks(recipe: Recipe, known: Known, like: Known | None) -> None:
    """Samples, scores and a checkpoint, as a run makes them, in a folder that goes away."""
    from poise.training.checkpoint import save

    with tempfile.TemporaryDirectory() as folder:
        shown = recipe.show(Path(folder) / "samples")
        files = known.steps // recipe.cadence.sample if recipe.cadence.sample else 0
        known.pictures = files * (_size(shown) if shown.exists() else 0)
        save(Path(folder), 0, recipe.stages[0].game, recipe.execution)
        known.checkpoint = sum(_size(path) for path in Path(folder).iterdir() if path != shown)
    if not recipe.cadence.scores or recipe.judge is None:
        return
    if like is not None and like.scores:
        known.scores, known.scoring = like.scores, like.scoring
        return
    judge = recipe.judge()
    began = time.monotonic()
    known.scores = set(judge.score(recipe.sampler))
    known.scoring = time.monotonic() - began


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*")) if path.is_dir() else path.stat().st_size
