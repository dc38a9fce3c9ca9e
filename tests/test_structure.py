"""The rooms: imports point down, torch stays out where it must, nothing brings torchvision."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "poise"
RANK = {
    **dict.fromkeys(["errors", "lazy", "terminal"], -1),
    "limits": -0.9,
    "installing": -0.9,
    **dict.fromkeys(["core", "registry", "record", "signal", "spoken"], 0),
    "disk": -0.5,
    **dict.fromkeys(["data", "models", "games", "training", "report"], 1),
    **dict.fromkeys(["penalties", "losses", "metrics", "monitor"], 2),
    "recipes": 3,
    "study": 4,
    "trials": 5,
    "cli": 6,
    "__main__": 7,
    "__init__": -2,
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Rooms of the package that a file imports anywhere, and outside modules that it imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names = [f"poise.{a.name}" for a in node.names] if node.module == "poise" else [node.module or ""]
        found |= {name.split(".")[1] if name.startswith("poise.") else name.split(".")[0] for name in names}
    return found - {"poise", "__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down_or_stay_in_the_room(path):
    mine = room(path)
    assert mine in RANK, f"{mine} is a new room: give it a rank"
    for other in imported(path) & RANK.keys():
        assert other == mine or RANK[other] < RANK[mine], f"{mine} (rank {RANK[mine]}) imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_torchvision_and_no_torch_in_the_record_and_the_report(path):
    outside = imported(path)
    assert "torchvision" not in outside
    if room(path) in ("record", "disk", "report", "errors", "registry", "lazy", "cli"):
        assert "torch" not in outside


def test_torchvision_is_not_imported_by_any_room():
    modules = [
        ".".join(("poise", *p.relative_to(PACKAGE).with_suffix("").parts)) for p in FILES if p.name != "__main__.py"
    ]
    script = f"import importlib, sys\nfor m in {modules!r}: importlib.import_module(m.removesuffix('.__init__'))\n"
    script += "assert 'torchvision' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_long_files_and_functions_say_why():
    """Over 250 lines, or over 40 in a function, only with a reason in the docstring."""
    crowded = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        if len(text.splitlines()) > 250 and "lines" not in (ast.get_docstring(tree) or ""):
            crowded.append(f"{path.name}: {len(text.splitlines())} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if length > 40 and "lines" not in (ast.get_docstring(node) or ""):
                    crowded.append(f"{path.name}:{node.name}: {length} lines")
    assert not crowded


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples_run_and_are_short(path):
    assert len(path.read_text().splitlines()) < 60
    subprocess.run([sys.executable, path], check=True, capture_output=True)
