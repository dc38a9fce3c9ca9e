"""The time that is left, by a clock of our own; and a log that survives a line that was cut off."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from poise.errors import PoiseError
from poise.studies.running import progress
from poise.studies.running.progress import SURE, Log, Progress
from poise.studies.running.tasks import Task


def tasks(*names):
    return [Task(name[0], name, 0, name) for name in names]


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    stamp = progress.time.strftime
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0], strftime=stamp))
    return now


def watching(found, tmp_path, workers=1, **more):
    return Progress(found, 0, workers, Log(tmp_path / "events.jsonl"), quiet=True, **more)


def test_nothing_is_said_of_the_time_before_a_pace_is_known(clock, tmp_path):
    """A run of 100 steps: 20 s until it begins, a first step of 4 s, then one a second."""
    found = tasks("a1", "a2")
    first = found[0]
    view = watching(found, tmp_path)
    assert view.seconds_left() is None
    view.began(first)
    clock[0] = 20.0
    view.step(first, 0, 100)
    assert view.seconds_left() is None and "left" not in view.line()
    clock[0] = 24.0
    view.step(first, 1, 100)
    assert view.seconds_left() is None, "100 first steps would be 400 s"
    clock[0] = 20.0 + SURE + 5
    view.step(first, 10, 100)
    assert view.seconds_left() == pytest.approx((20 + 100) * (0.9 + 1))
    clock[0] += 1000.0
    assert view.seconds_left() == pytest.approx((20 + 100) * 1.9), "a pace is that of the steps, not of the silence"
    assert view.line() == "0 of 2 runs, about 3:48 left; a, a1, seed 0: 10 of 100"


def test_the_pace_of_a_run_that_was_resumed_is_that_of_its_own_steps(clock, tmp_path):
    (first,) = found = tasks("a1")
    view = watching(found, tmp_path)
    view.began(first)
    view.step(first, 50, 100)
    clock[0] = 20.0
    view.step(first, 60, 100)
    assert view.seconds_left() == pytest.approx(2.0 * 100 * 0.4)


def test_what_whole_runs_took_counts_more_and_parts_of_them_do_not(clock, tmp_path):
    """Of a part of which none was trained whole: the mean of the others."""
    a1, a2, a3, b1 = found = tasks("a1", "a2", "a3", "b1")
    view = watching(found, tmp_path, workers=2)
    view.began(a1)
    view.step(a1, 0, 10)
    clock[0] = 100.0
    view.ended(a1, "done")
    assert view.seconds_left() == pytest.approx(300 / 2), "a2, a3 and b1 on two workers"
    view.began(a2)
    view.step(a2, 5, 10)
    clock[0] = 101.0
    view.ended(a2, "done")
    view.began(a3)
    clock[0] = 102.0
    view.ended(a3, "done")  # without a step: somebody else had finished it
    assert view.seconds_left() == pytest.approx(100.0), "neither the half run nor the run that was there counts"
    view.began(b1)
    view.ended(b1, "diverged", "why")
    assert view.seconds_left() == 0 and view.line().startswith("4 of 4 runs")


def test_the_last_run_takes_as_long_as_it_takes_whatever_the_workers(clock, tmp_path):
    a1, a2 = found = tasks("a1", "a2")
    view = watching(found, tmp_path, workers=8)
    view.began(a1)
    view.step(a1, 0, 10)
    clock[0] = 60.0
    view.ended(a1, "done")
    view.began(a2)
    view.step(a2, 5, 10)
    assert view.seconds_left() == pytest.approx(30.0)


def test_the_first_run_of_each_part_is_checked(clock, tmp_path):
    checked = []
    found = tasks("a1", "a2", "a3", "b1")
    view = watching(found, tmp_path, check=checked.append)
    for task, how in zip(found, ("diverged", "done", "done", "done"), strict=True):
        view.began(task)
        view.ended(task, how)
    assert [task.name for task in checked] == ["a2", "b1"]


def test_a_run_that_was_stopped_or_whose_worker_died_is_still_to_be_made(clock, tmp_path):
    a1, a2 = found = tasks("a1", "a2")
    view = watching(found, tmp_path)
    for task in found:
        view.began(task)
    view.stopped(a1)
    view.died(a2, -9)
    assert not view.running and set(view.left) == {"a1", "a2"} and view.done == 0
    assert [entry.event for entry in view.log.entries()] == ["began", "began", "stopped", "worker died"]
    assert view.log.entries()[-1].details["code"] == -9


def test_lines_are_shown_every_ten_seconds_and_not_when_quiet(clock, tmp_path, capsys):
    for quiet, expected in ((False, 2), (True, 0)):
        view = Progress(tasks("a1"), 3, 1, Log(tmp_path / "events.jsonl"), quiet)
        for clock[0] in (1000.0, 1005.0, 1009.9, 1010.0):
            view.tick()
        assert capsys.readouterr().err.count("3 of 4 runs\n") == expected


def test_a_line_that_was_cut_off_costs_itself_only_and_one_that_is_damaged_is_named(tmp_path):
    log = Log(tmp_path / "events.jsonl")
    assert log.entries() == []
    log.add("began", run="大")
    with open(log.path, "a") as file:
        file.write('{"time": "2026-01-01T00:00:00+0000", "eve')
    log.add("plan changed", finished=3)
    assert [(e.event, e.details.get("run")) for e in log.entries()] == [("began", "大"), ("plan changed", None)]
    for damaged, reason in (("[1]", "it is no object"), ('{"no": "event"}', "it has no event"), ("{", "it is no JSON")):
        whole = log.path.read_text()
        log.path.write_text(whole + damaged + "\n")
        log.add("done", run="b")
        with pytest.raises(PoiseError, match=rf"events\.jsonl, line 3 is damaged \({reason}\)"):
            log.entries()
        log.path.write_text(whole)


def test_the_longest_run_bounds_the_time(clock, tmp_path):
    """100 s and 10 s on two workers are 100 s and not 55."""
    a1, a2, b1, b2 = found = tasks("a1", "a2", "b1", "b2")
    view = watching(found, tmp_path, workers=2)
    for task, seconds in ((a1, 100.0), (b1, 10.0)):
        view.began(task)
        view.step(task, 0, 10)
        clock[0] += seconds
        view.ended(task, "done")
    assert view.seconds_left() == pytest.approx(100.0)
    view.began(a2)
    view.step(a2, 8, 10)
    view.began(b2)
    assert view.seconds_left() == pytest.approx(20.0)
