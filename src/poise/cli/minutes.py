"""A new run of so many minutes: how many steps that is here, found once, before the run begins."""

from __future__ import annotations

import tempfile
from pathlib import Path

from poise.errors import PoiseError
from poise.record import RunFolder, runs_root
from poise.runs.further.lengthening import steps_in
from poise.runs.further.pace import seconds_of_a_step
from poise.runs.place import folder_of
from poise.specs.spec import Completed, instantiated, kind_of, run_name


def for_minutes(recipe: str, arguments: Completed, minutes: float, out: str | None) -> tuple[Completed, Path, str]:
    """The arguments with the `steps` that are trained in so many minutes here, the run's folder, and a line about it.

    The folder is called after the arguments and the minutes, and a run that is there has its steps already: the same
    command goes on with the same run, on a busy day too. Scores come on top of the minutes.

    Errors: PoiseError for a recipe of several stages, and whatever its building refuses.
    """
    _, tidy = folder_of(recipe, arguments, out)
    path = Path(out) if out else runs_root() / run_name(recipe, {**tidy, "minutes": minutes})
    folder = RunFolder(path)
    if (path / "spec.json").exists():
        steps = folder.spec().arguments.get("steps")
        if not isinstance(steps, int):
            raise PoiseError(f"{path} holds a run without a number of steps: choose another --out")
        line = f"{minutes:g} minutes were found to be {steps:,} steps"
        if out:  # whose minutes nobody has written down
            line = f"{path} holds a run of {steps:,} steps already: --minutes {minutes:g} would be for a new one"
        return Completed({**tidy, "steps": steps}), path, line
    built = kind_of(recipe).build(**instantiated(recipe, tidy))
    if len(built.stages) != 1:
        stages = ", ".join(stage.name for stage in built.stages)
        raise PoiseError(f"--minutes: {recipe} has several stages ({stages}): give the steps of each instead")
    with tempfile.TemporaryDirectory() as nothing:
        seconds = seconds_of_a_step(Path(nothing), built)
    steps = steps_in(minutes, seconds)
    line = f"{minutes:g} minutes are about {steps:,} steps here, {1000 * seconds:.3g} ms each; scores come on top"
    return Completed({**tidy, "steps": steps}), path, line
