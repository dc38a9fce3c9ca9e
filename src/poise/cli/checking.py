"""`poise data check`: what is in pictures, recordings or a text, and what each recipe would read of it.

The recipes' own openers say that, with their own defaults. What they decode stays in the cache, where a run finds it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from poise.data.catalogue.locate import locate
from poise.data.files.reading import reading
from poise.data.images.check import Looking, check
from poise.data.images.sources.depth import checked
from poise.data.images.sources.formats import idx_folder
from poise.data.plain import counted
from poise.data.speech.check import check_speech
from poise.data.text.check import TextReport, check_text, is_large
from poise.data.text.corpus import RUNNING
from poise.data.text.no_text import no_text
from poise.data.text.text import is_text
from poise.errors import PoiseError
from poise.recipes.common.options import parameters
from poise.specs.spec import all_recipes, kind_of, parser_for

FEW = 50_000  # sentences up to which the suggested flags are tried as well


def report_lines(
    source: str | Path, column: str | None = None, bits: int | None = None, splits: str = "auto"
) -> Iterator[str]:
    """Lines about a folder, a file or a catalogued set, as soon as they are known.

    column: of sentences; bits, splits: of pictures, as in `open_images`. What most files of a folder are is what it is
    read as.
    """
    source = os.fspath(source)
    name, path, _ = locate(source)
    if is_text(path):
        yield from check_text(source, column).lines()
        return
    if column is not None:
        raise PoiseError(f"{source} has no columns: leave out --column {column}, or give a .jsonl or .csv file")
    found = counted(path) if path.is_dir() and not idx_folder(path) else None
    beside = [f"{file}: {reason}" for file, reason in found.minority()] if found else []
    if found and found.modality == "speech":
        if bits is not None:
            raise PoiseError(f"--bits {bits} is for pictures and {source} holds sound: leave it out")
        with reading(name) as far:
            far.begin("listening")
            report = check_speech(name, path, far)
        yield from [*report.lines(), *beside]
        yield from (f"train {recipe}: {_read_by(recipe, source, {})}" for recipe in _recipes("speech"))
        return
    yield from _of_pictures(source, bits, splits, beside)


def _of_pictures(source: str, bits: int | None, splits: str, beside: list[str]) -> Iterator[str]:
    """What is in pictures, seen while the first recipe decodes them, and what each recipe reads."""
    looking, given = Looking(source, checked(bits)), {"bits": bits, "splits": splits}
    first, *more = _recipes("image")
    promise = _read_by(first, source, given, looking)
    report = looking.report if looking.done else check(source, None, bits, splits)
    yield from [*report.lines(), *beside, f"train {first}: {promise}"]
    yield from (f"train {recipe}: {_read_by(recipe, source, given)}" for recipe in more)


def _recipes(modality: str) -> list[str]:
    return [name for name in all_recipes() if kind_of(name).modality == modality and kind_of(name).reads]


def _read_by(recipe: str, source: str, given: Mapping[str, object], look: Looking | None = None) -> str:
    """What a run of a recipe reads, with `given` beside its defaults; or why it reads nothing."""
    words = [f"--{name}={value}" for name, value in given.items() if value is not None]
    reads = kind_of(recipe).reads
    assert reads is not None
    try:
        return reads(parser_for(recipe).parse([source, *words]), look)
    except PoiseError as error:
        return str(error)


def is_of_text(source: str) -> bool:
    """Whether a path, or a name of the catalogue, holds sentences. PoiseError where there is nothing."""
    path = locate(source)[1]
    if why := no_text(path):
        raise PoiseError(f"{source} {why}")
    return is_text(path)


def report_text(
    source: str,
    column: str | None,
    encoding: str | None,
    delimiter: str | None,
    layout: str,
    say: Callable[[str], Any],
) -> None:
    """Say what is in a text, one fact a line, as soon as it is known.

    Args: see `open_corpus`. Errors: PoiseError where it cannot be read.
    """
    given = {"column": column, "encoding": encoding, "delimiter": delimiter, "layout": layout}
    with reading(source) as progress:
        asked = {**given, "layout": "lines" if layout == RUNNING else layout}
        report = check_text(source, **asked, progress=progress)  # type: ignore[arg-type]
    for line in report.lines():
        say(line)
    if is_large(source):
        return
    for recipe in (name for name in all_recipes() if kind_of(name).corpus):
        say(f"train {recipe}: {would_read(recipe, source, given)}")
        flags = suggested(recipe, report)
        if flags and report.count <= FEW:
            said = " ".join(f"{flag} {value}" for flag, value in flags.items())
            values = {flag.removeprefix("--"): value for flag, value in flags.items()}
            say(f"train {recipe} {said}: {would_read(recipe, source, {**given, **values})}")


def suggested(recipe: str, report: TextReport) -> dict[str, str]:
    """The suggested flags that a recipe has and that are not its defaults."""
    known = parameters(kind_of(recipe).build)
    return {
        flag: value
        for flag, (value, _) in report.flags.items()
        if flag.removeprefix("--") in known and known[flag.removeprefix("--")].default not in (value, "auto")
    }


def would_read(recipe: str, source: str, given: Mapping[str, object]) -> str:
    """What a run of a recipe reads of a text, with `given` beside its defaults; or why it reads nothing."""
    words = [f"--{name}={value}" for name, value in given.items() if value is not None]
    kind = kind_of(recipe)
    assert kind.corpus is not None
    try:
        corpus = kind.corpus(parser_for(recipe).parse([source, *words]))
    except PoiseError as error:
        return str(error)
    counts = corpus.counts
    out = f"; left out: {', '.join(counts.left_out())}" if counts.left_out() else ""
    sides = f"{counts.train:,} to train on and {counts.heldout:,} held out"
    return f"{counts.kept:,} of {counts.read:,} sentences, {sides}{out}"
