"""Real workers: one, two and four find the same; whatever is killed with -9, nothing is lost and nothing made twice."""

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

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("TUNE_KILLS", 2))
WORDS = [
    "tune", "tests.tuning.surfaces.SHRINK", "x", "--no-scan",
    "--trials", "6", "--each", "2", "--confirm", "6", "--steps", "20",
    "--space", "lr=off",
]  # fmt: skip


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Whom the user trusts is kept in a cache of its own."""
    return {**os.environ, "POISE_CACHE": str(tmp_path_factory.mktemp("cache")), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def whole(environment, tmp_path_factory):
    """A search by two workers that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole") / "t"
    finished(started(environment, folder))
    return folder


def started(environment, out, *more, workers=2):
    """`poise tune` in a process group of its own. Runs last as long as is needed to be killed so often."""
    words = [*WORDS, "--pause", str(0.01 * KILLS), "--out", str(out), "--workers", str(workers), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "poise", *words],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def finished(process):
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def outcome(folder):
    found = json.loads((folder / "answer.json").read_text())
    return found["trials"], found["sentences"], found["use"]


def runs(folder):
    return sorted(path.name for place in ("runs", "confirm/runs") for path in (folder / place).iterdir())


@pytest.mark.parametrize("workers", [4])
def test_as_many_workers_as_one_likes_find_the_same(workers, whole, environment, tmp_path):
    finished(started(environment, tmp_path / "t", workers=workers))
    assert outcome(tmp_path / "t") == outcome(whole)
    assert runs(tmp_path / "t") == runs(whole)


def test_workers_that_join_find_the_same(whole, environment, tmp_path):
    """Of a scheduler of Dask, two; and one that somebody has started."""
    distributed = pytest.importorskip("distributed")
    (tmp_path / "t").mkdir()
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        words = [sys.executable, "-m", "poise", "worker", str(tmp_path / "t"), "--idle", "0.5"]
        third = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert "waiting for work" in third.stdout.readline()  # else the other two may have done all by then
        process = started(environment, tmp_path / "t", workers=address)
        finished(process)
        said, _ = third.communicate(timeout=300)
    assert outcome(tmp_path / "t") == outcome(whole)
    assert runs(tmp_path / "t") == runs(whole) and third.returncode == 0
    assert said.count("done: ") > 0


def test_killed_at_random_moments(whole, environment, tmp_path):
    """The whole group, parent and workers, or the parent alone; then it is started again."""
    choose = random.Random(0)
    killed = 0
    while killed < KILLS:
        process = started(environment, tmp_path / "killed", "--quiet")
        try:
            process.wait(choose.uniform(1.0, 9.0))
            break  # it came to its end
        except subprocess.TimeoutExpired:
            victim = process.pid if killed % 2 else -os.getpgid(process.pid)
            os.kill(victim, signal.SIGKILL) if victim > 0 else os.killpg(-victim, signal.SIGKILL)
            process.communicate(timeout=300)
            killed += 1
    assert killed == KILLS, "it was killed while it worked"
    finished(started(environment, tmp_path / "killed"))
    assert outcome(tmp_path / "killed") == outcome(whole)
    assert runs(tmp_path / "killed") == runs(whole), "nothing lost, nothing twice"


def test_ctrl_c_saves_and_goes_on(whole, environment, tmp_path):
    process = started(environment, tmp_path / "t")
    events = tmp_path / "t" / "events.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (events.exists() and '"began"' in events.read_text()):
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "go on with: poise tune tests.tuning.surfaces.SHRINK x" in said
    finished(started(environment, tmp_path / "t"))
    assert outcome(tmp_path / "t") == outcome(whole)
