"""Workers that join a study through its folder: the same runs as by one process, whatever is killed and by whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import poise
from poise.cli import main
from poise.cli.tune import read
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.ending import Stop
from poise.studies.running import desk as desks
from poise.studies.running import hosts
from poise.studies.running.attending import attend
from poise.studies.running.desk import Desk
from poise.studies.running.hosts import Workers, asked
from poise.studies.running.letters import Letters
from poise.studies.running.pool import Pool
from poise.studies.running.progress import Log, Progress
from tests.studies.test_pool import FILE, alone, outcome, study

LOST = 3.0  # seconds: short, so that the tests are


def worker(folder: Path, *more: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    """A worker as somebody on another machine starts one."""
    words = [sys.executable, "-m", "poise", "worker", str(folder), "--lost", str(LOST), *more]
    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=cwd,
    )


def said_by(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=120)
    return out


class Seen(Progress):
    """Keeps who trained what, and calls a function at the steps of runs."""

    at = staticmethod(lambda task, made: None)

    def step(self, task, made, total):
        super().step(task, made, total)
        self.at(task, made)


def parent(tasks, folder: Path, local: int = 0, at=None, stop=None):
    """A study's parent in this process."""
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    view = Seen(tasks, 0, 1, Log(folder / "events.jsonl"), quiet=True)
    view.at = at or view.at
    pool = Pool(local, folder / "runs", FILE, view, stop or Stop())
    pool.desk.lost = LOST
    pool.train(tasks)
    return view


def happened(folder: Path) -> list[str]:
    return [entry.event for entry in Log(folder / "events.jsonl").entries()]


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


def wait_for(what, seconds=120.0):
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_letters_come_in_order_whole_and_once(tmp_path):
    near, far = Letters(tmp_path / "a", tmp_path / "b"), Letters(tmp_path / "b", tmp_path / "a")
    assert not near.poll()
    with pytest.raises(EOFError):
        near.recv()
    far.send(["step", "名", 1])
    with open(tmp_path / "a", "ab") as file:
        file.write(b'["done"')  # half a line: it is still being written
    assert near.poll() and near.recv() == ["step", "名", 1] and not near.poll()
    with open(tmp_path / "a", "ab") as file:
        file.write(b', "x"]\n')
    assert near.recv() == ["done", "x"]
    near.send(None)
    assert far.recv() is None


def test_a_worker_of_another_version_is_sent_away(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    desk, stop = Desk(tmp_path), Stop()
    said: list[str] = []
    error: list[str] = []

    def join():
        try:
            attend(tmp_path, stop, said.append, idle=30, lost=30)
        except PoiseError as wrong:
            error.append(str(wrong))

    other = threading.Thread(target=join)
    other.start()
    wait_for(lambda: list((tmp_path / "desk").glob("*/hello.json")))
    monkeypatch.setattr(desks, "__version__", "0.0.1")
    assert list(desk.joined([])) == []
    other.join(30)
    assert error == [
        f"{tmp_path}: this study is trained by Poise 0.0.1, and this is {poise.__version__}; use the same version on "
        f"all machines"
    ]


def test_a_worker_that_nobody_calls_ends_and_leaves_nothing(tmp_path):
    said: list[str] = []
    attend(tmp_path, Stop(), said.append, idle=0.3, lost=30)
    assert said == [f"waiting for work in {tmp_path}", "nobody has wanted anything any more"]
    assert not list((tmp_path / "desk").iterdir())


def test_a_folder_that_is_none(tmp_path, capsys):
    assert main(["worker", str(tmp_path / "nowhere")]) == 2
    assert (
        "nowhere is no folder of a study or a search; start poise study or poise tune first" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4", Workers(4)),
        ("0", Workers(0)),
        ("slurm:8", Workers(0, 8)),
        ("slurm:8,partition=gpu,time=60", Workers(0, 8, slurm={"partition": "gpu", "time": "60"})),
        ("dask://host:8786", Workers(0, dask="dask://host:8786")),
    ],
)
def test_what_is_written_behind_workers(text, found):
    assert asked(text) == found and found.count >= 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "4097",
        "two",
        "1.5",
        "slurm",
        "slurm:",
        "slurm:0",
        "slurm:2,x",
        "slurm:2,time=long",
        "dask://",
        "ray:2",
    ],
)
def test_what_nobody_can_start_is_refused(text):
    with pytest.raises(PoiseError, match="give a number from 0 to 4096, slurm:NUMBER"):
        asked(text)


@pytest.mark.parametrize("text", ["2", "0", "slurm:8,partition=gpu", "dask://host:8786"])
def test_a_search_reads_it_as_a_study_does(text):
    found = read("tune", ["images", "digits", "--workers", text])
    assert found.flags["workers"] == asked(text) and found.flags["workers"].text == text


def test_who_cannot_be_asked_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(hosts.shutil, "which", lambda name: None)
    pytest.importorskip("submitit")
    with pytest.raises(PoiseError, match="--workers slurm: this machine has no sbatch"):
        asked("slurm:2").start(tmp_path, print)
    lines: list[str] = []
    asked("0").start(tmp_path, lines.append)
    assert lines == [f"waiting for workers: start them with poise worker {tmp_path}"]


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


def test_a_scheduler_that_is_not_there(tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(PoiseError, match=r"--workers dask://127.0.0.1:9: no scheduler of Dask answers there"):
        asked("dask://127.0.0.1:9").start(tmp_path, print)
