"""Modules that are loaded when an attribute of them is first read, so that help and error messages come at once."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class Lazy(ModuleType):
    """Stands for the module of the same name; `torch = Lazy("torch")` costs nothing until `torch.Tensor` is read."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value
