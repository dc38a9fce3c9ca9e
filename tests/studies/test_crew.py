"""The pool's book-keeping, with workers that are only pretended: who is given what, and who is buried."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from poise.errors import PoiseError
from poise.runs.ending import Interrupted, Stop
from poise.studies.running import pool as pools
from poise.studies.running.crew import NearCrew, deaf_to_ctrl_c, one_thread_each
from poise.studies.running.pool import DEATHS, Pool
from poise.studies.running.tasks import Task


def task(name):
    return Task("part", name, 0, name, "toy")


class Told:
    """A view that keeps what it was told."""

    def __init__(self):
        self.words = []

    def __getattr__(self, word):
        return lambda *rest: self.words.append((word, *(getattr(x, "name", x) for x in rest)))


class Pretended(NearCrew):
    """No process: what it is given is kept, and what it says was put into its pipe before."""

    def __init__(self, code=None):
        self.pipe, self.theirs = multiprocessing.Pipe()
        self.connection = self.pipe
        self.sentinel, self.alive = os.pipe()
        self.process = SimpleNamespace(
            sentinel=self.sentinel, exitcode=None, is_alive=self.lives, join=lambda grace=None: None, kill=self.die
        )
        self.task, self.fresh, self.killed = None, False, 0

    def lives(self):
        return self.process.exitcode is None

    def die(self, code=-9):
        if self.lives():
            self.process.exitcode = code
            os.close(self.alive)

    def says(self, *message):
        self.theirs.send(message)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A pool of two with pretended workers."""
    monkeypatch.setattr(pools, "NearCrew", Pretended)
    return Pool(2, tmp_path, None, Told(), Stop())


def test_no_more_workers_than_work(made):
    made.waiting.extend([task("a")])
    made._staff()
    assert len(made.crews) == 1 and made.crews[0].task.name == "a" and made.crews[0].fresh
    name, spec, folder = made.crews[0].theirs.recv()
    assert (name, spec, folder) == ("a", {"recipe": "toy", "arguments": {}}, str(made.runs / "a"))
    made.waiting.extend(map(task, "bcd"))
    made._staff()
    assert [crew.task.name for crew in made.crews] == ["a", "b"] and [t.name for t in made.waiting] == ["c", "d"]


def test_last_words_of_one_that_died_are_heard(made):
    """It said that its run is done, and died before anybody had looked."""
    made.waiting.append(task("a"))
    made._staff()
    made.crews[0].says("step", "a", 0, 9)
    made.crews[0].says("done", "a")
    made.crews[0].die()
    made._hear(0.1)
    assert ("ended", "a", "done") in made.view.words and not made.waiting and not made.crews and not made.deaths


def test_a_run_whose_worker_died_is_the_next_one(made):
    made.waiting.extend(map(task, "abc"))
    made._staff()
    made.crews[1].die()
    made._hear(0.1)
    assert [t.name for t in made.waiting] == ["b", "c"] and made.deaths == {"b": 1} and len(made.crews) == 1
    assert ("died", "b", -9) in made.view.words


def test_one_that_dies_without_work_costs_nothing(made):
    made.waiting.append(task("a"))
    made._staff()
    made.crews[0].says("done", "a")
    made._hear(0.1)
    assert made.crews[0].task is None
    made.crews[0].die()
    made._hear(0.1)
    assert not made.crews and not made.deaths and not made.waiting


def test_words_about_an_old_run_are_not_those_of_the_new_one(made):
    made.waiting.append(task("b"))
    made._staff()
    for word in (("step", "a", 5, 9), ("failed", "a", "why"), ("done", "a")):
        made.crews[0].says(*word)
    made._hear(0.1)
    assert made.crews[0].task.name == "b" and made.crews[0].fresh
    assert [words[0] for words in made.view.words] == ["began", "tick"]


def test_a_run_that_comes_further_between_two_deaths_is_not_given_up(made):
    """Counted are deaths since it last went on from a later step than before."""
    made.waiting.append(task("a"))
    for saved, later, deaths in ((0, 5, 1), (0, 8, 2), (0, 9, 3), (7, 9, 1), (7, 11, 2), (9, 10, 1), (9, 12, 2)):
        made._staff()
        made.crews[0].says("step", "a", saved, 90)
        made.crews[0].says("step", "a", later, 90)  # of the same sitting, and lost with its worker
        made.crews[0].die()
        made._hear(0.1)
        assert made.deaths["a"] == deaths
    for _ in range(DEATHS - 3):
        made._staff()
        made.crews[0].die(1)
        made._hear(0.1)
    made._staff()
    made.crews[0].die(1)
    with pytest.raises(PoiseError, match=rf"part, a, seed 0: its worker ended {DEATHS} times in a row \(exit code 1;"):
        made._hear(0.1)


def test_what_failed_ends_the_study_and_the_others_are_told_to_save(made, monkeypatch):
    """A second failure, heard while the workers are dismissed, hides neither the first nor what a third one says."""
    crews = []

    class Failing(Pretended):
        def give(self, given, runs):
            super().give(given, runs)
            crews.append(self)
            self.says("failed", given.name, f"no {given.name}")

    monkeypatch.setattr(pools, "NearCrew", Failing)
    made.workers = 3
    with pytest.raises(PoiseError, match=r"^part, a, seed 0: no a$"):
        made.train(list(map(task, "abc")))
    assert not made.crews and not any(crew.lives() for crew in crews)
    for crew in crews:
        assert crew.theirs.recv()[0] in "abc" and crew.theirs.recv() is None


@pytest.mark.slow
def test_a_stop_that_is_asked_for_dismisses(made, monkeypatch):
    class Stopping(Pretended):
        def tell(self, message):
            super().tell(message)
            if message is None:
                self.says("stopped", self.task.name)

    monkeypatch.setattr(pools, "NearCrew", Stopping)
    made.stop.asked = True
    with pytest.raises(Interrupted):
        made.train(list(map(task, "ab")))
    assert [words for words in made.view.words if words[0] == "stopped"] == [("stopped", "a"), ("stopped", "b")]
    assert sorted(t.name for t in made.waiting) == ["a", "b"], "neither is over"


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait(made, monkeypatch):
    """It is raised while the first worker is waited for: none of them stays behind."""
    crews = []

    def interrupted(grace=None):
        if grace is not None:
            raise KeyboardInterrupt

    class Slow(Pretended):
        def __init__(self, code=None):
            super().__init__(code)
            self.process.join = interrupted
            crews.append(self)

    monkeypatch.setattr(pools, "NearCrew", Slow)
    made.stop.asked = True
    with pytest.raises(KeyboardInterrupt):
        made.train(list(map(task, "ab")))
    assert len(crews) == 2 and not any(crew.lives() for crew in crews) and not made.crews


def test_the_environment_of_a_worker_and_then_ours(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_thread_each():
        assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("1", "1")
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals are those of POSIX")
def test_a_worker_is_born_deaf_to_ctrl_c():
    """Until it has been loaded it could only answer with a traceback."""
    asking = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with deaf_to_ctrl_c():
        said = subprocess.run([sys.executable, "-S", "-c", asking], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "True"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
