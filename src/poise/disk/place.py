"""Where the files are kept that outlive a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from poise.errors import PoiseError


def seen_from(path: str | Path, start: str | Path = os.curdir) -> str:
    """A path relative to a folder; the absolute one where there is no such way, as to another drive of Windows."""
    try:
        return os.path.relpath(path, start)
    except ValueError:
        return os.path.abspath(path)


def expanded(path: str | Path) -> Path:
    """A path whose ~ or ~name is the folder of that user; as it is where there is no such user, so that nothing is
    there."""
    return Path(os.path.expanduser(path))


def cache_dir() -> Path:
    """The folder that holds everything Poise keeps between runs; it may not exist yet.

    `$POISE_CACHE`, else `$XDG_CACHE_HOME/poise`, else `%LOCALAPPDATA%\\poise` on Windows,
    `~/Library/Caches/poise` on macOS and `~/.cache/poise` elsewhere. Raises PoiseError where there is no home
    folder.
    """
    chosen = os.environ.get("POISE_CACHE")
    if chosen:
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    shared = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(shared):  # the XDG rules: a relative path is to be ignored
        return Path(shared) / "poise"
    local = os.environ.get("LOCALAPPDATA")
    if sys.platform == "win32" and local:
        return Path(local) / "poise"
    try:
        home = Path.home()
    except RuntimeError:
        raise PoiseError("this user has no home folder: set POISE_CACHE to a folder for cached data") from None
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "poise"
