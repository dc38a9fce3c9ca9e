"""What functions take: not too much, and no table of anything in public but at the edge."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.test_structure import FILES, PACKAGE, parsed


@pytest.mark.slow
def test_no_signature_is_wider_than_25():
    """Parameters of functions and methods, all kinds of them counted, `self` too."""
    wide = []
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                taken = node.args
                count = len(taken.posonlyargs) + len(taken.args) + len(taken.kwonlyargs)
                count += (taken.vararg is not None) + (taken.kwarg is not None)
                if count > 25:
                    wide.append(f"{path.name}:{node.lineno}: {count} parameters")
    assert not wide


UNTYPED = re.compile(r"\b(dict|Dict|Mapping|MutableMapping)\[str, (typing\.)?Any\]")
# Functions that read or write JSON or the state of torch, whose content has no types: by name, or one by one.
EDGE = {
    **dict.fromkeys(["to_dict", "from_dict"], "JSON"),
    **dict.fromkeys(["state_dict", "load_state_dict"], "torch's state"),
    "cli/parser.py:FlagOptions": "what argparse takes",
    "disk/reading.py:entries": "lines of JSON",
    "disk/reading.py:each_entry": "the same",
    "record.py:RunFolder.report": "the JSON of report.json",
    "runs/load.py:Run.report": "the same, for users",
    "door.py:EvaluationResult.report": "the JSON of an evaluation, for users",
    "training/checked.py:resume_state": "torch's state",
    "training/checkpoint.py:initial": "torch's state",
    "training/checkpoint.py:begin": "torch's state",
    "recipes/common/recipe.py:Recipe.table": "the JSON of spec.json",
    "recipes/vocoder/build.py:opening": "kept as JSON: what opens recordings again",
    "recipes/vocoder/build.py:recordings": "the same, read",
    "recipes/vocoder/build.py:facts": "the same, told",
    "recipes/speech/build.py:facts": "the same, told",
    "recipes/common/recipe.py:Arguments": "what the parser of the command line gave",
    "recipes/common/options.py:Options": "the same: player -> its options",
    "recipes/common/options.py:Group.of": "the same",
    "recipes/common/options.py:grouped": "the same",
    "recipes/vae/build.py:objective_options": "the same: options that only some objectives have",
    "recipes/vae/objectives.py:chosen": "the same",
}


def functions_of(body: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Public functions and methods with their names, `__init__` among them."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from functions_of(node.body, f"{inside}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
            yield f"{inside}{node.name}", node
        elif isinstance(node, ast.If | ast.Try):
            yield from functions_of([*node.body, *node.orelse], inside)


def untyped_in(source: str) -> list[str]:
    """Public functions with a table of anything in their signature, and names that stand for such a table."""
    tree, found = ast.parse(source), []
    for name, function in functions_of(tree.body):
        taken = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        hints = {one.arg: one.annotation for one in taken} | {name.rpartition(".")[2]: function.returns}
        said = {of: ast.unparse(hint) for of, hint in hints.items() if hint is not None}
        if any(UNTYPED.search(hint) for hint in said.values()):
            found.append(name)
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.ClassDef):
            parts = [node.value] if isinstance(node, ast.Assign) else node.bases
            if any(UNTYPED.fullmatch(ast.unparse(part)) for part in parts):
                found.append(node.name if isinstance(node, ast.ClassDef) else ast.unparse(node.targets[0]))
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def one(x: dict[str, Any]) -> None: ...", ["one"]),
        ("def two(x: int, *, y: Sequence[Mapping[str, Any]] | None) -> None: ...", ["two"]),
        ("class A:\n    def __init__(self, x: Dict[str, typing.Any]): ...\n    def b(self) -> dict[str, Any]: ...",
         ["A.__init__", "A.b"]),
        ("if x:\n    async def no(): ...\n    def yes() -> tuple[int, dict[str, dict[str, Any]]]: ...", ["yes"]),
        ("Row = dict[str, Any]\nclass Rows(dict[str, Any]): ...", ["Row", "Rows"]),
        ("def fine(x: dict[str, float], y: dict[int, Any]) -> dict[str, object]: ...", []),
        ("def _own(x: dict[str, Any]) -> dict[str, Any]:\n    y: dict[str, Any] = {}\n    return y", []),
    ],
)  # fmt: skip
def test_a_signature_with_a_table_of_anything_is_found(source, found):
    assert untyped_in(source) == found


@pytest.mark.slow
def test_no_public_signature_has_a_table_of_anything_but_at_the_edge():
    found = set()
    for path in FILES:
        hidden = path.stem.startswith("_") and path.name != "__init__.py"
        if not hidden:
            place = path.relative_to(PACKAGE).as_posix()
            found |= {f"{place}:{name}" for name in untyped_in(path.read_text(encoding="utf-8"))}
    needed = {name for name in found if name.rpartition(".")[2] in EDGE or name in EDGE}
    assert not found - needed, (
        "give it a type: a dataclass with to_dict, or dict[str, object] for what is only handed on"
    )
    assert {name for name in EDGE if ":" in name} <= needed, "an exception that is not needed any more"
