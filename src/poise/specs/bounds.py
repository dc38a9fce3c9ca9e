"""Which numbers a user may give at all, whatever the recipe: the recipes' own checks are narrower."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable
from typing import Any

from poise.disk.description import Arguments
from poise.errors import PoiseError

LARGEST = 2**64  # of a whole number
ENDLESS = re.compile(r"[-+]?\d{40,}")
REAL = 1e300  # of the absolute value of a real one
# The highest value of an option by the last part of its name: beyond it nothing sensible is meant, and what would be
# built does not end or fit.
MOST = {
    "batch": 2**20, "clip": 1e9, "depth": 64, "layers": 64, "micro_batches": 2**16, "noise": 2**16, "rollbacks": 1000,
    "threads": 4096, "turns": 1000, "width": 2**13, "hidden": 2**15, "embed": 2**15, "latent_size": 2**16,
    "slots": 1024, "heads": 1024,
}  # fmt: skip


def check_numbers(actions: Iterable[Any], arguments: Arguments) -> None:
    """PoiseError for a number out of bounds, and for nothing (null in a file) where a value is needed."""
    parts, batch = arguments.get("micro_batches"), arguments.get("batch")
    if isinstance(parts, int) and isinstance(batch, int) and parts > batch > 0:
        raise PoiseError(f"--micro-batches {parts} must be at most the batch, {batch}: a part has one item at least")
    for action in actions:
        hint = getattr(action, "_typehint", None)
        found, given = _value(arguments, action.dest)
        if hint is None or not found:
            continue
        flag = "--" + action.dest.replace("_", "-")
        if given is None:
            if action.default is not None and type(None) not in typing.get_args(hint):
                raise PoiseError(f"{flag} must have a value, not null; leave it out for the default, {action.default}")
            continue
        for number in given if isinstance(given, list) else [given]:
            _check(flag, action.dest.rpartition(".")[2], number)


def _check(flag: str, name: str, number: Any) -> None:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return
    most = MOST.get(name, LARGEST if isinstance(number, int) else REAL)
    if not -LARGEST <= number <= most if isinstance(number, int) else not -REAL <= number <= most:
        said = str(number) if abs(number) < 10**20 or isinstance(number, float) else "a number of many digits"
        raise PoiseError(f"{flag} must be {'a number' if number != number else f'at most {most:,}'}, not {said}")


def _value(arguments: Arguments, dest: str) -> tuple[bool, Any]:
    """Whether there is such an argument, and what it is; dest: its path in nested tables, with dots."""
    content: Any = arguments
    for key in dest.split("."):
        if not isinstance(content, dict) or key not in content:
            return False, None
        content = content[key]
    return True, content


def no_endless_numbers(words: Iterable[str]) -> None:
    """PoiseError for a number of more than forty digits on a command line: parsers differ in what they make of it."""
    flag = ""
    for word in words:
        name, _, value = word.rpartition("=") if word.startswith("--") else (flag, "", word)
        if ENDLESS.fullmatch(value.strip()):
            raise PoiseError(f"{name or 'an argument'} cannot be a number of {len(value):,} digits")
        flag = word
