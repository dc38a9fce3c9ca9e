"""What goes wrong between a study's parent and a worker on another machine, one thing after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from poise import __version__
from poise.errors import PoiseError
from poise.runs.ending import Stop
from poise.studies.running import attending
from poise.studies.running import desk as desks
from poise.studies.running.attending import Parent, attend, go_to
from poise.studies.running.desk import Desk, Seat
from poise.studies.running.pool import Pool
from poise.studies.running.progress import Log, Progress
from poise.studies.study import Study
from poise.tuning.asked import check_free
from tests.studies.desks import wait_for, worker
from tests.studies.test_crew import Told, task
from tests.studies.test_pool import FILE

LONG = 30.0  # seconds, longer than any of this takes


def seated(folder: Path, name: str = "w", **told: object) -> Path:
    """The place of a worker that only pretends."""
    place = folder / "desk" / name
    place.mkdir(parents=True)
    (place / "beat").touch()
    (place / "hello.json").write_text(json.dumps({"host": "far", "process": 7, "version": __version__, **told}))
    return place


def test_a_worker_is_greeted_by_a_parent_whose_name_is_there_already(tmp_path):
    """It came between two signs of life, to a desk that was not there before: it would take the parent for another."""
    desk = Desk(tmp_path)
    beat = desk.beat

    def before_anybody(crews):
        beat(crews)
        if not desk.folder.exists():
            seated(tmp_path)

    desk.beat = before_anybody
    (crew,) = desk.joined([])
    (begin,) = map(json.loads, (crew.place / "in").read_text().splitlines())
    assert begin[:2] == ["begin", (tmp_path / "desk" / "parent").read_text()]
    assert begin[3:] == [os.getcwd(), desks.BEAT]


def test_a_worker_of_little_patience_waits_for_its_parents_signs_of_life(tmp_path):
    """They come every five seconds, whatever its --lost."""
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "parent").write_text("me")
    with Seat(tmp_path, 1.0) as seat:
        seat.begin("me", desks.BEAT)
        now = os.stat(seat.place / "beat").st_mtime
        for late, alone in ((6.0, False), (16.0, True)):
            os.utime(tmp_path / "desk" / "parent", (now - late, now - late))
            seat.looked = 0.0
            assert seat.alone() is alone


def test_a_parent_of_little_patience_waits_for_a_workers_signs_of_life(tmp_path):
    seated(tmp_path, "slow", interval=5.0), seated(tmp_path, "quick", interval=0.5)
    quick, slow = Desk(tmp_path, lost=3.0).joined([])
    assert (quick.lost, slow.lost) == (3.0, 15.0)


def test_a_worker_that_leaves_while_it_is_greeted(tmp_path, monkeypatch):
    place, desk = seated(tmp_path), Desk(tmp_path)
    monkeypatch.setattr(Desk, "_deserted", lambda *_: False)  # as it was a moment ago
    (place / "hello.json").write_text('{"host": "half')
    assert list(desk.joined([])) == []
    other = seated(tmp_path, "v")
    (other / "hello.json").unlink()
    assert list(desk._greeted(other / "hello.json", 0.0)) == []


@pytest.mark.slow
def test_a_worker_whose_place_was_taken_away_while_it_slept_comes_anew(tmp_path):
    """As by a laptop that was shut: a parent that began meanwhile took it for gone."""
    stop, said = Stop(), list[str]()
    other = threading.Thread(target=attend, args=(tmp_path, stop, said.append, LONG, 0.4))
    other.start()
    places = lambda: {path.parent.name for path in tmp_path.glob("desk/*/hello.json")}  # noqa: E731
    wait_for(places)
    (first,) = places()
    desks.shutil.rmtree(tmp_path / "desk" / first)
    wait_for(lambda: places() - {first})
    stop.asked = True
    other.join(LONG)
    assert not places()


def test_a_worker_that_gives_its_run_back_is_given_no_other(tmp_path):
    """It is about to leave: a run given to it would count as one that ended its worker."""
    pool = Pool(0, tmp_path / "runs", None, Told(), Stop())
    place = seated(tmp_path)
    pool.waiting.extend(map(task, "ab"))
    pool._staff()
    (place / "out").write_text('["stopped", "a"]\n')
    pool._hear(0.01)
    pool._staff()
    assert [one.name for one in pool.waiting] == ["a", "b"] and pool.crews[0].task is None
    (place / "left").touch()
    pool._hear(0.01)
    assert not pool.crews and not pool.deaths


def test_a_run_that_fails_elsewhere_is_told_with_the_place(tmp_path):
    pool = Pool(0, tmp_path / "runs", None, Told(), Stop())
    place = seated(tmp_path)
    pool.waiting.append(task("a"))
    pool._staff()
    (place / "out").write_text('["failed", "a", "there is no folder photos"]\n')
    with pytest.raises(PoiseError, match=r"part, a, seed 0, on far, process 7: there is no folder photos"):
        pool._hear(0.01)


def test_nothing_is_left_at_the_desk_but_who_waits(tmp_path):
    desk = Desk(tmp_path)
    gone, waits = seated(tmp_path, "gone"), seated(tmp_path, "waits")
    (gone / "in").touch(), (gone / "left").touch()
    dead = seated(tmp_path, "dead")
    (dead / "in").touch(), os.utime(dead / "beat", (1, 1))
    desk.close()
    assert [path.name for path in (tmp_path / "desk").iterdir()] == [waits.name]
    Desk(tmp_path / "nobody").close()
    assert not (tmp_path / "nobody").exists()


def test_workers_may_wait_in_a_folder_before_the_study_or_the_search_begins(tmp_path):
    (tmp_path / "s").mkdir()
    with Seat(tmp_path / "s", LONG):
        assert Study.of(FILE, tmp_path / "s").is_new
        check_free(tmp_path / "s")
        (tmp_path / "s" / "letter.txt").touch()
        with pytest.raises(PoiseError, match="is no study's folder"):
            Study.of(FILE, tmp_path / "s")
        with pytest.raises(PoiseError, match="is no search"):
            check_free(tmp_path / "s")


def test_a_worker_goes_to_where_its_parent_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "there").mkdir()
    said: list[str] = []
    go_to(str(tmp_path / "there"), said.append)
    assert Path.cwd() == tmp_path / "there" and str(tmp_path / "there") in sys.path and not said
    go_to(str(tmp_path / "nowhere"), said.append)
    assert Path.cwd() == tmp_path / "there" and "paths of data and code start from" in said[0]


def test_code_that_was_changed_after_it_was_loaded_is_not_trained(tmp_path, monkeypatch):
    digests = {"own.Net": "1"}
    monkeypatch.setattr(attending, "digest_of", digests.get)
    monkeypatch.setattr(attending, "class_paths", lambda arguments: ["own.Net"])
    monkeypatch.setattr(attending, "trust", lambda path: None)
    sent: list[object] = []
    tasks = [
        ["a", {"recipe": "images", "arguments": {}}, "runs/a"],
        ["b", {"recipe": "images", "arguments": {}}, "runs/b"],
    ]
    pipe = SimpleNamespace(poll=lambda: True, recv=lambda: tasks.pop(0), send=sent.append)
    loaded: dict[str, str | None] = {}
    parent = Parent(SimpleNamespace(letters=pipe, folder=tmp_path), Stop(), print, loaded)
    assert parent.recv() == ("a", {"recipe": "images", "arguments": {}}, str(tmp_path / "runs" / "a"))
    digests["own.Net"] = "2"
    with pytest.raises(EOFError):
        parent.recv()
    assert parent.changed == "own.Net" and sent == [("stopped", "b")]


def test_the_time_left_reckons_with_those_who_joined(tmp_path):
    tasks = [task(name) for name in "abcd"]
    view = Progress(tasks, 0, 1, Log(tmp_path / "events.jsonl"), quiet=True)
    view.took["part"] = [10.0]
    assert view.seconds_left() == 40.0
    view.began(tasks[0]), view.began(tasks[1])
    assert view.seconds_left() == 20.0


@pytest.mark.slow
def test_a_worker_in_another_folder_finds_relative_data_and_code(tmp_path):
    """The study reads `data.txt` and imports `beside`, of the folder in which its parent runs."""
    here, away = tmp_path / "here", tmp_path / "away"
    here.mkdir(), away.mkdir()
    (here / "study.py").write_text(f"{Path(FILE).read_text()}\nimport beside\n\nPath('data.txt').read_text()\n")
    (here / "beside.py").touch(), (here / "data.txt").touch()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "poise", "study", "study.py", "--workers", "0", "--quiet", "--no-rehearsal"]
    parent = subprocess.Popen([*words, "--out", "s"], cwd=here, env=environment, stdout=subprocess.DEVNULL)
    wait_for((here / "s" / "plan.json").exists)
    one = worker(here / "s", "--once", cwd=away)
    out, _ = one.communicate(timeout=120)
    assert parent.wait(120) == 0 and one.returncode == 0, out
