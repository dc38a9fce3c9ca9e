"""A run that goes on beyond its end: how much further, how its recipe gets longer, and what is said of it.

The arguments of the run stay as they were, and with them its name and the length of its schedules: over what is added
a schedule keeps the value of its end (one that has a length of its own goes on to that). So the steps of a run are the
same however often, and when, it is lengthened.
What was added stands in `spec.json` beside the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from poise.disk.description import Lengthening, RunSpec
from poise.errors import PoiseError
from poise.recipes.common.recipe import Recipe, Stage
from poise.record import LONGEST, RunFolder
from poise.runs.further.evaluated import set_aside

MOST = 10**9  # steps and minutes that are believed
Value = Callable[[int], float]  # of a scheduled number, at a step of its stage


@dataclass(frozen=True)
class Further:
    """How much further a run is to go: `steps` of its last stage, or `minutes` of training; one of the two.

    Errors: PoiseError for both or neither, and for a number that is not above 0.
    """

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and self.minutes is not None:
            raise PoiseError("--steps and --minutes both say how much further the run goes: give one of them")
        if self.steps is not None and not 1 <= self.steps <= MOST:
            raise PoiseError(f"--steps must be from 1 to {MOST:,}, not {self.steps}: it is how many come on top")
        if self.minutes is not None and not 0 < self.minutes <= MOST:
            raise PoiseError(f"--minutes must be above 0 and at most {MOST:,}, not {self.minutes:g}")
        if self.steps is None and self.minutes is None:
            raise PoiseError("say how much further the run goes: --steps or --minutes")


def lengthen(folder: RunFolder, spec: RunSpec, recipe: Recipe, further: Further, pace: Callable[[], float]) -> RunSpec:
    """Write down that a run goes further; returns its description, as it stands on the disk then.

    A finished run goes on from where it ended, and one that was stopped ends later than it would have. Only for the
    holder of the lock.

    Args: folder; spec; recipe, as built from the arguments; further; pace, measures the seconds of a step.
    Errors: PoiseError, with nothing changed, where the run cannot go on from what is on the disk, or the learning rate
    of what is added would be 0.
    """
    _check_going_on(folder)
    planned = sum(stage.steps for stage in recipe.stages)
    start = spec.end or planned
    if folder.done:
        start = int(folder.report()["steps"])
    if further.steps is not None:
        added = Lengthening(start, start + further.steps)
    else:
        seconds = pace()
        minutes = float(further.minutes or 0.0)
        added = Lengthening(start, start + steps_in(minutes, seconds), minutes, round(1000 * seconds, 3))
    check_length(added.end)
    first = sum(stage.steps for stage in recipe.stages[:-1])
    _check_rates(recipe.stages[-1], start - first, added.end - first)
    # A process that is killed between these lines leaves a run that was stopped at its old end.
    set_aside(folder)
    for name in ("DONE", "report.json"):
        (folder.path / name).unlink(missing_ok=True)
    found = described(spec, (*spec.lengthened, added))
    folder.describe(found)
    folder.event("lengthened", **added.to_dict())
    return found


def check_length(steps: int) -> None:
    """PoiseError for more steps than a run can count."""
    if steps > LONGEST:
        raise PoiseError(f"a run has at most {LONGEST:,} steps, and this one would have {steps:,}: give fewer")


def _check_going_on(folder: RunFolder) -> None:
    """PoiseError where the newest checkpoint, the record or the events of a run are damaged."""
    from poise.training.checkpoint import checked_step, latest

    newest = latest(folder.checkpoints)
    if newest is not None:
        checked_step(newest)
    for _ in folder.each_row():  # one by one: none is kept
        pass
    folder.events()


def steps_in(minutes: float, seconds: float) -> int:
    """Steps of so many seconds in so many minutes, one at least."""
    return min(max(1, round(60 * minutes / seconds)), MOST)


def described(spec: RunSpec, lengthened: tuple[Lengthening, ...]) -> RunSpec:
    """The description of a run with what was added; where its facts tell the steps of its stages, these too."""
    facts, stages = spec.facts, spec.facts.get("stages")
    if lengthened and isinstance(stages, list | tuple) and stages:
        earlier = [list(stage) for stage in stages[:-1]]
        rest = lengthened[-1].end - sum(steps for _, steps in earlier)
        facts = {**facts, "stages": [*earlier, [stages[-1][0], rest]]}
    return replace(spec, facts=facts, lengthened=lengthened)


def longer(recipe: Recipe, lengthened: Sequence[Lengthening]) -> Recipe:
    """The recipe with a last stage of so many steps, scores at their old distance and a line on what was added."""
    if not lengthened:
        return recipe
    *earlier, last = recipe.stages
    planned = sum(stage.steps for stage in recipe.stages)
    end = lengthened[-1].end
    first = sum(stage.steps for stage in earlier)
    if end <= first:
        raise PoiseError(f"spec.json says that the run ends after step {end:,}, before its last stage: it is damaged")
    lines = [f"lengthened {line_of(lengthened)}"]
    held = _held(last, planned - first, end - first)
    if held:
        lines.append(f"schedules end after step {planned:,}, as they were asked for, and stay there: {', '.join(held)}")
    return replace(
        recipe,
        stages=[*earlier, replace(last, steps=end - first)],
        cadence=replace(recipe.cadence, scores=_scored(recipe.cadence.scores, lengthened)),
        notes=[*recipe.notes, *lines],
    )


def line_of(lengthened: Sequence[Lengthening]) -> str:
    """ "from 1,000 to 1,500 steps, then from 1,500 to 9,120 (10 minutes at 78.7 ms a step)"."""
    parts: list[str] = []
    for one in lengthened:
        unit = "" if parts else " steps"
        timed = ""
        if one.minutes is not None and one.milliseconds is not None:
            timed = f" ({one.minutes:g} minutes at {one.milliseconds:.3g} ms a step; scores come on top)"
        parts.append(f"from {one.start:,} to {one.end:,}{unit}{timed}")
    return ", then ".join(parts)


def _scored(scores: tuple[int, ...], lengthened: Sequence[Lengthening]) -> tuple[int, ...]:
    """The steps after which samples are scored: as before, then at the largest distance of those, and at each end."""
    if not scores:
        return ()
    end = lengthened[-1].end
    found = {step for step in scores if step <= end}
    found |= {one.end for one in lengthened}
    found |= {one.start for one in lengthened}
    distance = max((later - earlier for earlier, later in pairwise(scores)), default=0)
    if distance:
        found |= set(range(scores[-1], end, distance))
    return tuple(sorted(found))


def _scheduled(stage: Stage) -> dict[str, Value]:
    """Every number of a stage that may follow a schedule, by its name in the record; none that is steered by what the
    networks do, which would move it."""
    found: dict[str, Value] = {
        dial.name: dial.schedule for dial in stage.dials if not hasattr(dial.schedule, "state_dict")
    }
    for player in stage.game.players:
        for penalty in player.penalties:
            found[f"{player.name}/{penalty.name}"] = penalty.strength_at
        for term in player.terms:
            if callable(term.weight):
                found[f"{player.name}/{term.name}"] = term.weight
    return found


def _held(stage: Stage, planned: int, end: int) -> list[str]:
    """What still moved in the second half of the planned steps of a stage and has one value over those that are added,
    each with that value; nothing where none are added to the planned ones."""
    from poise.core import value_at

    if end <= planned:
        return []
    found = []
    for name, value in _scheduled(stage).items():
        last = value_at(value, planned)
        if value_at(value, planned // 2) != last and last == value_at(value, end - 1):
            found.append(f"{name} {last:g}")
    return found


def _check_rates(stage: Stage, start: int, end: int) -> None:
    """PoiseError where a learning rate is 0 in the second half of what is added: nothing would be learnt any more."""
    for dial in stage.dials:
        if dial.name.endswith("/lr") and dial.schedule((start + end) // 2) == 0 == dial.schedule(end - 1):
            raise PoiseError(
                f"the learning rate of the {dial.name.removesuffix('/lr')} is 0 at the end of its schedule, where it "
                f"stays in a longer run: nothing would be learnt; start a new run with a larger --steps"
            )
