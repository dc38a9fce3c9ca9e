"""The defaults that a study began with: a version of Poise that has others goes on with those, and says so.

`defaults.json` holds them, recipe by recipe: what no file gives. A study of before that file says by its runs what they
were.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from poise.disk import read_json, write_json
from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.studies.plans.leaves import Leaf, leaves, tables

FILE = "defaults.json"
Defaults = Mapping[str, Mapping[Leaf, object]]  # recipe -> leaf -> value
Run = tuple[str, Mapping[str, object], Mapping[str, object]]  # recipe, completed arguments, given ones


def not_given(ready: Mapping[str, object], given: Mapping[str, object]) -> dict[Leaf, object]:
    """The leaves of completed arguments that nobody gave."""
    known = leaves(given)
    return {
        leaf: value
        for leaf, value in leaves(ready).items()
        if not any(leaf[: i + 1] in known for i in range(len(leaf)))
    }


def others(ready: Mapping[str, object], given: Mapping[str, object], then: Mapping[Leaf, object]) -> dict[Leaf, object]:
    """The defaults of `then` that are others today: only of options that there still are, and that nobody gave."""
    today = not_given(ready, given)
    return {leaf: value for leaf, value in then.items() if leaf in today and today[leaf] != value}


def defaults_of(runs: Iterable[Run]) -> dict[str, dict[Leaf, object]]:
    """The defaults that runs have: those that all of a recipe agree on."""
    found: dict[str, dict[Leaf, object]] = {}
    differ: set[tuple[str, Leaf]] = set()
    for recipe, ready, given in runs:
        known = found.setdefault(recipe, {})
        for leaf, value in not_given(ready, given).items():
            if known.setdefault(leaf, value) != value:
                differ.add((recipe, leaf))
    return {
        recipe: {leaf: value for leaf, value in known.items() if (recipe, leaf) not in differ}
        for recipe, known in found.items()
    }


def read_defaults(folder: Path) -> dict[str, dict[Leaf, object]] | None:
    """The defaults that a study began with, None where it has not kept them. Errors: PoiseError for a damaged file."""
    file = folder / FILE
    if not file.exists():
        return None
    content = None
    with contextlib.suppress(PoiseError):
        content = read_json(file)
    if not (isinstance(content, dict) and all(isinstance(table, dict) for table in content.values())):
        raise PoiseError(f"{file} is not what a study writes: it is damaged; put it back, or delete it")
    return {recipe: leaves(table) for recipe, table in content.items()}


def write_defaults(folder: Path, defaults: Defaults) -> None:
    """Keep them, if they are not kept yet."""
    content = {recipe: tables(values) for recipe, values in defaults.items()}
    if not (folder / FILE).exists() or read_json(folder / FILE) != content:
        write_json(folder / FILE, content)


def defaults_by_runs(runs: Path, given: Iterable[Run]) -> dict[str, dict[Leaf, object]]:
    """The defaults of a study that has not kept them, by its runs.

    A default is a value that runs of the recipe have and that none of `given` gives. Where runs have several such
    values nothing is known.
    """
    by_hand: dict[tuple[str, Leaf], list[object]] = {}
    for recipe, ready, asked in given:
        free = not_given(ready, asked)
        for leaf, value in leaves(ready).items():
            if leaf not in free:
                by_hand.setdefault((recipe, leaf), []).append(value)
    seen: dict[tuple[str, Leaf], list[object]] = {}
    for spec in _specs(runs):
        for leaf, value in leaves(spec.arguments).items():
            values = seen.setdefault((spec.recipe, leaf), [])
            if value not in values and value not in by_hand.get((spec.recipe, leaf), []):
                values.append(value)
    found: dict[str, dict[Leaf, object]] = {}
    for (recipe, leaf), values in seen.items():
        if len(values) == 1:
            found.setdefault(recipe, {})[leaf] = values[0]
    return found


def _specs(runs: Path) -> Iterator[RunSpec]:
    """What the runs there were asked to do; one that is damaged is told where it is read."""
    for file in sorted(runs.glob("[!.]*/spec.json")):
        with contextlib.suppress(PoiseError):
            spec = RunSpec.from_dict(read_json(file))
            if spec is not None:
                yield spec
