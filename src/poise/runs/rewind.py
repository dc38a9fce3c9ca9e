"""Taking a run back to an earlier step, as if what came later had never been made."""

from __future__ import annotations

import contextlib
from typing import Any

from poise.disk import read_json, remove, write_json
from poise.errors import PoiseError
from poise.record import RunFolder

# What is decided while a run trains, and the key of the step from which on each decision holds.
DECIDED = {"remedies.json": "back_to", "threads.json": "step"}


def rewind(folder: RunFolder, step: int) -> int:
    """Make the run one that was stopped after its newest checkpoint of at most `step` steps; returns that step.

    Rollbacks to later steps and numbers of threads that were chosen later are forgotten with what they were decided on,
    so that the run goes on as one that was never farther. Only for the holder of the lock.
    """
    left = folder.back_to(step)
    for name, key in DECIDED.items():
        path = folder.path / name
        if not path.exists():
            continue
        with contextlib.suppress(PoiseError):  # a damaged file is told of when the run goes on
            found = read_json(path)
            if _steps(found, key):
                kept = [entry for entry in found if entry[key] <= left]
                if kept:
                    write_json(path, kept)
                else:
                    remove(path)
    return left


def _steps(found: Any, key: str) -> bool:
    """Whether this is a list of decisions with their steps."""
    return isinstance(found, list) and all(
        isinstance(entry, dict) and isinstance(entry.get(key), int) and not isinstance(entry[key], bool)
        for entry in found
    )
