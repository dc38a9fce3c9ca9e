"""Modules that are loaded when an attribute of them is first read, so that help and error messages come at once;
and what has to be said before torch is loaded."""

from __future__ import annotations

import importlib
import os
from collections.abc import MutableMapping
from types import ModuleType
from typing import Any


class Lazy(ModuleType):
    """Stands for the module of the same name; `torch = Lazy("torch")` costs nothing until `torch.Tensor` is read."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value


def waits_passively(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Let threads that wait for others sleep instead of burning the core that the others need; before torch is loaded.

    Leaves alone what the user has set. Returns whether it was set here.
    """
    if any(name in environment for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")):
        return False
    environment["OMP_WAIT_POLICY"] = "PASSIVE"
    return True
