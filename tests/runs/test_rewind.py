"""A run that is taken back forgets what was decided later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from poise.record import RunFolder
from poise.runs.rollback import DECIDED, rewind


def run_with(folder: Path, decided: dict[str, Any]) -> RunFolder:
    for step in (2, 4, 6):
        (folder / f"checkpoints/step-{step:08d}").mkdir(parents=True)
    (folder / "record.jsonl").write_text("".join(json.dumps({"step": step}) + "\n" for step in range(7)))
    for name, content in decided.items():
        (folder / name).write_text(json.dumps(content))
    return RunFolder(folder)


@pytest.mark.parametrize("name", DECIDED)
@pytest.mark.parametrize(("step", "left"), [(9, 6), (5, 4), (4, 4), (3, 2), (1, 0)])
def test_decisions_of_later_steps_are_forgotten(name: str, step: int, left: int, tmp_path: Path) -> None:
    entries = [{DECIDED[name]: at, "more": str(at)} for at in (0, 3, 4, 6)]
    folder = run_with(tmp_path / "run", {name: entries})
    assert rewind(folder, step) == left
    assert json.loads((folder.path / name).read_text()) == [entry for entry in entries if entry[DECIDED[name]] <= left]
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == [
        f"step-{at:08d}" for at in (2, 4, 6) if at <= left
    ]


@pytest.mark.parametrize("name", DECIDED)
def test_nothing_left_is_no_file(name: str, tmp_path: Path) -> None:
    folder = run_with(tmp_path / "run", {name: [{DECIDED[name]: 5}]})
    rewind(folder, 4)
    assert not (folder.path / name).exists()


@pytest.mark.parametrize("content", [3, {}, [3], [{"step": "x"}], [{"back_to": True, "step": True}], "x"])
def test_what_is_damaged_stays_to_be_told(content: Any, tmp_path: Path) -> None:
    folder = run_with(tmp_path / "run", dict.fromkeys(DECIDED, content))
    rewind(folder, 4)
    assert all(json.loads((folder.path / name).read_text()) == content for name in DECIDED)
