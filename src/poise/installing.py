"""How packages are installed that a part of Poise needs, in the way in which this copy of it was installed.

Nobody is told to install Poise by its name: where that name fetches nothing, or something else, the command would be
wrong. The packages themselves are named, with the versions that our own metadata ask for.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import re
import shutil
import sys
import tomllib
from pathlib import Path

from poise.terminal import pasted


def requirements(extra: str) -> list[str]:
    """What an extra asks for, `["soundfile>=0.12", ...]`: of the installed metadata, or of the source tree without
    any."""
    try:
        asked = importlib.metadata.requires("poise") or []
    except importlib.metadata.PackageNotFoundError:
        asked = []
    found = [
        line.partition(";")[0].strip()
        for line in asked
        if re.search(rf"""extra\s*==\s*["']{re.escape(extra)}["']""", line.partition(";")[2])
    ]
    if found:
        return found
    tree = Path(__file__).parents[2] / "pyproject.toml"
    try:
        table = tomllib.loads(tree.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    members = table.get("project", {}).get("optional-dependencies", {}).get(extra, [])
    return [str(member) for member in members]


def install(extra: str, package: str = "") -> str:
    """The command that installs what an extra asks for into the interpreter that runs now: by pip, or by uv where there
    is no pip.

    Args: extra: of Poise's metadata; package: only this one of it.

    It can be pasted: `.venv/bin/python -m pip install "soundfile>=0.12"`.
    """
    packages = [
        name for name in requirements(extra) if re.match(rf"{re.escape(package)}(?![\w-])", name) or not package
    ]
    if not packages:
        return f"install the packages of Poise's extra [{extra}] (see its pyproject.toml)"
    names = " ".join(f'"{name}"' if re.search(r"[<>=!~\[\];]", name) else name for name in packages)
    # Not importlib.util.find_spec: asked for pip, setuptools takes its own distutils away, which torch.compile needs.
    if importlib.machinery.PathFinder.find_spec("pip") is None:
        return f"uv pip install --python {pasted(interpreter())} {names}"
    return f"{pasted(interpreter())} -m pip install {names}"


def interpreter() -> str:
    """The interpreter as it is typed: by its name where that is it, relative where it lies below the current folder."""
    path = Path(sys.executable or "python3")
    if (found := shutil.which(path.name)) is not None and Path(found) == path:
        return path.name
    here = Path.cwd()
    return str(path.relative_to(here)) if here != Path(here.anchor) and path.is_relative_to(here) else str(path)


def version_of(package: str) -> str:
    """Its version; of Poise itself without any metadata, as in a source tree that was never installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
