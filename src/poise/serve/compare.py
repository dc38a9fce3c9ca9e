"""Two to six runs beside each other: what differs, what came out, their curves over one another, their samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean

from poise.disk.rows import StepRow
from poise.errors import PoiseError
from poise.monitor import Finding
from poise.record import RunFolder
from poise.report.figures.panels import Panel
from poise.results.compare import MOST, panels_of
from poise.results.curves import RunCurves
from poise.runs.diagnosis import diagnosis
from poise.runs.differences import differences
from poise.runs.listing import ListedRun
from poise.serve.answers import Reply, in_chinese, plain, version_of, without_places
from poise.serve.sample_files import samples_of
from poise.serve.views import Views, glance, stamp_of, thinned

ROWS = 200  # of a table
PROBES = 8  # as the monitor looks at them together
TOLD_APART = ("auc_training", "auc_heldout", "auc_gap")  # see docs/monitor.md
LETTERS = 200  # of a cell


@dataclass
class BestOf:
    """The best score of a run: `low` and `high`, its 95 % interval where it has one; `clear`, whether no interval of
    another run's best of that score on the same data reaches so low (None: there is nothing to compare it with)."""

    score: str
    value: float
    step: int
    low: float | None = None
    high: float | None = None
    clear: bool | None = None


@dataclass
class ComparedRun:
    """One of them. `judges`: discriminator -> how well it tells items apart, the means of its last `PROBES` probes;
    `trouble`: why there is no more of it."""

    about: ListedRun
    samples: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    best: BestOf | None = None
    judges: dict[str, dict[str, float]] = field(default_factory=dict)
    trouble: str = ""


@dataclass
class RunsBeside:
    """Runs beside each other: `tables`, heading -> rows of (name, of each run)."""

    runs: Sequence[ComparedRun]
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    panels: Sequence[Panel] = ()
    trouble: str = ""


def names_in(query: Sequence[tuple[str, str]]) -> list[str]:
    """The runs that are named in an address. Errors: PoiseError for fewer than two, more than six, one named twice."""
    names = [text for name, text in query if name == "run"]
    if others := [name for name, _ in query if name not in ("run", "token")]:
        raise PoiseError(f"compare knows no {others[0][:40]!a}: name runs as ?run=A&run=B")
    if not 2 <= len(names) <= MOST:
        raise PoiseError(f"two to {MOST} runs can be compared, not {len(names)}")
    if len(set(names)) < len(names):
        raise PoiseError("one run is named twice; name each once")
    return names


def comparison(views: Views, names: Sequence[str]) -> Reply:
    """The runs of these names. Errors: PoiseError where one is not there."""
    folders = [views.folder(name) for name in names]

    def made(before: Reply | None) -> Reply:
        version = version_of([stamp_of(folder) for folder in folders])
        if before is not None and before.version == f"{version}-1.000":
            return before
        shown = plain(asdict(compared(views, folders)))
        for run in shown["runs"]:
            run["findings"] = [in_chinese(one) for one in run["findings"]]
        searched = min(views.record(folder).searched for folder in folders)  # scores of long records: more follow
        return Reply(shown, f"{version}-{searched:.3f}", any(views.record(folder).behind for folder in folders))

    return views.answers.given("\0".join(("compare", *names)), made)


def compared(views: Views, folders: Sequence[RunFolder]) -> RunsBeside:
    """What there is to know of them beside each other; one that is damaged hides the others' numbers, not them."""
    runs, curves = [], []
    read: dict[str, Sequence[StepRow]] = {}  # of a long record a part: all of six would be too much
    for folder in folders:
        run, found = _one(views, folder, read)
        runs.append(run)
        curves += [found] if found is not None else []
    _mark(runs, [_data_of(folder) for folder in folders])
    answer = RunsBeside(runs)
    try:
        tables = differences(folders, True, lambda folder: read.get(folder.name) or views.record(folder).rows())
        answer.tables = {heading: [_row(row) for row in rows[:ROWS]] for heading, rows in tables.items()}
    except PoiseError as error:
        answer.trouble = without_places(str(error))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        answer.trouble = f"these runs cannot be compared: one is damaged ({type(error).__name__})"
    if len(curves) > 1:
        panels = panels_of(curves, [one.name for one in curves])
        answer.panels = [replace(one, curves=[thinned(curve) for curve in one.curves]) for one in panels]
    return answer


def _one(views: Views, folder: RunFolder, read: dict[str, Sequence[StepRow]]) -> tuple[ComparedRun, RunCurves | None]:
    """What there is to know of it, and its curves; its rows are entered into `read`."""
    record = views.record(folder)
    found = ComparedRun(glance(folder, lambda run: record.scored(), folder.busy), samples_of(folder))
    try:
        read[folder.name] = rows = record.rows()
        known = diagnosis(folder, rows)
        curves = RunCurves.of(folder, rows, known)
        found.findings = known.findings
    except PoiseError as error:
        found.trouble = without_places(str(error))
        return found, None
    found.best, found.judges = _best(found.about, curves), _judges(curves)
    return found, curves


def _judges(curves: RunCurves) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for key, number in curves.numbers.items():
        player, _, name = key.partition("/")
        if name in TOLD_APART:
            found.setdefault(player, {})[name] = fmean(number.values[-PROBES:])
    return found


def _best(about: ListedRun, curves: RunCurves) -> BestOf | None:
    """With the interval that was recorded with it."""
    if about.best is None:
        return None
    best = BestOf(about.best.score, about.best.value, about.best.step)
    for curve in curves.score(best.score).curves:
        at = [i for i, x in enumerate(curve.x) if x == best.step]
        if at and curve.low:
            best.low, best.high = curve.low[at[-1]], curve.high[at[-1]]
    return best


def _data_of(folder: RunFolder) -> object:
    """What tells the data of a run from others; scores on other data cannot be set against each other."""
    try:
        fingerprint = folder.spec().facts.get("fingerprint")
        return str(folder.path) if fingerprint is None else str(fingerprint)  # without one it is like no other
    except PoiseError:
        return None


def _mark(runs: Sequence[ComparedRun], data: Sequence[object]) -> None:
    """Say of the lowest best of each score on each data whether its interval lies below the others'; of no other."""
    by_score: dict[tuple[str, object], list[BestOf]] = {}
    for run, one in zip(runs, data, strict=True):
        if run.best is not None:
            by_score.setdefault((run.best.score, one), []).append(run.best)
    for bests in by_score.values():
        first, *others = sorted(bests, key=lambda best: best.value)
        if not others:
            continue
        lows = [other.value if other.low is None else other.low for other in others]
        first.clear = (first.value if first.high is None else first.high) < min(lows)


def _row(row: Sequence[str]) -> list[str]:
    return [without_places(cell)[:LETTERS] for cell in row]
