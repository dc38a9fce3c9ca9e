"""A new run of so many minutes: how many steps that is here, found once, before the run begins."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from poise.disk import expanded
from poise.errors import PoiseError
from poise.record import RunFolder, runs_root
from poise.runs.further.lengthening import steps_in
from poise.runs.further.pace import seconds_of_a_step
from poise.runs.place import folder_of
from poise.specs.config_files import read_config
from poise.specs.parser import config_places, underscored
from poise.specs.spec import Completed, instantiated, kind_of, run_name

# Steps of training. With 520 and 1,330 narrower networks led, with 1,815 and 2,100 not (docs/log.md, "too soon").
FEW = 1500
NARROW = 16  # channels at full size, of both players
ALIKE = ("auto", "bilinear", "dcgan", "nearest")  # networks of which narrower ones were measured, or such as they
PLAYERS = ("generator", "discriminator")


def flags_of(argv: list[str]) -> set[str]:
    """--generator.width=8 -> generator.width"""
    return {underscored(word).partition("=")[0].removeprefix("--") for word in argv if word.startswith("--")}


def is_given(argv: list[str], *wanted: str) -> bool:
    """Whether a flag of the command line or a configuration file gives one of these arguments, such as
    "generator.width"."""
    tables = [read_config(file) for _, file in config_places(argv)]
    return any(name in flags_of(argv) or any(_within(table, name) for table in tables) for name in wanted)


def _within(table: Any, name: str) -> bool:
    group, dot, option = name.partition(".")
    if not isinstance(table, dict):
        return False
    if name in table:
        return True
    return bool(dot) and group in table and _within(table[group], option)


def may_be_narrower(arguments: Completed, argv: list[str]) -> bool:
    """Whether the widths of the networks are ours to choose: a generator and a discriminator of pictures that are ours
    and begin with nothing, and nobody has said how wide."""
    tables = [arguments.get(player) for player in PLAYERS]
    if not all(isinstance(table, dict) and "width" in table for table in tables):
        return False
    if arguments.get("network") not in ALIKE or arguments.get("from_run") is not None:
        return False
    if flags_of(argv) & set(PLAYERS):  # a whole table of options
        return False
    return not is_given(argv, *(f"{player}.width" for player in PLAYERS))


def narrower(arguments: Completed) -> Completed:
    """The same with both players NARROW."""
    changed: dict[str, object] = {}
    for player in PLAYERS:
        options = arguments[player]
        assert isinstance(options, dict)  # completed
        changed[player] = {**options, "width": NARROW}
    return Completed({**arguments, **changed})


def for_minutes(
    recipe: str, arguments: Completed, minutes: float, out: str | None, free: bool = False
) -> tuple[Completed, Path, str]:
    """The arguments with the `steps` that are trained in so many minutes here, the run's folder, and what to say.

    `free`: the widths of pictures' networks may be chosen as well. Where the default ones would train fewer than FEW
    steps, both are NARROW, and steps are counted anew.

    The folder is called after the arguments and the minutes, and a run that is there has its steps already: the same
    command goes on with the same run, on a busy day too. Scores come on top of the minutes.

    Errors: PoiseError for a recipe of several stages, and whatever its building refuses.
    """
    _, found = folder_of(recipe, arguments, out)
    tidy = Completed(found)
    path = expanded(out) if out else runs_root() / run_name(recipe, {**tidy, "minutes": minutes})
    if (path / "spec.json").exists():
        return _as_begun(tidy, path, minutes, bool(out), free)
    seconds = _seconds(recipe, tidy)
    steps = steps_in(minutes, seconds)
    line = f"{minutes:g} minutes are about {steps:,} steps here, {1000 * seconds:.3g} ms each; scores come on top"
    if free and steps < FEW:
        narrow = narrower(tidy)
        seconds = _seconds(recipe, narrow)
        if (more := steps_in(minutes, seconds)) > steps:
            line = (
                f"{minutes:g} minutes are about {steps:,} steps here, fewer than {FEW:,}: the networks are narrower "
                f"(--generator.width {NARROW} --discriminator.width {NARROW}), which makes it {more:,} steps, "
                f"{1000 * seconds:.3g} ms each; scores come on top"
            )
            tidy, steps = narrow, more
        if steps < FEW:
            short = "so short a run seldom gets beyond blobs: give more minutes, or a smaller --size"
            line = "\n".join([line, short])
    return Completed({**tidy, "steps": steps}), path, line


def _as_begun(tidy: Completed, path: Path, minutes: float, named: bool, free: bool) -> tuple[Completed, Path, str]:
    """The length, and the widths where they were chosen, of the run that is there."""
    begun = RunFolder(path).spec().arguments
    steps = begun.get("steps")
    if not isinstance(steps, int):
        raise PoiseError(f"{path} holds a run without a number of steps: choose another --out")
    line = f"{minutes:g} minutes were found to be {steps:,} steps"
    if named:  # whose minutes nobody has written down
        line = f"{path} holds a run of {steps:,} steps already: --minutes {minutes:g} would be for a new one"
    tables = {player: begun.get(player) for player in PLAYERS}
    if free and all(isinstance(table, dict) and table.get("width") == NARROW for table in tables.values()):
        tidy = narrower(tidy)
    return Completed({**tidy, "steps": steps}), path, line


def _seconds(recipe: str, arguments: Completed) -> float:
    """Seconds of a step of a run of these arguments."""
    built = kind_of(recipe).build(**instantiated(recipe, arguments))
    if len(built.stages) != 1:
        stages = ", ".join(stage.name for stage in built.stages)
        raise PoiseError(f"--minutes: {recipe} has several stages ({stages}): give the steps of each instead")
    free = arguments.get("threads") is None and "OMP_NUM_THREADS" not in os.environ
    with tempfile.TemporaryDirectory() as nothing:
        return seconds_of_a_step(Path(nothing), built, free)
