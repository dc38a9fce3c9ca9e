"""What a command is about that takes a run or a study."""

from __future__ import annotations

import os
from pathlib import Path

from poise.errors import PoiseError
from poise.record import RunFolder, all_runs, find_run
from poise.studies.place import find_study


def find_run_or_study(name: str) -> RunFolder | Path:
    """A run, or the folder of a study. A run of exactly that path or name comes first, then a study, then runs whose
    names begin so. Errors: PoiseError where there is neither."""
    study = find_study(name)
    if study is None or os.path.lexists(Path(name) / "spec.json") or name in {run.name for run in all_runs()}:
        if Path(name).is_file() and Path(name).suffix in (".yaml", ".yml", ".toml", ".py"):
            raise PoiseError(
                f"{name} describes a study: name its folder, such as studies/NAME (see poise study {name})"
            )
        return find_run(name)
    return study
