"""What a page shows of studies, as JSON: verdicts, changes with their intervals, maps, curves, samples of every arm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from poise.disk import inspect, read_json
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.report.figures.panels import Panel, PlottedCurve
from poise.serve.answers import Answers, Reply, plain, version_of
from poise.serve.views import Views, samples_of, thinned
from poise.studies.comparison.outcome import ArmSummary, PartSummary, ScoreCurves, StudyOutcome
from poise.studies.comparison.text import change_text, probability
from poise.studies.place import PLAN
from poise.studies.report.heat import HeatMap, heat_of
from poise.studies.report.plots import Row, axis_of, rows_of
from poise.studies.report.samples import of_one_seed
from poise.studies.report.sentences import counted, notes_of

FRESH = 2.0  # seconds for which an answer is given again without looking at the disk
KEPT = 16  # studies whose answers are kept
MOST = 200  # studies in a list


@dataclass(frozen=True)
class ForestRow:
    """A contrast on the axis of its plot; `seeds`: of each pair, `worst` where one of its runs counts as the worst."""

    arm: str
    against: str
    estimate: float
    low: float | None
    high: float | None
    seeds: Sequence[float]
    worst: Sequence[bool]
    margin: Sequence[float]  # what is too small to matter: from, to; empty where nobody has said
    text: str
    p: str
    n: int


@dataclass(frozen=True)
class Forest:
    """The changes of an endpoint; `none`, where on the axis nothing has changed."""

    endpoint: str
    better: str
    unit: str
    none: float
    rows: Sequence[ForestRow]


@dataclass(frozen=True)
class SeenHeat:
    """A map with, for each cell, how good it is from 0 to 1."""

    map: HeatMap
    goodness: Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class SeenArm:
    """An arm, with the samples of its run of the seed that most arms have."""

    name: str
    differs: str
    planned: int
    done: int
    diverged: int
    alive: str
    findings: Sequence[str]
    run: str
    samples: Sequence[str]
    real: Sequence[str]


@dataclass(frozen=True)
class SeenPart:
    """What there is to see of a part."""

    name: str
    recipe: str
    seed: int
    against: str
    arms: Sequence[SeenArm]
    forests: Sequence[Forest]
    heats: Sequence[SeenHeat]
    panels: Sequence[Panel]


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
            seen["parts"] = [asdict(_part(outcome, part, folder)) for part in outcome.parts]
        except PoiseError as error:
            seen["trouble"] = str(error).replace(str(folder), folder.name)
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


def _part(outcome: StudyOutcome, part: PartSummary, folder: Path) -> SeenPart:
    seed, runs = of_one_seed(outcome, part)
    arms = [_arm(arm, folder, runs.get(arm.name, "")) for arm in part.arms]
    forests = [
        _forest(endpoint.name, rows)
        for endpoint in part.endpoints
        if (rows := rows_of(outcome, part.name, endpoint.name))
    ]
    maps = [found for endpoint in part.endpoints if (found := heat_of(part, endpoint)) is not None]
    heats = [SeenHeat(found, [[found.goodness(cell) for cell in row] for row in found.cells]) for found in maps]
    scores = sorted({score for arm in part.arms for score in arm.curves})
    return SeenPart(
        part.name, part.recipe, seed, part.against, arms, forests, heats, [_panel(part, score) for score in scores]
    )


def _arm(arm: ArmSummary, folder: Path, run: str) -> SeenArm:
    files: list[str] = []
    real: list[str] = []
    if run:
        place = RunFolder(folder / "runs" / run)
        files = samples_of(place)
        real = [name for name in ("real.png", "real.txt") if (place.samples / name).is_file()]
    alive = f"{arm.alive.k} of {arm.alive.n}" if arm.alive else ""
    findings = [f"{name}: {share.k} of {share.n}" for name, share in arm.findings.items()]
    return SeenArm(
        arm.name, arm.differs, arm.planned, arm.done, arm.diverged, alive, findings, run, files, real
    )  # fmt: skip


def _forest(endpoint: str, rows: Sequence[Row]) -> Forest:
    unit, turn = axis_of(rows)
    found = []
    for row, change in rows:
        ends = [turn(change, end) for end in (change.low, change.high) if end is not None]
        margin = [] if change.margin is None else [turn(change, -change.margin), turn(change, change.margin)]
        found.append(
            ForestRow(
                arm=row.arm,
                against=row.against,
                estimate=turn(change, change.estimate),
                low=ends[0] if len(ends) == 2 else None,
                high=ends[1] if len(ends) == 2 else None,
                seeds=[turn(change, difference) for difference in change.differences.values()],
                worst=[seed in row.worst_seeds for seed in change.differences],
                margin=margin,
                text=change_text(change),
                p=probability(change.p),
                n=row.n,
            )
        )
    return Forest(endpoint, rows[0][0].better, unit.strip(), turn(rows[0][1], 0.0), found)


def _panel(part: PartSummary, score: str) -> Panel:
    curves = [_curve(arm.name, arm.curves[score]) for arm in part.arms if score in arm.curves]
    return Panel(score, "mean of the seeds with 95 % interval", [thinned(curve) for curve in curves])


def _curve(name: str, known: ScoreCurves) -> PlottedCurve:
    """The mean of an arm; its band where every step has one."""
    steps, means = [point.step for point in known.band], [point.mean for point in known.band]
    low, high = [point.low for point in known.band], [point.high for point in known.band]
    if None in low or None in high:
        return PlottedCurve(name, steps, means)
    return PlottedCurve(name, steps, means, [one or 0.0 for one in low], [one or 0.0 for one in high])
