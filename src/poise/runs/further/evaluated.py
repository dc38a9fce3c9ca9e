"""What `poise evaluate` has found of a run outlives its report: that goes when the run goes on, and a later one has it
again.

While a run is not over, `evaluations.json` in its folder holds what the report held under "evaluations".
"""

from __future__ import annotations

import contextlib
from typing import Any

from poise.disk import read_json, write_json
from poise.errors import PoiseError
from poise.record import LONGEST, RunFolder

FILE = "evaluations.json"


def set_aside(folder: RunFolder, step: int = LONGEST) -> None:
    """Keep those of checkpoints of at most `step` steps; only for the holder of the lock, before the report goes."""
    kept = [entry for entry in _found(folder) if _step(entry) <= step]
    if kept:
        write_json(folder.path / FILE, kept)
    else:
        (folder.path / FILE).unlink(missing_ok=True)


def put_back(folder: RunFolder, report: dict[str, object]) -> dict[str, object]:
    """A report with what was set aside, which is to be forgotten once that is on the disk."""
    kept = _list(folder, FILE)
    return {**report, "evaluations": kept} if kept else report


def forget(folder: RunFolder) -> None:
    """The report has them."""
    (folder.path / FILE).unlink(missing_ok=True)


def _found(folder: RunFolder) -> list[Any]:
    if (folder.path / "report.json").exists():
        with contextlib.suppress(PoiseError):  # a damaged report is about to go
            entries = folder.report().get("evaluations")
            return entries if isinstance(entries, list) else []
    return _list(folder, FILE)


def _list(folder: RunFolder, name: str) -> list[Any]:
    """What a file holds; nothing where it is damaged, since evaluations can be made again."""
    if (folder.path / name).exists():
        with contextlib.suppress(PoiseError):
            found = read_json(folder.path / name)
            return found if isinstance(found, list) else []
    return []


def _step(entry: Any) -> int:
    """Of its checkpoint; beyond all where it names none."""
    name = str(entry.get("checkpoint")).removeprefix("step-") if isinstance(entry, dict) else ""
    return int(name) if name.isdecimal() else LONGEST + 1
