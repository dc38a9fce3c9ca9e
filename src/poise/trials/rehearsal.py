"""What can be known of a study before its first run: each arm is built on its data and really takes its first steps.

A typing error in the name of a score, a strength below 0, a file that is not there, an arm that does not fit into
memory: each would otherwise end a study hours after it began. A rehearsal writes nothing into the study's folder. What
it reads of the data stays in the cache, so that the runs begin with it.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from poise.errors import NonFinite, PoiseError, nearest
from poise.recipes.recipe import Recipe
from poise.registry import names
from poise.report.table import SUFFIXES
from poise.study.spec import instantiated, kind_of
from poise.trials.plan import Endpoint, Part, Plan
from poise.trials.tasks import Task

if TYPE_CHECKING:
    from poise.training.loop import Row

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


@dataclass
class Estimate:
    """What a whole study costs, and what was seen on the way."""

    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0
    bytes: int = 0


def rehearse(
    plan: Plan, tasks: Sequence[Task], runs: Path, workers: int, tell: Callable[[str], None] = lambda line: None
) -> Estimate:
    """Build every arm of every part with its first seed, take its first steps, and look whether what endpoints read is
    there.

    Args:
        plan, tasks: the study and its runs.
        runs: where they will lie, for the space that is left there.
        workers: by how many processes they are trained.
        tell: hears a line for each arm.

    Raises:
        PoiseError: the first mistake, with the part and the arm, and how many more were told.
    """
    mistakes = _twins(plan, tasks)
    estimate = Estimate()
    for part in plan.parts:
        first: Known | None = None
        for arm in part.arms:
            task = next(task for task in tasks if (task.part, task.arm) == (part.name, arm.name))
            where = f"part '{part.name}', arm '{arm.name}'"
            try:
                known = attempt(task.spec["recipe"], dict(task.spec["arguments"]), first)
            except PoiseError as error:
                mistakes.append(f"{where}: {error}")
                continue
            if first is None:
                first = known
                tell(f"{part.name}: {_have(known)}")
            mistakes += [f"{where}, {said}" for e in part.endpoints if (said := _missing(e, known, part))]
            n = len(part.seeds)
            estimate.seconds += n * known.seconds
            estimate.bytes += n * known.bytes
            tell(f"{part.name}, {arm.name}: first steps taken, {1000 * known.step:.0f} ms each; {_cost(known)}")
    found = list(dict.fromkeys(mistakes))
    if len(found) > 1:
        for said in found:
            tell(f"mistake: {said}")
        raise PoiseError(f"{found[0]}; and {len(found) - 1} more (--dry-run tells all)")
    if found:
        raise PoiseError(found[0])
    estimate.lines = _whole(estimate, runs, workers)
    return estimate


def _twins(plan: Plan, tasks: Sequence[Task]) -> list[str]:
    """Arms of a part that ask for the same run: nothing could differ between them."""
    found = []
    for part in plan.parts:
        by_name: dict[str, str] = {}
        for task in (task for task in tasks if task.part == part.name and task.seed == part.seeds[0]):
            if task.name in by_name:
                both = f"arms '{by_name[task.name]}' and '{task.arm}'"
                found.append(f"part '{part.name}': {both} ask for the same run; change one, or leave it out")
            by_name.setdefault(task.name, task.arm)
    return found


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """As in the workers."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def attempt(name: str, arguments: dict[str, Any], like: Known | None = None) -> Known:
    """Build a run, take steps of each stage, look at it as a run does. `like` has the scores of its part already.

    Errors: PoiseError, in a sentence without the arm.
    """
    with _one_thread():
        try:
            recipe = kind_of(name).build(**instantiated(name, arguments))
            known = Known(steps=sum(stage.steps for stage in recipe.stages), looks=len(recipe.cadence.scores))
            _steps(recipe, known)
            _looks(recipe, known, like)
        except NonFinite as error:
            raise PoiseError(f"its very first steps fail: {error}") from None
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
                stage.game, stage.stream, range(min(STEPS, stage.steps)), recipe.seed, stage.dials, clock, recipe.how,
                detail_every=recipe.cadence.log,
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
        from poise.training.loop import verify

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
        save(Path(folder), 0, recipe.stages[0].game, recipe.how)
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


def score_names(found: set[str]) -> list[str]:
    """Of scores, without their intervals and counts."""
    return sorted(name for name in found if not name.endswith(SUFFIXES))


def _missing(endpoint: Endpoint, known: Known, part: Part) -> str:
    """What an endpoint reads that no run of the arm will have."""
    reads, where = endpoint.reads, f"endpoint '{endpoint.name}'"
    for key in ("score", "steps_until"):
        if key in reads:
            primary = kind_of(part.recipe).primary
            if not known.scores:
                return f"{where}: its runs have no scores at all: turn them on (scores: 10), and hold items out"
            if reads.get("at") == "best" and not known.scores & set(primary):
                return f"{where}: no score tells which step is best here ({' or '.join(primary)}): use at: end"
            return _unknown(str(reads[key]), score_names(known.scores), f"{where}: there is no score")
    if "mean" in reads:
        return _unknown(str(reads["mean"]), sorted(known.recorded), f"{where}: nothing is recorded as")
    if "alive" in reads:
        players = sorted(name.removesuffix("/alive") for name in known.recorded if name.endswith("/alive"))
        return _unknown(str(reads["alive"]), players, f"{where}: nothing looks whether there is life in")
    if "finding" in reads:
        return _unknown(str(reads["finding"]), finding_names(), f"{where}: there is no finding")
    return ""


def _unknown(name: str, known: list[str], otherwise: str) -> str:
    if name in known:
        return ""
    said = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    return f"{otherwise} '{name}'{nearest(name, known, '.')} There is: {said or 'nothing'}"


def finding_names() -> list[str]:
    """Everything that `diagnose` can find."""
    import poise.monitor.diagnose  # noqa: F401  (enters them)

    return sorted(names("symptom"))


def _have(known: Known) -> str:
    scores = score_names(known.scores)
    return f"scores are {', '.join(scores)}" if scores else "no scores"


def _cost(known: Known) -> str:
    looks = f", {known.looks} looks with scores of {known.scoring:.0f} s" if known.scores else ""
    return f"{known.steps:,} steps{looks}: {_time(known.seconds)} a run, {_space(known.bytes)}"


def _whole(estimate: Estimate, runs: Path, workers: int) -> list[str]:
    """Time and space of all runs, and whether there is room for them."""
    there = next(path for path in (runs, *runs.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    by = f" by {workers} workers" if workers > 1 else ""
    lines = [
        f"all runs: about {_time(estimate.seconds / workers)}{by}, if each has a core to itself; "
        f"{_space(estimate.bytes)} of the {_space(free)} that are free"
    ]
    if estimate.bytes > free:
        raise PoiseError(f"the runs need about {_space(estimate.bytes)}, and {there} has {_space(free)}: make room")
    return lines


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _space(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
