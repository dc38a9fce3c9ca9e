"""The parser of every command, and how a command is entered."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

from poise.errors import PoiseError, nearest
from poise.specs.synonyms import meant

RUN = "a run: its path, its name, a unique beginning of its name, or last"
STEP: dict[str, Any] = {"default": "last", "help": "last, best, or the step of a kept checkpoint (default last)"}
QUIET: dict[str, Any] = {"action": "store_true", "help": "print nothing but errors"}


def whole(low: int, high: int = 2**63 - 1) -> Callable[[str], int]:
    """The type of a whole number from low to high, in plain digits."""

    def number(text: str) -> int:
        digits = text.strip().removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()):
            raise argparse.ArgumentTypeError(f"'{text[:30]}' is no whole number")
        if len(digits) > 20 or not low <= int(text) <= high:
            said = text.strip() if len(digits) <= 20 else f"a number of {len(digits)} digits"
            limit = (
                f"at least {low:,}"
                if digits != text.strip() or (len(digits) < 20 and int(text) < low)
                else f"at most {high:,}"
            )
            raise argparse.ArgumentTypeError(f"must be {limit}, not {said}")
        return int(text)

    return number


SEED: dict[str, Any] = {"type": whole(0), "default": 0}


class CommandParser(argparse.ArgumentParser):
    """Argument errors become one sentence. What is left over is told by the command that it was given to."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        found, extra = super().parse_known_args(args, namespace)
        for name in ("out", "run"):
            if isinstance(value := getattr(found, name, None), str) and not value.strip():
                flag = "--out" if name == "out" else name.upper()
                raise PoiseError(f"{flag} is empty: name {'where to write' if name == 'out' else 'what is meant'}")
        if extra:
            self.error(f"unknown argument '{extra[0].partition('=')[0]}'")
        return found, extra

    def error(self, message: str) -> NoReturn:
        known = [flag for action in self._actions for flag in action.option_strings]
        known += [str(choice) for action in self._actions for choice in action.choices or ()]
        wrong = re.search(r"(?:unknown argument|invalid choice:) '([^']*)'", message)
        if wrong and wrong[1].startswith("-") and (said := meant(wrong[1], known)):
            raise PoiseError(f"unknown option {wrong[1]}: {said}")
        hint = nearest(wrong[1], known) if wrong else ""
        if bounds := re.match(r"argument (?:\S+/)?(\S+): (must be .*)", message):
            raise PoiseError(f"{bounds[1]} {bounds[2]}")
        raise PoiseError(f"{message}{hint or f'; see {self.prog} --help'}")


def command(parent: Any, name: str, function: Callable[..., Any] | None, help: str) -> argparse.ArgumentParser:
    """A new command under `parent`; the options of one that has a function are given to it."""
    made: argparse.ArgumentParser = parent.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    made.set_defaults(function=function, parser=made)
    return made


def commands_of(parser: argparse.ArgumentParser, **more: Any) -> Any:
    """Where the commands of a parser are entered."""
    return parser.add_subparsers(metavar="COMMAND", parser_class=CommandParser, **more)
