"""The runs that a run begins with or speaks with: named in one way, and kept by it when it goes on."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from poise.disk import seen_from
from poise.disk.description import Arguments, RunSpec
from poise.errors import PoiseError
from poise.recipes.common.origin_checkpoint import KEPT, origin_checkpoint
from poise.record import RunFolder, find_run


def absolute(data: Any) -> str | None:
    """The absolute path of data that are there, None for what is no path."""
    if not isinstance(data, str) or not data or not os.path.exists(os.path.expanduser(data)):
        return None
    return os.path.abspath(os.path.expanduser(data))


def tidied(data: Any) -> Any:
    """The one way of writing a path that is there: relative to the current folder if it lies in it, else absolute.

    What is no path, such as a name of the catalogue, stays as it is.
    """
    full = absolute(data)
    if full is None or data == ".":
        return data
    short = seen_from(full)
    return full if short.startswith(os.pardir) or short == os.curdir else short


def named_runs(arguments: Arguments) -> Arguments:
    """The runs that another begins with, or speaks with, by their folders, and a checkpoint by its step, so that the
    same is the same.

    A run that is not there any more stays as it was written, where the step is a number: who has begun with it needs
    it no more.
    """
    speaking = arguments.get("speak_with")
    found: Arguments = {}
    if isinstance(speaking, str) and not speaking.startswith(KEPT):
        with contextlib.suppress(PoiseError):  # the recipe says what is wrong with it
            found = {"speak_with": tidied(str(find_run(speaking).path))}
    return {**found, **_begun(arguments)}


def _begun(arguments: Arguments) -> Arguments:
    run, step = arguments.get("from_run"), arguments.get("from_step")
    if not isinstance(run, str):
        return {}
    if not isinstance(step, int | str):
        return {}
    try:
        folder, found = origin_checkpoint(run, step)
    except PoiseError:
        if isinstance(step, int):
            return {}
        raise
    return {"from_run": tidied(str(folder.path)), "from_step": found}


def kept_origin(folder: RunFolder, known: RunSpec | None) -> Arguments:
    """A run that is there keeps by itself what it began with, and what it speaks with."""
    found: Arguments = {}
    if known is None:
        return found
    if folder.origin.exists():
        found = {"from_run": str(folder.origin)}
    if isinstance(known.arguments.get("speak_with"), str) and known.facts.get("vocoder"):
        found = {**found, "speak_with": f"{KEPT}{folder.path}"}
    return found


def run_path(run: Any) -> Any:
    """One way to write a run that may be named in several."""
    if not isinstance(run, str):
        return run
    try:
        return os.path.realpath(find_run(run).path)
    except PoiseError:
        return os.path.realpath(run)
