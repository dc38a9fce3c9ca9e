"""What has to be installed is named by the packages themselves, for the interpreter that runs; never by our name."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from poise import installing
from poise.installing import install, interpreter, requirements, version_of

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", EXTRAS)
def test_requirements_are_those_of_the_metadata_and_of_a_source_tree(extra, monkeypatch):
    def as_set(found):
        return {(r.name, str(r.specifier)) for r in map(Requirement, found)}

    installed = as_set(requirements(extra))
    assert installed and (installed == as_set(EXTRAS[extra]) or extra == "dev"), "those of dev may be older ones"

    def gone(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", gone)
    assert as_set(requirements(extra)) == as_set(EXTRAS[extra]), "a source tree without metadata"
    monkeypatch.setattr(installing, "__file__", "/nowhere/a/b/c.py")
    assert requirements(extra) == [] and f"extra [{extra}]" in install(extra)


def test_the_command_names_the_packages_and_can_be_pasted(monkeypatch):
    said = install("speech")
    assert install("speech", "av").endswith(' -m pip install "av>=12"')
    assert re.search(r'-m pip install "soundfile>=0\.12" "av>=12" "onnxruntime>=1\.18" "pystoi>=0\.4\.1"$', said)
    monkeypatch.setattr(installing.importlib.machinery.PathFinder, "find_spec", lambda name: None)
    assert install("vae").startswith("uv pip install --python ") and '"scikit-learn>=1.5"' in install("vae")


def test_looking_for_pip_leaves_setuptools_its_distutils():
    """Asked for pip by the usual way, setuptools takes it away, and torch.compile on a CPU cannot import setuptools."""
    script = "from poise.installing import install; install('vae'); import setuptools; setuptools._distutils"
    if importlib.machinery.PathFinder.find_spec("setuptools") is not None:
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_interpreter_is_written_as_it_is_typed(monkeypatch, tmp_path):
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.chdir(tmp_path)
    assert interpreter() == ".venv/bin/python"
    monkeypatch.setenv("PATH", str(python.parent))
    assert interpreter() == "python"
    monkeypatch.chdir("/")
    monkeypatch.setenv("PATH", "")
    assert interpreter() == str(python)


def test_a_source_tree_without_metadata_has_a_version_and_trains(monkeypatch):
    from poise import __version__
    from poise.specs.spec import versions

    def gone(name):
        raise importlib.metadata.PackageNotFoundError(name)

    assert versions()["poise"] == __version__ and versions()["torch"] == version_of("torch") != "unknown"
    monkeypatch.setattr(importlib.metadata, "version", gone)
    assert versions()["poise"] == __version__ and versions()["torch"] == "unknown"


def test_no_message_installs_by_our_own_name():
    documents = [path for path in (ROOT / "docs").rglob("*.md") if path.name != "log.md"]  # it tells what once was
    for path in [*(ROOT / "src").rglob("*.py"), *documents, ROOT / "README.md"]:
        assert not re.search(r"install ['\"]?poise\b", path.read_text(encoding="utf-8")), path
