"""Name -> builder, one table per family. A new member is one function or class and one `register` line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from poise.errors import PoiseError, nearest

T = TypeVar("T")
_TABLES: dict[str, dict[str, Any]] = {}


def register(family: str, name: str) -> Callable[[T], T]:
    """Decorator: enter an object under `name` in `family`; a name that is taken is refused."""

    def enter(item: T) -> T:
        table = _TABLES.setdefault(family, {})
        if name in table:
            raise ValueError(f"{family} '{name}' is registered twice")
        table[name] = item
        return item

    return enter


def names(family: str) -> list[str]:
    """The registered names of a family, in order of registration."""
    return list(_TABLES.get(family, {}))


def find(family: str, name: str) -> Any:
    """The member called `name`; an unknown name is an error that says which one may have been meant."""
    table = _TABLES.get(family, {})
    if name not in table:
        raise PoiseError(f"there is no {family} called '{name}'{nearest(name, table, '.')} Known: {', '.join(table)}.")
    return table[name]
