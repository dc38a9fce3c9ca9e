"""Where the data of a run lie: their absolute path is kept beside the path as it was typed, and may be given anew.

A folder that is written in several ways (photos, photos/, ./photos, or absolutely from the folder above it) is one data
set, and so the same run by default.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from poise.data.catalogue.catalogue import hidden_set
from poise.disk import expanded
from poise.disk.description import Arguments, RunSpec
from poise.errors import PoiseError
from poise.record import NEWEST, RunFolder, runs_root
from poise.runs.further.origin import absolute, named_runs, run_path, tidied
from poise.specs.spec import Completed, kind_of, of_before, run_name


def folder_of(recipe: str, typed: Completed, out: str | Path | None, anew: bool = False) -> tuple[RunFolder, Completed]:
    """The run folder of these arguments, and the arguments with the path of the data written in one way.

    A run of before that was called after the path as it was typed is found again. `anew`: the arguments were typed just
    now, and are not those of a run.

    Errors: PoiseError for an --out that is no name, and where the data of a run are not what is typed anew.
    """
    tidy = Completed(typed)
    if "data" in typed:
        tidy["data"] = tidied(typed["data"])
    there = RunFolder(expanded(out)) if out else None
    if there is not None:
        _check_name(there)
        tidy.update(_newest_of_then(there, tidy))
    tidy.update(named_runs(tidy))
    if there is not None:
        found = there
    else:
        before = runs_root() / run_name(recipe, typed)
        found = RunFolder(before if before.exists() else runs_root() / run_name(recipe, tidy))
    if anew:
        _check_meant(found, typed.get("data"))
    return found, tidy


def _newest_of_then(folder: RunFolder, typed: Arguments) -> Arguments:
    """What `last` meant when the run of this folder began, which is the newest run itself by now."""
    if not (folder.path / "spec.json").exists():
        return {}
    kept = folder.spec().arguments
    meant = [key for key in ("from_run", "speak_with") if typed.get(key) == NEWEST and kept.get(key) is not None]
    steps = ["from_step"] if "from_run" in meant and isinstance(typed.get("from_step"), str) else []
    return {key: kept[key] for key in (*meant, *steps) if key in kept}


def _check_name(folder: RunFolder) -> None:
    """PoiseError for a folder that is to be made and whose name no other command could take."""
    name = folder.path.name
    if (folder.path / "spec.json").exists():
        return
    if not name:
        raise PoiseError(f"--out {folder.path} is a folder that is there already: name one to be made, such as run")
    if name == NEWEST or name.startswith("-"):
        taken_for = "the newest run" if name == NEWEST else "an option"
        raise PoiseError(f"--out {folder.path}: other commands take {name} for {taken_for}; give the run another name")


def _check_meant(folder: RunFolder, data: Any) -> None:
    """PoiseError where the run is on a set of the catalogue, and a folder of that name came later."""
    if hidden_set(data) is None or not (folder.path / "spec.json").exists():
        return
    spec = folder.spec()
    if spec.data_path is None and spec.arguments.get("data") == data:
        raise PoiseError(
            f"{folder.path} holds a run on the data set {data}, and {data} is a file or folder here now: go on with "
            f"poise resume {folder.quoted}, or choose another --out for what lies here"
        )


def same(known: RunSpec, arguments: Arguments) -> bool:
    """Whether a run was asked for the same: all arguments, and the data and the run begun with under whichever name."""
    before = of_before(known.recipe, known.arguments)
    places: Arguments = {"data": None, "from_run": None, "speak_with": None}
    if {**before, **places} != {**arguments, **places}:
        return False
    begun, asked = before.get("from_run"), arguments.get("from_run")
    if begun != asked and (absolute(begun) is None or absolute(begun) != absolute(asked)):
        return False
    if run_path(before.get("speak_with")) != run_path(arguments.get("speak_with")):
        return False
    one, other = before.get("data"), arguments.get("data")
    return tidied(one) == tidied(other) or (known.data_path is not None and known.data_path == absolute(other))


def advice(known: RunSpec, arguments: Arguments) -> str:
    """What to do where all that differs is that more steps are asked for."""
    asked, has = arguments.get("steps"), known.arguments.get("steps")
    if not (isinstance(asked, int) and isinstance(has, int) and asked > has):
        return ""
    if not same(known, Arguments({**arguments, "steps": has})):
        return ""
    return ", or lengthen it with poise resume RUN --steps MORE"


def another_place(known: RunSpec, typed: Any) -> str | None:
    """The absolute path of data that were asked for where those of the run lie at another place, and are there."""
    asked, kept = absolute(typed), known.data_path
    if asked is None or kept is None or not os.path.exists(kept) or os.path.samefile(asked, kept):
        return None
    return asked


def check_same(folder: RunFolder, known: RunSpec, asked: RunSpec, data: str | None, other: str | None = None) -> None:
    """PoiseError unless the data and the first weights are those with which the run began; `data` as in `run`, `other`
    as of `another_place`."""
    if known.facts.get("fingerprint") != asked.facts["fingerprint"] and not _only_renamed(known, asked):
        if other is not None:
            raise PoiseError(
                f"{folder.path} holds a run on {known.data_path}, and {other} is something else: choose another --out"
            )
        raise _other_data(folder, data)
    if known.facts.get("origin") != asked.facts.get("origin"):
        raise PoiseError(
            f"{folder.path} began with other weights than {asked.arguments.get('from_run')} has now, and "
            f"{folder.origin}, where they were kept, is not there or changed: put it back, or start a new run with "
            f"--out"
        )


def _other_data(folder: RunFolder, data: str | None) -> PoiseError:
    if data is not None:
        return PoiseError(
            f"--data {data} is not what {folder.path} was trained on: its content is another; nothing was changed"
        )
    return PoiseError(f"the data of {folder.path} has changed since the run began; start a new run with --out")


def where(folder: RunFolder, known: RunSpec | None, typed: Any, new: str | None = None) -> Any:
    """What to open as the data of a run: `new` where it is given, else the kept path, else the path as it was typed.

    Errors: PoiseError where there is nothing any more.
    """
    if new is not None:
        if absolute(new) is None:
            raise PoiseError(f"--data {new}: there is no such file or folder; name where the data of the run are now")
        return absolute(new)
    kept = known.data_path if known is not None else None
    if kept is None:
        return _unlike_a_path(known, typed) or absolute(typed) or typed
    if os.path.exists(kept):
        return kept
    if absolute(typed) is None:
        raise _gone(folder, kept)
    return absolute(typed)  # the folder around both was moved; the fingerprint tells whether it is the same


def _unlike_a_path(known: RunSpec | None, typed: Any) -> str | None:
    """What opens the data of a run that are no path although a file or folder of their name lies in the current folder.

    None for a run that is not there yet, and for data that may be a path: runs of before kept none.
    """
    if known is None:
        return None
    from poise.recipes.text.writing import ORACLE

    return ORACLE if typed == ORACLE else hidden_set(typed)


def _gone(folder: RunFolder, path: str) -> PoiseError:
    return PoiseError(
        f"the data of {folder.path} are not in {path} any more: say where they are with: poise resume {folder.quoted} "
        "--data NEW"
    )


def opened(spec: RunSpec) -> RunSpec:
    """The spec of a run with the path under which its data can be opened from any folder.

    Whether the data are there is seen when they are opened.
    """
    kept = spec.data_path
    if kept is None:
        kept = hidden_set(spec.arguments.get("data"))
        if kept is None:
            return spec
    elif not os.path.exists(kept):
        kept = absolute(spec.arguments.get("data")) or kept
    facts, recordings = spec.facts, spec.facts.get("recordings")
    if isinstance(recordings, dict):
        facts = {**facts, "recordings": {**recordings, "data": kept}}
    return replace(spec, arguments={**spec.arguments, "data": kept}, facts=facts)


def check_there(folder: RunFolder, spec: RunSpec) -> None:
    """PoiseError where the data of a run have gone from the path that is kept."""
    kept = spec.data_path
    if kept is not None and not os.path.exists(kept) and absolute(spec.arguments.get("data")) is None:
        raise _gone(folder, kept)


def _only_renamed(known: RunSpec, asked: RunSpec) -> bool:
    """Whether the pictures that are asked for are those of a run that is there, but for the name of their array file,
    which the fingerprint holds. They are opened under the name of then, which takes nothing where they were decoded."""
    then, path = known.called, asked.data_path
    if then is None or path is None or os.path.basename(path) == then or kind_of(known.recipe).modality != "image":
        return False
    from poise.recipes.images.data import pictures_then

    size, channels = asked.facts.get("size"), asked.facts.get("channels")
    if not isinstance(size, int | str) or not isinstance(channels, int) or "seed" not in asked.arguments:
        return False
    found = pictures_then({**asked.arguments, "data": path}, size, channels, then)
    return found.fingerprint == known.facts.get("fingerprint")
