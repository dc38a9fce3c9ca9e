"""`poise runs rm`: the end of a run that is not needed. Nothing goes that no run has made."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from poise.disk import bytes_below
from poise.disk.writing import TEMPORARY
from poise.errors import Busy, PoiseError
from poise.record import RunFolder
from poise.runs.early import SAMPLES

# What a run consists of; anything else in its folder is somebody else's and stays.
OWN_FILES = (
    "record.jsonl", "events.jsonl", "remedies.json", "threads.json", "back-to.json", "evaluations.json",
    "report.json", "DONE", "curve.json", "curve.png", "curves.png",
)  # fmt: skip
EVALUATION = re.compile(r"evaluation-[\w-]+\.json")
# In its folders: samples of a step (of an auto-encoder three), real ones, the page that plays them; checkpoints;
# the weights that it began with; what trackers were told of it.
OWN_INSIDE = {
    "samples": re.compile(rf"{SAMPLES.pattern}|real(\.\w+)?|index\.html|texts\.json"),
    "checkpoints": re.compile(r"step-\d{8}"),
    "origin": re.compile(r"[\w.]+\.safetensors|origin\.json"),
    "tensorboard": re.compile(r"events\.out\.tfevents\..+"),
}


def doomed(folder: Path) -> tuple[list[Path], list[Path]]:
    """What is the run's own and goes, and what stays because no run has made it."""
    own: list[Path] = []
    others: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name in OWN_INSIDE and path.is_dir() and not path.is_symlink():
            for inner in sorted(path.iterdir()):
                mine = OWN_INSIDE[path.name].fullmatch(inner.name) or TEMPORARY.fullmatch(inner.name)
                (own if mine and not inner.is_symlink() else others).append(inner)
        elif path.name in OWN_FILES or EVALUATION.fullmatch(path.name) or TEMPORARY.fullmatch(path.name):
            (own if not path.is_symlink() else others).append(path)
        elif path.name not in ("spec.json", ".lock"):
            others.append(path)
    return own, others


def removed(folder: RunFolder) -> tuple[int, list[str]]:
    """Remove a run; returns the bytes that are free now and the names of what stays.

    Errors: PoiseError, before anything goes, where it is being trained, is no run, is a link, or is where one stands.
    """
    folder.spec()  # a folder with some other spec.json in it is no run
    path = folder.path
    if path.is_symlink():
        raise PoiseError(
            f"{path} is a link: remove the run where it lies, {os.path.realpath(path)}, and the link by hand"
        )
    if Path.cwd().is_relative_to(path.resolve()):
        raise PoiseError(f"{path} is the folder that you are in: go elsewhere first")
    before = bytes_below(path)
    try:
        with folder.locked():
            own, others = doomed(path)
            for one in own:
                if one.is_dir():
                    shutil.rmtree(one)
                else:
                    one.unlink()
            for name in OWN_INSIDE:
                _remove_if_empty(path / name)
            (path / "spec.json").unlink()  # last: what is half removed is still a run, and can be removed again
        (path / ".lock").unlink(missing_ok=True)
        _remove_if_empty(path)
    except Busy:
        raise PoiseError(f"{path} is being trained: stop it first (Ctrl-C there), then remove it") from None
    except OSError as error:
        raise PoiseError(f"cannot remove {error.filename or path}: {error.strerror}") from None
    return before - (bytes_below(path) if path.exists() else 0), [str(one.relative_to(path)) for one in others]


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()
