"""What a page shows of studies, as JSON: verdicts, changes with their intervals, maps, curves, samples of every arm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from poise.disk import folders_with, inspect, read_json
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.serve.answers import Answers, Reply, plain, version_of
from poise.serve.study_parts import SeenPart, seen_part
from poise.serve.views import Views
from poise.studies.place import PLAN
from poise.studies.report.sentences import counted, notes_of

FRESH = 2.0  # seconds for which an answer is given again without looking at the disk
KEPT = 16  # studies whose answers are kept
MOST = 200  # studies in a list


@dataclass(frozen=True)
class SeenVerdict:
    """A claim in the list."""

    says: str
    verdict: str


@dataclass
class ListedStudy:
    """A study in the list: `over` of the `planned` runs have come to their end."""

    name: str
    question: str = ""
    planned: int = 0
    over: int = 0
    verdicts: Sequence[SeenVerdict] = ()
    trouble: str = ""


@dataclass(frozen=True)
class SeenClaim:
    """A claim, what came of it, and why it might be so."""

    says: str
    verdict: str
    reason: str
    because: str


@dataclass
class SeenStudy:
    """What the page of a study shows; `trouble`: why there is no more."""

    name: str
    question: str = ""
    counted: str = ""
    complete: bool | None = None
    claims: Sequence[SeenClaim] = ()
    notes: Sequence[str] = ()
    parts: Sequence[SeenPart] = ()
    trouble: str = ""


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
        yield from folders_with(self.root, PLAN)

    def _list(self) -> Reply:
        rows = [plain(asdict(_glance(folder))) for folder in list(self._folders())[:MOST]]
        return Reply({"studies": rows}, version_of(rows))

    def _detail(self, folder: Path, before: Reply | None) -> Reply:
        from poise.studies.kept import outcome_of  # and torch with it

        version = version_of(_stamp(folder))
        if before is not None and before.version == version:
            return before
        seen = SeenStudy(folder.name)
        try:
            outcome = outcome_of(folder)
            seen.question, seen.counted, seen.complete = outcome.plan.question, counted(outcome), outcome.complete
            seen.claims = [SeenClaim(one.says, one.verdict, one.reason, one.because) for one in outcome.claims]
            seen.notes = list(notes_of(outcome))
            seen.parts = [seen_part(outcome, part, folder) for part in outcome.parts]
        except PoiseError as error:
            seen.trouble = str(error).replace(str(folder), folder.name)
            version = version_of([version, seen.trouble])  # looked at again: a run may be copied just now
        return Reply(plain(asdict(seen)), version)


def _glance(folder: Path) -> ListedStudy:
    """A study in the list."""
    row = ListedStudy(folder.name, over=_over(folder))
    try:
        inspect(folder)
        plan = read_json(folder / PLAN)["plan"]
        row.question = str(plan["question"])
        row.planned = sum(len(part["arms"]) * len(part["seeds"]) for part in plan["parts"])
        if (folder / "study.json").is_file():
            claims = read_json(folder / "study.json")["claims"]
            row.verdicts = [SeenVerdict(str(one["says"]), str(one["verdict"])) for one in claims]
    except (AttributeError, LookupError, PoiseError, TypeError):
        row.trouble = "its plan or its outcome is damaged"
    return row


def _over(folder: Path) -> int:
    """How many runs have come to their end."""
    return sum(run.done or run.diverged for run in _run_folders(folder))


def _run_folders(folder: Path) -> list[RunFolder]:
    return [RunFolder(path.parent) for path in sorted((folder / "runs").glob("[!.]*/spec.json"))]


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
