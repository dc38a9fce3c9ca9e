"""`poise export`: a run handed over as a folder, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from poise.disk import remove, temporary_folder
from poise.errors import PoiseError
from poise.export import card, onnx_file, page, plain
from poise.terminal import pasted

if TYPE_CHECKING:
    from poise.recipes.common.portable import Portable
    from poise.runs.load import Run

T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """What is handed over: a folder for PyTorch alone, ONNX files, a page, the layout of a model repository (which
    holds the first); `licence`, for the repository's card."""

    torch: bool = False
    onnx: bool = False
    page: bool = False
    hub: bool = False
    licence: str | None = None


def export(run: Run, folder: Path, wanted: Wanted, tell: Callable[[str], None] = print) -> None:
    """Write `folder`, which must not be there or be empty.

    Errors: PoiseError for a recipe that cannot be handed over, a folder that is in use, missing packages, and a file
    that does not do what the network does; then nothing is left behind.
    """
    if not (wanted.torch or wanted.onnx or wanted.page or wanted.hub):
        raise PoiseError("say what to hand over: --torch, --onnx, --page, --hub, or several of them")
    if wanted.licence is not None and not wanted.hub:
        raise PoiseError(f"--licence {wanted.licence} stands in the card of --hub: add --hub, or leave it out")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PoiseError(f"--out {folder}: there is something already; name a new folder, or remove it first")
    if not folder.name:
        raise PoiseError(f"--out {folder}: name a new folder in it, such as {folder / 'handed'}")
    portable = run.portable
    try:
        temporary = temporary_folder(folder)
    except OSError as error:
        raise PoiseError(f"--out {folder}: it cannot be made: {error.strerror or error}; name another") from None
    try:
        lines = fill(run, portable, temporary, wanted)
        if folder.is_dir():
            folder.rmdir()
        os.rename(temporary, folder)
    except OSError as error:
        raise PoiseError(f"--out {folder}: {error.strerror or error}; free some space or name another") from None
    finally:
        if temporary.exists():
            remove(temporary)
    tell(f"{run.name}, step {int(run.checkpoint.name.removeprefix('step-')):,} -> {pasted(str(folder))}")
    for line in lines:
        tell(f"  {line}")


def fill(run: Run, portable: Portable, folder: Path, wanted: Wanted) -> list[str]:
    """All that is wanted, into an empty folder; returns lines that say what is in it."""
    title = f"{run.spec.recipe}: {run.name}"
    about = f"{run.spec.facts.get('data', '')}"
    lines = []
    if wanted.torch or wanted.hub:
        lines += plain.written(portable, run.generator, f"{title}. {about}", folder)
    if wanted.onnx or wanted.page:
        metadata = {"title": title, "data": about, "recipe": run.spec.recipe}
        made = onnx_file.written(portable.graphs, metadata, portable.page, folder)
        if wanted.page:
            graphs = {graph.name: (folder / f"{graph.name}.onnx").read_bytes() for graph in portable.graphs}
            lines += page.written(portable, graphs, title, about, folder)
        if wanted.onnx:
            lines += made
        else:
            for graph in portable.graphs:
                (folder / f"{graph.name}.onnx").unlink()
            (folder / onnx_file.ABOUT).unlink()
            os.replace(folder / onnx_file.PARITY, folder / page.FOLDER / onnx_file.PARITY)
            lines += [line.replace(".onnx", " in the page", 1) for line in made]
    if wanted.hub:
        lines += card.written(run, portable, folder, wanted.licence)
    return lines
