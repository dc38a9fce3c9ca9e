"""Classes and functions -> one file of code that needs nothing of Poise: their own source, and all that it names.

What is named is followed through the modules of Poise and of the user's own files; what comes from torch or the
standard library is imported. Decorators that only enter a member in the registry are left out.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poise.errors import PoiseError

ALLOWED = frozenset({*sys.stdlib_module_names, "torch"})  # what the file may import
FOR_CHECKERS = re.compile(r"  # type: ignore\S*")
EXAMPLE = re.compile(r"\n\n +Example:\n(?: +\S.*\n)*? +(?=\"\"\")")  # of a docstring, at its end
REGISTERS = "register"  # the decorator that is left out


@dataclass
class _Module:
    """A file of code: top-level name -> the statement that makes it."""

    name: str
    source: str
    made: dict[str, ast.stmt] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str) -> _Module:
        path = getattr(importlib.import_module(name), "__file__", None)
        if path is None:
            raise PoiseError(f"{name} has no source that could be handed over")
        source = Path(path).read_text(encoding="utf-8")
        found = cls(name, source)
        for statement in _statements(ast.parse(source).body):
            for made in _names_made(statement):
                found.made[made] = statement
        return found

    def text(self, statement: ast.stmt) -> str:
        """Its source, without decorators of the registry."""
        lines = self.source.splitlines()
        first = statement.lineno
        kept: list[str] = []
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            for decorator in statement.decorator_list:
                if not _registers(decorator):
                    kept += lines[decorator.lineno - 1 : decorator.end_lineno]
        text = "\n".join([*kept, *lines[first - 1 : statement.end_lineno]])
        return FOR_CHECKERS.sub("", EXAMPLE.sub("", text))


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of a module, with those that only a type checker sees."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield from _statements(statement.body)
        else:
            yield statement


def _names_made(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
    if isinstance(statement, ast.AnnAssign):
        targets: list[ast.expr] = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        return []
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]


def _registers(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == REGISTERS


def _names_read(statement: ast.stmt) -> list[str]:
    """Names in the order in which they stand, those of the registry's decorators left out."""
    left_out = {
        id(node)
        for decorator in getattr(statement, "decorator_list", [])
        if _registers(decorator)
        for node in ast.walk(decorator)
    }
    nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Name) and id(node) not in left_out]
    nodes.sort(key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(node.id for node in nodes))


class Bundle:
    """The code of some classes and functions. Add them, then take `text`."""

    def __init__(self) -> None:
        self._modules: dict[str, _Module] = {}
        self._imports: dict[str, None] = {}
        self._members_of: dict[str, set[str]] = {}  # module -> what is imported from it
        self._parts: list[tuple[str, bool]] = []  # code, whether it is a constant; in the order of execution
        self._where: dict[str, tuple[str, int]] = {}  # name in the file -> module and line of what it is

    def add(self, thing: Callable[..., Any]) -> None:
        """A class or a function that stands at the top of a module, with all that it names.

        Errors: PoiseError for what has no source, for an import from elsewhere, and for a name with two meanings.
        """
        self._take(thing.__module__, thing.__name__)

    def imports(self, module: str) -> None:
        """Import a module of the standard library besides."""
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
        if statement is None:
            return  # a builtin, an argument, a local name
        if isinstance(statement, ast.ImportFrom):
            self._follow(statement, name)
            return
        if isinstance(statement, ast.Import):
            self._import(statement, name)
            return
        here = (module_name, statement.lineno)
        if self._known(name, here):
            return
        self._where[name] = here
        for other in _names_made(statement):
            self._where.setdefault(other, here)
        for other in _names_read(statement):
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

    def _follow(self, statement: ast.ImportFrom, name: str) -> None:
        source = statement.module or ""
        alias = next(part for part in statement.names if (part.asname or part.name) == name)
        top = source.partition(".")[0]
        if top in ALLOWED:
            known = f" as {alias.asname}" if alias.asname else ""
            self._members_of.setdefault(source, set()).add(f"{alias.name}{known}")
            return
        if alias.asname or not _is_python_of(source):
            raise PoiseError(
                f"'{name}' comes from {source}: a file for torch alone cannot hold it; export with --onnx instead"
            )
        self._take(_home(source, alias.name), alias.name)

    def _import(self, statement: ast.Import, name: str) -> None:
        alias = next(part for part in statement.names if (part.asname or part.name.partition(".")[0]) == name)
        if alias.name.partition(".")[0] not in ALLOWED:
            raise PoiseError(f"{alias.name} is imported: a file for torch alone cannot hold it; export with --onnx")
        known = f" as {alias.asname}" if alias.asname else ""
        self._imports[f"import {alias.name}{known}"] = None

    def _module(self, name: str) -> _Module:
        if name not in self._modules:
            self._modules[name] = _Module.of(name)
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
