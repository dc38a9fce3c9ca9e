"""What can be known of a study before its first run: each arm is built on its data and really takes its first steps.

A typing error in the name of a score, a strength below 0, a file that is not there, an arm that does not fit into
memory: each would otherwise end a study hours after it began. A rehearsal writes nothing into the study's folder. What
it reads of the data stays in the cache, so that the runs begin with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from poise.disk.description import Arguments
from poise.errors import PoiseError, nearest
from poise.registry import names
from poise.report.pace import rough
from poise.report.table import SUFFIXES
from poise.specs.spec import kind_of
from poise.studies.plans.plan import Endpoint, Part, Plan
from poise.studies.running.attempt import Known, attempt
from poise.studies.running.tasks import Task


@dataclass
class StudyCost:
    """What a whole study costs, and what was seen on the way."""

    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0
    bytes: int = 0


def rehearse(
    plan: Plan, tasks: Sequence[Task], runs: Path, workers: int, tell: Callable[[str], None] = lambda line: None
) -> StudyCost:
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
    cost = StudyCost()
    scored: Arguments = {}
    longest = 0.0
    for part in plan.parts:
        first: Known | None = None
        for arm in part.arms:
            task = next(task for task in tasks if (task.part, task.arm) == (part.name, arm.name))
            where = f"part '{part.name}', arm '{arm.name}'"
            arguments = dict(task.arguments)
            alike = first is not None and _scored_alike(arguments, scored)
            try:
                known = attempt(task.recipe, arguments, first if alike else None)
            except PoiseError as error:
                mistakes.append(f"{where}: {error}")
                continue
            longest = max(longest, known.seconds)
            if first is None:
                first, scored = known, arguments
                tell(f"{part.name}: {_have(known)}")
            mistakes += [f"{where}, {said}" for e in part.endpoints if (said := _missing(e, known, part))]
            n = len(part.seeds)
            cost.seconds += n * known.seconds
            cost.bytes += n * known.bytes
            tell(f"{part.name}, {arm.name}: first steps taken, {1000 * known.step:.0f} ms each; {_cost(known)}")
    found = list(dict.fromkeys(mistakes))
    if len(found) > 1:
        for said in found:
            tell(f"mistake: {said}")
        raise PoiseError(f"{found[0]}; and {len(found) - 1} more (--dry-run tells all)")
    if found:
        raise PoiseError(found[0])
    together = min(workers, len({task.name for task in tasks}))
    cost.lines = _whole(cost, runs, max(longest, cost.seconds / together), together)
    return cost


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
        recorded = {*known.recorded, *(f"score/{name}" for name in known.scores)}
        return _unknown(str(reads["mean"]), sorted(recorded), f"{where}: nothing is recorded as")
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
    return sorted(names("symptom"))


def _have(known: Known) -> str:
    scores = score_names(known.scores)
    return f"scores are {', '.join(scores)}" if scores else "no scores"


def _cost(known: Known) -> str:
    looks = f", {known.looks} looks with scores of {known.scoring:.0f} s" if known.scores else ""
    return f"{known.steps:,} steps{looks}: {rough(known.seconds)} a run, {_space(known.bytes)}"


def _scored_alike(arguments: Arguments, first: Arguments) -> bool:
    """Whether an arm's scores are those of the first arm: it differs in players, penalties and rates alone."""
    free = ("l2_", "generator", "discriminator", "autoencoder", "vocoder", "model", "loss", "ema", "seed", "augment")
    differing = [name for name in {*arguments, *first} if arguments.get(name) != first.get(name)]
    return all(name.startswith(free) for name in differing)


def _whole(cost: StudyCost, runs: Path, seconds: float, workers: int) -> list[str]:
    """Time and space of all runs, and whether there is room for them."""
    there = next(path for path in (runs, *runs.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    by = f" by {workers} workers" if workers > 1 else ""
    lines = [
        f"all runs: about {rough(seconds)}{by}, if each has a core to itself; "
        f"{_space(cost.bytes)} of the {_space(free)} that are free"
    ]
    if cost.bytes > free:
        raise PoiseError(f"the runs need about {_space(cost.bytes)}, and {there} has {_space(free)}: make room")
    return lines


def _space(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
