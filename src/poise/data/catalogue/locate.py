"""A path, or the name of a set in the catalogue -> what to open."""

from __future__ import annotations

import os
from pathlib import Path

from poise.data.catalogue import catalogue
from poise.disk import expanded
from poise.errors import PoiseError, nearest


def locate(source: str | Path) -> tuple[str, Path, tuple[str, ...]]:
    """A path, or the name of a set in the catalogue, as (name to show, path, names of the classes or ())."""
    path, entry = expanded(source), catalogue.entry_of(source)
    # os.path.exists, unlike Path.exists, is never an error: not for a forbidden folder, nor for a long name.
    if entry is None and str(source) and os.path.exists(path):
        return path.resolve().name or str(path), path, ()
    if entry is None:
        known = [e.name for e in catalogue.catalogue() if e.modality != "scorer"]
        raise PoiseError(
            f"there is no file, folder or data set called '{source}'{nearest(str(source), known)}; "
            "`poise data list` shows the data sets"
        )
    if entry.modality == "scorer":
        raise PoiseError(f"{entry.name} is a scorer's weights and holds no data: `poise data list` shows what does")
    where = catalogue.located(entry.name)
    if where is None:
        raise PoiseError(f"{entry.title} is not here yet: get it with `poise data get {entry.name}`")
    return entry.name, where, entry.classes
