"""Where studies lie, and how one is known."""

from __future__ import annotations

import os
from pathlib import Path

from poise.disk import expanded

PLAN = "plan.json"


def studies_root() -> Path:
    """Where studies live: POISE_STUDIES, or ./studies where that is not set or empty."""
    return expanded(os.environ.get("POISE_STUDIES") or "studies")


def find_study(name: str) -> Path | None:
    """The folder of a study: a path, or its name below the folder of studies; None where there is no such study."""
    for path in (expanded(name), studies_root() / name):
        if name.strip() and (path / PLAN).is_file():
            return path
    return None
