"""What is made with a run, into files: samples, a text that is said, a recording that went through its vocoder.

Each function returns what to tell the user. Whatever can be wrong with the request is told before weights are loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from poise.data.speech.speech import Wave
from poise.data.text.text import shortened
from poise.disk import check_parent, expanded
from poise.errors import PoiseError
from poise.report.audio import check_wav, save_wav
from poise.report.picture import check_leftovers, check_pictures, save_each, save_grid
from poise.runs.load import Run

SHOWN = 5  # texts that are printed
NAMED = 100  # names of classes that are printed
SLOWEST, FASTEST = 0.25, 4.0  # --speed


def sample_to(run: Run, n: int, seed: int, out: str | None, asked: Mapping[str, object]) -> list[str]:
    """Draw n samples into a file or a folder.

    `asked`: options that only some recipes know, None where nothing was said.
    """
    path = expanded(out or run.recipe.default_out)
    if run.recipe.modality == "image":
        _check(path, [path], n)
    samples = run.sample(n, seed, **asked)
    said = f"{path}: {run.recipe.write(samples, path)}, drawn by {run.name}"
    if run.recipe.modality != "text":
        return [said]
    return [said, *(f"  {shortened(text)}" for text in samples[:SHOWN])]


def by_class_to(run: Run, n: int, seed: int, out: str | None, asked: Mapping[str, object]) -> list[str]:
    """Draw n samples of each class of a run: one grid (.png) with a row for each, or a folder with one for each.

    The same noise stands in each column. Returns what to tell, with the names of the classes from the top.
    Errors: PoiseError for a run that knows no classes, and for `label` among what is asked.
    """
    run.able("by_class")
    path = expanded(out or run.recipe.default_out)
    classes = [str(name) for name in run.facts.learnt]
    places = [path / f"{number:03d}-{_plain(name)}" for number, name in enumerate(classes)]
    _check(path, places, n)
    made = run.by_class(n, seed, **asked)
    if path.suffix:
        save_grid(made.reshape(-1, *made.shape[2:]), path, columns=n)
    else:
        for place, row in zip(places, made, strict=True):
            save_each(row, place)
    rows = "rows from the top" if path.suffix else "a folder each"
    more = f" ... {len(classes) - NAMED:,} more" if len(classes) > NAMED else ""
    named = ", ".join(shortened(name) for name in classes[:NAMED])
    return [f"{path}: {n:,} samples of each of the {len(classes):,} classes of {run.name}", f"  {rows}: {named}{more}"]


def _plain(name: str) -> str:
    """As a part of a file name: a name of a class may hold anything."""
    return re.sub(r"[^\w-]+", "-", name)[:60]


def _check(path: Path, folders: Sequence[Path], n: int) -> None:
    """PoiseError where n pictures cannot go into a grid of this name, or into each of these folders."""
    check_pictures(path)
    if path.suffix:
        check_parent(path)
    else:
        for folder in folders:
            check_leftovers(folder, n)


def say_to(run: Run, text: str, out: str, voice: str | None = None, seed: int = 0, speed: float = 1.0) -> list[str]:
    """Say a text into a .wav file.

    Args: run, whose recipe can speak; text; out, the file; voice, one of the run's (default: the recipe's choice);
    seed, of the noise; speed, 0.25 to 4 times the usual one.
    Errors: PoiseError, before anything is loaded, for a value that is out of reach and for a recipe that cannot speak.
    """
    target = expanded(out)
    check_wav(target)
    if not text.strip():
        raise PoiseError("TEXT is empty: write what is to be said, or - to read it from standard input")
    if not 0 <= seed < 2**63:
        raise PoiseError(f"--seed must be at least 0 and below 2^63, not {seed}")
    if not SLOWEST <= speed <= FASTEST:
        raise PoiseError(f"--speed must be from {SLOWEST:g} to {FASTEST:g}, not {speed:g}")
    return [_written(run.say(text.strip(), voice, seed, speed), target, run)]


def vocode_to(run: Run, recording: str, out: str) -> list[str]:
    """Send a recording through the vocoder of a run, into a .wav file.

    Args: run, whose recipe can vocode; recording, a file that soundfile reads, at any rate, whose channels are
    averaged; out, the file.
    Errors: PoiseError, before the run is loaded, for a file that cannot be read or would be written over, and for a
    recipe that cannot vocode.
    """
    target, source = expanded(out), expanded(recording)
    check_wav(target)
    if not source.is_file():
        raise PoiseError(f"there is no file {source}: name a recording, such as a .wav or .flac file")
    if target.exists() and target.samefile(source):
        raise PoiseError(f"--out {target} is the recording itself: give another name")
    run.able("vocode")
    return [_written(run.vocode(source), target, run)]


def _written(wave: Wave, target: Path, run: Run) -> str:
    save_wav(wave.samples, wave.rate, target)
    return f"{target}: {len(wave.samples) / wave.rate:.2f} s at {wave.rate:,} Hz of {run.name}"
