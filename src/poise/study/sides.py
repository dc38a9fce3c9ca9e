"""What an evaluation compares: generated items, real ones held out, and those that were trained on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.data.catalogue import catalogue
from poise.data.images import open_images
from poise.data.items import Items, Progress, Rows
from poise.data.plain import Pictures, open_items
from poise.data.store import sha256_of
from poise.data.text import Sentences
from poise.errors import PoiseError, nearest
from poise.record import RunFolder, all_runs, find_run
from poise.study.drawn import Drawn
from poise.study.use import checkpoint_of, generator_of

MOST_HELD = 20_000  # held-out items whose features are computed, unless more are evaluated
MOST_TRAINED = 10_000  # training items, likewise: no metric over pairs of rows uses more
LEAST_HELD, LEAST_MADE = 20, 4
COLUMNED = (".jsonl", ".csv")

Shown = Callable[[str], Progress]  # what is going on -> where its progress is told


@dataclass(frozen=True)
class Side:
    """Some rows of some items."""

    items: Items
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def at_most(self, count: int, seed: int) -> Side:
        """A draw of that many rows by the seed, ascending; all where there are no more."""
        if len(self.rows) <= count:
            return self
        return Side(self.items, np.sort(np.random.default_rng(seed).permutation(self.rows)[:count]))


@dataclass(frozen=True)
class Sides:
    """Generated, held-out and training items. `labels` and `classes` are those of the held-out items, by row."""

    made: Side
    heldout: Side
    train: Side | None
    facts: dict[str, Any]  # for the report: what was compared
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    trained: Side | None = None  # all training items, where `train` is a draw of them


def column_of(source: str, column: str | None) -> str | None:
    """The named column, for a file or a catalogued set that has columns."""
    if not os.path.exists(Path(source).expanduser()):
        return column if any(entry.name == source and entry.column for entry in catalogue()) else None
    return column if source.lower().endswith(COLUMNED) else None


def run_or_items(what: str, column: str | None, shown: Shown) -> RunFolder | Items:
    """A run by its path, name, beginning of a name or `last`; or a file, a folder or a catalogued set."""
    path = Path(what).expanduser()
    if (path / "spec.json").exists():
        return RunFolder(path)
    if what and os.path.exists(path):
        return open_items(path, column_of(what, column), progress=shown(f"reading {path.name}"))
    runs = [folder.name for folder in all_runs()]
    if what == "last" or any(what and name.startswith(what) for name in runs):
        return find_run(what)
    sets = [entry.name for entry in catalogue() if entry.modality != "scorer"]
    if what in sets:
        return open_items(what, column_of(what, column), progress=shown(f"reading {what}"))
    raise PoiseError(
        f"there is no run, folder or file called '{what}'{nearest(what, [*runs, *sets], '.')} See: poise runs"
    )


def sides_of_run(folder: RunFolder, n: int | None, seed: int, step: str, real: Real) -> Sides:
    """Samples of the averaged generator; held-out and training parts are the run's own where none are given."""
    spec = folder.spec()
    generator, _, kind = generator_of(folder, step)
    checkpoint = checkpoint_of(folder, step)
    weights = " ".join(sha256_of(checkpoint / f"{player}.ema.safetensors") for player in kind.players)
    n = spec["arguments"].get("score_samples", 1000) if n is None else n

    drawn = Drawn(folder.name, kind.modality, weights, partial(kind.draw, generator, spec["facts"]), n, seed)
    made = Side(drawn, np.arange(n))
    facts = {"what": str(folder.path), "checkpoint": checkpoint.name, "modality": kind.modality}
    if real.against is not None:
        return _with_real(made, facts, real, spec["facts"].get("size"), seed)
    train, heldout = OWN[kind.modality](kind, folder, spec)
    if not len(heldout):
        raise PoiseError(
            f"{folder.path} was trained without held-out data (--heldout 0): give some real data with --against"
        )
    own = heldout.items
    if real.trained_on is not None:
        _, train = real.trained(spec["facts"].get("size"), None)
    facts |= {"against": f"{own.name} (held-out part)", "trained_on": _named(train)}
    labels, classes = (own.set.labels, own.set.classes) if isinstance(own, Pictures) else (None, ())
    return _sized(Sides(made, heldout, train, facts, labels, classes), seed)


def sides_of_items(items: Items, n: int | None, seed: int, real: Real) -> Sides:
    """A folder or file against real items, which have to be given."""
    if real.against is None:
        raise PoiseError(
            f"{items.name} is no run, so say which real {items.noun} to compare it with: --against DATA, held out "
            "from training"
        )
    made = Side(items, np.arange(len(items)))
    made = made if n is None else made.at_most(n, seed)
    facts = {"what": items.name, "modality": items.modality}
    size = items.set.size if isinstance(items, Pictures) else None
    sides = _with_real(made, facts, real, size, seed)
    if sides.heldout.items.fingerprint == items.fingerprint:
        raise PoiseError(f"{items.name} and --against {real.against} are the same {items.noun}: give other real data")
    return sides


