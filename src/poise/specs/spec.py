"""What a run is asked to do: a recipe's name and arguments, checked and completed by the recipe's own signature."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docstring_parser
import jsonargparse

from poise import __version__
from poise.disk.description import Arguments
from poise.errors import PoiseError
from poise.installing import version_of
from poise.lazy import loaded as loaded_from
from poise.recipes.common.options import grouped, groups, parameters
from poise.recipes.common.recipe import RecipeEntry
from poise.registry import find, names
from poise.specs.config_files import presets
from poise.specs.parser import Parser, plain
from poise.specs.sources import allow_trusted, file_of, is_trusted

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
    parser.check(arguments)
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
# Those that came after searches had been made, which keep all arguments: at its default, such a one is left out there.
AFTER_SEARCHES: Arguments = {"reuse_generated": False}


def of_before(recipe: str, arguments: Arguments) -> Completed:
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
