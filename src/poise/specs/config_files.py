"""Configuration files in the place of flags: --config FILE, in YAML or TOML, or the name of one that Poise brings."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from poise.disk.description import Arguments
from poise.errors import PoiseError, nearest
from poise.specs.yaml_text import loaded

PRESETS = Path(__file__).parent / "presets"


def presets() -> list[str]:
    """Names of the configuration files that Poise brings."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def located(path: str) -> str:
    """A file as it is named, or else that of Poise which is called so."""
    if not Path(path).exists() and path in presets():
        return str(PRESETS / f"{path}.yaml")
    return path


@contextlib.contextmanager
def readable_configs(words: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """The words with a JSON file for each TOML file, which the parser reads, and a file for each name; and what they
    were called."""
    ready, files, made = list(words), [], []
    try:
        for place, path in config_places(words):
            files.append(path)
            name, content = located(path), read_config(path)
            if path.endswith(".toml"):
                handle, name = tempfile.mkstemp(suffix=".yaml")
                made.append(name)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(content, file, default=str)
            if name != path:
                ready[place] = f"--config={name}" if words[place].startswith("--config=") else name
        yield ready, files
    finally:
        for name in made:
            os.unlink(name)


def config_places(words: list[str]) -> list[tuple[int, str]]:
    """Where a configuration file is named, and its path."""
    found = [(i, word.partition("=")[2]) for i, word in enumerate(words) if word.startswith("--config=")]
    return found + [(i + 1, "".join(words[i + 1 : i + 2])) for i, word in enumerate(words) if word == "--config"]


def without_configs(words: list[str]) -> list[str]:
    named = {i for i, _ in config_places(words)}
    return [word for i, word in enumerate(words) if i not in named and word != "--config"]


def read_config(path: str) -> Arguments:
    """The table of arguments in a YAML or TOML file, or in one that Poise brings."""
    kind = "TOML" if path.endswith(".toml") else "YAML"
    file = Path(located(path))
    if not file.is_file():
        raise PoiseError(
            f"--config {path or '(nothing)'}: there is no such file{nearest(path, presets(), '.')} Name a YAML or TOML "
            f"file, or one of {', '.join(presets())}"
        )
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text) if kind == "TOML" else loaded(text)
    except PoiseError as error:
        raise PoiseError(f"--config {path} {error}") from None
    except RecursionError:
        raise PoiseError(f"--config {path} is nested too deeply") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PoiseError(f"--config {path} is not valid {kind}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise PoiseError(f"--config {path} must hold arguments such as 'steps: 1000', not {str(content)[:40]!r}")
    return content
