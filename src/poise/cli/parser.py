"""The parser of every command, and how a command is entered."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from poise.errors import PoiseError, nearest
from poise.specs.synonyms import meant
from poise.terminal import verbatim
from poise.words.helping import HelpLines

FlagOptions = dict[str, Any]  # how a flag is entered: what `add_argument` takes beside its name
RUN = "a run: its path, its name, a unique beginning of its name, or last"
STEP: FlagOptions = {"default": "last", "help": "last, best, or the step of a kept checkpoint (default last)"}
QUIET: FlagOptions = {"action": "store_true", "help": "print nothing but errors"}


class OutOfBounds(argparse.ArgumentTypeError):
    """A number that is too small or too large: "must be at least 1, not 0"."""


def whole(low: int, high: int = 2**63 - 1) -> Callable[[str], int]:
    """The type of a whole number from low to high, in plain digits."""

    def number(text: str) -> int:
        text = str(text)  # a parser of recipes gives what was read already
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
            raise OutOfBounds(f"must be {limit}, not {said}")
        return int(text)

    return number


def above_0(text: str) -> float:
    """The type of a number above 0, as `--minutes 2.5`."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text[:30]}' is no number") from None
    if not 0 < number < math.inf:
        raise OutOfBounds(f"must be a number above 0, not {text.strip()[:30]}")
    return number


SEED: FlagOptions = {"type": whole(0), "default": 0}


class CommandParser(argparse.ArgumentParser):
    """Argument errors become one sentence. What is left over is told by the command that it was given to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"exit_on_error": False, "formatter_class": HelpLines, **kwargs})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        try:
            found, extra = super().parse_known_args(args, namespace)
        except argparse.ArgumentError as error:
            if isinstance(error.__context__, OutOfBounds):
                flag = str(error.argument_name).rpartition("/")[2]
                raise PoiseError(f"{flag} {error.message}") from None
            self.error(str(error))
        for name in ("out", "run"):
            if isinstance(value := getattr(found, name, None), str) and not value.strip():
                flag = "--out" if name == "out" else name.upper()
                raise PoiseError(f"{flag} is empty: name {'where to write' if name == 'out' else 'what is meant'}")
        if extra:
            word = extra[0].partition("=")[0]
            if word in self._option_string_actions:  # a word that is known, so it stands after --
                raise PoiseError(f"'{word}' stands after --, where everything is a name: put options before --")
            self.error(f"unknown argument '{word}'", word)
        return found, extra

    def print_help(self, file: Any = None) -> None:
        with verbatim(file or sys.stdout):  # it is in the language that is asked for already
            super().print_help(file)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            self.error(str(error), value if isinstance(value, str) else None)

    def error(self, message: str, word: str | None = None) -> NoReturn:
        """PoiseError; `word` is what is not known, such as an option or a choice."""
        known = [flag for action in self._actions for flag in action.option_strings]
        known += [str(choice) for action in self._actions for choice in action.choices or ()]
        if word is not None and word.startswith("-") and (said := meant(word, known)):
            raise PoiseError(f"unknown option {word}: {said}")
        hint = nearest(word, known) if word is not None else ""
        raise PoiseError(f"{message}{hint or f'; see {self.prog} --help'}")


def command(parent: Any, name: str, function: Callable[..., Any] | None, help: str) -> argparse.ArgumentParser:
    """A new command under `parent`; the options of one that has a function are given to it."""
    made: argparse.ArgumentParser = parent.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    made.set_defaults(function=function, parser=made)
    return made


def commands_of(parser: argparse.ArgumentParser, **more: Any) -> Any:
    """Where the commands of a parser are entered."""
    return parser.add_subparsers(metavar="COMMAND", parser_class=CommandParser, **more)
