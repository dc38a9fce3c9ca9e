"""Arguments as single values, each by the names that lead to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poise.disk.description import Arguments

Leaf = tuple[str, ...]  # the names that lead to a value: ("model", "lr")


def leaves(arguments: Mapping[str, object], above: Leaf = ()) -> dict[Leaf, object]:
    """Every value by the names that lead to it. What has a class, such as a penalty, is one value."""
    found: dict[Leaf, object] = {}
    for name, value in arguments.items():
        if isinstance(value, Mapping) and value and "class_path" not in value:
            found.update(leaves(value, (*above, name)))
        else:
            found[(*above, name)] = value
    return found


def tables(values: Mapping[Leaf, object]) -> Arguments:
    """The arguments that have these leaves."""
    found: Arguments = {}
    for leaf, value in values.items():
        table: Any = found
        for name in leaf[:-1]:
            table = table.setdefault(name, {})
        table[leaf[-1]] = value
    return found
