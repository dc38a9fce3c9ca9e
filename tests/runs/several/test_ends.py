"""Kills, faults and Ctrl-C of a training by two processes: one sentence, and the run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poise.cli import main
from poise.data.images import stream as image_stream
from poise.record import RunFolder
from poise.report.live import Silent
from poise.runs.run import run
from poise.training.checkpoint import latest
from tests.runs.several.processes import (
    MARKS,
    SMALL,
    Slowly,
    apart,
    asked_of,
    command,
    ended,
    numbers,
    said,
    started,
    until,
    whole_run,
)

pytestmark = MARKS
OWN = "tests.runs.several.own"


@pytest.mark.parametrize("killed", [0, 1])
def test_kill_9_of_either_ends_both_in_a_sentence_and_the_run_goes_on_by_one(killed, whole, pictures, tmp_path, double):
    asked, out = asked_of(pictures), tmp_path / "run"
    children = started(lambda: whole_run(asked, out, Slowly()), tmp_path)
    children.until(lambda: latest(out / "checkpoints") is not None)
    os.kill(children[killed], signal.SIGKILL)
    codes = ended(children)
    assert codes[killed] == -signal.SIGKILL and codes[1 - killed] == 2
    assert len(said(tmp_path, 1 - killed)) == 1 and "another process of this training" in said(tmp_path, 1 - killed)[0]
    assert not (out / "DONE").exists()
    run(asked, out)
    assert apart(numbers(whole), numbers(out)) < 1e-10


def test_of_three_processes_one_says_that_one_is_gone(pictures, tmp_path):
    asked, out = asked_of(pictures), tmp_path / "run"
    children = started(lambda: whole_run(asked, out, Slowly()), tmp_path, 3)
    children.until(lambda: latest(out / "checkpoints") is not None)
    os.kill(children[1], signal.SIGKILL)
    assert ended(children) == [2, -signal.SIGKILL, 2]
    assert len(said(tmp_path, 0)) == 1 and said(tmp_path, 2) == []


class Full(Silent):
    """A view in which the disk is full after a step, and the other process is gone by then or not."""

    def __init__(self, gone):
        self.gone = gone

    def step(self, made, entry):
        if made == 6:
            if self.gone:
                Path(f"{self.gone}.soon").touch()
            while self.gone and not os.path.exists(self.gone):
                time.sleep(0.01)
            raise OSError(28, "No space left on device", "record")


@pytest.mark.parametrize("gone", [False, True])
def test_what_goes_wrong_in_the_first_process_is_what_it_says(gone, pictures, tmp_path):
    """Also where the other process cannot be told of it any more."""
    asked, out, sign = asked_of(pictures), tmp_path / "run", tmp_path / "gone"

    def work():
        try:
            return whole_run(asked, out, Full(str(sign) if gone else ""))
        except OSError as error:
            print(error.strerror)
            return 2

    children = started(work, tmp_path)
    if gone:
        children.until(lambda: Path(f"{sign}.soon").exists())
        os.kill(children[1], signal.SIGKILL)
        os.waitid(os.P_PID, children[1], os.WEXITED | os.WNOWAIT)
        sign.touch()
    assert ended(children) == [2, -signal.SIGKILL if gone else 2]
    assert said(tmp_path, 0) == ["No space left on device"] and said(tmp_path, 1) == []


def test_a_fault_of_a_penalty_in_one_process_is_told_by_that_one(pictures, tmp_path):
    words = ["train", "images", pictures, *SMALL, "--generator.norm", "none", "--out", str(tmp_path / "out"), "--quiet",
             f"--discriminator.penalties+={OWN}.Level", "--discriminator.penalties.shape", "each",
             "--discriminator.penalties.fails_in", "1"]  # fmt: skip
    words[words.index("--steps") + 1] = "9"
    assert command(*words, folder=tmp_path) == [2, 2]
    assert len(said(tmp_path, 1)) == 1 and "a fault of its own" in said(tmp_path, 1)[0]
    assert len(said(tmp_path, 0)) == 1 and "see what that one says" in said(tmp_path, 0)[0]


def test_an_error_of_one_process_ends_both_in_a_sentence(pictures, tmp_path, monkeypatch):
    """The second process cannot read its data any more."""
    plain = image_stream.ImageStream.__call__

    def failing(self, draw):
        if draw == 9 and os.environ.get("RANK") == "1":
            raise OSError(5, "Input/output error", "disk")
        return plain(self, draw)

    monkeypatch.setattr(image_stream.ImageStream, "__call__", failing)
    words = ["train", "images", pictures, *SMALL, "--generator.norm", "none", "--out", str(tmp_path / "out"), "--quiet"]
    words[words.index("--steps") + 1] = "9"
    assert command(*words, folder=tmp_path) == [2, 2]
    assert said(tmp_path, 1) == ["poise: disk: Input/output error; put that right and try again"]
    assert len(said(tmp_path, 0)) == 1 and "go on with poise resume RUN" in said(tmp_path, 0)[0]
    monkeypatch.undo()
    assert main(["resume", str(tmp_path / "out"), "--quiet"]) == 0


def test_by_torchrun_one_process_speaks_and_ctrl_c_stops_both(pictures, tmp_path):
    """As it is typed: torchrun -m poise train; SIGINT of torchrun's own group, then poise resume by one."""
    words = ["train", "images", pictures, *SMALL, "--generator.norm", "none", "--out", "run", "--threads", "1"]
    words[words.index("--steps") + 1] = "100000"
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "poise"]
    with open(tmp_path / "said", "w") as output:
        running = subprocess.Popen([*start, *words], cwd=tmp_path, stdout=output, stderr=output, start_new_session=True)
        record = tmp_path / "run" / "record.jsonl"
        until(lambda: record.exists() and len(record.read_text().splitlines()) > 2)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(120) != 0
    lines = (tmp_path / "said").read_text().splitlines()
    assert len([line for line in lines if line.startswith("trained by 2 processes: each computes ")]) == 1
    assert len([line for line in lines if line.startswith("stopped after step ")]) == 1
    events = RunFolder(tmp_path / "run").events()
    assert [event.event for event in events if event.event != "finding"] == ["started", "stopped"]
    made = events[-1].details["step"]
    assert latest(tmp_path / "run" / "checkpoints").name == f"step-{made:08d}"