@dataclass(frozen=True)
class Real:
    """The real data that the user names, opened when it is known at which size."""

    against: str | None
    trained_on: str | None
    column: str | None
    shown: Shown

    def reference(self, size: int | None) -> Items:
        return self._opened(str(self.against), size)

    def trained(self, size: int | None, against: Items | None) -> tuple[Rows | None, Side]:
        """The training side; and where it is the same data as the reference, the rows that are held out of both."""
        items = self._opened(str(self.trained_on), size)
        if against is not None and against.fingerprint == items.fingerprint:
            train, heldout = items.split()
            return heldout, Side(items, train)
        return None, Side(items, items.split()[0] if items.own_test else np.arange(len(items)))

    def _opened(self, source: str, size: int | None) -> Items:
        return open_items(source, column_of(source, self.column), size, self.shown(f"reading {Path(source).name}"))


def _with_real(made: Side, facts: dict[str, Any], real: Real, size: int | None, seed: int) -> Sides:
    against = real.reference(size)
    rows = against.split()[1] if against.own_test else np.arange(len(against))
    facts["against"] = f"{against.name} (held-out part)" if against.own_test else against.name
    train = None
    if real.trained_on is not None:
        shared, train = real.trained(size, against)
        if shared is not None:
            rows = shared
            facts["against"] = f"{against.name} (held-out part)"
        facts["trained_on"] = _named(train)
    labels = against.set.labels if isinstance(against, Pictures) else None
    classes = against.set.classes if isinstance(against, Pictures) else ()
    return _sized(Sides(made, Side(against, rows), train, facts, labels, classes), seed)


def _named(train: Side) -> str:
    return train.items.name if len(train) == len(train.items) else f"{train.items.name} (training part)"


def _sized(sides: Sides, seed: int) -> Sides:
    """Enough on every side, and no more held-out and training items than the metrics read."""
    made, noun = sides.made.items, sides.made.items.noun
    for side in (sides.heldout, sides.train):
        if side is not None and side.items.modality != made.modality:
            raise PoiseError(
                f"{made.name} holds {noun} and {side.items.name} holds {side.items.noun}: compare like with like"
            )
    for side, least, what in ((sides.made, LEAST_MADE, "generated"), (sides.heldout, LEAST_HELD, "held-out")):
        if len(side) < least:
            raise PoiseError(
                f"{side.items.name}: an evaluation needs at least {least} {what} {noun}, and there are {len(side)}"
            )
    notes = [f"left out of {name}: {where} ({reason})" for name, where, reason in _left_out(sides)]
    heldout = sides.heldout.at_most(max(MOST_HELD, 2 * len(sides.made)), seed)
    train = sides.train.at_most(max(MOST_TRAINED, len(sides.made)), seed) if sides.train else None
    if train is not None and sides.train is not None and len(train) < len(sides.train):
        notes.append(
            f"{len(train):,} of {len(sides.train):,} training {noun} are looked at, chosen by the seed: features do "
            "not notice copies of the others."
        )
    return Sides(sides.made, heldout, train, sides.facts, sides.labels, sides.classes, notes, sides.train)


def _left_out(sides: Sides, most: int = 5) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for side in (sides.made, sides.heldout, sides.train):
        if side is not None and side.items.fingerprint not in seen:
            seen.add(side.items.fingerprint)
            for where, reason in side.items.left_out[:most]:
                yield side.items.name, where, reason
            if len(side.items.left_out) > most:
                yield side.items.name, f"{len(side.items.left_out) - most:,} more", "unreadable"


def own_corpus(kind: Any, folder: RunFolder, spec: dict[str, Any]) -> Any:
    """The sentences that a run was trained on, split as then."""
    assert kind.corpus is not None
    found = kind.corpus(spec["arguments"])
    if found.fingerprint != spec["facts"]["fingerprint"]:
        raise PoiseError(f"the data of {folder.path} has changed since the run; scores would not be comparable")
    return found


def _own_sentences(kind: Any, folder: RunFolder, spec: dict[str, Any]) -> tuple[Side, Side]:
    """Training and held-out sentences of a run."""
    corpus = own_corpus(kind, folder, spec)
    items = Sentences(corpus.name, corpus.sentences)
    return Side(items, corpus.train), Side(items, corpus.heldout)


def _own_pictures(kind: Any, folder: RunFolder, spec: dict[str, Any]) -> tuple[Side, Side]:
    """Training and held-out pictures of a run, split as then."""
    arguments, facts = spec["arguments"], spec["facts"]
    found = open_images(
        arguments["data"],
        facts["size"],
        facts["channels"],
        arguments["labels"],
        fit=arguments["fit"],
        background=arguments["background"],
        heldout=arguments["heldout"],
    )
    if found.fingerprint != facts["fingerprint"]:
        raise PoiseError(f"the data of {folder.path} has changed since the run; scores would not be comparable")
    own = Pictures(found)
    return Side(own, found.train), Side(own, found.heldout)


OWN = {"image": _own_pictures, "text": _own_sentences}
