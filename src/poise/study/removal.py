"""`poise runs rm`: the end of a run that is not needed. Nothing goes that no run has made."""

from __future__ import annotations

import shutil
from pathlib import Path

from poise.errors import Busy, PoiseError
from poise.record import RunFolder
from poise.study.listing import size_of

# What a run consists of; anything else in its folder is somebody else's and stays.
OWN_FILES = (
    "spec.json", "record.jsonl", "events.jsonl", "remedies.json", "threads.json", "report.json", "DONE", ".lock",
)  # fmt: skip
OWN_FOLDERS = ("samples", "checkpoints")
OWN_PATTERNS = ("evaluation-*.json", "curve*.json", "curve*.png", "*.tmp")


def doomed(folder: RunFolder) -> tuple[list[Path], list[str]]:
    """What of a folder is the run's own and goes, and the names of what stays because no run has made it."""
    mine = {folder.path / name for name in (*OWN_FILES, *OWN_FOLDERS)}
    mine |= {path for pattern in OWN_PATTERNS for path in folder.path.glob(pattern)}
    there = sorted(folder.path.iterdir())
    return [path for path in there if path in mine], [path.name for path in there if path not in mine]


def removed(folder: RunFolder) -> tuple[int, list[str]]:
    """Remove a run; returns the bytes that are free now and the names of what stays. Errors: PoiseError where it is
    being trained, or cannot be removed."""
    before = size_of(folder.path)
    try:
        with folder.locked():
            own, others = doomed(folder)
            # The description goes last: what is half removed is still a run, and can be removed again.
            for path in sorted(own, key=lambda path: path.name in ("spec.json", ".lock")):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                elif path.name != ".lock":
                    path.unlink()
        (folder.path / ".lock").unlink(missing_ok=True)
        if not others:
            folder.path.rmdir()
    except Busy:
        raise PoiseError(f"{folder.path} is being trained: stop it first (Ctrl-C there), then remove it") from None
    except OSError as error:
        raise PoiseError(f"cannot remove {error.filename or folder.path}: {error.strerror}") from None
    return before - (size_of(folder.path) if folder.path.exists() else 0), others
