"""Before a search: rates that a recipe chooses by the data become numbers, and what a run costs is measured."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from poise.disk.description import Arguments
from poise.errors import PoiseError
from poise.installing import install
from poise.runs.ending import Stop
from poise.runs.run import run
from poise.specs.spec import completed, instantiated, kind_of, run_name
from poise.studies.running.attempt import FirstStepsFail, Known, attempt
from poise.tuning.asked import leaves, refusal
from poise.tuning.scan import scan
from poise.tuning.space import Dimension, Space, Value, at, put

NARROW = 100.0  # a range of strengths that a scan has cut is at least so wide


def needed() -> None:
    """PoiseError where Optuna is not installed, before anything is read."""
    if importlib.util.find_spec("optuna") is None:
        raise PoiseError(f"poise tune needs Optuna: {install('tune')}")


def default_score(recipe: str) -> str:
    """The score by which checkpoints of the recipe are compared."""
    primary = kind_of(recipe).primary
    if not primary:
        raise PoiseError(f"{recipe} has no score of its own: name one with --score")
    return primary[0]


def settled(recipe: str, arguments: Arguments) -> tuple[Arguments, list[str]]:
    """The arguments with a number for each rate that is "auto" there, and lines that say which.

    The run is built on its data for that, and its optimisers are asked.
    """
    open_rates = [name for name in leaves(arguments) if name.endswith(".lr") and at(arguments, name) == "auto"]
    if not open_rates:
        return arguments, []
    from poise.training.threads import one_thread

    with one_thread():
        stages = kind_of(recipe).build(**instantiated(recipe, arguments)).stages
    players = [player for stage in stages for player in stage.game.players]
    rates = {player.name: float(player.optim.param_groups[0]["lr"]) for player in players}
    found = completed(recipe, dict(arguments))
    lines = []
    for name in open_rates:
        player = name.partition(".")[0]
        if player in rates:
            put(found, name, rates[player])
            lines.append(f"--{name} auto is {rates[player]:g} for these data")
    return completed(recipe, dict(found)), lines


def rehearsed(recipe: str, arguments: Arguments, score: str) -> Known:
    """What a run costs, by its first steps and one look. Errors: PoiseError where it has no such score."""
    known = attempt(recipe, arguments)
    if score not in known.scores:
        there = ", ".join(sorted(known.scores)) or "none: hold items out (--heldout 0.1), and leave --scores above 0"
        raise PoiseError(f"--score {score}: runs of {recipe} on these data have no such score. There is: {there}")
    return known


def possible(
    space: Space,
    own: Sequence[str],
    recipe: str,
    arguments: Arguments,
    score: str,
    known: Known,
    tell: Callable[[str], None],
) -> Space:
    """The space without those of the recipe's own options that its runs refuse here, each of which a line tells.

    Every choice is tried, each penalty with its least strength, and the ends of ranges that change how a run is built:
    its first steps, and one look.

    Args: own: names of dimensions that nobody asked for; known: of the default run. Errors: PoiseError where another
    one is refused, or a run has no such score.
    """
    found = []
    for one in space.dimensions:
        said = refusal(recipe, arguments, one) or _unbuilt(recipe, arguments, one, score, known)
        if not said:
            found.append(one)
        elif one.name in own:
            tell(f"{one.name} is not searched: {said}")
        else:
            raise PoiseError(f"--space {one}: {said}")
    if not found:
        raise PoiseError("nothing is left to search: name something, such as --space l2_generator=zero,log:1e-6:1e-1")
    return Space(found)


def _unbuilt(recipe: str, arguments: Arguments, one: Dimension, score: str, known: Known) -> str:
    """Why no run can be built with a value of this option, or has no such score; empty: all can."""
    if one.zero:
        values: list[Value] = [one.low]
    else:
        values = {"one of": one.samples, "int": one.samples[::2], "linear": one.samples[::2]}.get(one.kind, [])
    for value in values:
        changed = copy.deepcopy(dict(arguments))
        one.set(changed, value)
        if value == one.default(arguments):
            continue
        try:
            found = attempt(recipe, completed(recipe, changed), known if one.zero else None)
        except FirstStepsFail:
            continue  # a trial that diverges is one, too
        except PoiseError as error:
            return f"{value} is refused: {error}"
        if score not in found.scores:
            return f"runs with {value} have no score {score}"
    return ""


def bounded(
    space: Space,
    names: Sequence[str],
    recipe: str,
    arguments: Arguments,
    steps: int,
    stop: Stop,
    tell: Callable[[str], None],
) -> Space:
    """The space with none of these strengths of L2 above the largest with which a short run lives.

    Args: names: of dimensions that nobody has bounded. steps: of those runs, at most; they lie in scans/, and are not
    made again. tell: hears a line for each. Where short runs show nothing, bounds stay, and a line says why. The
    default stays within.
    """
    short = dict(arguments)
    asked = short.get("steps")
    if isinstance(asked, int):
        short["steps"] = min(steps, asked)
    ready = completed(recipe, short)
    runs = Path("scans") / run_name(recipe, ready).rpartition("-")[0]
    found = []
    for one in space.dimensions:
        if one.name in names and one.name.startswith("l2_"):
            try:
                scanned = scan(recipe, ready, one.name, runs, lambda spec, path: run(spec, path, None, stop), tell)
            except PoiseError as error:
                tell(f"its bounds stay: {error}")
            else:
                tell(scanned.sentence)
                default = float(one.default(arguments))
                high = max(min(one.high, scanned.lives), default)
                one = replace(one, high=high, low=min(one.low, high / NARROW))
        found.append(one)
    return Space(found)
