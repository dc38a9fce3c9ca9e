"""What a run is asked to do: a recipe's name and arguments, checked and completed by the recipe's own signature."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import importlib
import json
import os
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import jsonargparse

from poise.errors import PoiseError, nearest
from poise.recipes.recipe import Kind
from poise.registry import find, names

RECIPES = ("poise.recipes.images",)  # modules that register a recipe when imported; none loads torch


def kind_of(recipe: str) -> Kind:
    """The recipe of that name."""
    for module in RECIPES:
        importlib.import_module(module)
    return find("recipe", recipe)


def all_recipes() -> list[str]:
    for module in RECIPES:
        importlib.import_module(module)
    return names("recipe")


class Parser(jsonargparse.ArgumentParser):
    """Flags with dashes; every mistake is one sentence with the nearest name that is known."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"exit_on_error": False, **kwargs})

    def options(self) -> list[str]:
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]

    def format_help(self) -> str:
        return re.sub(r"--[\w.\-]+", lambda match: match.group().replace("_", "-"), super().format_help())

    def parse(self, argv: list[str]) -> dict[str, Any]:
        """The arguments as plain values: numbers, strings, lists and dicts."""
        try:
            with _readable_toml(argv) as readable:
                parsed = self.parse_args([underscored(word) for word in readable])
        except (jsonargparse.ArgumentError, TypeError, ValueError, OSError) as error:
            self.refuse(error)
        return plain(parsed)

    def refuse(self, error: Exception) -> NoReturn:
        """Turn the parser's message into one sentence."""
        raise PoiseError(sentence(str(error), self.options())) from None


def underscored(word: str) -> str:
    """--l2-generator=1e-4 -> --l2_generator=1e-4; values stay as they are."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value


class _readable_toml:
    """TOML configuration files are read with the standard library and handed on as JSON, which the parser reads."""

    def __init__(self, argv: list[str]) -> None:
        self.argv, self.made = argv, []

    def __enter__(self) -> list[str]:
        import tempfile

        words = list(self.argv)
        for i, word in enumerate(words):
            name, equals, value = word.partition("=")
            place = i if equals else i + 1
            path = value if equals else (words[i + 1] if i + 1 < len(words) else "")
            if name != "--config":
                continue
            if not Path(path).is_file():
                raise PoiseError(f"--config {path or '(nothing)'}: there is no such file")
            if path.endswith(".toml"):
                try:
                    content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
                except (ValueError, OSError) as error:
                    raise PoiseError(f"--config {path} is not valid TOML: {error}") from None
                handle, made = tempfile.mkstemp(suffix=".yaml")
                os.write(handle, json.dumps(content).encode())
                os.close(handle)
                self.made.append(made)
                words[place] = f"--config={made}" if equals else made
        return words

    def __exit__(self, *_: Any) -> None:
        for made in self.made:
            os.unlink(made)


def sentence(message: str, known: list[str]) -> str:
    """The parser's message, possibly of several lines, as one sentence with the nearest known flag."""
    text = " ".join(line.strip() for line in message.strip().splitlines())
    unknown = re.search(r"[Uu]nrecognized arguments: (--[\w.\-]+)", text)
    if unknown:
        flag = unknown.group(1).replace("_", "-")
        flags = [name.replace("_", "-") for name in known]
        return f"unknown option {flag}{nearest(flag, flags) or '; see --help'}"
    text = re.sub(r'Parser key "([\w.]+)":', lambda m: f"--{m.group(1).replace('_', '-')}:", text)
    text = text.replace("<class '", "").replace("'>", "")
    penalty = re.search(r"Expected a dot import path string: (\w+)", text)
    if penalty:
        return f"there is no penalty called '{penalty.group(1)}'{nearest(penalty.group(1), names('penalty'))}"
    key = re.search(r"(?:Key|Option|key) [\"']?([\w.]+)[\"']? is not (?:expected|accepted)", text)
    if key:
        keys = [name.removeprefix("--").split(".")[-1] for name in known]
        member = re.search(r"class_path '[\w.]*?(\w+)'", text)
        if member and member.group(1) in names("penalty"):
            keys = [field.name for field in dataclasses.fields(find("penalty", member.group(1)))]
        text += nearest(key.group(1).split(".")[-1], keys)
    return text


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
    """The parser that a recipe's signature describes."""
    parser = Parser(prog=prog or f"poise train {recipe}", description=_first_line(kind_of(recipe).build))
    parser.add_argument("--config", action=jsonargparse.ActionConfigFile, help="a YAML or TOML file with arguments")
    parser.add_function_arguments(kind_of(recipe).build, as_positional=True)
    return parser


def _first_line(function: Callable) -> str:
    return (function.__doc__ or "").strip().splitlines()[0]


def completed(recipe: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with every default filled in and every type checked."""
    parser = parser_for(recipe)
    try:
        return plain(parser.parse_object(copy.deepcopy(arguments)))
    except (jsonargparse.ArgumentError, TypeError, ValueError) as error:
        parser.refuse(error)


def instantiated(recipe: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments as the recipe's function takes them: options and penalties as objects."""
    parser = parser_for(recipe)
    try:
        ready = parser.instantiate(parser.parse_object(copy.deepcopy(arguments)))  # the parser changes what it is given
    except (jsonargparse.ArgumentError, TypeError, ValueError) as error:
        parser.refuse(error)
    return {key: value for key, value in vars(ready).items() if key != "config"}


def run_name(recipe: str, arguments: dict[str, Any]) -> str:
    """RECIPE-DATA-HASH: the same arguments give the same name."""
    digest = hashlib.sha256(json.dumps([recipe, arguments], sort_keys=True).encode()).hexdigest()[:8]
    data = re.sub(r"[^\w]+", "-", Path(str(arguments.get("data", ""))).stem).strip("-").lower() or "data"
    return f"{recipe}-{data[:24]}-{digest}"


def versions() -> dict[str, str]:
    """What made the numbers."""
    import importlib.metadata

    found = {"poise": importlib.metadata.version("poise"), "python": sys.version.split()[0]}
    return found | {name: importlib.metadata.version(name) for name in ("torch", "numpy", "pillow")}
