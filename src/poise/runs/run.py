"""The one door: `run(spec, out) -> report`, and `run_in` where the folder is known. All training comes through it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from poise.disk.description import Arguments, AskedRun, Lengthening, RunSpec
from poise.errors import PoiseError, refusing
from poise.recipes.common.recipe import Recipe
from poise.record import RunFolder
from poise.report.live import Silent, View
from poise.runs.ending import Interrupted, Stop, scored_on
from poise.runs.further.lengthening import Further, check_length, described, lengthen, longer
from poise.runs.further.origin import absolute, kept_origin
from poise.runs.load import check_classes
from poise.runs.place import advice, another_place, check_same, folder_of, same, where
from poise.runs.report import RunReport
from poise.runs.rollback import Rollbacks, rates, taken_back, unfinished
from poise.runs.session import Session
from poise.specs.shared import Shared, computes
from poise.specs.sources import sources, trust_all
from poise.specs.spec import Completed, completed, instantiated, kind_of, of_before, versions

if TYPE_CHECKING:
    from poise.training.ranks import Ranks
    from poise.training.torchrun import World

__all__ = ["Interrupted", "Stop", "run", "run_in", "scored_on", "together"]


def run(
    spec: AskedRun,
    out: str | Path | None = None,
    view: View | None = None,
    stop: Stop | None = None,
    data: str | None = None,
    further: Further | None = None,
    ranks: Ranks | None = None,
) -> RunReport:
    """Train what `spec` describes, or go on where it stopped, or return the report of a run that is done.

    Args:
        spec: {"recipe": "images", "arguments": {"data": ..., "steps": ..., ...}}; arguments that are not given take
            the defaults of the recipe's signature.
        out: the run folder; by default `runs/RECIPE-DATA-HASH`, so that the same spec is the same run.
        view: shows progress; by default nothing.
        stop: lets a signal handler end the run after the current step.
        data: where the data of a run that is there are now, if they were moved; their content must be the same.
        further: how much longer a run that is there becomes; this is kept, so it is asked for once.
        ranks: the processes that train together, of which this one is the first; by default it is alone.

    Returns:
        What `report.json` holds.

    Raises:
        PoiseError: bad arguments or data, before anything is written; NonFinite: the run diverged.
        Interrupted: `stop` was set; the state is saved and `run` goes on from it.
    """
    recipe = spec["recipe"]
    folder, arguments = folder_of(recipe, completed(recipe, spec["arguments"]), out, anew=True)
    return run_in(folder, recipe, arguments, view, stop, data, further, ranks)


def run_in(
    folder: RunFolder,
    recipe: str,
    arguments: Completed,
    view: View | None = None,
    stop: Stop | None = None,
    data: str | None = None,
    further: Further | None = None,
    ranks: Ranks | None = None,
    first: Callable[[], None] | None = None,
) -> RunReport:
    """`run` in the folder, and of the arguments, that `folder_of` has found.

    `first` is done to a run that is there when everything has been checked and nobody else works on it.
    """
    known = other = None
    if (folder.path / "spec.json").exists():
        known = _known(folder, recipe, arguments)
        other = None if data is not None else another_place(known, arguments.get("data"))
        arguments = of_before(recipe, known.arguments)
        if _stays(folder, data, further, first, other):
            return RunReport.of(folder)
    elif folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise PoiseError(f"{folder.path} exists and is not a run folder; choose another --out")
    place = where(folder, known, arguments.get("data"), data or other)
    placed = {**arguments, "data": place, **kept_origin(folder, known)}

    def build() -> Recipe:
        with refusing():
            return kind_of(recipe).build(**instantiated(recipe, placed))

    named = sources(arguments, *([recipe] if "." in recipe else []))
    built = build()
    check_length(sum(stage.steps for stage in built.stages))
    _share(ranks, recipe, arguments, built, build)
    asked = RunSpec(recipe, arguments, built.table, versions(), place if absolute(place) else None, named)
    if known is None and not _create(folder, asked, built.origin):
        known = _known(folder, recipe, arguments)
    if known is not None:
        check_same(folder, known, asked, data, other)
    with folder.locked():
        taken_back(folder, first)
        if known is not None and data is not None and known.data_path != place:
            folder.describe(replace(known, data_path=place))
        if further is not None:
            _lengthen(folder, build, further)
        elif folder.done:  # by another process, since we looked
            return RunReport.of(folder)
        anew = known is None and further is None  # what was made just now is as long as it was asked for
        added: tuple[Lengthening, ...] = () if anew else folder.spec().lengthened
        asked = asked if anew else described(asked, added)
        if ranks is not None and not ranks.alone:
            data_read = asked.facts["fingerprint"]
            ranks.tell(Shared(recipe, placed, added, named, data_read, computes(built), str(folder.path)))
        return _sitting(folder, longer(built, added), asked, view, stop)


def _stays(folder: RunFolder, *changes: object) -> bool:
    """Whether a run is over, and nothing was asked for that would change it."""
    return folder.done and unfinished(folder) is None and all(change is None for change in changes)


def _share(
    ranks: Ranks | None, recipe: str, arguments: Arguments, built: Recipe, build: Callable[[], Recipe] | None = None
) -> None:
    """Have the recipe computed by these processes, if there are several; one that `build` makes is spent on trying it.

    Errors: PoiseError where it cannot be split, before any file.
    """
    if ranks is None or ranks.alone:
        return
    from poise.training.splitting import check_values, share

    unsplit, batch = kind_of(recipe).unsplit, arguments.get("batch")
    built.notes.append(share(ranks, recipe, unsplit, batch, built.stages, built.execution))
    if build is not None:
        check_values(build().stages, ranks.count, built.execution.device)


def together(me: World, work: Callable[[Ranks], int]) -> int:
    """The exit code of `work`, which the first of several processes does while the others follow it."""
    from poise.rows.drawn import OfAll
    from poise.training.torchrun import joined

    try:
        ranks = joined(me, {name: versions()[name] for name in ("poise", "torch")})
    except OfAll:
        return 2
    if not ranks.first:
        for asking in (signal.SIGINT, signal.SIGTERM):  # the first process hears of it too, and says what is done
            signal.signal(asking, signal.SIG_IGN)
    code = 2
    try:
        code = work(ranks) if ranks.first else followed(ranks)
    except SystemExit as leaving:  # after --help
        code = leaving.code if isinstance(leaving.code, int) else 2 * bool(leaving.code)
        raise
    except BaseException as error:
        if ranks.fails(error):
            raise
    finally:
        if ranks.first:
            ranks.dismiss(code)
    return code


def followed(ranks: Ranks) -> int:
    """Train together with rank 0 in another process, as that one says, and write nothing; returns its exit code.

    Errors: PoiseError where this process reads other data than rank 0, or where another one is gone.
    """
    from poise.data.files import reading
    from poise.training.following import follow, unpacked

    told = ranks.tell()
    if not isinstance(told, Shared):
        ranks.leave()
        return int(told)
    reading.quiet = True
    trust_all(told.recipe, told.arguments)
    built = kind_of(told.recipe).build(**instantiated(told.recipe, told.arguments))
    told.check(ranks.rank, built)
    recipe = longer(built, told.lengthened)
    _share(ranks, told.recipe, told.arguments, recipe)
    base = [rates(stage.game) for stage in recipe.stages]
    remedies = Rollbacks(RunFolder(Path(told.folder)), 0)
    while not isinstance(told := ranks.tell(), int):
        stage = recipe.stages[told.stage]
        unpacked(told.state, stage.game, recipe.execution)
        remedies.made = list(told.remedies)
        remedies.apply(stage.game, base[told.stage])
        follow(told, stage.game, stage.stream, remedies.dials(stage.dials), recipe.execution)
    ranks.leave()
    return told


def _sitting(folder: RunFolder, recipe: Recipe, spec: RunSpec, view: View | None, stop: Stop | None) -> RunReport:
    """Train to the end, with the folder's lock held."""
    for part in (folder.samples, folder.checkpoints):  # who copies runs may lose folders that are empty
        part.mkdir(exist_ok=True)
    session = Session(folder, recipe, spec, view or Silent(), stop or Stop())
    try:
        return session.train()
    finally:
        folder.close()
        session.view.close()


def _lengthen(folder: RunFolder, build: Callable[[], Recipe], further: Further) -> None:
    """Make the run longer, with its lock held; a recipe of its own is spent on what a step takes."""
    from poise.runs.further.pace import seconds_of_a_step

    recipe = build()
    remedied = partial(Rollbacks(folder, most=0).put_into, base=rates(recipe.stages[-1].game))
    lengthen(folder, folder.spec(), recipe, further, lambda: seconds_of_a_step(folder.path, recipe, remedied=remedied))


def _create(folder: RunFolder, asked: RunSpec, origin: Mapping[str, bytes]) -> bool:
    """Make the folder, with the files of the first weights; False where another process has just made it."""
    if (folder.path / "spec.json").exists():
        return False
    try:
        folder.create(asked, origin)
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
        raise PoiseError(
            f"{folder.path} holds a run with other arguments; choose another --out{advice(known, arguments)}"
        )
    return known
