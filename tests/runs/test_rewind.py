"""A run that is taken back forgets what was decided later."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.rollback import DECIDED, rewind, taken_back, unfinished
from poise.training.checkpoint import check_newest
from tests.refusals import snapshot


def run_with(folder: Path, decided: dict[str, Any], steps: Iterable[int] = (2, 4, 6)) -> RunFolder:
    for step in steps:
        (folder / f"checkpoints/step-{step:08d}").mkdir(parents=True)
        (folder / f"checkpoints/step-{step:08d}" / "manifest.json").write_text("{}")
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


@pytest.mark.parametrize(
    ("went", "step", "kept"),
    [
        ([20, 10], 15, 2),  # the second took the first along: from step 10 on both hold
        ([20, 10], 9, 0),
        ([10, 10, 29, 0], 5, 4),
        ([0, 10, 20], 12, 2),
        ([4, 20, 10, 30], 12, 3),
    ],
)
def test_a_rollback_that_went_further_back_takes_those_before_it_along(went, step, kept, tmp_path):
    entries = [{"back_to": at, "more": i} for i, at in enumerate(went)]
    folder = run_with(tmp_path / "run", {"remedies.json": entries}, steps=range(1, 40))
    assert rewind(folder, step) == step
    left = json.loads((folder.path / "remedies.json").read_text()) if kept else None
    assert left == (entries[:kept] or None) and (folder.path / "remedies.json").exists() == (kept > 0)


OWN = ["00000003.png", "00000005", "00000006-reconstructions.png", "00000006.txt", "00000004.txt", "00000002"]
OTHERS = ["real.png", "index.html", "texts.json", "00000009 mine.png", "123456789.png", "notes.txt"]


@pytest.mark.parametrize("step", [6, 4, 3, 0])
def test_samples_of_later_steps_are_forgotten_and_nothing_else(step, tmp_path):
    folder = run_with(tmp_path / "run", {})
    for name in [*OWN, *OTHERS]:
        place = folder.samples / name
        if "." in name:
            place.parent.mkdir(exist_ok=True)
            place.write_text("x")
        else:
            place.mkdir(parents=True)
            (place / "01.wav").write_text("x")
    left = rewind(folder, step)
    assert {path.name for path in folder.samples.iterdir()} == {
        *OTHERS, *(name for name in OWN if int(name[:8]) <= left)
    }  # fmt: skip


def test_what_is_left_of_a_checkpoint_is_none(tmp_path):
    """A copy that was broken off has no manifest: the newest whole one counts, and the part goes with --from-step."""
    folder = run_with(tmp_path / "run", {})
    (folder.checkpoints / "step-00000006" / "manifest.json").unlink()
    assert folder.saved() == 4
    with pytest.raises(PoiseError, match=r"step-00000006 is not whole.*--from-step 4"):
        check_newest(folder.checkpoints)
    assert rewind(folder, 9) == 4
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == ["step-00000002", "step-00000004"]
    check_newest(folder.checkpoints)


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
