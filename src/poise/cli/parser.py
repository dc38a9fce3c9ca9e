"""The parser of every command, and how a command is entered."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

from poise.errors import PoiseError, nearest

RUN = "a run: its path, its name, a unique beginning of its name, or last"
STEP: dict[str, Any] = {"default": "last", "help": "last, best, or the step of a kept checkpoint (default last)"}
QUIET: dict[str, Any] = {"action": "store_true", "help": "print nothing but errors"}


class Parser(argparse.ArgumentParser):
    """Argument errors become one sentence. What is left over is told by the command that it was given to."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        found, extra = super().parse_known_args(args, namespace)
        if extra:
            self.error(f"unknown argument '{extra[0].partition('=')[0]}'")
        return found, extra

    def error(self, message: str) -> NoReturn:
        known = [flag for action in self._actions for flag in action.option_strings]
        known += [str(choice) for action in self._actions for choice in action.choices or ()]
        wrong = re.search(r"(?:unknown argument|invalid choice:) '([^']*)'", message)
        hint = nearest(wrong[1], known) if wrong else ""
        raise PoiseError(f"{message}{hint or f'; see {self.prog} --help'}")


def command(parent: Any, name: str, function: Callable | None, help: str) -> argparse.ArgumentParser:
    """A new command under `parent`; the options of one that has a function are given to it."""
    made: argparse.ArgumentParser = parent.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    made.set_defaults(function=function, parser=made)
    return made


def commands_of(parser: argparse.ArgumentParser, **more: Any) -> Any:
    """Where the commands of a parser are entered."""
    return parser.add_subparsers(metavar="COMMAND", parser_class=Parser, **more)
