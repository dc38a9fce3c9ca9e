"""`poise data check` of a text: what is in it, and what each recipe would read of it, by the recipe's own opener."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from poise.data.check_text import TextReport, check_text, is_large
from poise.data.corpus import RUNNING
from poise.data.images import locate
from poise.data.no_text import no_text
from poise.data.reading import reading
from poise.data.text import is_text
from poise.errors import PoiseError
from poise.study.spec import all_recipes, kind_of, parser_for

FEW = 50_000  # sentences up to which the suggested flags are tried as well


def is_of_text(source: str) -> bool:
    """Whether a path, or a name of the catalogue, holds sentences. PoiseError where there is nothing."""
    path = locate(source)[1]
    if why := no_text(path):
        raise PoiseError(f"{source} {why}")
    return is_text(path)


def text_facts(
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
    with reading(source) as told:
        asked = {**given, "layout": "lines" if layout == RUNNING else layout}
        report = check_text(source, **asked, told=told)  # type: ignore[arg-type]
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
    known = inspect.signature(kind_of(recipe).build).parameters
    return {
        flag: value
        for flag, (value, _) in report.flags.items()
        if flag.removeprefix("--") in known and known[flag.removeprefix("--")].default not in (value, "auto")
    }


def would_read(recipe: str, source: str, given: dict[str, Any]) -> str:
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
