"""Workers and parents of a study, as processes, and what they said."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from poise.runs.ending import Stop
from poise.studies.running.pool import Pool
from poise.studies.running.progress import Log, Progress
from tests.studies.test_pool import FILE

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


def wait_for(what, seconds=120.0):
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.05)
