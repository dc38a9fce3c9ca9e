"""Workers that are killed, parents that are killed: nothing is lost and nothing is run twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.ending import Interrupted, Stop
from poise.runs.run import run
from poise.studies.plans.files import executed, plan_of
from poise.studies.running.pool import Pool
from poise.studies.running.progress import Log, Progress
from poise.studies.running.tasks import state_of, tasks_of

FILE = str(Path(__file__).with_name("toy_study.py"))


def study(**changes):
    table = executed(FILE)["STUDY"]
    changes["arguments"] = {**table["arguments"], **changes.get("arguments", {})}
    return tasks_of(plan_of({**table, "claims": [], **changes}))


def alone(tasks, folder):
    """Every run by itself, in this process."""
    for task in tasks:
        run(task.spec, folder / task.name)


def pooled(tasks, folder, workers=2, stop=None, view=None):
    folder.mkdir(exist_ok=True)
    view = view or Progress(tasks, 0, workers, Log(folder / "events.jsonl"), quiet=True)
    Pool(workers, folder / "runs", FILE, view, stop or Stop()).train(tasks)


def outcome(path: Path) -> tuple[object, ...]:
    """All that a run that is done has to show: its record, its scores, and its weights to the last bit."""
    folder = RunFolder(path)
    assert folder.done
    last = sorted(p.name for p in folder.checkpoints.glob("step-*"))[-1]
    weights = [(folder.checkpoints / last / f"generator{kind}.safetensors").read_bytes() for kind in ("", ".ema")]
    report = folder.report()
    return folder.rows(), report["scores"], report["final"], last, weights


@pytest.mark.slow
def test_workers_give_what_one_process_gives(tmp_path):
    tasks = study(seeds=2)
    alone(tasks, tmp_path / "alone")
    pooled(tasks, tmp_path / "pool")
    for task in tasks:
        assert outcome(tmp_path / "alone" / task.name) == outcome(tmp_path / "pool" / "runs" / task.name)


@pytest.mark.slow
def test_a_run_that_diverges_is_kept_and_not_tried_again(tmp_path):
    tasks = study(seeds=1, arms={"none": {}, "bad": {"explodes": True}})
    pooled(tasks, tmp_path)
    assert [state_of(RunFolder(tmp_path / "runs" / t.name)) for t in tasks] == ["done", "diverged"]
    told = [entry for entry in Log(tmp_path / "events.jsonl").entries() if entry.event == "diverged"]
    assert len(told) == 1 and "attraction became inf" in told[0].details["why"]


@pytest.mark.slow
def test_what_cannot_be_trained_ends_the_study_with_a_sentence(tmp_path):
    tasks = study(seeds=1, arms={"none": {"pause": 0.05}, "bad": {"lr": -1.0}})
    with pytest.raises(PoiseError, match="toy, bad, seed 0: --lr must be above 0, not -1"):
        pooled(tasks, tmp_path)
    assert state_of(RunFolder(tmp_path / "runs" / tasks[0].name)) in ("unfinished", "new"), "the other one was saved"


class Ending(Progress):
    """Asks for an end as soon as a run is under way."""

    stop: Stop

    def step(self, task, made, total):
        super().step(task, made, total)
        self.stop.asked = made > 0


@pytest.mark.slow
def test_a_stopped_study_saves_and_goes_on(tmp_path):
    tasks = study(seeds=1, arguments={"pause": 0.03, "steps": 100})
    alone(tasks, tmp_path / "alone")
    (tmp_path / "pool").mkdir()
    view = Ending(tasks, 0, 2, Log(tmp_path / "pool" / "events.jsonl"), quiet=True)
    view.stop = stop = Stop()
    with pytest.raises(Interrupted):
        pooled(tasks, tmp_path / "pool", stop=stop, view=view)
    folders = [RunFolder(tmp_path / "pool" / "runs" / t.name) for t in tasks]
    assert not any(folder.done for folder in folders)
    assert any(folder.events() and folder.events()[-1].event == "stopped" for folder in folders)
    pooled(tasks, tmp_path / "pool")
    for task in tasks:
        assert outcome(tmp_path / "alone" / task.name) == outcome(tmp_path / "pool" / "runs" / task.name)


class Killing(Progress):
    """Kills the worker of every run at its first step, as often as it is begun."""

    def step(self, task, made, total):
        super().step(task, made, total)
        crew = next(crew for crew in self.pool.crews if crew.task is task)
        os.kill(crew.process.pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_run_that_always_ends_its_worker_ends_the_study(tmp_path):
    tasks = study(seeds=1, arguments={"pause": 0.05})[:1]
    view = Killing(tasks, 0, 1, Log(tmp_path / "events.jsonl"), quiet=True)
    view.pool = Pool(1, tmp_path / "runs", FILE, view, Stop())
    with pytest.raises(PoiseError, match=r"its worker ended 5 times in a row \(exit code -9"):
        view.pool.train(tasks)
    assert [e.event for e in view.log.entries()] == ["began", "worker died"] * 5


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid` and that work: not the one that keeps track of shared memory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the workers in /proc")
def test_kills_lose_nothing_and_run_nothing_twice(tmp_path):
    """kill -9 of a worker or of the parent, at random moments: then the study is what an undisturbed one is. Three of
    each; STUDY_KILLS=10 for ten of each, three minutes."""
    each = int(os.environ.get("STUDY_KILLS", 3))
    rng = random.Random(6)
    seeds, pause, steps = 6, 0.05, 120
    settings = {"TOY_SEEDS": str(seeds), "TOY_PAUSE": str(pause), "TOY_STEPS": str(steps), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "poise", "study", FILE, "--workers", "2", "--quiet", "--out", str(tmp_path / "s")]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(words, env={**os.environ, **settings}, start_new_session=True)

    kills, in_a_row = {"worker": 0, "parent": 0}, 0
    process = start()
    while sum(kills.values()) < 2 * each:
        time.sleep(rng.uniform(0.5, 6.0))
        assert process.poll() is None, "the study came to its end before it was killed often enough"
        workers = children(process.pid)
        if workers and in_a_row < 4 and kills["worker"] < each and (kills["parent"] >= each or rng.random() < 0.5):
            os.kill(rng.choice(workers), signal.SIGKILL)
            kills["worker"] += 1
            in_a_row += 1  # a run whose worker dies five times in a row is given up, which is another test
        elif kills["parent"] < each or in_a_row == 4:
            process.kill()
            process.wait()
            kills["parent"] += 1
            in_a_row = 0
            process = start()
    assert process.wait(timeout=300) == 0
    tasks = study(seeds=seeds, arguments={"pause": pause, "steps": steps})
    quick = study(seeds=seeds, arguments={"pause": 0.0, "steps": steps})
    alone(quick, tmp_path / "alone")
    stamps = {}
    for task, twin in zip(tasks, quick, strict=True):
        folder = RunFolder(tmp_path / "s" / "runs" / task.name)
        assert outcome(tmp_path / "alone" / twin.name) == outcome(folder.path)
        events = [entry.event for entry in folder.events()]
        assert events.count("finished") == 1 and events[-1] == "finished", "trained again after its end"
        stamps[task.name] = (folder.path / "DONE").stat().st_mtime_ns
    assert {p.name for p in (tmp_path / "s" / "runs").iterdir() if not p.name.startswith(".")} == set(stamps)
    assert subprocess.run(words, env={**os.environ, **settings}, check=True).returncode == 0
    for name, stamp in stamps.items():
        assert (tmp_path / "s" / "runs" / name / "DONE").stat().st_mtime_ns == stamp
    written = json.loads((tmp_path / "s" / "study.json").read_text())
    assert written["runs"]["done"] == 2 * seeds
