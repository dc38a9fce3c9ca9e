"""From what a command asks for to a search that is ready: what is wrong is found before hours are spent."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from poise.disk import expanded
from poise.disk.description import Arguments
from poise.errors import PoiseError
from poise.runs.ending import Stop
from poise.specs.sources import trust, trust_all
from poise.specs.spec import AFTER_SEARCHES
from poise.studies.running.hosts import Workers
from poise.tuning.asked import FRESH, Asked, check_free, check_place, given_in, leaves, own_space, space_of
from poise.tuning.scan import SCANNED
from poise.tuning.search import RUNS, Budget
from poise.tuning.settled import bounded, default_score, possible, rehearsed, settled
from poise.tuning.space import PENALTY, Space, at
from poise.tuning.storage import closed, storage
from poise.tuning.tune import Tune, cost, fresh_runs


@dataclass(frozen=True)
class TuneFlags:
    """The flags of `poise tune` itself. None: `trials` by time, `hours` by trials, else as `ready_to_search` has it."""

    trials: int | None
    hours: float | None
    space: list[str] | None
    score: str | None
    at: str | None
    better: str | None
    each: int
    confirm: int
    no_scan: bool
    storage: str | None
    workers: Workers
    out: str | None
    quiet: bool


def ready_to_search(
    recipe: str,
    arguments: Arguments,
    named: Sequence[str],
    own: TuneFlags,
    stop: Stop,
    say: Callable[[str], None],
) -> tuple[Tune, Budget]:
    """Make numbers of what is open, try what may be tried, scan, and say what is searched and what it costs.

    Args: arguments: of the recipe, completed; named: options that were named, whatever their value; own: flags of the
    search; say: hears a line each. Errors: PoiseError for anything that cannot be searched.
    """
    began = time.monotonic()
    trust_all(recipe, arguments)
    for penalty in penalties_in(own.space or []):  # whoever names a class has it executed
        trust(penalty)
    if "seed" not in arguments:
        raise PoiseError(f"the recipe {recipe} takes no seed, and a search needs several")
    given = list(dict.fromkeys([*given_in(recipe, arguments), *(one for one in leaves(arguments) if one in named)]))
    check_free(expanded(own.out or "tunes"), is_search=own.out is not None)
    ready, lines = settled(recipe, arguments)
    shared = {name: value for name, value in ready.items() if name != "seed"}
    space = space_of(recipe, shared, given, own.space or [])
    first = int(str(ready["seed"]))
    beyond = max(own.each, FRESH + own.confirm)
    if first + beyond > 2**63:  # what torch and numpy take
        raise PoiseError(f"--seed {first}: a search takes seeds up to {beyond} beyond it: give a smaller one")
    asked = Asked(
        recipe, _as_before(shared, space), space, own.score or default_score(recipe), own.at or "end",
        own.better or "lower", own.each, own.confirm, first,
    )  # fmt: skip
    open_ones = [one.name for one in own_space(recipe, shared) if one in space.dimensions]
    if own.out:
        check_place(asked, expanded(own.out), open_ones)
    score = asked.score
    known = rehearsed(recipe, ready, score)
    space = possible(space, open_ones, recipe, ready, score, known, say)
    if own.storage:
        closed(storage(own.storage))
    if not own.no_scan:
        space = bounded(space, open_ones, recipe, ready, SCANNED, stop, say)
    asked = replace(asked, space=space)
    for line in [*lines, f"searched: {'; '.join(map(str, space.dimensions))}", f"what counts: {asked.endpoint.name}"]:
        say(line)
    kept = [name for name in given if name not in ("seed", "data") and name not in space.defaults(shared)]
    if kept:
        say(f"as given, and not searched: {', '.join(kept)}")
    reserved = cost(asked, known.seconds, own.trials, own.workers.count, say)
    folder = expanded(own.out) if own.out else asked.folder()
    _room(asked, folder, own.trials or 2, known.bytes)
    budget = Budget(own.trials, own.hours * 3600 if own.hours else None, reserved, began=began)
    return Tune(asked, folder, own.storage, _chosen(arguments, ready)), budget


def _as_before(arguments: Arguments, space: Space) -> Arguments:
    """The arguments without options that are newer than searches, are at their default and are not searched: so that a
    search of before is found, and goes on."""
    searched = {one.name for one in space.dimensions}
    newer = {name for name, value in AFTER_SEARCHES.items() if arguments.get(name) == value}
    return {name: value for name, value in arguments.items() if name not in newer - searched}


def penalties_in(words: Sequence[str]) -> list[str]:
    """Class paths of one's own penalties in words of --space."""
    found = (PENALTY.fullmatch(word.partition("=")[0].strip().removeprefix("--")) for word in words)
    return [one[2] for one in found if one and "." in one[2]]


def _chosen(arguments: Mapping[str, object], ready: Mapping[str, object]) -> Arguments:
    """Name -> number of what was left to the recipe ("auto"), and is a number in the search."""
    return {name: at(ready, name) for name in leaves(ready) if at(ready, name) != at(arguments, name)}


def _room(asked: Asked, folder: Path, trials: int, size: int) -> None:
    """That the disk holds the runs that are not there yet, of so many bytes each. Errors: PoiseError."""
    runs = trials * min(2, asked.seeds) + fresh_runs(asked)
    there = sum(len(list(place.glob("[!.]*/spec.json"))) for place in (folder / RUNS, folder / "confirm" / RUNS))
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    needed, free = size * max(0, runs - there), shutil.disk_usage(place).free
    if needed > free:
        raise PoiseError(
            f"the runs need about {needed / 1e9:.1f} GB, and {place} has {free / 1e9:.1f} GB: make room, or choose "
            "another --out"
        )
