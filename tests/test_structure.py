"""The rooms: imports point down, torch stays out where it must, nothing brings torchvision."""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REASON = re.compile(r"More than (250|40) lines, because \w+")
PACKAGE = ROOT / "src" / "poise"
RANK = {
    "words": -1.1,
    **dict.fromkeys(["errors", "lazy", "terminal"], -1),
    "limits": -0.95,
    **dict.fromkeys(["installing", "intervals", "direction", "pixels"], -0.9),
    "disk": -0.5,
    "rows": -0.4,
    **dict.fromkeys(["core", "registry", "record", "audio", "networks"], 0),
    **dict.fromkeys(["data", "models", "games", "training", "report"], 1),
    **dict.fromkeys(["penalties", "losses", "metrics", "monitor"], 2),
    "recipes": 3,
    "specs": 4,
    "runs": 5,
    **dict.fromkeys(["evaluation", "export", "studies"], 6),
    "tuning": 6.3,
    "results": 6.5,
    "serve": 6.7,
    **dict.fromkeys(["cli", "door"], 7),
    **dict.fromkeys(["__main__", "__init__"], 8),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("poise", *parts)).removesuffix(".__init__")


MODULES = {module(path): path for path in FILES}


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere, and outside modules that it imports."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            source = node.module or ""
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                found.add(whole if whole in MODULES else source)
    return found - {"poise"}


def rooms_of(path: Path) -> set[str]:
    """Rooms of the package that a file imports, and outside packages."""
    split = [name.split(".") for name in imported(path)]
    return {parts[1] if parts[0] == "poise" else parts[0] for parts in split}


def test_imports_point_down_or_stay_in_the_room():
    upward = []
    for path in FILES:
        mine = room(path)
        assert mine in RANK, f"{mine} is a new room: give it a rank"
        for other in rooms_of(path) & RANK.keys():
            if other != mine and RANK[other] >= RANK[mine]:
                upward.append(f"{module(path)} (rank {RANK[mine]}) imports {other} (rank {RANK[other]})")
    assert not upward


def test_no_file_imports_from_a_folder_above_its_own():
    """A folder inside a room stands below the room's own files; `__init__` files only show what is inside."""
    upward = []
    for path in FILES:
        if path.name == "__init__.py":
            continue
        for name in imported(path) & MODULES.keys():
            other = MODULES[name]
            above = other.parent in path.parent.parents and other.parent != PACKAGE
            if above and other.name != "__init__.py":
                upward.append(f"{module(path)} imports {name}, which stands above it")
    assert not upward


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """Names along a circle of arrows; empty where there is none."""
    done: set[str] = set()

    def follow(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(arrows.get(name, ())):
            found = follow(other, [*way, name])
            if found:
                return found
        done.add(name)
        return []

    for name in sorted(arrows):
        found = follow(name, [])
        if found:
            return found
    return []


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_no_circle_between_modules_nor_between_folders():
    plain = {name: path for name, path in MODULES.items() if path.name != "__init__.py"}
    modules = {name: imported(path) & plain.keys() for name, path in plain.items()}
    assert not circle(modules)
    folders: dict[str, set[str]] = {}
    for name, others in modules.items():
        mine = name.rpartition(".")[0]
        for other in others:
            theirs = other.rpartition(".")[0]
            if theirs != mine and "poise" not in (mine, theirs):  # files of the ground floor have ranks
                folders.setdefault(mine, set()).add(theirs)
    assert not circle(folders)


def test_no_class_name_has_two_meanings():
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module(path))
    assert not {name: places for name, places in homes.items() if len(places) > 1}


def test_no_folder_is_crowded():
    for folder in {path.parent for path in FILES}:
        count = len(list(folder.glob("*.py")))
        assert count <= 14, f"{folder.relative_to(PACKAGE)} has {count} files"


def test_no_torchvision_and_no_torch_in_the_record_and_the_report():
    for path in FILES:
        outside = rooms_of(path)
        assert "torchvision" not in outside, module(path)
        if room(path) in ("record", "disk", "report", "errors", "registry", "lazy", "cli"):
            assert "torch" not in outside, module(path)


@pytest.mark.slow
def test_torchvision_is_not_imported_by_any_room():
    modules = [
        ".".join(("poise", *p.relative_to(PACKAGE).with_suffix("").parts)) for p in FILES if p.name != "__main__.py"
    ]
    script = f"import importlib, sys\nfor m in {modules!r}: importlib.import_module(m.removesuffix('.__init__'))\n"
    script += "assert 'torchvision' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_long_files_and_functions_say_why():
    """Over 250 lines, or over 40 in a function, only where the docstring says "More than N lines, because ..."."""
    crowded = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        tree = parsed(path)
        if len(text.splitlines()) > 250 and not REASON.search(ast.get_docstring(tree) or ""):
            crowded.append(f"{path.name}: {len(text.splitlines())} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if length > 40 and not REASON.search(ast.get_docstring(node) or ""):
                    crowded.append(f"{path.name}:{node.name}: {length} lines")
    assert not crowded


LOOPS = ROOT / ".venv" / "loops" / "bin" / "python"
ELSEWHERE = {"own_accelerate.py", "own_lightning.py"}  # their packages are in an environment of their own


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples_run_and_are_short(path):
    assert len(path.read_text().splitlines()) < 60
    python = LOOPS if path.name in ELSEWHERE else Path(sys.executable)
    if not python.exists():
        pytest.skip(f"{path.name}: the packages of .[loops] are not installed (make .venv/.loops)")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([python, path], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_float64_is_asked_for_on_the_cpu_alone():
    """Apple's GPU has none: `x.cpu().double()`, never the other way round."""
    asked = re.compile(r"\.(double\(\)|to\((dtype=)?torch\.float64\))\.cpu\(\)")
    assert asked.search("rows.double().cpu()") and asked.search("x.to(torch.float64).cpu()")
    assert not [path.name for path in FILES if asked.search(path.read_text(encoding="utf-8"))]


def test_no_path_of_pathlib_is_expanded():
    """`Path.expanduser` raises RuntimeError for ~name of no user; `disk.expanded` leaves it as it is."""
    assert not [module(path) for path in FILES if re.search(r"(?<!os\.path)\.expanduser\b", path.read_text("utf-8"))]
