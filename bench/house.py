"""The house in numbers: what a stranger has to find the way through, counted in one checkout or in two side by side.

    python bench/house.py                      # of this checkout
    python bench/house.py OLD NEW              # of two, such as two worktrees
    python bench/house.py --list               # where the subscripts with a word are: file:line, and the line

Counted in src/poise, by the syntax tree: lines; files of the fullest folder; class names that stand for two classes;
parameters of the widest signature, and whose it is; `dict[str, Any]`; subscripts with a word, as in row["loss"];
folded branches (conditional expressions, comprehensions with conditions, `and`/`or`) for each 1,000 lines; private
names (one underscore) that another file takes; functions over 40 lines and files over 250; pairs of places
alike (`bench/alike.py` lists them).
"""

from __future__ import annotations

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alike import alike

ROOT = Path(__file__).parents[1]


def trees(checkout: Path) -> Iterator[tuple[Path, str, ast.Module]]:
    """(path, text, syntax tree) of each file of the package."""
    for path in sorted((checkout / "src" / "poise").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path, text, ast.parse(text)


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many a caller may give: neither self nor *args, **kwargs."""
    taken = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in taken)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def is_word(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def folded(node: ast.AST) -> int:
    """Branches inside expressions: each needs its own thought, and none has its own line."""
    if isinstance(node, ast.IfExp):
        return 1
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    return 0


def listed(checkout: Path) -> Iterator[str]:
    """Each line with a subscript with a word, after its place; the file with the most of them first."""
    found: dict[str, list[tuple[int, str]]] = {}
    for path, text, tree in trees(checkout):
        lines = text.splitlines()
        name = str(path.relative_to(checkout / "src" / "poise"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and is_word(node.slice):
                found.setdefault(name, []).append((node.lineno, lines[node.lineno - 1].strip()))
    for name, places in sorted(found.items(), key=lambda item: -len(item[1])):
        yield f"{name}: {len(places)}"
        yield from (f"  {number}: {line}" for number, line in sorted(set(places)))


def counted(checkout: Path) -> dict[str, Any]:
    """Name of a count -> its value, of one checkout."""
    lines = dictionaries = subscripts = branches = long_functions = long_files = 0
    folders: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    widest = (0, "")
    for path, text, tree in trees(checkout):
        length = len(text.splitlines())
        lines += length
        long_files += length > 250
        folders[str(path.parent.relative_to(checkout / "src"))] += 1
        dictionaries += text.count("dict[str, Any]")
        classes.update(node.name for node in tree.body if isinstance(node, ast.ClassDef))
        for node in ast.walk(tree):
            subscripts += isinstance(node, ast.Subscript) and is_word(node.slice)
            branches += folded(node)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                widest = max(widest, (parameters(node), node.name))
                long_functions += body_lines(node) > 40
    return {
        "lines": lines,
        "files": sum(folders.values()),
        "files in the fullest folder": folders.most_common(1)[0][1],
        "class names with two meanings": sum(count > 1 for count in classes.values()),
        "parameters of the widest signature": f"{widest[0]} ({widest[1]})",
        "dict[str, Any]": dictionaries,
        "subscripts with a word": subscripts,
        "folded branches per 1,000 lines": round(1000 * branches / lines),
        "functions over 40 lines": long_functions,
        "files over 250 lines": long_files,
        "pairs of places alike": len(alike(checkout)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[ROOT])
    parser.add_argument("--list", action="store_true", help="list the subscripts with a word instead")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(line for checkout in asked.checkouts for line in listed(checkout)))
        return
    found = [counted(checkout) for checkout in asked.checkouts]
    for name in found[0]:
        print(f"{name:<38}", *(f"{facts[name]!s:>24}" for facts in found))


if __name__ == "__main__":
    main()
