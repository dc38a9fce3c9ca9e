"""A run that is taken back forgets what was decided later."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.rollback import DECIDED, rewind, taken_back, unfinished
from tests.refusals import snapshot


def run_with(folder: Path, decided: dict[str, Any]) -> RunFolder:
    for step in (2, 4, 6):
        (folder / f"checkpoints/step-{step:08d}").mkdir(parents=True)
    (folder / "record.jsonl").write_text("".join(json.dumps({"step": step}) + "\n" for step in range(7)))
    for name, content in decided.items():
        (folder / name).write_text(json.dumps(content))
    return RunFolder(folder)


@pytest.mark.parametrize("name", DECIDED)
@pytest.mark.parametrize(("step", "left"), [(9, 6), (5, 4), (4, 4), (3, 2), (0, 0)])
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


def test_a_step_before_all_that_is_kept_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    folder = run_with(tmp_path / "run", {})
    before = snapshot(folder.path)
    with pytest.raises(PoiseError, match=r"no checkpoint of at most 1 steps: take it back to one of 2, 4, 6, or begin"):
        rewind(folder, 1)
    assert snapshot(folder.path) == before


@pytest.mark.parametrize("moment", range(9))
def test_killed_at_any_moment_it_is_ended_by_whoever_goes_on(moment: int, tmp_path: Path, monkeypatch) -> None:
    """Each file that is written, removed or renamed is one."""
    decided = {name: [{key: at} for at in (0, 3, 6)] for name, key in DECIDED.items()}
    whole = run_with(tmp_path / "whole", decided)
    (whole.path / "DONE").touch()
    rewind(whole, 3)
    after = snapshot(whole.path)
    folder = run_with(tmp_path / "killed", decided)
    (folder.path / "DONE").touch()
    left = moment

    def counted(call):
        def until_killed(*given, **named):
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            return call(*given, **named)

        return until_killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", counted(os.rename))
        patch.setattr(os, "replace", counted(os.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        with pytest.raises(KeyboardInterrupt):
            rewind(folder, 3)
    taken_back(folder, None)
    found = {name: content for name, content in snapshot(folder.path).items() if ".tmp" not in name}
    untouched = moment == 0  # nothing was written down yet
    assert (
        found == snapshot(run_with(tmp_path / "other", decided).path) | {"DONE": b""} if untouched else found == after
    )
    assert unfinished(folder) is None
