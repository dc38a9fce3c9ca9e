"""`poise runs`: what runs there are, what differs between two, and the end of those that are not needed."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

from poise.disk import bytes_below
from poise.disk.description import Arguments
from poise.disk.rows import StepRow
from poise.errors import PoiseError, nearest
from poise.record import RunFolder, runs_root
from poise.report.conclude import BestScore, best
from poise.report.table import columns, number, shown_width, worded
from poise.runs.report import RunReport
from poise.specs.spec import kind_of

SORTS = {"when": "when", "name": "name", "step": "step", "size": "bytes"}  # --sort -> field
NARROWEST = 12  # of a name that is cut
LEAST = (6, 1, 2)  # columns that are left out of a narrow table, in this order: WHEN, DATA, L2


@dataclass
class ListedRun:
    """What there is to know of a run at a glance.

    `l2`, part -> strength; `why`, of a broken one; `step` of how many; `when` it changed last, seconds since 1970.
    """

    name: str
    path: str
    recipe: str | None = None
    data: str | None = None
    l2: Mapping[str, object] = field(default_factory=dict)
    state: str = "broken"
    why: str = ""
    step: int = 0
    of: int | None = None
    best: BestScore | None = None
    when: float = 0.0
    bytes: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def about(
    folder: RunFolder,
    rows_of: Callable[[RunFolder], Sequence[StepRow]] = RunFolder.rows,
    sized: bool = True,
    busy: bool | None = None,
) -> ListedRun:
    """What there is to know of a run; a damaged one is told and hides no other.

    Args: rows_of, the rows of its record, those with scores and the last at least; sized, whether its bytes are
    counted, which takes longest; busy, whether it is being trained (None: seen here).
    """
    found = ListedRun(folder.name, str(folder.path), when=_changed(folder))
    found.bytes = bytes_below(folder.path) if sized else 0
    try:
        folder.check()
        spec = folder.spec()
        arguments = spec.arguments
        found.recipe, found.data, found.l2 = spec.recipe, str(arguments.get("data", "")), _strengths(arguments)
        found.step, found.state = folder.saved(), _state(folder, busy)
        if found.state == "finished":
            report = RunReport.of(folder)
            found.step, found.of, found.best = report.steps, report.steps, report.best
        else:
            rows = rows_of(folder)
            if found.state == "training" and rows:
                found.step = max(found.step, rows[-1].step + 1)
            found.of = spec.planned
            found.best = best(rows, kind_of(spec.recipe).primary)
    except PoiseError as error:
        found.state, found.why = "broken", str(error)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        found.state, found.why = "broken", f"{folder.path} does not hold what a run writes ({type(error).__name__})"
    return found


def _state(folder: RunFolder, busy: bool | None) -> str:
    if folder.done:  # whoever holds it now looks at it: to train it further takes this away first
        return "finished"
    if folder.busy if busy is None else busy:
        return "training"
    if folder.diverged:
        return "diverged"
    return "stopped"


def _strengths(arguments: Arguments) -> Arguments:
    """Part -> λ of the L2 penalties that a recipe has flags for."""
    return {name.removeprefix("l2_"): value for name, value in arguments.items() if name.startswith("l2_")}


def _changed(folder: RunFolder) -> float:
    times = []
    for name in ("spec.json", "record.jsonl", "events.jsonl", "DONE"):
        try:
            times.append((folder.path / name).lstat().st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)


def chosen(
    found: Iterable[ListedRun], data: str | None, recipe: str | None, state: str | None, sort: str
) -> list[ListedRun]:
    """Those whose data, recipe and state are asked for, sorted: newest last, by name, steps or size, or by a score
    (`kid`: the lowest best value of a score of that name first, and runs without one last)."""
    rows = [row for row in found if _is_of(row, data, recipe, state)]
    if sort in SORTS:
        return sorted(rows, key=attrgetter(SORTS[sort]))
    scores = {row.best.score for row in rows if row.best}
    if rows and not any(sort.lower() in score.lower() for score in scores):
        known = [*SORTS, *sorted(scores)]
        raise PoiseError(f"--sort {sort}: no run has such a score{nearest(sort, known, '.')} Use {', '.join(known)}")
    return sorted(rows, key=partial(_best_of, sort.lower()))


def _is_of(row: ListedRun, data: str | None, recipe: str | None, state: str | None) -> bool:
    """Whether a run has these data (a part of their name is enough), recipe and state; None is any."""
    if data is not None and data.lower() not in str(row.data).lower():
        return False
    return recipe in (None, row.recipe) and state in (None, row.state)


def _best_of(score: str, row: ListedRun) -> float:
    """The best value of a score with such a name, in small letters; infinite where the run has none."""
    if row.best is None or score not in row.best.score.lower():
        return float("inf")
    return float(row.best.value)


def lines(rows: Sequence[ListedRun], width: int | None = None) -> list[str]:
    """A table of runs; names are cut where it would be wider than `width` columns, and then the least is left out."""
    if not rows:
        return []
    head = ("RUN", "DATA", "L2", "STATE", "STEP", "BEST", "WHEN")
    cells = [
        (_named(row), _short(row.data), _l2(row), row.state, _step(row), _best(row), _when(row.when)) for row in rows
    ]
    table = worded([head, *cells], {3, 4})
    if width is not None:
        table = _narrowed(table, width)
    whys = [f"{row.name}: {row.why}" for row in rows if row.why]
    return [*columns(table), *whys]


def _narrowed(table: list[tuple[str, ...]], width: int) -> list[tuple[str, ...]]:
    """The table in `width` columns: with cut names, then without what is left out first, then only what has to be."""
    for leave in range(len(LEAST) + 1):
        kept = [i for i in range(len(table[0])) if i not in LEAST[:leave]]
        fitted = _fitted(list(map(itemgetter(*kept), table)), width)
        if fitted is not None:
            return fitted
    return [(_cut(row[0], NARROWEST), row[3], row[4]) for row in table]


def _fitted(table: list[tuple[str, ...]], width: int) -> list[tuple[str, ...]] | None:
    """The table with its names cut in the middle, so that it is `width` wide; None where too little of them is left."""
    others = sum(2 + max(shown_width(row[i]) for row in table) for i in range(1, len(table[0])))
    room = width - others
    longest = max(shown_width(row[0]) for row in table)
    if longest <= room:
        return table
    if room < NARROWEST:
        return None
    return [(_cut(row[0], room), *row[1:]) for row in table]


def _cut(name: str, room: int) -> str:
    """Its beginning and its end, which tell runs apart."""
    end = (room - 1) // 2
    return name if len(name) <= room else f"{name[: room - 1 - end]}…{name[len(name) - end :]}"


def _named(row: ListedRun) -> str:
    """As the run is named on the command line: by its path where it lies outside the folder of runs."""
    path = Path(row.path)
    return row.name if path.parent == runs_root() else str(path)


def _short(data: str | None) -> str:
    return Path(data).name if data else ""


def _l2(row: ListedRun) -> str:
    """The strengths of the parts in their order, `1e-4/0`; a schedule by its name."""
    return "/".join(_short_number(strength) for strength in row.l2.values())


def _short_number(value: Any) -> str:
    """A strength in a few letters, whatever a foreign run has there."""
    if not isinstance(value, int | float):
        return str(value).partition(":")[0][:12]
    try:
        return f"{float(value):g}"
    except OverflowError:
        return "huge"


def _step(row: ListedRun) -> str:
    if row.state == "finished" or row.of in (None, 0, row.step):
        return f"{row.step:,}"
    return f"{row.step:,} of {row.of:,}"


def _best(row: ListedRun) -> str:
    return f"{row.best.score} {number(row.best.value)}" if row.best else ""


def _when(seconds: float) -> str:
    then = datetime.datetime.fromtimestamp(seconds)
    return then.strftime("%H:%M" if then.date() == datetime.date.today() else "%d %b %Y")


def space(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def width_of(stream: Any) -> int | None:
    """Columns of the terminal behind a stream; None where it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None
