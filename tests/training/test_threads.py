"""The number of threads: measured, written down before it is used, followed when a run goes on."""

from __future__ import annotations

import math

import pytest

from poise.lazy import waits_briefly
from poise.training.threads import TRIED, Choice, Threads, candidates, plan_of


class Machine:
    """Steps of one thread take 100 ms, of n threads 100/n^0.8 ms; where it is busy, threads wait for each other."""

    def __init__(self, busy=lambda seconds: False, cores=2, waits=40.0, one=0.1, busy_one=0.2):
        self.busy, self.cores, self.waits, self.one, self.busy_one = busy, cores, waits, one, busy_one
        self.seconds, self.threads, self.steps = 0.0, cores, []

    def clock(self):
        return self.seconds

    def apply(self, threads):
        self.threads = threads

    def step(self):
        busy = self.busy(self.seconds)
        took = self.busy_one if busy else self.one / self.threads**0.8
        self.seconds += took * self.waits if busy and self.threads > 1 else took
        self.steps.append(self.threads)


def run(machine, steps, plan=(), first=0, **options):
    """As a session does: the plan that is on the disk, and what was said."""
    disk, lines = [list(plan)], []

    def write(plan):
        assert machine.threads == threads.now, "written before it is used"
        disk[0] = list(plan)

    threads = Threads(
        machine.cores, list(plan), write, lines.append, clock=machine.clock, apply=machine.apply, **options
    )
    threads.begin(first)
    for step in range(first, steps):
        machine.step()
        threads.computed()
        machine.seconds += 0.01  # pictures, scores, checkpoints
        threads.next(step + 1)
    return disk[0], lines


def test_candidates_double():
    assert [candidates(n) for n in (1, 2, 6, 16)] == [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8, 16]]


@pytest.mark.parametrize("cores", [2, 4, 6])
def test_on_an_idle_machine_all_cores_work_after_a_few_steps(cores):
    machine = Machine(cores=cores)
    plan, lines = run(machine, 300)
    tried = TRIED * len(candidates(cores))
    assert machine.steps[:TRIED] == [1] * TRIED and machine.steps[tried:] == [cores] * (300 - tried)
    assert plan[-1].threads == cores and plan[-1].ms == pytest.approx(100 / cores**0.8, rel=1e-3)
    (line,) = lines
    assert line.startswith(f"computed with {cores} threads from step {tried + 1} on: 100 ms a step with 1, ")


def test_more_threads_that_gain_nothing_are_not_used():
    machine = Machine()
    machine.step = lambda: (
        machine.steps.append(machine.threads),
        setattr(machine, "seconds", machine.seconds + [0.1, 0.097][machine.threads - 1]),
    )
    plan, _ = run(machine, 100)
    assert plan[-1].threads == 1


def test_on_a_busy_machine_one_slow_step_is_enough():
    machine = Machine(busy=lambda seconds: True)
    plan, _ = run(machine, 1000)
    assert machine.steps[: TRIED + 2] == [1] * TRIED + [2, 1]
    assert sum(n > 1 for n in machine.steps) <= 3, "and it is tried again ever more rarely"
    alone = 1000 * 0.21  # with --threads 1
    assert alone / machine.seconds > 0.8
    assert plan[-1].threads == 1


@pytest.mark.parametrize("waits", [5.0, 40.0, 100.0])
def test_other_work_that_comes_and_goes(waits):
    """Within few steps of its coming one thread computes, and some time after it has gone two do again."""
    machine = Machine(lambda seconds: 20 < seconds < 120, waits=waits)
    plan, lines = run(machine, 4000)
    times = [choice.threads for choice in plan if choice.ms is not None]
    assert times[0] == times[-1] == 2 and 1 in times
    assert machine.steps[-1000:] == [2] * 1000
    assert len(lines) == len(times) < 8
    slow = sum(n > 1 for n in machine.steps) * 0.2 * waits
    assert machine.seconds < 4000 * 0.11 + slow
    first = next(
        i for i, (a, b) in enumerate(zip(machine.steps[20:], machine.steps[21:], strict=False)) if (a, b) == (2, 1)
    )
    assert first < 20 / 0.06 + 12


@pytest.mark.parametrize("stopped", [1, 3, TRIED, TRIED + 1, 2 * TRIED, 50, 400, 401])
def test_a_run_that_goes_on_follows_the_plan_as_far_as_it_goes(stopped):
    """From an earlier checkpoint, on a machine that is now busy: each step that was planned has its number."""
    machine = Machine(lambda seconds: 5 < seconds < 15)
    disk, _ = run(machine, stopped)
    for checkpoint in {0, stopped // 2, stopped}:
        other = Machine(lambda seconds: True)
        plan, _ = run(other, 600, plan=disk, first=checkpoint)
        assert plan[: len(disk)] == disk, "what is written stays"
        until = max((choice.step for choice in disk), default=0)
        assert other.steps[: max(0, until - checkpoint)] == machine.steps[checkpoint:until]
        assert [c.step for c in plan] == sorted({c.step for c in plan}), "one choice for a step"
        again = Machine()
        run(again, 600, plan=plan, fixed=True)
        assert again.steps[checkpoint:600] == other.steps, "an uninterrupted run of this plan is the same"


def test_where_a_number_was_said_nothing_is_measured_but_a_plan_is_followed():
    machine = Machine(lambda seconds: True)
    assert run(machine, 20, fixed=True) == ([], []) and machine.steps == [2] * 20
    plan = [Choice(0, 1, "tried", None), Choice(6, 2, "tried", None), Choice(12, 1, "measured", 100.0)]
    machine = Machine()
    assert run(machine, 20, plan=plan, fixed=True) == (plan, [])
    assert machine.steps == [1] * 6 + [2] * 6 + [1] * 8


def test_the_process_is_left_as_it_was():
    machine = Machine()
    threads = Threads(2, [], lambda plan: None, clock=machine.clock, apply=machine.apply)
    threads.begin(0)
    assert machine.threads == 1
    threads.end()
    assert machine.threads == 2


@pytest.mark.parametrize("bad", [[{}], [3], {"a": 1}, [{"step": -1, "threads": 1, "why": "", "ms": None}], 5])
def test_a_plan_that_is_none_is_refused(bad):
    with pytest.raises((ValueError, KeyError, TypeError)):
        plan_of(bad)
    good = [Choice(0, 1, "tried", None), Choice(9, 2, "measured", 3.5)]
    assert plan_of([choice._asdict() for choice in good]) == good and math.isfinite(good[1].ms)


@pytest.mark.parametrize("said", [{}, {"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "5"}, {"KMP_BLOCKTIME": "9"}])
def test_threads_wait_briefly_unless_the_user_has_said_something(said):
    environment = dict(said)
    assert waits_briefly(environment) == (not said)
    assert environment == (said or {"GOMP_SPINCOUNT": "3000"})
