"""A study whose seeds are trained in different places: run folders are copied together (docs/machines.md)."""

from __future__ import annotations

import json
import shutil

import pytest

from poise.cli import main
from tests.studies.here import Here, words, write

pytestmark = pytest.mark.usefixtures("here")


def without_times(said):
    if isinstance(said, dict):
        return {name: without_times(value) for name, value in said.items() if name not in ("seconds", "began")}
    return [without_times(value) for value in said] if isinstance(said, list) else said


def outcome(folder):
    """What the study says, without when it began and how long its runs took."""
    return without_times(json.loads((folder / "s" / "study.json").read_text()))


@pytest.mark.slow
def test_runs_of_two_machines_make_the_study_of_one(tmp_path, monkeypatch, capsys):
    """One has the whole file and is stopped, the other a file of some seeds; together they are the whole study."""
    for name, seeds in {"whole": [0, 1, 2], "first": [0, 1, 2], "second": [2]}.items():
        (tmp_path / name).mkdir()
        write(tmp_path / name, seeds=seeds)
    assert main(words(tmp_path / "whole", "--quiet")) == main(words(tmp_path / "second", "--quiet")) == 0
    monkeypatch.setattr(Here, "trained", 0)
    monkeypatch.setattr(Here, "most", 1)
    assert main(words(tmp_path / "first", "--quiet")) == 130
    shutil.copytree(tmp_path / "second" / "s" / "runs", tmp_path / "first" / "s" / "runs", dirs_exist_ok=True)
    monkeypatch.setattr(Here, "most", None)
    capsys.readouterr()
    assert main(words(tmp_path / "first")) == 0
    assert "6 runs" in (said := capsys.readouterr().out) and "3 of them finished before" in said
    assert Here.trained == 1 + 3, "one before it was stopped; of the other five two came from the other machine"
    assert outcome(tmp_path / "first") == outcome(tmp_path / "whole") and outcome(tmp_path / "whole")["notes"] == []


def test_a_folder_of_runs_alone_is_no_study(tmp_path, capsys):
    """Where no study was begun, copied runs are not taken for one."""
    write(tmp_path)
    (tmp_path / "s" / "runs").mkdir(parents=True)
    (tmp_path / "s" / "runs" / "a").mkdir()
    assert main(words(tmp_path)) == 2
    assert "is no study's folder" in capsys.readouterr().err
