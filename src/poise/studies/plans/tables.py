"""A study's file -> the table that it holds: YAML, TOML, or what a Python file calls STUDY."""

from __future__ import annotations

import re
import runpy
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from poise.errors import PoiseError
from poise.specs.yaml_text import loaded

HOLDING_NAMES = ("part", "endpoint", "arm", "against")  # their values name other entries of the file
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


def table_of(path: Path) -> Any:
    """The table in a file. Errors: PoiseError, one sentence that begins with the file."""
    if not path.is_file():
        raise PoiseError(f"{path}: there is no such file; name a study's .yaml, .toml or .py file")
    try:
        if path.suffix == ".py":
            found = executed(str(path))
            if "STUDY" not in found:
                raise PoiseError(f"{path} must set STUDY to a table with name, recipe, arms, seeds and endpoints")
            return found["STUDY"]
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text) if path.suffix == ".toml" else _numbers(loaded(text, HOLDING_NAMES))
    except PoiseError as error:
        raise error if str(error).startswith(str(path)) else PoiseError(f"{path}: {error}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PoiseError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    except SystemExit as error:
        raise PoiseError(f"{path} ends the program (SystemExit: {error.code}): it must set STUDY and go on") from None
    except Exception as error:  # what a user's own Python file may raise
        raise PoiseError(f"{path} stops with {type(error).__name__}: {' '.join(str(error).split())}") from None


def executed(path: str) -> dict[str, object]:
    """What a Python file sets. Once in a process as long as it stays as it is: it may register recipes."""
    return _executed(path, Path(path).read_bytes())


@lru_cache
def _executed(path: str, content: bytes) -> dict[str, object]:
    return runpy.run_path(path)


def _numbers(value: Any) -> Any:
    """1e-3 is a number, whatever the YAML of 2005 says."""
    if isinstance(value, dict):
        return {key: item if key in HOLDING_NAMES else _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value
