"""What a page shows of studies, as JSON: verdicts, changes with their intervals, maps, curves, samples of every arm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from poise.disk import inspect, read_json
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.serve.answers import Answers, Reply, plain, version_of
from poise.serve.study_parts import seen_part
from poise.serve.views import Views
from poise.studies.place import PLAN
from poise.studies.report.sentences import counted, notes_of

FRESH = 2.0  # seconds for which an answer is given again without looking at the disk
KEPT = 16  # studies whose answers are kept
MOST = 200  # studies in a list


class StudyViews:
    """The studies right below a folder, or the one that the folder is.

    Args: root, the folder; clock, seconds.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.root, self._clock = root, clock
        self._answers = Answers(FRESH, KEPT, clock)
        self._runs: dict[str, Views] = {}
        self._lock = threading.Lock()

    def studies(self) -> Reply:
        """All studies: the question, how many runs are over, and verdicts where there are some."""
        return self._answers.given("", lambda before: self._list())

    def study(self, name: str) -> Reply:
        """One study. Errors: PoiseError for one that is not there."""
        folder = self.folder(name)
        return self._answers.given(f"study {name}", lambda before: self._detail(folder, before))

    def runs(self, name: str) -> Views:
        """The runs of a study. Errors: PoiseError for one that is not there."""
        folder = self.folder(name)
        with self._lock:
            if name not in self._runs:
                while len(self._runs) >= KEPT:
                    del self._runs[next(iter(self._runs))]
                self._runs[name] = Views(folder / "runs", self._clock)
            return self._runs[name]

    def folder(self, name: str) -> Path:
        """The study of a name. Errors: PoiseError where there is none."""
        for path in self._folders():
            if path.name == name:
                return path
        raise PoiseError(f"there is no study {name[:80]!r} here")

    def _folders(self) -> Iterator[Path]:
        """Folders with a plan.json, none of them a link."""
        if (self.root / PLAN).is_file():
            yield self.root.resolve()
            return
        try:
            entries = sorted(self.root.iterdir())
        except OSError:
            return
        for path in entries:
            if not path.name.startswith(".") and not path.is_symlink() and (path / PLAN).is_file():
                yield path

    def _list(self) -> Reply:
        rows = [plain(_glance(folder)) for folder in list(self._folders())[:MOST]]
        return Reply({"studies": rows}, version_of(rows))

    def _detail(self, folder: Path, before: Reply | None) -> Reply:
        from poise.studies.kept import outcome_of  # and torch with it

        version = version_of(_stamp(folder))
        if before is not None and before.version == version:
            return before
        seen: dict[str, object] = {"name": folder.name, "question": "", "trouble": "", "claims": [], "parts": []}
        try:
            outcome = outcome_of(folder)
            seen.update(question=outcome.plan.question, counted=counted(outcome), complete=outcome.complete)
            seen["claims"] = [
                {"says": one.says, "verdict": one.verdict, "reason": one.reason, "because": one.because}
                for one in outcome.claims
            ]
            seen["notes"] = list(notes_of(outcome))
            seen["parts"] = [asdict(seen_part(outcome, part, folder)) for part in outcome.parts]
        except PoiseError as error:
            seen["trouble"] = str(error).replace(str(folder), folder.name)
            version = version_of([version, seen["trouble"]])  # looked at again: a run may be copied just now
        return Reply(plain(seen), version)


def _glance(folder: Path) -> dict[str, object]:
    """A study in the list."""
    row: dict[str, object] = {"name": folder.name, "question": "", "planned": 0, "over": _over(folder), "verdicts": []}
    try:
        inspect(folder)
        plan = read_json(folder / PLAN)["plan"]
        row["question"] = str(plan["question"])
        row["planned"] = sum(len(part["arms"]) * len(part["seeds"]) for part in plan["parts"])
        if (folder / "study.json").is_file():
            claims = read_json(folder / "study.json")["claims"]
            row["verdicts"] = [{"says": str(one["says"]), "verdict": str(one["verdict"])} for one in claims]
    except (AttributeError, LookupError, PoiseError, TypeError):
        row["trouble"] = "its plan or its outcome is damaged"
    return row


def _over(folder: Path) -> int:
    """How many runs have come to their end."""
    return sum(run.done or run.diverged for run in _run_folders(folder))


def _run_folders(folder: Path) -> list[RunFolder]:
    return [RunFolder(path.parent) for path in sorted((folder / "runs").glob("*/spec.json"))]


def _stamp(folder: Path) -> list[object]:
    """What changes when a study says something else."""
    found: list[object] = [(run.name, run.done or run.diverged) for run in _run_folders(folder)]
    for name in (PLAN, "study.json", "events.jsonl"):
        try:
            known = (folder / name).stat()
            found.append((name, known.st_mtime_ns, known.st_size))
        except OSError:
            found.append((name, None))
    return found
