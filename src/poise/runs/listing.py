"""`poise runs`: what runs there are, what differs between two, and the end of those that are not needed."""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from poise.errors import PoiseError, nearest
from poise.record import RunFolder, runs_root
from poise.report.conclude import best
from poise.report.table import columns, number
from poise.specs.spec import kind_of

MOST = 10**12  # steps that are believed
SORTS = ("when", "name", "step", "size")
NARROWEST = 12  # of a name that is cut


def about(folder: RunFolder) -> dict[str, Any]:
    """What there is to know of a run at a glance, JSON-safe; a damaged one is told and hides no other.

    name, path, recipe, data, l2 (part -> strength), state, why (of a broken one), step, of, best ({score, value, step}
    or None), when (of its last change, seconds since 1970), bytes.
    """
    found: dict[str, Any] = {
        "name": folder.name, "path": str(folder.path), "recipe": None, "data": None, "l2": {}, "state": "broken",
        "why": "", "step": 0, "of": None, "best": None, "when": _changed(folder), "bytes": size_of(folder.path),
    }  # fmt: skip
    try:
        folder.check()
        spec = folder.spec()
        arguments = spec.arguments
        found |= {"recipe": spec.recipe, "data": str(arguments.get("data", "")), "l2": _strengths(arguments)}
        found["step"] = folder.saved()
        found["state"] = _state(folder)
        if folder.done:
            report = folder.report()
            found |= {"step": report["steps"], "of": report["steps"], "best": report.get("best") or None}
        else:
            rows = folder.rows()
            if found["state"] == "training" and rows:
                found["step"] = max(found["step"], rows[-1]["step"] + 1)
            found["of"] = _planned(arguments)
            found["best"] = best(rows, kind_of(spec.recipe).primary) or None
    except PoiseError as error:
        found |= {"state": "broken", "why": str(error)}
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        found |= {"state": "broken", "why": f"{folder.path} does not hold what a run writes ({type(error).__name__})"}
    return found


def _state(folder: RunFolder) -> str:
    if folder.busy:
        return "training"
    if folder.done:
        return "finished"
    events = folder.events()
    return "diverged" if events and events[-1]["event"] == "diverged" else "stopped"


def _planned(arguments: dict[str, Any]) -> int | None:
    """How many steps were asked for, of all stages together."""
    counts = [value for name, value in arguments.items() if name == "steps" or name.endswith("_steps")]
    return sum(counts) if counts and all(type(count) is int and 0 <= count < MOST for count in counts) else None


def _strengths(arguments: dict[str, Any]) -> dict[str, Any]:
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


def size_of(path: Path) -> int:
    total = 0
    for place, _, files in os.walk(path):  # follows no links
        for name in files:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def chosen(
    found: Iterable[dict[str, Any]], data: str | None, recipe: str | None, state: str | None, sort: str
) -> list[dict[str, Any]]:
    """Those whose data, recipe and state are asked for, sorted: newest last, by name, steps or size, or by a score
    (`kid`: the lowest best value of a score of that name first, and runs without one last)."""
    rows = [row for row in found if data is None or data.lower() in str(row["data"]).lower()]
    rows = [row for row in rows if recipe in (None, row["recipe"]) and state in (None, row["state"])]
    keys: dict[str, Callable[[dict[str, Any]], Any]] = {
        "when": lambda row: row["when"],
        "name": lambda row: row["name"],
        "step": lambda row: row["step"],
        "size": lambda row: row["bytes"],
    }
    if sort in keys:
        return sorted(rows, key=keys[sort])
    scores = {row["best"]["score"] for row in rows if row["best"]}
    if rows and not any(sort.lower() in score.lower() for score in scores):
        known = [*SORTS, *sorted(scores)]
        raise PoiseError(f"--sort {sort}: no run has such a score{nearest(sort, known, '.')} Use {', '.join(known)}")

    def by_score(row: dict[str, Any]) -> float:
        fits = row["best"] and sort.lower() in row["best"]["score"].lower()
        return float(row["best"]["value"]) if fits else float("inf")

    return sorted(rows, key=by_score)


def lines(rows: Sequence[dict[str, Any]], width: int | None = None) -> list[str]:
    """A table of runs; names are cut where it would be wider than `width` columns, and then the least is left out."""
    if not rows:
        return []
    head = ("RUN", "DATA", "L2", "STATE", "STEP", "BEST", "WHEN")
    cells = [
        (_named(row), _short(row["data"]), _l2(row), row["state"], _step(row), _best(row), _when(row["when"]))
        for row in rows
    ]
    table: list[tuple[str, ...]] = [head, *cells]
    if width is not None:
        for leave in ("", "WHEN", "DATA", "L2"):
            kept = [i for i, name in enumerate(head) if name != leave and (leave == "" or name in _left(head, leave))]
            fitted = _fitted([tuple(row[i] for i in kept) for row in table], width)
            if fitted is not None:
                table = fitted
                break
        else:
            table = [(_cut(row[0], NARROWEST), row[3], row[4]) for row in table]
    whys = [f"{row['name']}: {row['why']}" for row in rows if row["why"]]
    return [*columns(table), *whys]


def _left(head: Sequence[str], leave: str) -> list[str]:
    """What stays when columns are left out, one after the other, up to `leave`."""
    order = ("WHEN", "DATA", "L2")
    gone = order[: order.index(leave) + 1]
    return [name for name in head if name not in gone]


def _fitted(table: list[tuple[str, ...]], width: int) -> list[tuple[str, ...]] | None:
    """The table with its names cut in the middle, so that it is `width` wide; None where too little of them is left."""
    others = sum(2 + max(len(row[i]) for row in table) for i in range(1, len(table[0])))
    room = width - others
    longest = max(len(row[0]) for row in table)
    if longest <= room:
        return table
    if room < NARROWEST:
        return None
    return [(_cut(row[0], room), *row[1:]) for row in table]


def _cut(name: str, room: int) -> str:
    """Its beginning and its end, which tell runs apart."""
    end = (room - 1) // 2
    return name if len(name) <= room else f"{name[: room - 1 - end]}…{name[len(name) - end :]}"


def _named(row: dict[str, Any]) -> str:
    """As the run is named on the command line: by its path where it lies outside the folder of runs."""
    path = Path(row["path"])
    return row["name"] if path.parent == runs_root() else str(path)


def _short(data: Any) -> str:
    return Path(str(data)).name if data else ""


def _l2(row: dict[str, Any]) -> str:
    """The strengths of the parts in their order, `1e-4/0`; a schedule by its name."""
    return "/".join(_short_number(strength) for strength in row["l2"].values())


def _short_number(value: Any) -> str:
    """A strength in a few letters, whatever a foreign run has there."""
    try:
        return f"{float(value):g}" if isinstance(value, int | float) else str(value).partition(":")[0][:12]
    except OverflowError:
        return "huge"


def _step(row: dict[str, Any]) -> str:
    if row["state"] == "finished" or not row["of"] or row["of"] == row["step"]:
        return f"{row['step']:,}"
    return f"{row['step']:,} of {row['of']:,}"


def _best(row: dict[str, Any]) -> str:
    found = row["best"]
    return f"{found['score']} {number(found['value'])}" if found else ""


def _when(seconds: float) -> str:
    then = datetime.datetime.fromtimestamp(seconds)
    return then.strftime("%H:%M" if then.date() == datetime.date.today() else "%d %b %Y")


def space(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def width_of(stream: Any) -> int | None:
    """Columns of the terminal behind a stream; None where it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None
