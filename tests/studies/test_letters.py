"""Letters between a parent and its workers, who is sent away, and what may stand behind --workers."""

from __future__ import annotations

import threading

import pytest

import poise
from poise.cli import main
from poise.cli.tune import read
from poise.errors import PoiseError
from poise.runs.ending import Stop
from poise.studies.running import desk as desks
from poise.studies.running import hosts
from poise.studies.running.attending import attend
from poise.studies.running.desk import Desk
from poise.studies.running.hosts import Workers, asked
from poise.studies.running.letters import Letters
from tests.studies.desks import wait_for


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
def test_a_scheduler_that_is_not_there(tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(PoiseError, match=r"--workers dask://127.0.0.1:9: no scheduler of Dask answers there"):
        asked("dask://127.0.0.1:9").start(tmp_path, print)
