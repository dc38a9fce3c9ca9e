"""A worker that is suspended keeps the lock of its run: the study goes on with others, and waits for that one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from poise import __version__
from poise.runs.ending import Stop
from poise.studies.running import worker
from poise.studies.running.attending import attend
from poise.studies.running.pool import Pool
from poise.studies.running.progress import Log, Progress
from tests.studies.test_crew import Told, task
from tests.studies.test_pool import FILE, alone, outcome, study

LOST = 2.0  # seconds


@pytest.mark.slow
def test_a_run_that_another_process_has_is_tried_again_after_the_others(tmp_path):
    view = Told()
    pool = Pool(0, tmp_path / "runs", None, view, Stop())
    place = tmp_path / "desk" / "w"
    place.mkdir(parents=True)
    (place / "beat").touch()
    (place / "hello.json").write_text(json.dumps({"host": "far", "process": 7, "version": __version__}))
    pool.waiting.extend(map(task, "ab"))

    def round_of(*messages):
        pool._staff()
        with open(place / "out", "a") as file:
            file.writelines(f"{json.dumps(message)}\n" for message in messages)
        pool._hear(0.01)
        return pool.crews[0].task and pool.crews[0].task.name, [one.name for one in pool.waiting]

    assert round_of(["held", "a", "somebody has it"]) == (None, ["b", "a"])
    assert round_of(["done", "b"]) == (None, ["a"])
    assert round_of(["held", "a", "somebody has it"]) == (None, ["a"])
    assert round_of(["step", "a", 5, 9]) == ("a", []) and not any(pool.deaths.values())
    assert round_of(["held", "a", "somebody has it"]) == (None, ["a"])
    assert [word for word in view.words if word[0] == "held"] == [
        ("held", "a", True),
        ("held", "a", False),
        ("held", "a", True),
    ]


def test_it_is_told_in_one_line(tmp_path, capsys):
    view = Progress([task("a")], 0, 1, Log(tmp_path / "events.jsonl"))
    for first in (True, False):
        view.began(task("a"))
        view.held(task("a"), first)
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("another process has the run of part, a, seed 0") and not view.running
    assert [entry.event for entry in view.log.entries()] == ["began", "held", "began"]


class Suspending(Progress):
    """Suspends a process in the midst of its first run, and wakes it when all the others are done."""

    sleeper: subprocess.Popen[str]
    asleep: str = ""
    others: threading.Thread

    def step(self, task, made, total):
        super().step(task, made, total)
        if made > 5 and not self.asleep:
            self.asleep = task.name
            os.kill(self.sleeper.pid, signal.SIGSTOP)
            self.others.start()

    def held(self, task, first):
        super().held(task, first)
        if list(self.left) == [self.asleep]:
            os.kill(self.sleeper.pid, signal.SIGCONT)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no process can be suspended so")
def test_a_worker_that_sleeps_over_the_patience_of_another_does_not_end_the_study(tmp_path, monkeypatch):
    tasks = study(seeds=1, arguments={"pause": 0.04, "steps": 100})
    assert len(tasks) > 1
    alone(tasks, tmp_path / "alone")
    folder, stop = tmp_path / "study", Stop()
    (folder / "runs").mkdir(parents=True)
    monkeypatch.setattr(worker, "PATIENCE", 0.5)
    words = [sys.executable, "-m", "poise", "worker", str(folder), "--lost", str(LOST)]
    view = Suspending(tasks, 0, 1, Log(folder / "events.jsonl"), quiet=True)
    view.others = threading.Thread(target=attend, args=(folder, stop, lambda line: None, 600.0, LOST))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, env=environment) as view.sleeper:
        try:
            pool = Pool(0, folder / "runs", FILE, view, Stop())
            pool.desk.lost = LOST
            pool.train(tasks)
        finally:
            stop.asked = True
            os.kill(view.sleeper.pid, signal.SIGCONT)
            view.sleeper.terminate()
    view.others.join(60)
    for one in tasks:
        assert outcome(folder / "runs" / one.name) == outcome(tmp_path / "alone" / one.name)
    events = [(entry.event, entry.details.get("run")) for entry in view.log.entries()]
    assert ("worker died", view.asleep) in events and ("held", view.asleep) in events
    assert [event for event, _ in events].count("done") == len(tasks), "no run is made twice"
