"""Arguments as Python holds them, as a run keeps them: numbers and paths of other libraries, penalties as objects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from poise.errors import PoiseError
from poise.registry import members

FAMILIES = ("penalty", "loss", "network")  # whose members may be named without their module
HOW = "give a number, a word, or the class by name: {'class_path': 'R1', 'init_args': {'gamma': 0.1}}"


def kept(value: Any, name: str) -> Any:
    """A value of an argument as JSON can hold it, to the last digit; `name` of the argument, for what cannot be kept.

    A penalty, a network or a loss with options, made as an object, becomes its class path and these options.

    Errors: PoiseError for anything else, such as a function or a tensor, and for a class of the script itself.

    Example:
        >>> from poise.penalties import R1
        >>> kept({"width": np.int64(4), "penalties": [R1(0.5)]}, "generator")["penalties"][0]["init_args"]["gamma"]
        0.5
    """
    if isinstance(value, np.generic):
        value = float(value) if isinstance(value, np.floating) else value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): kept(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [kept(item, name) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        options = {one.name: kept(getattr(value, one.name), f"{name}.{one.name}") for one in fields(value) if one.init}
        return {"class_path": _path(type(value), name), "init_args": options}
    raise PoiseError(f"{name} is a {type(value).__name__}, which a run cannot keep: {HOW}")


def _path(kind: type, name: str) -> str:
    """The class path of a class; that of one of ours is its name alone."""
    for family in FAMILIES:
        if members(family).get(kind.__name__) is kind:
            return kind.__name__
    if kind.__module__ == "__main__" or "<" in kind.__qualname__:
        raise PoiseError(
            f"{name} is of the class {kind.__name__} of this script: put it into a module that can be imported"
        )
    return f"{kind.__module__}.{kind.__qualname__}"
