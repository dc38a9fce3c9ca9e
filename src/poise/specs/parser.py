"""The parser of a recipe's flags: words, configuration files and tables of arguments, read and checked in one place."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import jsonargparse

from poise.disk.description import Arguments
from poise.errors import PoiseError
from poise.recipes.common.options import Group
from poise.specs.config_files import located, read_config
from poise.specs.parser_errors import dashed, sentence
from poise.specs.sources import PATH, allow
from poise.terminal import verbatim
from poise.words.helping import HelpLines

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


class RecipeHelp(HelpLines, jsonargparse.DefaultHelpFormatter):
    """Help with types and defaults; a function that reads a value is no name of a type."""

    def _get_type_str(self, action: Any) -> str | None:
        told: str | None = None if inspect.isfunction(action.type) else super()._get_type_str(action)
        return told


class Parser(jsonargparse.ArgumentParser):
    """Flags with dashes, whole names alone: what else looks at the words finds those that were given. Every mistake is
    one sentence with the nearest name that is known."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        ours = {"exit_on_error": False, "allow_abbrev": False, "formatter_class": RecipeHelp}
        super().__init__(*args, **{**ours, **kwargs})
        self.option_groups: list[Group] = []

    def options(self) -> list[str]:
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]

    def describe(self, helps: dict[str, str]) -> None:
        """Help by the names of arguments, over what is said where they are defined."""
        for action in self._actions:
            action.help = helps.get(action.dest, action.help)

    def format_help(self, *args: Any, **kwargs: Any) -> str:
        return dashed(super().format_help(*args, **kwargs)).replace(" \b[", "[")  # no backspace in --print-config

    def print_help(self, file: Any = None) -> None:
        with verbatim(file or sys.stdout):  # it is in the language that is asked for already
            super().print_help(file)

    def parse(self, argv: list[str]) -> Arguments:
        """The arguments as plain values: numbers, strings, lists and dicts."""
        no_endless_numbers(argv)
        words = configs_first([underscored(word) for word in argv])
        readable, files = readable_configs(words)
        texts = [*words, *(Path(located(file)).read_text(encoding="utf-8") for file in files)]
        allow(found.group() for text in texts for found in PATH.finditer(text))  # the user names it
        try:
            for file in files:  # also where flags stand over what it says
                self.check(read_config(file))
            parsed = self.kept(plain(self.parse_args(readable)))
        except (jsonargparse.ArgumentError, ArithmeticError, TypeError, ValueError, OSError, PoiseError) as error:
            blamed = f"--config {', '.join(files)}: " if files and self._accepts(without_configs(words)) else ""
            raise PoiseError(blamed + sentence(str(error), self.options())) from None
        arguments: Arguments = parsed
        return arguments

    def _accepts(self, words: list[str]) -> bool:
        """Whether the flags alone would do, so that a configuration file is to blame."""
        try:
            self.kept(plain(self.parse_args(words)))
        except (jsonargparse.ArgumentError, ArithmeticError, TypeError, ValueError, OSError, PoiseError) as error:
            return "arguments are required" in str(error)
        return True

    def kept(self, arguments: Arguments) -> Arguments:
        """Checked, and as a run keeps them. A group such as `generator` holds options, and numbers have bounds; the
        parser itself lets anything pass."""
        self.check(arguments)
        kept = dict(arguments)
        for group in self.option_groups:
            own = {name: arguments[name] for name in group.flags() if name in arguments}
            kept.update(group.kept(own))
        return kept

    def check(self, arguments: Arguments) -> None:
        """PoiseError for a number out of bounds, and for a group that is no table of options."""
        check_numbers(self._actions, arguments)
        for flag in self.options():
            group, dot, first = flag.removeprefix("--").partition(".")
            if dot and first != "help" and not isinstance(arguments.get(group, {}), dict):
                raise PoiseError(f"--{group} must hold options such as {first}, not {arguments[group]!r}")

    def refuse(self, error: Exception) -> NoReturn:
        """Turn the parser's message into one sentence."""
        raise PoiseError(sentence(str(error), self.options())) from None


def underscored(word: str) -> str:
    """--l2-generator=1e-4 -> --l2_generator=1e-4; values stay as they are."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value


def plain(value: Any) -> Any:
    """Namespaces, tuples and paths as dicts, lists and strings."""
    if isinstance(value, jsonargparse.Namespace):
        return {key: plain(item) for key, item in vars(value).items() if key not in ("config", "print_config")}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, os.PathLike) else value


def readable_configs(words: list[str]) -> tuple[list[str], list[str]]:
    """The words as the parser reads them, a TOML file as its content in JSON and a name as its file; and what the
    configuration files were called."""
    ready, files = list(words), []
    for place, path in config_places(words):
        content, read = read_config(path), located(path)
        files.append(path)
        if path.endswith(".toml"):
            read = json.dumps(content, default=str)
        ready[place] = f"--config={read}" if words[place].startswith("--config=") else read
    return ready, files


def config_places(words: list[str]) -> list[tuple[int, str]]:
    """Where a configuration file is named, and its path."""
    found = [(i, word.partition("=")[2]) for i, word in enumerate(words) if word.startswith("--config=")]
    return found + [(i + 1, "".join(words[i + 1 : i + 2])) for i, word in enumerate(words) if word == "--config"]


def configs_first(words: list[str]) -> list[str]:
    """The same words, configuration files before all others: a flag goes before what they say wherever it stands."""
    first: list[str] = []
    nameless = ["--config"] if words[-1:] == ["--config"] else []  # it stays the last, and is told
    for i, _ in sorted(config_places(words)):
        if i < len(words):
            first += words[i : i + 1] if words[i].startswith("--config=") else words[i - 1 : i + 1]
    return [*first, *without_configs(words), *nameless]


def without_configs(words: list[str]) -> list[str]:
    named = {i for i, _ in config_places(words)}
    return [word for i, word in enumerate(words) if i not in named and word != "--config"]


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
