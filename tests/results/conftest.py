"""Runs and a study that are there, and runs that are nothing but a record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from poise.disk.description import RunSpec
from poise.record import RunFolder

MADE = Path(__file__).parents[1] / "fixtures" / "f6218b1"
EVIL = "<script>alert('1')</script> & \"2\" |"


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A copy of the runs and the study, as the current folder."""
    shutil.copytree(MADE, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("POISE_RUNS", "runs")
    monkeypatch.setenv("POISE_STUDIES", ".")
    return tmp_path / "here"


def run_of(path: Path, rows, end: str = "", **facts) -> RunFolder:
    """A run that is nothing but its record."""
    folder = RunFolder(path)
    folder.create(RunSpec("images", {"data": "x", "steps": 48}, {"data": "x", **facts}))
    (path / "record.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + end)
    return folder
