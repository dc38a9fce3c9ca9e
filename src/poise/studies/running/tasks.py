"""The runs that a plan asks for, and where each of them stands."""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from poise.disk import read_json
from poise.disk.description import Arguments, AskedRun, RunSpec
from poise.disk.rows import StepRow
from poise.errors import PoiseError
from poise.monitor.findings.finding import Record
from poise.monitor.findings.windows import lived
from poise.recipes.common.options import parameters
from poise.record import RunFolder
from poise.report.conclude import scores
from poise.runs.report import RunReport
from poise.specs.sources import class_paths, trust
from poise.specs.spec import Completed, completed, kind_of, run_name
from poise.studies.plans.leaves import Leaf, tables
from poise.studies.plans.plan import Part, Plan, Result
from poise.studies.plans.readings import Finished, read
from poise.studies.running.defaults import Defaults, others

State = Literal["new", "unfinished", "diverged", "done"]


@dataclass(frozen=True)
class Task:
    """One run: an arm of a part with one seed. Equal specs have equal names, and are one run."""

    part: str
    arm: str
    seed: int
    name: str
    recipe: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    given: Mapping[str, object] = field(default_factory=dict)  # those of them that the plan gives
    kept: Mapping[Leaf, object] = field(default_factory=dict)  # defaults of the version that the study began with

    @property
    def spec(self) -> AskedRun:
        """What the run is made of, as `poise.runs.run.run` takes it."""
        return {"recipe": self.recipe, "arguments": dict(self.arguments)}

    def __str__(self) -> str:
        return f"{self.part}, {self.arm}, seed {self.seed}"


def tasks_of(plan: Plan, began: Defaults | None = None) -> list[Task]:
    """Every run, seed by seed, so that a study that is stopped has something of everything.

    `began`: the defaults with which the study began, where they may be others than today's.

    Errors: PoiseError for arguments that a recipe does not take, with the part and the arm.
    """
    most = max((len(part.seeds) for part in plan.parts), default=0)
    order = [(i, part) for i in range(most) for part in plan.parts if i < len(part.seeds)]
    first = {}
    for part in plan.parts:
        for arm in part.arms if part.seeds else ():  # with the largest seed: where that one is possible, all are
            first[part.name, arm.name] = _task(part, arm.name, max(part.seeds), began or {})
    return [_seeded(first[part.name, arm.name], part.seeds[i]) for i, part in order for arm in part.arms]


def _task(part: Part, arm: str, seed: int, began: Defaults) -> Task:
    arguments = merged(part.arguments, part.arm(arm).arguments)
    taken = parameters(kind_of(part.recipe).build)
    if "seed" not in taken:
        raise PoiseError(f"part '{part.name}': the recipe {part.recipe} takes no seed, and a study needs several")
    arguments = {**({"threads": 1} if "threads" in taken else {}), **_booleans(arguments, taken), "seed": seed}
    for path in class_paths(arguments):  # whoever starts a study has what its file names executed
        trust(path)
    try:
        ready = completed(part.recipe, arguments)
        kept = others(ready, arguments, began.get(part.recipe, {}))
        if kept:
            ready = completed(part.recipe, merged(tables(kept), arguments))
    except PoiseError as error:
        raise PoiseError(f"part '{part.name}', arm '{arm}': {error}") from None
    return Task(part.name, arm, seed, run_name(part.recipe, ready), part.recipe, ready, arguments, kept)


def _seeded(task: Task, seed: int) -> Task:
    """The same with another seed, which nothing else depends on: completing arguments takes longest."""
    if seed == task.seed:
        return task
    ready = Completed({**copy.deepcopy(dict(task.arguments)), "seed": seed})
    name = run_name(task.recipe, ready)
    return replace(task, seed=seed, name=name, arguments=ready, given={**task.given, "seed": seed})


def _booleans(arguments: Arguments, taken: Mapping[str, inspect.Parameter]) -> Arguments:
    """`compile: yes` of a study's file, where names have to stay text, for what can only be true or false."""
    words = {"yes": True, "on": True, "no": False, "off": False}
    kinds = {name: parameter.annotation for name, parameter in taken.items()}
    return {
        name: words.get(value.lower(), value) if isinstance(value, str) and kinds.get(name) in (bool, "bool") else value
        for name, value in arguments.items()
    }


def merged(below: Mapping[str, object], above: Mapping[str, object]) -> Arguments:
    """Both tables; where both say something, `above` does, group by group."""
    found = copy.deepcopy(dict(below))
    for key, value in above.items():
        known = found.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            found[key] = merged(known, value)
        else:
            found[key] = copy.deepcopy(value)
    return found


