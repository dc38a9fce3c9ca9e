"""Workers that join a study through its folder: the same runs as by one process, whatever is killed and by whom."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from poise.record import RunFolder
from poise.studies.running.hosts import asked
from poise.studies.running.progress import Log
from tests.studies.desks import happened, parent, said_by, wait_for, worker
from tests.studies.test_pool import FILE, alone, outcome, study


@pytest.fixture(scope="module")
def tasks():
    return study(seeds=2, arguments={"pause": 0.02, "steps": 60})


@pytest.fixture(scope="module")
def reference(tasks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    alone(tasks, folder)
    return {task.name: outcome(folder / task.name) for task in tasks}


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Runs that take long beside the looks at letters, and what comes out."""
    tasks, folder = study(seeds=1, arguments={"pause": 0.04, "steps": 100}), tmp_path_factory.mktemp("long")
    alone(tasks, folder)
    return tasks, {task.name: outcome(folder / task.name) for task in tasks}


def assert_same(tasks, folder, reference):
    for task in tasks:
        assert outcome(folder / "runs" / task.name) == reference[task.name]


@pytest.mark.slow
def test_two_workers_that_came_by_themselves_train_a_study(tasks, reference, tmp_path):
    """One of them sees the study's folder at another path, as other machines do."""
    folder = tmp_path / "study"
    (folder / "runs").mkdir(parents=True)
    (tmp_path / "elsewhere").symlink_to(folder)
    workers = [worker(folder, "--once"), worker(tmp_path / "elsewhere", "--once")]
    parent(tasks, folder)
    words = [said_by(one) for one in workers]
    assert [one.returncode for one in workers] == [0, 0]
    assert_same(tasks, folder, reference)
    counts = [sum(line.startswith("done: ") for line in said.splitlines()) for said in words]
    assert sum(counts) == len(tasks) and min(counts) > 0, words
    assert happened(folder).count("began") == len(tasks) and happened(folder).count("worker joined") == 2
    assert not [path for path in (folder / "desk").iterdir() if path.is_dir()], "nothing is left at the desk"


@pytest.mark.slow
def test_a_worker_that_is_killed_is_lost_and_its_run_goes_on_elsewhere(long, tmp_path):
    tasks, reference = long
    (tmp_path / "runs").mkdir()
    victim = worker(tmp_path)
    killed = []

    def at(task, made):
        if made > 20 and not killed:
            killed.append(task.name)
            victim.kill()
            others.append(worker(tmp_path, "--once"))

    others: list[subprocess.Popen[str]] = []
    parent(tasks, tmp_path, at=at)
    victim.communicate()
    assert said_by(others[0]) and others[0].returncode == 0
    assert_same(tasks, tmp_path, reference)
    told = Log(tmp_path / "events.jsonl").entries()
    assert [entry.details["run"] for entry in told if entry.event == "worker died"] == killed
    assert happened(tmp_path).count("done") == len(tasks), "no run is made twice"


@pytest.mark.slow
def test_a_worker_that_is_asked_to_leave_saves_its_run(long, tmp_path):
    tasks, reference = long
    (tmp_path / "runs").mkdir()
    leaving, others = worker(tmp_path), []

    def at(task, made):
        if made > 20 and not others:
            leaving.send_signal(signal.SIGINT)
            others.append(worker(tmp_path, "--once"))

    parent(tasks, tmp_path, at=at)
    assert "left; what was trained here is taken up by another" in said_by(leaving) and leaving.returncode == 130
    said_by(others[0])
    assert_same(tasks, tmp_path, reference)
    assert "stopped" in happened(tmp_path)
    events = [e.event for task in tasks for e in RunFolder(tmp_path / "runs" / task.name).events()]
    assert events.count("goes on") == 1


@pytest.mark.slow
def test_a_parent_that_is_killed_is_followed_by_another_and_workers_stay(tasks, reference, tmp_path):
    """`poise study --workers 0` in a process of its own, killed twice with -9; the worker is the same all the time."""
    folder = tmp_path / "s"
    words = [sys.executable, "-m", "poise", "study", FILE, "--workers", "0", "--quiet", "--no-rehearsal"]
    process = subprocess.Popen([*words, "--out", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for((folder / "plan.json").exists)
    one = worker(folder, "--idle", "0.4")
    for runs in (1, 2):
        wait_for(lambda runs=runs: len(list(folder.glob("runs/*/checkpoints/step-*"))) >= runs)
        process.kill()
        process.communicate()
        process = subprocess.Popen([*words, "--out", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    told = said_by(one)
    assert told.count("working for a study in") >= 2 and one.returncode == 0, told
    names = [path.name for path in (folder / "runs").iterdir()]
    assert all(RunFolder(folder / "runs" / name).done for name in names) and names


@pytest.mark.slow
def test_jobs_of_submitit_join(tasks, reference, tmp_path):
    """By its executor of this machine, which starts jobs as that of Slurm does."""
    pytest.importorskip("submitit")
    (tmp_path / "runs").mkdir()
    lines: list[str] = []
    jobs = asked("slurm:2")._by_slurm(tmp_path, lines.append, cluster="local")
    parent(tasks, tmp_path)
    assert [job.result() for job in jobs] == [0, 0]
    assert lines == ["2 workers were given to Slurm; they join when they begin"]
    assert_same(tasks, tmp_path, reference)
    assert happened(tmp_path).count("worker joined") == 2


@pytest.mark.slow
def test_workers_of_dask_join(tasks, reference, tmp_path):
    distributed = pytest.importorskip("distributed")
    (tmp_path / "runs").mkdir()
    lines: list[str] = []
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        asked(cluster.scheduler_address.replace("tcp://", "dask://")).start(tmp_path, lines.append)
        parent(tasks, tmp_path)
    assert lines == ["2 workers were given to Dask; they join when they begin"]
    assert_same(tasks, tmp_path, reference)
