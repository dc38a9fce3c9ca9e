"""`poise study`: every run of a plan, then what they say together.

STUDY/
  plan.json       the plan as it was when the first run began, and its sha256
  defaults.json   the recipes' defaults at that time: a later version of Poise goes on with them
  events.jsonl    what happened to which run, and when the plan was changed, if it was
  runs/           run folders, named by the hash of their spec: finished ones are never run again
  study.json, table.txt, table.md, plots/, index.html    the outcome, written anew whenever the study ends or is stopped
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.disk import expanded, read_json, write_json
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.ending import Stop
from poise.specs.spec import versions
from poise.studies.comparison.comparison import before
from poise.studies.comparison.outcome import StudyOutcome
from poise.studies.place import PLAN, studies_root
from poise.studies.plans.files import read_plan
from poise.studies.plans.leaves import Leaf
from poise.studies.plans.plan import Plan
from poise.studies.report.publish import publish
from poise.studies.running.defaults import defaults_by_runs, defaults_of, read_defaults, write_defaults
from poise.studies.running.desk import DESK
from poise.studies.running.hosts import Workers
from poise.studies.running.pool import Pool
from poise.studies.running.progress import Log, Progress
from poise.studies.running.rehearsal import rehearse
from poise.studies.running.tasks import Task, result_of, results_of, state_of, tasks_of
from poise.terminal import pasted

DECISIVE = ("parts", "claims", "alpha")  # what of a plan decides what comes out
OVER = ("done", "diverged")


@dataclass(frozen=True)
class KeptPlan:
    """plan.json: the plan with which a study began."""

    sha256: str
    at: str
    plan: Mapping[str, Any]


@dataclass
class Study:
    """A plan and its folder."""

    file: Path
    plan: Plan
    path: Path
    tasks: list[Task]

    @classmethod
    def of(cls, file: str | Path, out: str | Path | None = None) -> Study:
        """The study that a file describes. Errors: PoiseError, before anything is written."""
        plan = read_plan(file)
        path = expanded(out) if out else studies_root() / plan.name
        if path.exists() and not (path.is_dir() and ((path / PLAN).exists() or _just_begun(path))):
            raise PoiseError(f"{path} exists and is no study's folder; choose another --out")
        return cls(Path(file), plan, path, tasks_of(plan, defaults_kept(path, plan)))

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def log(self) -> Log:
        return Log(self.path / "events.jsonl")

    def states(self) -> Counter[str]:
        """How many runs are new, unfinished, diverged and done; equal specs are one run."""
        folders = [RunFolder(self.runs / name) for name in {task.name for task in self.tasks}]
        return Counter(state_of(folder) for folder in folders)

    def before(self) -> list[str]:
        """What is to be said before anything is run."""
        states = self.states()
        over = sum(states[state] for state in OVER)
        known = f", {over} of them finished before" if over else ""
        said = before(self.plan)
        return [f"{self.plan.name}: {said[0]}{known}", *said[1:], *self._kept_defaults()]

    def _kept_defaults(self) -> list[str]:
        """What is another default today, and stays as it was when the study began."""
        found: dict[tuple[str, str], object] = {}
        for task in self.tasks:
            found.update({(task.recipe, ".".join(leaf)): value for leaf, value in task.kept.items()})
        return [
            f"{recipe}: --{option} stays at {value}, its default when this study began; today's is another, with which "
            "a new --out begins"
            for (recipe, option), value in sorted(found.items())
        ]

    def rehearse(self, workers: int, tell: Callable[[str], None] = lambda line: None) -> list[str]:
        """Try every arm before anything is written; lines on what the whole study costs. Errors: PoiseError."""
        return rehearse(self.plan, self.tasks, self.runs, workers, tell).lines

    @property
    def is_new(self) -> bool:
        """Whether none of its runs has begun."""
        return self.states().keys() <= {"new"}

    def register(self) -> None:
        """Keep the plan, or notice that it is another one than that with which the study began."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._register_defaults()
        plan = json.loads(json.dumps(self.plan.to_dict(), default=str))
        digest = _digest(plan)
        kept = self.path / PLAN
        if not kept.exists():
            self.runs.mkdir(parents=True, exist_ok=True)
            write_json(kept, {"sha256": digest, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "plan": plan})
            return
        known = self._kept()
        last = next((e for e in reversed(self.log.entries()) if e.event == "plan changed"), None)
        if digest != (last.details["sha256"] if last else known.sha256):
            parts, before = _digests(plan), _digests(known.plan)
            if last is not None:
                before = last.details.get("parts", before)
            changed = [key for key in DECISIVE if parts[key] != before[key]] or ["words only"]
            self.log.add("plan changed", sha256=digest, changed=changed, parts=parts, finished=self._ended())

    def _register_defaults(self) -> None:
        """Keep the defaults with which the study began, and those of recipes that came to it later."""
        known = read_defaults(self.path) or {}
        now = defaults_of((task.recipe, task.arguments, task.given) for task in self.tasks)
        write_defaults(self.path, {recipe: {**now.get(recipe, {}), **known.get(recipe, {})} for recipe in now | known})

    def _kept(self) -> KeptPlan:
        """The plan with which the study began."""
        kept = self.path / PLAN
        known = read_json(kept)
        keys = ("sha256", "at", "plan")
        if not isinstance(known, dict) or any(key not in known for key in keys) or not {*DECISIVE} <= {*known["plan"]}:
            raise PoiseError(f"{kept} is not the plan of a study: it is damaged; put it back, or choose another --out")
        return KeptPlan(**{key: known[key] for key in keys})

    def _ended(self) -> int:
        """How many runs there are that came to their end, those that the plan no longer asks for too."""
        return sum(state_of(RunFolder(path.parent)) in OVER for path in self.runs.glob("[!.]*/spec.json"))

    def notes(self) -> list[str]:
        """What readers must know of how the study went."""
        lines: list[str] = []
        for entry in self.log.entries():
            if entry.event != "plan changed":
                continue
            changed, finished = entry.details["changed"], entry.details["finished"]
            if changed == ["words only"] or not finished:
                continue
            if lines and entry.details["sha256"] == self._kept().sha256:
                lines.append(f"The plan became on {entry.time[:10]} what it had been when the study began.")
                continue
            lines.append(
                f"The plan was changed on {entry.time[:10]} ({', '.join(changed)}), after "
                f"{_runs(finished)} had come to their end: what they say was known by then."
            )
        return lines

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process trains a study."""
        self.path.mkdir(parents=True, exist_ok=True)
        with RunFolder(self.path).locked():
            yield

    def train(self, workers: Workers, stop: Stop, quiet: bool = False, desk: Path | None = None) -> None:
        """All runs that are not over yet. Raises Interrupted when it was asked to stop: it goes on from there.

        `desk`: the folder at whose desk workers of other machines are met; by default the study's.
        """
        with self.locked():
            self.register()
            todo = list({task.name: task for task in self.tasks if not self._over(task)}.values())
            over = len({task.name for task in self.tasks}) - len(todo)
            for task in self.tasks:
                self._check(task)
            view = Progress(todo, over, workers.count, self.log, quiet, self._check)
            code = str(self.file.resolve()) if self.file.suffix == ".py" else None
            try:
                workers.start(desk or self.path, view.tell)
                Pool(workers.local, self.runs, code, view, stop, desk).train(todo)
            finally:
                view.close()

    def _check(self, task: Task) -> None:
        """That every endpoint finds what it reads in a run that is done."""
        folder = RunFolder(self.runs / task.name)
        if folder.done:
            result_of(self.plan.part(task.part), task, folder)

    def _over(self, task: Task) -> bool:
        return state_of(RunFolder(self.runs / task.name)) in OVER

    def outcome(self) -> StudyOutcome:
        """Read all runs that are over, and write what they say; it may be a part of them."""
        if not (self.path / PLAN).exists():
            raise PoiseError(f"{self.path} holds no runs yet: start them with poise study {pasted(str(self.file))}")
        self.register()  # it may have changed although nothing more was trained
        about = {"file": self.file.name, "began": self._kept().at, "versions": versions()}
        return publish(self.plan, results_of(self.plan, self.tasks, self.runs), self.path, about, self.notes())


def defaults_kept(path: Path, plan: Plan) -> dict[str, dict[Leaf, object]]:
    """The defaults that the study in a folder began with, as it has kept them, or else as its runs say.

    Errors: PoiseError for a damaged file of them, and as of `tasks_of`.
    """
    kept = read_defaults(path)
    if kept is not None or not any((path / "runs").glob("[!.]*/spec.json")):
        return kept or {}
    given = tasks_of(plan)
    with contextlib.suppress(PoiseError, LookupError, AttributeError, TypeError, ValueError):
        given += tasks_of(Plan.from_dict(read_json(path / PLAN)["plan"]))  # what was given then is no default
    return defaults_by_runs(path / "runs", [(task.recipe, task.arguments, task.given) for task in given])


def _digest(part: object) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()


def _digests(plan: Mapping[str, object]) -> dict[str, str]:
    """Of each part of a plan that decides what comes out, by which a later change is seen."""
    return {key: _digest(plan[key]) for key in DECISIVE}


def _just_begun(path: Path) -> bool:
    """Whether a folder is empty, or was left before the plan was written; workers may wait there already."""
    left = [entry.name for entry in path.iterdir() if not entry.name.startswith((".lock", ".plan.json."))]
    left = [name for name in left if name != DESK]
    return not left or (left == ["runs"] and (path / "runs").is_dir() and not any((path / "runs").iterdir()))


def _runs(n: int) -> str:
    return "1 run" if n == 1 else f"{n:,} runs"