def state_of(folder: RunFolder) -> State:
    """Where a run stands. One that diverged is not tried again: it would diverge again, bit for bit."""
    if folder.done:
        return "done"
    if not (folder.path / "spec.json").exists():
        return "new"
    return "diverged" if folder.diverged else "unfinished"


def results_of(plan: Plan, tasks: list[Task], runs: Path) -> list[Result]:
    """What each run says that has come to its end. Errors: PoiseError where runs of a part are not equally long."""
    each = [(task, RunFolder(runs / task.name)) for task in tasks]
    over = [(task, folder) for task, folder in each if state_of(folder) in ("done", "diverged")]
    for part in plan.parts:
        _check_lengths(part, [folder for task, folder in over if task.part == part.name and folder.done])
    return [result_of(plan.part(task.part), task, folder) for task, folder in over]


def _check_lengths(part: Part, folders: list[RunFolder]) -> None:
    """PoiseError where some runs of a part were lengthened after they were made, and others not, or not as far."""
    added = {folder.path: _added(folder) for folder in folders}
    most = max(added.values(), default=0)
    for path, steps in added.items():
        if steps != most:
            raise PoiseError(
                f"part '{part.name}': some of its runs were lengthened, by {most:,} steps, and {path} by {steps:,}: "
                f"they cannot be compared; lengthen all of them alike with poise resume RUN --steps MORE"
            )


def _added(folder: RunFolder) -> int:
    """By how many steps a run was lengthened: where patience ended it first, from there on."""
    with contextlib.suppress(PoiseError):  # a damaged description is told where it is needed
        spec = RunSpec.from_dict(read_json(folder.path / "spec.json"))
        if spec is not None:
            return sum(once.end - once.start for once in spec.lengthened)
    return 0


def result_of(part: Part, task: Task, folder: RunFolder) -> Result:
    """What a run says that is over. Errors: PoiseError where it lacks a number that an endpoint reads."""
    done, rows = folder.done, folder.rows()
    values: dict[str, float | None] = {endpoint.name: None for endpoint in part.endpoints}
    finished = _finished(folder, rows) if done else None
    if finished is not None:
        for endpoint in part.endpoints:
            try:
                values[endpoint.name] = read(endpoint.reads, finished)
            except PoiseError as error:
                where = f"part '{part.name}', endpoint '{endpoint.name}'"
                raise PoiseError(f"{where}: {error} Put it right and go on: the runs are kept.") from None
    curves: dict[str, list[tuple[int, float]]] = {}
    for entry in scores(rows):
        for name in _plotted(part, entry):
            curves.setdefault(name, []).append((entry.step, float(entry[name])))
    result = Result(part.name, task.arm, task.seed, folder.name, "diverged", values, curves)
    if finished is None:
        return replace(result, alive=_alive(rows, _last_stage(folder, rows)))
    findings = [name for name, severity in finished.findings if severity != "note"]
    return replace(
        result, state="done", alive=_alive(rows, finished.stage), findings=findings, seconds=finished.seconds
    )


def _last_stage(folder: RunFolder, rows: list[StepRow]) -> int:
    """The step at which a run's last stage began; 0 where its description is damaged, which is told elsewhere."""
    with contextlib.suppress(PoiseError):
        return Record(rows, folder.spec()).stage.first
    return 0


def _alive(rows: list[StepRow], stage: int) -> bool | None:
    """Whether every discriminator that was looked at was alive at the end; None where none was."""
    looked = dict.fromkeys(key for row in rows for key in row if key.endswith("/alive"))
    return all(lived(rows, key, stage) for key in looked) if looked else None


def _finished(folder: RunFolder, rows: list[StepRow]) -> Finished:
    """What a run said at its end. Errors: PoiseError where that or the record is damaged, as by a power cut."""
    again = f"delete the folder {folder.path}, and the study makes the run again"
    try:
        report = RunReport.of(folder)
    except PoiseError:
        report = None
    if report is None or "this sitting" not in report.seconds:
        raise PoiseError(f"{folder.path / 'report.json'} is missing or damaged: {again}")
    if json.dumps(scores(rows)) != json.dumps(report.scores):
        raise PoiseError(f"{folder.path / 'record.jsonl'} has lost some of the run's scores: {again}")
    try:
        spec = folder.spec()
    except PoiseError:
        raise PoiseError(f"{folder.path / 'spec.json'} is missing or damaged: {again}") from None
    return Finished.of(folder.name, rows, report, spec)


def _plotted(part: Part, entry: Mapping[str, float]) -> list[str]:
    """The scores that endpoints read."""
    wanted = [str(e.reads.get("score") or e.reads.get("steps_until")) for e in part.endpoints]
    return [name for name in dict.fromkeys(wanted) if name in entry]
