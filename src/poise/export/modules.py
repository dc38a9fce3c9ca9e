"""A file of code looked at without executing it: which statement makes a name, what it reads, what is changed later."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from poise.errors import PoiseError

FOR_CHECKERS = re.compile(r"  # type: ignore\S*")
EXAMPLE = re.compile(r"\n\n +Example:\n(?: +\S.*\n)*? +(?=\"\"\")")  # of a docstring, at its end
REGISTERS = "register"  # the decorator that is left out


@dataclass
class Module:
    """A file of code: top-level name -> the statement that makes it; names that other statements change later; the
    modules from which it imports everything."""

    name: str
    source: str
    made: dict[str, ast.stmt] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, name: str) -> Module:
        path = getattr(importlib.import_module(name), "__file__", None)
        if path is None:
            raise PoiseError(f"{name} has no source that could be handed over")
        source = Path(path).read_text(encoding="utf-8")
        found = cls(name, source)
        for statement in _statements(ast.parse(source).body):
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
                found.stars.append(source_of(statement, name))
            for made in names_made(statement):
                if made in found.made and not isinstance(statement, ast.Import | ast.ImportFrom):
                    found.changed.add(made)
                found.made[made] = statement
            found.changed.update(_names_changed(statement))
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
        text = textwrap.dedent("\n".join([*kept, *lines[first - 1 : statement.end_lineno]]))
        return FOR_CHECKERS.sub("", EXAMPLE.sub("", text))


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of a module, with those that only a type checker sees, and what is tried."""
    for statement in body:
        if isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test):
            continue  # what is done where the file is executed as a program
        if isinstance(statement, ast.If | ast.Try):
            yield from _statements(statement.body)
        else:
            yield statement


def names_made(statement: ast.stmt) -> list[str]:
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


def _names_changed(statement: ast.stmt) -> list[str]:
    """What a statement at the top changes, by its own look: x += 1, x[0] = 1, x.y = 1, x.append(1), for x in …"""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.Import | ast.ImportFrom):
        return []
    first = set(names_made(statement))
    found = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not first:
            found.append(_root(node.func))
        elif isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found.append(_root(node))
    return [name for name in found if name and name not in first]


def _root(node: ast.expr) -> str:
    """x of x.y[0].z; nothing where it does not begin with a name."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def source_of(statement: ast.ImportFrom, module: str) -> str:
    """The full name of what a module imports from; dots in front count from its package."""
    asked = "." * statement.level + (statement.module or "")
    package = getattr(importlib.import_module(module), "__package__", None)
    return importlib.util.resolve_name(asked, package) if statement.level else asked


def _registers(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == REGISTERS


def names_read(statement: ast.stmt) -> list[str]:
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
