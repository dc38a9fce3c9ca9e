"""Paths on another drive, of which Windows knows no relative way: a stand-in for them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from poise.data.plain import counted
from poise.data.speech.no_sound import other_files
from poise.disk import seen_from
from poise.runs.further.origin import tidied
from poise.studies.running.desk import FarCrew

PACKAGE = Path(__file__).parents[2] / "src" / "poise"


@pytest.fixture
def drives(monkeypatch):
    def relpath(path, start=os.curdir):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", relpath)


def test_the_absolute_path_where_there_is_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert seen_from(tmp_path / "a" / "b") == os.path.join("a", "b")
    assert seen_from(tmp_path / "a", tmp_path / "c") == os.path.join(os.pardir, "a")


def test_every_use_of_it(tmp_path, monkeypatch, drives):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x.wav").write_bytes(b"RIFF")
    full = str(tmp_path / "d")
    assert seen_from("d") == full
    assert tidied("d") == full
    assert counted(tmp_path / "d").first == {"sound": str(tmp_path / "d" / "x.wav")}
    assert other_files(tmp_path / "d", []) == [str(tmp_path / "d" / "x.wav")]
    assert FarCrew(tmp_path / "s" / "desk" / "w", "far", 1.0).place_of(tmp_path / "d") == Path(full).as_posix()


def test_nobody_asks_for_a_relative_path_otherwise():
    found = [path.name for path in PACKAGE.rglob("*.py") if re.search(r"\brelpath\(", path.read_text(encoding="utf-8"))]
    assert found == ["place.py"]
