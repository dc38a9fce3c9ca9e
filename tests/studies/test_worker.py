"""What a worker tells of a run's end, one door at a time: no process is started here."""

from __future__ import annotations

import multiprocessing
import signal
from types import SimpleNamespace

import pytest

from poise.errors import Busy, PoiseError, Refused
from poise.runs.ending import Interrupted, Stop
from poise.studies.running import worker
from poise.studies.running.worker import Telling, tell, work


@pytest.fixture
def pipe():
    """Our end of a pipe and the worker's; the handler of SIGINT is put back."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    ours, theirs = multiprocessing.Pipe()
    yield ours, theirs
    ours.close()
    theirs.close()
    signal.signal(signal.SIGINT, before)


def heard(connection):
    found = []
    while connection.poll():
        found.append(connection.recv())
    return found


def ending(monkeypatch, *ends):
    """`run` that ends in these ways, one after the other: an exception, or a report."""
    left = list(ends)

    def run(spec, path, view, stop):
        end = left.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    monkeypatch.setattr(worker, "run", run)
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: 10.0 * len(left), sleep=lambda s: None))
    return left


ENDS = {
    "done": ([{}], ("done", "r")),
    "stopped": ([Interrupted("stopped")], ("stopped", "r")),
    "held by one that was orphaned, then free": ([Busy("b"), Busy("b"), {}], ("done", "r")),
    "cannot be trained": ([Refused("no such data")], ("refused", "r", "no such data")),
    "cannot be written": ([PoiseError("no room")], ("failed", "r", "no room")),
    "a fault": (
        [ZeroDivisionError("by 0")],
        ("failed", "r", "a fault of Poise itself (ZeroDivisionError: by 0); POISE_TRACEBACK=1 shows where"),
    ),
    "no memory": (
        [RuntimeError("can't allocate memory: 9")],
        (
            "failed",
            "r",
            "out of memory (can't allocate memory: 9); use fewer --workers, a smaller batch or narrower networks",
        ),
    ),
    "no disk": ([OSError(28, "No space left", "a/b")], ("failed", "r", "a/b: No space left; put that right and go on")),
}


@pytest.mark.parametrize("case", ENDS)
def test_how_a_run_may_end(case, monkeypatch, tmp_path):
    ends, expected = ENDS[case]
    monkeypatch.delenv("POISE_TRACEBACK", raising=False)
    left = ending(monkeypatch, *ends)
    assert worker._one(None, "r", {}, str(tmp_path), Stop()) == expected and not left


def test_code_that_cannot_be_looked_at_is_told_like_any_other_end(monkeypatch, tmp_path):
    """The worker lives on, and the study says which run could not be trained and why."""

    def trust_all(recipe, arguments):
        raise OSError(13, "Permission denied", "mine.py")

    left = ending(monkeypatch, {})
    monkeypatch.setattr(worker, "trust_all", trust_all)
    told = worker._one(None, "r", {"recipe": "mine.recipe"}, str(tmp_path), Stop())
    assert told == ("failed", "r", "mine.py: Permission denied; put that right and go on") and left == [{}]


def test_one_that_diverged_is_told_from_one_that_fails(monkeypatch, tmp_path):
    (tmp_path / "spec.json").write_text("{}")
    (tmp_path / "events.jsonl").write_text('{"event": "diverged"}\n')
    ending(monkeypatch, PoiseError("became inf"))
    assert worker._one(None, "r", {}, str(tmp_path), Stop()) == ("diverged", "r", "became inf")


def test_a_run_that_stays_held_is_given_back(monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "PATIENCE", -100.0)
    left = ending(monkeypatch, Busy("is being trained by another process"), {})
    assert worker._one(None, "r", {}, str(tmp_path), Stop())[0] == "held" and left == [{}]


def test_a_run_that_is_held_for_long_is_seldom_looked_at(monkeypatch, tmp_path):
    """Each look reads the data and builds the networks: a core is not kept busy with that for hours."""
    clock, looks = [0.0], []

    def run(spec, path, view, stop):
        looks.append(clock[0])
        raise Busy("b")

    monkeypatch.setattr(worker, "run", run)
    passing = SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda s: clock.append(clock.pop() + s))
    monkeypatch.setattr(worker, "time", passing)
    assert worker._one(None, "r", {}, str(tmp_path), Stop())[0] == "held"
    assert len(looks) <= 20 and looks[-1] > worker.PATIENCE and looks[1] - looks[0] < 0.5


def test_a_worker_that_is_to_end_begins_no_run(monkeypatch, tmp_path):
    """Neither before the first step, nor when it waited for another process."""
    left, stop = ending(monkeypatch, {}), Stop()
    stop.asked = True
    assert worker._one(None, "r", {}, str(tmp_path), stop) == ("stopped", "r") and left == [{}]
    left, stop = ending(monkeypatch, Busy("b"), {}), Stop()
    monkeypatch.setattr(worker.time, "sleep", lambda s: setattr(stop, "asked", True))
    assert worker._one(None, "r", {}, str(tmp_path), stop) == ("stopped", "r") and left == [{}]


def test_the_life_of_a_worker(pipe, monkeypatch):
    """Tasks one after the other until it is told to end; Ctrl-C is not for it, and it has one thread."""
    ours, theirs = pipe
    monkeypatch.setattr(worker, "_one", lambda connection, name, spec, path, stop: ("done", name))
    for message in (("a", {}, "x"), ("b", {}, "y"), None):
        ours.send(message)
    work(theirs, None)
    assert heard(ours) == [("done", "a"), ("done", "b")]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_parent_that_is_gone_ends_the_worker(pipe, monkeypatch):
    ours, theirs = pipe
    stops = []
    monkeypatch.setattr(worker, "_one", lambda connection, name, spec, path, stop: stops.append(stop) or ("done", name))
    ours.send(("a", {}, "x"))
    ours.close()
    work(theirs, None)  # and what it tells is heard by nobody
    assert len(stops) == 1 and stops[0].asked


@pytest.mark.parametrize("content", ["def (", "import no_such_module_at_all", "raise RuntimeError('changed')"])
def test_a_study_file_that_no_longer_runs_is_told(content, pipe, tmp_path):
    """It was changed while the study ran: one sentence instead of five dead workers."""
    ours, theirs = pipe
    (tmp_path / "study.py").write_text(content)
    ours.send(("a", {}, "x"))
    ours.send(None)
    work(theirs, str(tmp_path / "study.py"))
    ((word, name, why),) = heard(ours)
    assert (word, name) == ("failed", "a") and "study.py stops with" in why and "put that right" in why


def test_steps_are_told_once_a_second(pipe, monkeypatch):
    ours, theirs = pipe
    now = [100.0]
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: now[0]))
    view = Telling(theirs, "r")
    view.open(None, {}, 5, 50)
    for made, now[0] in ((6, 100.1), (7, 100.9), (8, 101.2), (9, 102.0)):
        view.step(made, {})
    assert heard(ours) == [("step", "r", 5, 50), ("step", "r", 6, 50), ("step", "r", 8, 50)]
    ours.close()
    tell(theirs, "nobody hears this")
