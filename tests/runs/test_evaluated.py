"""What was evaluated stays with a run that goes on, but for checkpoints that are made again."""

from __future__ import annotations

import json
import threading
import time

import pytest

from poise.errors import Busy
from poise.evaluation import report as evaluation
from poise.evaluation.report import EvaluationEntry
from poise.record import RunFolder
from poise.runs.further.evaluated import FILE, set_aside
from poise.runs.further.lengthening import Further
from poise.runs.rollback import rewind
from poise.runs.run import run
from tests.runs.conftest import spec


def entry(step: int, against: str = "x") -> EvaluationEntry:
    return EvaluationEntry(f"step-{step:08d}", against, 0, {"made": 1}, {})


def steps(folder: RunFolder) -> list[int]:
    found = folder.report().get("evaluations", [])
    return [int(one["checkpoint"].removeprefix("step-")) for one in found]


@pytest.fixture
def ended(pictures, tmp_path):
    """A run of eight steps that was evaluated at two checkpoints, and its spec."""
    asked = spec(pictures, steps=8, scores=0)
    run(asked, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    for step in (4, 8):
        entry(step).keep(folder)
    assert steps(folder) == [4, 8]
    return folder, asked


@pytest.mark.slow
def test_a_longer_run_has_them(ended):
    folder, asked = ended
    run(asked, folder.path, further=Further(steps=2))
    assert steps(folder) == [4, 8] and folder.report()["steps"] == 10 and not (folder.path / FILE).exists()
    entry(8).keep(folder)
    assert steps(folder) == [4, 8], "the same once more replaces itself"


@pytest.mark.slow
def test_of_a_run_that_was_taken_back_those_of_earlier_steps_stay(ended):
    folder, asked = ended
    with folder.locked():
        rewind(folder, 5)
    run(asked, folder.path)
    assert steps(folder) == [4] and not (folder.path / FILE).exists()
    with folder.locked():
        rewind(folder, 0)
    assert not (folder.path / FILE).exists()


def test_what_is_not_measured_again_stays(tmp_path, monkeypatch):
    """With the same items; other items are another evaluation, and that the one of before goes is said."""
    monkeypatch.setattr("poise.record.wrong_report", lambda report: None)
    folder = reported(tmp_path / "run", 4)
    values = {"A": {"KID": {"made": 1}, "FD": {"made": 2}}, "B": {"KID": {"made": 3}}}
    first = EvaluationEntry("step-00000004", "x", 0, {"made": 1}, values)
    assert first.keep(folder) == ""
    again = EvaluationEntry("step-00000004", "x", 0, {"made": 1}, {"A": {"KID": {"made": 9}}, "C": {"FD": {"made": 4}}})
    assert again.keep(folder) == ""
    (kept,) = folder.report()["evaluations"]
    assert kept["by"] == {"A": {"KID": {"made": 9}, "FD": {"made": 2}}, "B": values["B"], "C": {"FD": {"made": 4}}}
    elsewhere = EvaluationEntry("step-00000004", "x", 0, {"made": 1}, values, "another folder of that name")
    assert "with another seed or other items is replaced" in elsewhere.keep(folder)
    assert elsewhere.keep(folder) == ""
    for other in (
        EvaluationEntry("step-00000004", "x", 1, {"made": 1}, values),
        EvaluationEntry("step-00000004", "x", 1, {"made": 2}, {}),
    ):
        assert "with another seed or other items is replaced" in other.keep(folder)
    (kept,) = folder.report()["evaluations"]
    assert kept["counts"] == {"made": 2} and not kept.get("by")


def reported(path, *made: int) -> RunFolder:
    """A folder with nothing but a report."""
    path.mkdir()
    (path / "report.json").write_text(json.dumps({"evaluations": [entry(step).to_dict() for step in made]}))
    (path / "DONE").touch()
    return RunFolder(path)


def test_what_was_set_aside_is_not_lost_when_that_was_killed(tmp_path, monkeypatch):
    """Before the report went, and after."""
    monkeypatch.setattr("poise.record.wrong_report", lambda report: None)
    folder = reported(tmp_path / "run", 2, 4)
    for _ in range(2):
        set_aside(folder)
    (folder.path / "report.json").unlink()
    set_aside(folder)
    assert len(json.loads((folder.path / FILE).read_text())) == 2
    set_aside(folder, 3)
    assert [one["checkpoint"] for one in json.loads((folder.path / FILE).read_text())] == ["step-00000002"]


@pytest.mark.parametrize("content", ["3", "{}", "nothing", '[{"checkpoint": "x"}, 4, {}]'])
def test_what_is_damaged_ends_nothing(content, tmp_path):
    folder = RunFolder(tmp_path)
    (tmp_path / FILE).write_text(content)
    set_aside(folder, 10)
    assert not (tmp_path / FILE).exists()


def test_two_evaluations_at_the_same_time_are_both_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("poise.record.wrong_report", lambda report: None)
    folder = reported(tmp_path / "run")
    plain = RunFolder.report

    def slowly(self):
        found = plain(self)
        time.sleep(0.2)
        return found

    monkeypatch.setattr(RunFolder, "report", slowly)
    both = [threading.Thread(target=entry(step).keep, args=(folder,)) for step in (2, 4)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(steps(folder)) == [2, 4]


def test_a_run_that_goes_on_meanwhile_is_left_alone(tmp_path, monkeypatch):
    folder = reported(tmp_path / "run")
    before = (folder.path / "report.json").read_bytes()
    monkeypatch.setattr(evaluation, "PATIENCE", 0.1)
    with folder.locked(), pytest.raises(Busy):
        entry(2).keep(folder)
    assert (folder.path / "report.json").read_bytes() == before
