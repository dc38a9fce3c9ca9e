"""What a user names, opened: runs, files, folders, catalogued sets; and the data that a run was trained on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from poise.data.catalogue.catalogue import catalogue
from poise.data.files.items import Items, Progress, Rows
from poise.data.plain import Pictures, open_items
from poise.data.text.text import Sentences, has_columns
from poise.disk import expanded
from poise.errors import PoiseError, nearest
from poise.evaluation.items import Recorded, Side
from poise.recipes.images.data import pictures_then
from poise.record import RunFolder, all_runs, find_run
from poise.runs.load import Run

TaskProgress = Callable[[str], Progress]  # what is going on -> where its progress (done, total) is told
T = TypeVar("T")


def intact(run: Run, open_it: Callable[..., T], *more: Any) -> T:
    """What a recipe opens by the facts of a run; a spec.json that lacks some is told to be damaged."""
    try:
        return open_it(*more)
    except (KeyError, TypeError, ValueError) as error:
        raise PoiseError(
            f"{run.path / 'spec.json'} does not say which recordings it was trained on ({type(error).__name__}: "
            f"{error}): it is damaged; put it back, or start a new run with --out"
        ) from None


def _unchanged(run: Run, fingerprint: str) -> None:
    if fingerprint != run.spec.facts["fingerprint"]:
        raise PoiseError(
            f"the data of {run.path} has changed since the run: put the old data back to compare with them"
        )


def own_corpus(run: Run) -> Any:
    """The sentences that a run was trained on, split as then."""
    assert run.recipe.corpus is not None
    found = run.recipe.corpus(run.spec.arguments)
    _unchanged(run, found.fingerprint)
    return found


def _own_sentences(run: Run) -> tuple[Side, Side]:
    """Training and held-out sentences of a run."""
    corpus = own_corpus(run)
    items = Sentences(corpus.name, corpus.sentences)
    return Side(items, corpus.train), Side(items, corpus.heldout)


def background_of(run: Run) -> str:
    """The colour that lies under transparent pictures of a run, or that they are compared over."""
    return str(run.spec.arguments["background"])


def _own_pictures(run: Run) -> tuple[Side, Side]:
    """Training and held-out pictures of a run, split as then."""
    found = pictures_then(run.spec.arguments, run.facts.size, run.facts.channels, run.written.called)
    _unchanged(run, found.fingerprint)
    own = Pictures(found)
    return Side(own, found.train), Side(own, found.heldout)


def _own_clips(run: Run) -> tuple[Side, Side]:
    """Training and held-out recordings of a run, split as then."""
    if run.recipe.recordings is None:
        raise PoiseError(f"{run.path} does not say which recordings it was trained on: give some with --against")
    own = Recorded(intact(run, run.recipe.recordings, run.facts))
    train, heldout = own.split()
    return Side(own, train), Side(own, heldout)


OWN = {"image": _own_pictures, "text": _own_sentences, "speech": _own_clips}


def column_of(source: str, column: str | None) -> str | None:
    """The named column, for a file or a catalogued set that has columns."""
    if column is None:
        return None
    path = expanded(source)
    if not os.path.exists(path):
        return column if any(entry.name == source and entry.column for entry in catalogue()) else None
    return column if has_columns(path, column) else None


def same_place(one: str, other: str) -> bool:
    """Whether two names of data are the same set of the catalogue, file or folder."""
    first, second = expanded(one), expanded(other)
    return one == other or (first.exists() and second.exists() and os.path.samefile(first, second))


def run_or_items(what: str, step: str, column: str | None, task: TaskProgress) -> Run | Items:
    """A run by its path, name, beginning of a name or `last`, at a step; or a file, a folder or a catalogued set."""
    path = expanded(what)
    if (path / "spec.json").exists():
        return Run(RunFolder(path), step)
    if what and os.path.exists(path):
        return open_items(path, column_of(what, column), progress=task(f"reading {path.name}"))
    runs = [folder.name for folder in all_runs()]
    if what == "last" or any(what and name.startswith(what) for name in runs):
        return Run(find_run(what), step)
    sets = [entry.name for entry in catalogue() if entry.modality != "scorer"]
    if what in sets:
        return open_items(what, column_of(what, column), progress=task(f"reading {what}"))
    raise PoiseError(
        f"there is no run, folder or file called '{what}'{nearest(what, [*runs, *sets], '.')} See: poise runs"
    )


@dataclass(frozen=True)
class Real:
    """The real data that the user names, opened when it is known at which size."""

    against: str | None
    trained_on: str | None
    column: str | None
    task: TaskProgress
    bits: int | None = None
    background: str = "white"  # under transparent pictures

    def reference(self, size: int | str | None) -> Items:
        return self._opened(str(self.against), size)

    def trained(self, size: int | str | None, against: Items | None) -> tuple[Rows | None, Side]:
        """The training side; and where it is the same data as the reference, the rows that are held out of both."""
        items = self._opened(str(self.trained_on), size)
        if against is not None and against.fingerprint == items.fingerprint:
            train, heldout = items.split()
            return heldout, Side(items, train)
        return None, Side(items, items.split()[0] if items.own_test else items.rows())

    def _opened(self, source: str, size: int | str | None) -> Items:
        tell = self.task(f"reading {Path(source).name}")
        return open_items(source, column_of(source, self.column), size, tell, self.bits, self.background)
