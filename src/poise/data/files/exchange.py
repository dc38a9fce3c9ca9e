"""One folder in the place of another, while other processes open both.

Between the two renames there is no folder under the name, for some microseconds; who looks then looks again. Who has
files of the old folder open keeps them.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

TRIES = 100  # of who finds that another process is exchanging the folder right now
PAUSE = 0.01  # seconds between them

Mark = tuple[int, int, int]  # what tells a folder from another one of its name


def mark(folder: Path) -> Mark | None:
    """Which folder lies under a name; None where there is none."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def put(folder: Path, final: Path, old: Mark | None) -> bool:
    """Whether `folder` has become `final`, in the place of `old`, which is removed. A folder that has come there since
    `old` was looked at stays, for it was built of the same; so does `old` where it cannot be moved (on Windows, while
    files of it are open).

    Errors: OSError where there can be none.
    """
    for last in range(TRIES):
        try:
            os.rename(folder, final)
            return True
        except OSError:
            there = mark(final)
            if there is None and last == TRIES - 1:
                raise
            if there is None:  # another process is between its two renames, or it is impossible
                time.sleep(PAUSE)
            elif not final.is_dir():
                raise
            elif there != old or not _moved_away(final, folder.with_name(f"{folder.name}-old")):
                return False
    return False


def _moved_away(final: Path, aside: Path) -> bool:
    """Whether what lies there is gone, by our hand or by another's."""
    try:
        os.rename(final, aside)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True
