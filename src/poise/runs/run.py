"""The one door: `run(spec, out) -> report`. Command line, tests and studies all train through it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from poise.disk.description import Arguments, AskedRun, RunSpec
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.report.live import Silent, View
from poise.runs.ending import Interrupted, Stop, scored_on
from poise.runs.load import check_classes
from poise.runs.place import absolute, folder_of, same, where
from poise.runs.report import RunReport
from poise.runs.session import Session
from poise.specs.sources import sources
from poise.specs.spec import instantiated, kind_of, of_before, versions

__all__ = ["Interrupted", "Stop", "run", "scored_on"]


def run(
    spec: AskedRun,
    out: str | Path | None = None,
    view: View | None = None,
    stop: Stop | None = None,
    data: str | None = None,
) -> RunReport:
    """Train what `spec` describes, or go on where it stopped, or return the report of a run that is done.

    Args:
        spec: {"recipe": "images", "arguments": {"data": ..., "steps": ..., ...}}; arguments that are not given take
            the defaults of the recipe's signature.
        out: the run folder; by default `runs/RECIPE-DATA-HASH`, so that the same spec is the same run.
        view: shows progress; by default nothing.
        stop: lets a signal handler end the run after the current step.
        data: where the data of a run that is there are now, if they were moved; their content must be the same.

    Returns:
        What `report.json` holds.

    Raises:
        PoiseError: bad arguments or data, before anything is written; NonFinite: the run diverged.
        Interrupted: `stop` was set; the state is saved and `run` goes on from it.
    """
    recipe = spec["recipe"]
    folder, arguments = folder_of(recipe, spec["arguments"], out)
    known = None
    if (folder.path / "spec.json").exists():
        known = _known(folder, recipe, arguments)
        arguments = of_before(recipe, known.arguments)
        if folder.done and data is None:
            return RunReport.of(folder)
    elif folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise PoiseError(f"{folder.path} exists and is not a run folder; choose another --out")
    place = where(folder, known, arguments.get("data"), data)
    built = kind_of(recipe).build(**instantiated(recipe, {**arguments, "data": place}))
    named = sources(arguments, *([recipe] if "." in recipe else []))
    path = place if absolute(place) is not None else None
    described = RunSpec(recipe, arguments, built.table, versions(), path, named)
    if known is None:
        known = described if _create(folder, described) else _known(folder, recipe, arguments)
    if known.facts.get("fingerprint") != described.facts["fingerprint"]:
        raise _other_data(folder, data)
    with folder.locked():
        if data is not None and known.data_path != place:
            folder.describe(replace(known, data_path=place))
        if folder.done:  # by another process, since we looked
            return RunReport.of(folder)
        for part in (folder.samples, folder.checkpoints):  # who copies runs may lose folders that are empty
            part.mkdir(exist_ok=True)
        session = Session(folder, built, described, view or Silent(), stop or Stop())
        try:
            return session.train()
        finally:
            folder.close()
            session.view.close()


def _other_data(folder: RunFolder, data: str | None) -> PoiseError:
    if data is not None:
        return PoiseError(
            f"--data {data} is not what {folder.path} was trained on: its content is another; nothing was changed"
        )
    return PoiseError(f"the data of {folder.path} has changed since the run began; start a new run with --out")


def _create(folder: RunFolder, described: RunSpec) -> bool:
    """Make the folder; False where another process has just made it."""
    if (folder.path / "spec.json").exists():
        return False
    try:
        folder.create(described)
    except PoiseError:
        if (folder.path / "spec.json").exists():
            return False
        raise
    return True


def _known(folder: RunFolder, recipe: str, arguments: Arguments) -> RunSpec:
    """What the folder's run was asked to do, which must be this; code that it names must be its user's."""
    known = folder.spec()
    check_classes(folder, known)
    if known.recipe != recipe or not same(known, arguments):
        raise PoiseError(f"{folder.path} holds a run with other arguments; choose another --out")
    return known
