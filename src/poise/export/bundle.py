"""Classes and functions -> one file of code that needs nothing of Poise: their own source, and all that it names.

What is named is followed through the modules of Poise and of the user's own files; what comes from torch or the
standard library is imported. Decorators that only enter a member in the registry are left out.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from poise.errors import PoiseError
from poise.export.modules import Module, names_made, names_read, source_of

ALLOWED = frozenset({*sys.stdlib_module_names, "torch"})  # what the file may import
RESERVED = ("main", "open_generator")  # what the file defines itself


class Bundle:
    """The code of some classes and functions. Add them, then take `text`."""

    def __init__(self) -> None:
        self._modules: dict[str, Module] = {}
        self._imports: dict[str, None] = {}
        self._members_of: dict[str, set[str]] = {}  # module -> what is imported from it
        self._parts: list[tuple[str, bool]] = []  # code, whether it is a constant; in the order of execution
        self._where: dict[str, tuple[str, int]] = {}  # name in the file -> module and line of what it is
        self._imported: dict[str, Any] = {}  # name in the file -> what was imported

    def add(self, thing: Callable[..., Any]) -> None:
        """A class or a function that stands at the top of a module, with all that it names.

        Errors: PoiseError for what has no source, for an import from elsewhere, and for a name with two meanings.
        """
        self._take(thing.__module__, thing.__name__)

    def imports(self, module: str) -> None:
        """Import a module of the standard library besides."""
        self._bind(module, importlib.import_module(module))
        self._imports[f"import {module}"] = None

    def text(self, opening: str) -> str:
        """The file: `opening`, the imports, the code."""
        plain = sorted(self._imports, key=lambda line: ("torch" in line, line))
        head = [opening, "", "from __future__ import annotations", "", *plain, *self._members()]
        text = "\n".join(head)
        for i, (part, constant) in enumerate(self._parts):
            close = constant and i > 0 and self._parts[i - 1][1]
            text += ("\n" if close else "\n\n\n") + part
        return text + "\n"

    def _members(self) -> list[str]:
        """Lines that import names from modules, those of torch behind those of the standard library."""
        sources = sorted(self._members_of, key=lambda source: (source.startswith("torch"), source))
        return [f"from {source} import {', '.join(sorted(self._members_of[source]))}" for source in sources]

    def _take(self, module_name: str, name: str) -> None:
        module = self._module(module_name)
        statement = module.made.get(name)
        if statement is None:  # from everything that is imported, or a builtin, an argument, a local name
            for source in module.stars:
                if hasattr(importlib.import_module(source), name) and not name.startswith("_"):
                    self._from(source, ast.alias(name), name)
            return
        if isinstance(statement, ast.ImportFrom):
            alias = next(part for part in statement.names if (part.asname or part.name) == name)
            self._from(source_of(statement, module_name), alias, name)
            return
        if isinstance(statement, ast.Import):
            self._import(statement, name)
            return
        here = (module_name, statement.lineno)
        if self._known(name, here):
            return
        self._check(module, statement, name)
        self._where[name] = here
        for other in names_made(statement):
            self._where.setdefault(other, here)
        for other in names_read(statement):
            if other != name:
                self._take(module_name, other)
        constant = isinstance(statement, ast.Assign | ast.AnnAssign)
        self._parts.append((module.text(statement), constant))

    def _known(self, name: str, here: tuple[str, int]) -> bool:
        """Whether it is there already. Errors: PoiseError where the name means something else there."""
        other = self._where.get(name)
        if other is not None and other != here:
            raise PoiseError(
                f"'{name}' of {here[0]} and '{name}' of {other[0]} cannot stand in one file: rename one of them"
            )
        return other is not None

    def _check(self, module: Module, statement: ast.stmt, name: str) -> None:
        """PoiseError for what would be something else in the file, or would not be found there."""
        if name in RESERVED or name in self._imported:
            raise PoiseError(f"'{name}' of {module.name} means something else in the file: rename it")
        if name in module.changed:
            raise PoiseError(
                f"'{name}' of {module.name} is made once and changed by a later line at the top of that file: make it "
                "whole in one statement, or export with --onnx instead"
            )
        for node in ast.walk(statement):
            sources = [part.name for part in node.names] if isinstance(node, ast.Import) else []
            sources += [source_of(node, module.name)] if isinstance(node, ast.ImportFrom) else []
            for source in sources:
                if source.partition(".")[0] not in ALLOWED:
                    raise PoiseError(f"'{name}' of {module.name} imports {source} inside: import it at the top")

    def _bind(self, name: str, thing: Any) -> None:
        """An import. Errors: PoiseError where its name means something else in the file."""
        if name in self._where or self._imported.setdefault(name, thing) is not thing or name in RESERVED:
            raise PoiseError(f"'{name}' is imported and means something else in the same file: rename one of them")

    def _from(self, source: str, alias: ast.alias, name: str) -> None:
        if source.partition(".")[0] in ALLOWED:
            self._bind(name, getattr(importlib.import_module(source), alias.name, (source, alias.name)))
            known = f" as {alias.asname}" if alias.asname else ""
            self._members_of.setdefault(source, set()).add(f"{alias.name}{known}")
            return
        module = isinstance(getattr(importlib.import_module(source), alias.name, None), ModuleType)
        if module or alias.asname or not _is_python_of(source):
            raise PoiseError(
                f"'{name}' comes from {source}: a file for torch alone cannot hold it; export with --onnx instead"
            )
        self._take(_home(source, alias.name), alias.name)

    def _import(self, statement: ast.Import, name: str) -> None:
        alias = next(part for part in statement.names if (part.asname or part.name.partition(".")[0]) == name)
        if alias.name.partition(".")[0] not in ALLOWED:
            raise PoiseError(f"{alias.name} is imported: a file for torch alone cannot hold it; export with --onnx")
        known = f" as {alias.asname}" if alias.asname else ""
        self._bind(name, importlib.import_module(alias.name if alias.asname else name))
        self._imports[f"import {alias.name}{known}"] = None

    def _module(self, name: str) -> Module:
        if name not in self._modules:
            self._modules[name] = Module.of(name)
        return self._modules[name]


def _is_python_of(source: str) -> bool:
    """Whether a module is Poise's own or a file beside the user's, and no installed package."""
    path = getattr(importlib.import_module(source), "__file__", None) or ""
    return source.partition(".")[0] == "poise" or "site-packages" not in Path(path).parts


def _home(source: str, name: str) -> str:
    """The module in which a name is defined: a package may only pass it on."""
    thing = getattr(importlib.import_module(source), name, None)
    home = getattr(thing, "__module__", source)
    passes_on = isinstance(home, str) and home != source and getattr(thing, "__name__", None) == name
    return home if passes_on else source
