"""Class paths in a run that lies on the disk: which of them would bring in code that is not Poise's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from poise.errors import PoiseError
from poise.record import RunFolder
from poise.registry import names


def class_paths(value: Any) -> Iterator[str]:
    """Every class path in arguments, wherever it stands."""
    if isinstance(value, dict):
        if isinstance(path := value.get("class_path"), str):
            yield path
        for part in value.values():
            yield from class_paths(part)
    elif isinstance(value, list):
        for part in value:
            yield from class_paths(part)


def without_classes(value: Any) -> Any:
    """The arguments without what is given by a class path: penalties, which a generator does not need to draw."""
    if isinstance(value, dict):
        return {key: without_classes(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_classes(part) for part in value if not (isinstance(part, dict) and "class_path" in part)]
    return value


def check_classes(folder: RunFolder, arguments: dict[str, Any]) -> None:
    """PoiseError where a run's `spec.json` names code that is neither Poise's nor imported by now.

    To import a module executes it, before anybody can see what it holds: so only who knows a run may go on with it.
    """
    for path in class_paths(arguments):
        module, _, name = path.rpartition(".")
        ours = not module or (module.partition(".")[0] == "poise" and name in names("penalty"))
        if not ours and module not in sys.modules:
            raise PoiseError(
                f"{folder.path / 'spec.json'} names code outside of Poise, {path[:80]}, which would be executed: if "
                "the run and that code are yours, go on with --trust"
            )
