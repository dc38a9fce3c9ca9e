"""Places of src/poise that say the same thing: who changes one of them has to know of the other.

    python bench/alike.py                      # of this checkout, each pair of places
    python bench/alike.py OTHER                # of another one

A pair of places lies in two functions: three statements in a row that are equal, or four of one shape, which is what
is left when names, texts and numbers are taken out. Imports and docstrings do not count, nor do fields of classes and
signatures: what declares looks alike. `bench/house.py` counts the pairs.
"""

from __future__ import annotations

import argparse
import ast
import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
EQUAL, SHAPED = 3, 4  # statements in a row
NAMES = ("name", "id", "attr", "arg", "names", "ctx", "kind", "type_comment", "type_params")


class Statement(NamedTuple):
    text: str
    shape: str
    line: int


@dataclass(frozen=True)
class Place:
    """A function of a file."""

    path: Path
    name: str
    statements: Sequence[Statement]


class Pair(NamedTuple):
    """`count` statements, from a line of one place and from a line of the other."""

    count: int
    one: Place
    line: int
    other: Place
    other_line: int


def shape(node: object) -> str:
    """A syntax tree without names and constants."""
    if isinstance(node, ast.Name | ast.Constant):
        return type(node).__name__
    if isinstance(node, ast.AST):
        parts = [shape(value) for name, value in ast.iter_fields(node) if name not in NAMES]
        return f"({type(node).__name__} {' '.join(parts)})"
    if isinstance(node, list):
        return f"[{' '.join(map(shape, node))}]"
    return str(node) if isinstance(node, int) else "-"


def statements(body: Sequence[ast.stmt]) -> Iterator[Statement]:
    """One after the other, those inside a block after its head."""
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        head, inside = copy.copy(statement), list[ast.stmt]()
        for name, value in ast.iter_fields(statement):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                inside += value
                setattr(head, name, [])
            elif isinstance(value, list) and value and isinstance(value[0], ast.ExceptHandler | ast.match_case):
                inside += [one for part in value for one in part.body]
                setattr(head, name, [])
        yield Statement(ast.unparse(head), shape(head), statement.lineno)
        yield from statements(inside)


def places(checkout: Path) -> list[Place]:
    found = []
    for path in sorted((checkout / "src" / "poise").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(Place(path.relative_to(checkout), node.name, list(statements(node.body))))
    return found


def alike(checkout: Path) -> list[Pair]:
    """Pairs of functions with a place alike, the longest first; of each pair the first place."""
    found = places(checkout)
    rows: dict[object, list[tuple[int, int]]] = defaultdict(list)
    for number, place in enumerate(found):
        for count, part in ((EQUAL, "text"), (SHAPED, "shape")):
            values = [getattr(one, part) for one in place.statements]
            for at in range(len(values) - count + 1):
                rows[(part, *values[at : at + count])].append((number, at))
    pairs: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for key, where in rows.items():
        length = EQUAL if isinstance(key, tuple) and key[0] == "text" else SHAPED
        for i, (one, at) in enumerate(where):
            for other, other_at in where[i + 1 :]:
                if one != other:
                    pairs[one, other] += [(at + j, other_at + j) for j in range(length)]
    made = []
    for (one, other), matched in pairs.items():
        at, other_at = min(matched)
        a, b = found[one], found[other]
        made.append(Pair(len({i for i, _ in matched}), a, a.statements[at].line, b, b.statements[other_at].line))
    return sorted(made, key=lambda pair: -pair.count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", nargs="?", type=Path, default=ROOT)
    found = alike(parser.parse_args().checkout)
    print(f"{len(found)} pairs of places alike")
    for count, one, line, other, other_line in found:
        print(f"{count:3} {one.path}:{line} {one.name}   {other.path}:{other_line} {other.name}")


if __name__ == "__main__":
    main()
