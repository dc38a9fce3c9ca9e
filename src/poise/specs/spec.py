"""What a run is asked to do: a recipe's name and arguments, checked and completed by the recipe's own signature."""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import docstring_parser
import jsonargparse

from poise import __version__
from poise.disk.description import Arguments
from poise.errors import PoiseError
from poise.installing import version_of
from poise.lazy import loaded as loaded_from
from poise.recipes.common.options import Group, grouped, groups, parameters
from poise.recipes.common.recipe import RecipeEntry
from poise.registry import find, names
from poise.specs.bounds import check_numbers, no_endless_numbers
from poise.specs.config_files import located, presets, readable_configs, without_configs
from poise.specs.parser_errors import dashed, sentence
from poise.specs.sources import PATH, allow, allow_trusted, file_of, is_trusted
from poise.terminal import verbatim
from poise.words.helping import HelpLines

# A name of a class may load any module that a user has written, but none that could do harm (os, subprocess ...).
jsonargparse.set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=["poise"])


def kind_of(recipe: str) -> RecipeEntry:
    """The recipe of that name."""
    module, _, name = recipe.rpartition(".")
    if not module or (module not in sys.modules and file_of(recipe) is None):  # no code, but a name that is misspelt
        found: RecipeEntry = find("recipe", recipe)
        return found
    if not is_trusted(recipe):
        raise PoiseError(f"the recipe {recipe[:80]} is code outside of Poise: go on with --trust if it is yours")
    try:
        own = loaded_from(f"{module}:{name}")
    except (ImportError, AttributeError, SyntaxError) as error:
        raise PoiseError(f"the recipe {recipe} cannot be loaded ({error}): name MODULE.NAME of a file here") from None
    if not isinstance(own, RecipeEntry):
        raise PoiseError(f"{recipe} is no recipe, but a {type(own).__name__}: see docs/architecture.md")
    return own


def all_recipes() -> list[str]:
    return names("recipe")


class RecipeHelp(HelpLines, jsonargparse.DefaultHelpFormatter):
    """Help with types and defaults; a function that reads a value is no name of a type."""

    def _get_type_str(self, action: Any) -> str | None:
        told: str | None = None if inspect.isfunction(action.type) else super()._get_type_str(action)
        return told


class Parser(jsonargparse.ArgumentParser):
    """Flags with dashes; every mistake is one sentence with the nearest name that is known."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"exit_on_error": False, "formatter_class": RecipeHelp, **kwargs})
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
        words = [underscored(word) for word in argv]
        with readable_configs(words) as (readable, files):
            texts = [*words, *(Path(located(file)).read_text(encoding="utf-8") for file in files)]
            allow(found.group() for text in texts for found in PATH.finditer(text))  # the user names it
            try:
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

    def check_groups(self, arguments: Arguments) -> None:
        """A group such as `generator` holds options, and numbers have bounds; the parser itself lets anything pass."""
        check_numbers(self._actions, arguments)
        for flag in self.options():
            group, dot, first = flag.removeprefix("--").partition(".")
            if dot and first != "help" and not isinstance(arguments.get(group, {}), dict):
                raise PoiseError(f"--{group} must hold options such as {first}, not {arguments[group]!r}")

    def kept(self, arguments: Arguments) -> Arguments:
        """Checked, and as a run keeps them."""
        self.check_groups(arguments)
        return {
            **arguments,
            **{name: value for group in self.option_groups for name, value in group.kept(arguments).items()},
        }

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


def parser_for(recipe: str, prog: str | None = None) -> Parser:
    """The parser that a recipe's signature describes; options of its groups stand beside its own."""
    build = kind_of(recipe).build
    doc = docstring_parser.parse(build.__doc__ or "")
    parser = Parser(prog=prog or f"poise train {recipe}", description=doc.short_description)
    said = f"a YAML or TOML file with arguments, or one of {', '.join(presets())} for images"
    parser.add_argument("--config", action=jsonargparse.ActionConfigFile, help=said)  # type: ignore[attr-defined]
    parser.add_function_arguments(build, as_positional=True, skip=set(groups(build)))
    helps = {part.arg_name: part.description for part in doc.params if part.description}
    parser.option_groups = list(groups(build).values())
    for group in parser.option_groups:
        parser.add_class_arguments(type(group), default=group, skip=set(group.without), instantiate=False)
        parser.describe({flag: helps[flag] for flag in group.flags() if flag in helps})
    return parser


