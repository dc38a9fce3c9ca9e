"""The folder of a study and `poise study`: the runs are made in this process, one after the other."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poise.cli import main
from poise.errors import Busy, PoiseError
from poise.record import RunFolder
from poise.runs import run as door
from poise.runs.run import run
from poise.studies.study import Study
from tests.studies.here import FILE, Here, snapshot, words, write
from tests.studies.test_pool import children

pytestmark = pytest.mark.usefixtures("here")


def notes(folder):
    return [line for line in json.loads((folder / "s" / "study.json").read_text())["notes"] if "The plan " in line]


@pytest.mark.slow
def test_a_study_from_its_file_to_its_page(made, place, capsys):
    """All of it is written, and the same command again trains nothing."""
    stamps = snapshot(place / "s" / "runs")
    assert main(words(place, "--workers", "3")) == 0
    said = capsys.readouterr().out
    assert "2 runs (toy: 2 arms × 1 seed), 2 of them finished before" in said
    assert "use 6 or more" in said.splitlines()[1], "with too few seeds it says so first"
    assert Here.trained == 0 and Here.asked == (3, None) and snapshot(place / "s" / "runs") == stamps
    assert f"Page:    {place / 's' / 'index.html'}" in said and "2 of 2 runs done" in said
    assert notes(place) == []
    assert main(words(place, "--quiet")) == 0 and capsys.readouterr().out == ""
    assert Here.asked[0] == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def test_a_dry_run_says_and_writes_nothing(tmp_path, capsys):
    write(tmp_path)
    before = snapshot(tmp_path)
    assert main(words(tmp_path, "--dry-run")) == 0
    said = capsys.readouterr().out
    assert "2 runs" in said and "toy, none, seed 0: toy-points-" in said
    assert snapshot(tmp_path) == before


@pytest.mark.slow
def test_ctrl_c_is_130_with_the_command_to_go_on(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "a b"
    folder.mkdir()
    write(folder)
    monkeypatch.setattr(Here, "most", 1)
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    assert main(words(folder, "--workers", "2")) == 130
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers
    said = capsys.readouterr().out
    assert "UNFINISHED" in said and json.loads((folder / "s" / "study.json").read_text())["runs"]["done"] == 1
    told = re.search(r"stopped; go on with: poise (.*)", said)[1]
    assert shlex.split(told) == words(folder, "--workers", "2"), "as it has to be typed"
    monkeypatch.setattr(Here, "most", None)
    assert main(shlex.split(told)) == 0 and Here.trained == 2
    assert "2 of 2 runs done\n" in capsys.readouterr().out


@pytest.mark.slow
def test_a_changed_plan_is_told(made, place):
    """After runs had come to their end: also where nothing more is trained, once for each change, and not for words."""
    write(place, question="What does L2 do?")
    assert main(words(place, "--report", "--quiet")) == 0 and notes(place) == []
    write(place, claims=[])
    for _ in range(2):
        assert main(words(place, "--report", "--quiet")) == 0
    (note,) = notes(place)
    assert "(claims), after 2 runs had come to their end" in note
    write(place, claims=[], seeds=[7])
    assert main(words(place, "--quiet")) == 0 and Here.trained == 2
    assert len(notes(place)) == 2 and "(parts), after 2 runs" in notes(place)[1], "those of other seeds count"
    write(place)
    assert main(words(place, "--quiet")) == 0 and Here.trained == 2
    assert len(notes(place)) == 3 and notes(place)[2].endswith(" what it had been when the study began.")
    write(place, seeds=[7])
    assert main(words(place, "--report", "--quiet")) == 0 and "(parts), after" in notes(place)[3]


def test_a_plan_that_changed_before_any_run_had_ended_is_not_held_against_it(tmp_path):
    write(tmp_path)
    study = Study.of(tmp_path / "study.yaml", tmp_path / "s")
    study.register()
    write(tmp_path, claims=[])
    changed = Study.of(tmp_path / "study.yaml", tmp_path / "s")
    changed.register()
    assert [entry.details["finished"] for entry in changed.log.entries()] == [0] and changed.notes() == []


def test_what_a_kill_before_the_plan_leaves_is_no_foreign_folder(tmp_path):
    write(tmp_path)
    (tmp_path / "s" / "runs").mkdir(parents=True)
    for name in (".lock", ".plan.json.123.tmp"):
        (tmp_path / "s" / name).touch()
    Study.of(tmp_path / "study.yaml", tmp_path / "s")
    (tmp_path / "s" / "runs" / "mine").touch()
    with pytest.raises(PoiseError, match="exists and is no study's folder"):
        Study.of(tmp_path / "study.yaml", tmp_path / "s")


@pytest.mark.slow
def test_only_one_process_trains_a_study_and_others_may_read_it(made, place, capsys):
    with Study.of(place / "study.yaml", place / "s").locked():
        assert main(words(place, "--quiet")) == 2
        assert "s is being worked on by another process; wait for it or stop it" in capsys.readouterr().err
        assert main(words(place, "--quiet", "--report")) == 0
    assert main(words(place, "--quiet")) == 0


def test_what_is_missing_is_made_again_and_what_diverged_is_not(made, place):
    tasks = Study.of(place / "study.yaml", place / "s").tasks
    folders = [RunFolder(place / "s" / "runs" / task.name) for task in tasks]
    (folders[0].path / "DONE").unlink()
    folders[0].event("diverged", step=3)
    shutil.rmtree(folders[1].path)
    assert main(words(place, "--quiet")) == 0
    assert Here.trained == 1 and not folders[0].done and folders[1].done
    found = json.loads((place / "s" / "study.json").read_text())["runs"]
    assert found == {"planned": 2, "done": 1, "diverged": 1, "missing": 0}


def test_what_is_damaged_is_told_before_anything_is_trained(made, place, capsys):
    tasks = Study.of(place / "study.yaml", place / "s").tasks
    shutil.rmtree(place / "s" / "runs" / tasks[0].name)
    (place / "s" / "runs" / tasks[1].name / "report.json").unlink()
    assert main(words(place, "--quiet")) == 2
    assert f"{tasks[1].name}/report.json is missing or damaged" in capsys.readouterr().err and Here.trained == 0


@pytest.mark.slow
def test_arms_of_any_letters(tmp_path, capsys):
    write(tmp_path, arms={"без": {}, "大 | <b>": {"l2_point": 1}}, against="без", claims=[], name="研究 1")
    assert main(words(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "大 | <b> (l2_point 1) against без" in said
    assert "大 | &lt;b&gt;" in (tmp_path / "s" / "index.html").read_text()
    assert list((tmp_path / "s" / "plots").glob("*.png"))


def test_a_run_that_another_process_makes_meanwhile_is_that_run(tmp_path, monkeypatch):
    """Between our look and our lock it is created, or finished: it is neither refused nor made twice."""
    task = Study.of(FILE, tmp_path / "s").tasks[0]
    spec, kind = task.spec, door.kind_of(task.recipe)
    spec["arguments"] = {**spec["arguments"], "steps": 8}

    def slow(build):
        class Slow:
            def build(self, **arguments):
                monkeypatch.setattr(door, "kind_of", lambda recipe: kind)
                build()
                return kind.build(**arguments)

        return lambda recipe: Slow()

    monkeypatch.setattr(door, "kind_of", slow(lambda: run(spec, tmp_path / "r")))
    run(spec, tmp_path / "r")
    events = [entry.event for entry in RunFolder(tmp_path / "r").events()]
    assert events.count("started") == events.count("finished") == 1
    other = RunFolder(tmp_path / "q")
    monkeypatch.setattr(door, "kind_of", slow(lambda: other.create(RunFolder(tmp_path / "r").spec())))
    with other_holds(other, monkeypatch), pytest.raises(Busy):
        run(spec, other.path)
    assert run(spec, other.path).steps == 8
    create = RunFolder.create
    monkeypatch.setattr(RunFolder, "create", lambda self, *asked: [create(self, *asked) for _ in range(2)])
    assert run(spec, tmp_path / "p").steps == 8, "the other one was a moment faster"


def other_holds(folder, monkeypatch):
    """The other process goes on training: its lock is there as soon as the folder is."""
    import contextlib

    @contextlib.contextmanager
    def held():
        before = RunFolder.locked

        def busy(self):
            raise Busy(f"{self.path} is being trained by another process")

        monkeypatch.setattr(RunFolder, "locked", busy)
        yield
        monkeypatch.setattr(RunFolder, "locked", before)

    return held()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the workers in /proc")
@pytest.mark.parametrize("delay", [0.0, 0.3, 2.5])
def test_ctrl_c_of_a_terminal_shows_no_traceback(tmp_path, delay):
    """It goes to the workers as well, who may still be loading torch."""
    settings = {**os.environ, "TOY_PAUSE": "0.05", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "poise", "study", FILE, "--workers", "2", "--quiet", "--out", str(tmp_path / "s")]
    process = subprocess.Popen(
        words, env=settings, start_new_session=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not children(process.pid):
        time.sleep(0.02)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130 and "go on with: poise study" in out
    assert err == "stopping: the runs are being saved\n"
