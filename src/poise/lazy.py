"""Modules that are loaded when an attribute of them is first read, so that help and error messages come at once;
and what has to be said before torch is loaded."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, MutableMapping
from types import ModuleType
from typing import Any


class Lazy(ModuleType):
    """Stands for the module of the same name; `torch = Lazy("torch")` costs nothing until `torch.Tensor` is read."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value


def loaded(path: str) -> Any:
    """What a dotted path such as "poise.losses.adversarial:hinge" names: the module before the colon is imported now.

    Errors: ImportError, AttributeError.
    """
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def later(path: str) -> Callable[..., Any]:
    """The function of such a path, whose module is imported when it is called."""
    return lambda *given, **asked: loaded(path)(*given, **asked)


def waits_briefly(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Let OpenMP's threads that wait for others spin for some microseconds and then sleep; before torch is loaded.

    GNU OpenMP spins for about a hundred times as long by default, and burns the core that the others need. Not at all
    (`OMP_WAIT_POLICY=PASSIVE`) is worse: on two idle cores a step took 96 instead of 66 ms. What the user has set is
    left alone. Returns whether it was set here.
    """
    if any(name in environment for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")):
        return False
    environment["GOMP_SPINCOUNT"] = "3000"
    return True