@functools.lru_cache
def _parser(recipe: str, build: Callable[..., Any]) -> Parser:
    """`parser_for` for those who add no flags of their own: building one takes longer than using it."""
    return parser_for(recipe)


class Completed(Arguments):
    """Arguments that have been through the parser: every default is filled in, and nothing would change there again."""


def completed(recipe: str, arguments: Arguments) -> Completed:
    """The arguments with every default filled in and every type checked."""
    if isinstance(arguments, Completed):
        return arguments
    parser = _parser(recipe, kind_of(recipe).build)
    allow_trusted(arguments)
    parser.check_groups(arguments)
    try:
        found = plain(parser.parse_object(copy.deepcopy(arguments)))
    except (jsonargparse.ArgumentError, ArithmeticError, TypeError, ValueError) as error:
        parser.refuse(error)
    return Completed(parser.kept(found))


def instantiated(recipe: str, arguments: Arguments) -> Arguments:
    """The arguments as the recipe's function takes them: options, their groups and penalties as objects."""
    build = kind_of(recipe).build
    parser = _parser(recipe, build)
    allow_trusted(arguments)
    try:
        ready = parser.instantiate(parser.parse_object(copy.deepcopy(arguments)))  # the parser changes what it is given
    except (jsonargparse.ArgumentError, ArithmeticError, TypeError, ValueError) as error:
        parser.refuse(error)
    return grouped(build, {key: value for key, value in vars(ready).items() if key != "config"})


# Arguments that came after runs had been made: what those runs did without them. A name of a run does not hold such an
# argument at its default, so that it is the name of before; NAMED are those that it held from the beginning.
SINCE: Arguments = {
    "bits": None, "splits": "none", "order": "names", "encoding": None, "delimiter": None, "layout": "lines",
    "metadata": None, "file_column": None, "text_column": None, "voice_column": None, "compile": False,
    "capture": "auto",
    "network": None, "from_run": None, "from_step": "last", "from_parts": "both", "augment_probability": 1.0,
    "ema_half_life": None, "reuse_generated": False,
}  # fmt: skip
UNNAMED = {**SINCE, "splits": "auto", "order": "content"}
NAMED = {("images", "compile")}


def of_before(recipe: str, arguments: Arguments) -> Arguments:
    """The arguments of a run that is there, completed: what it did not know is as it was without it."""
    taken = parameters(kind_of(recipe).build)
    missing = {name: value for name, value in SINCE.items() if name in taken and name not in arguments}
    return completed(recipe, {**missing, **arguments})


def run_name(recipe: str, arguments: Arguments) -> str:
    """RECIPE-DATA-HASH: the same arguments give the same name."""
    told = {}
    for name, value in arguments.items():
        later = name in UNNAMED and (recipe, name) not in NAMED
        if not later or value != UNNAMED[name]:
            told[name] = value
    digest = hashlib.sha256(json.dumps([recipe, told], sort_keys=True).encode()).hexdigest()[:8]
    data = re.sub(r"[^\w]+", "-", Path(str(arguments.get("data", ""))).stem).strip("-").lower() or "data"
    return f"{recipe}-{data[:24]}-{digest}"


def versions() -> dict[str, str]:
    """What made the numbers."""
    found = {"poise": __version__, "python": sys.version.split()[0]}
    return found | {name: version_of(name) for name in ("torch", "numpy", "pillow")}
