"""YAML from anywhere -> plain tables: nothing stands twice, and aliases can neither explode nor refer to themselves.

Names of entries are text as they are written (an arm `off` or `1e-3`), and of values only true and false are booleans,
as in YAML 1.2: `against: off` is the arm of that name. Where the one who reads says which entries hold names, their
values are text as they are written too: `against: 4e-3` is the arm `4e-3`, not 0.004.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import yaml  # type: ignore[import-untyped]

from poise.errors import PoiseError

LONGEST = 10 << 20  # characters of a file
MOST = 100_000  # values when every alias is written out
OWN = "tag:yaml.org,2002:"  # how the tags of YAML's own types begin
MERGE = OWN + "merge"  # <<
NULL = OWN + "null"
DEEPEST = 100  # tables and lists inside each other


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """A name that stands twice in a table is an error: the second arm would silently be the only one.

    `holding_names`: keys whose values are names.
    """

    holding_names: Collection[str] = ()

    def flatten_mapping(self, node: Any) -> None:
        """Called for each table before it is built, and for each that is merged into another (`<<`): keys are looked at
        once, before anything is merged into them."""
        if getattr(node, "looked_at", False):
            return
        node.looked_at = True
        seen = set()
        for key, value in node.value:
            if key.value in seen and isinstance(key.value, str):
                raise PoiseError(
                    f"'{key.value[:60]}' stands twice in one table (line {key.start_mark.line + 1}): rename one"
                )
            seen.add(key.value if isinstance(key.value, str) else id(key))
            if key.tag != MERGE:
                _as_written(key)
            if key.value in self.holding_names and value.tag != NULL:
                _as_written(value)
        super().flatten_mapping(node)
        if len(node.value) > MOST:
            raise PoiseError(f"describes more than {MOST:,} values when its aliases are written out")


def _as_written(node: yaml.Node) -> None:
    """A plain value becomes text."""
    if isinstance(node, yaml.ScalarNode) and node.tag.startswith(OWN):
        node.tag = OWN + "str"


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not (tag.endswith(":bool") and first not in "tTfF")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def loaded(text: str, holding_names: Collection[str] = ()) -> Any:
    """What the text describes; values of the keys `holding_names` are text as they are written.

    Errors: PoiseError, ValueError or yaml.YAMLError, which do not name the file.
    """
    if len(text) > LONGEST:
        raise PoiseError(f"has {len(text) / 1e6:,.0f} million characters, and a table has at most {LONGEST / 1e6:,.0f}")
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):  # the composer recurses, this does not
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise PoiseError(f"is nested more than {DEEPEST} deep (line {event.start_mark.line + 1})")
    reader = type("Reader", (Loader,), {"holding_names": holding_names})
    content = yaml.load(text, reader)
    if _size(content, {}, set()) > MOST:
        raise PoiseError(f"describes more than {MOST:,} values when its aliases are written out")
    return content


def _size(value: Any, known: dict[int, int], open_now: set[int]) -> int:
    """How many values there are in it, aliases counted as often as they stand."""
    if not isinstance(value, dict | list | tuple | set):
        return 1
    if id(value) in open_now:
        raise PoiseError("has an alias that refers to what it is part of")
    if id(value) not in known:
        open_now.add(id(value))
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(part, known, open_now) for part in parts)
        open_now.remove(id(value))
    return known[id(value)]
