"""What a search says, of confirmations that are made up: both directions, scores below 0, equal ones, diverged ones."""

from __future__ import annotations

import pytest

from poise.studies.comparison.comparison import compare
from poise.studies.plans.plan import Result
from poise.tuning.asked import Asked
from poise.tuning.confirm import _name, answer, study_of
from poise.tuning.space import Space, dimension
from poise.tuning.trials import Tried

pytestmark = pytest.mark.usefixtures("here")
SPACE = Space([dimension(text)[1] for text in ("l2_point=zero,log:1e-3:1", "lr=times:0.5:2")])
NOISE = [0.03, -0.02, 0.01, 0.0, -0.03, 0.02]
FOUND, DEFAULT, WITHOUT = "found", "default", "without l2_point"


def said(folder, better, means, search, default=0.0, found=0.1, noise=1.0):
    """The answer of a search whose arms have these means on six fresh seeds; None: its runs diverged."""
    asked = Asked("shrink", {"data": "x", "l2_point": default, "lr": 0.2}, SPACE, "distance", "end", better, 3, 6)
    best = Tried(7, {"l2_point": found, "lr": 2.0}, "done", [search], search)
    plan = study_of(asked, best, folder).plan
    results = []
    for arm, mean in means.items():
        for i, seed in enumerate(range(1000, 1006)):
            value = None if mean is None else mean + noise * NOISE[(i + len(arm)) % 6]
            state = "diverged" if mean is None else "done"
            results.append(Result("study", arm, seed, f"{arm}-{i}", state, {"distance at the end": value}, {}, None))
    part = plan.parts[0].name
    results = [Result(**{**vars(one), "part": part}) for one in results]
    return answer(asked, best, compare(plan, results), {})


@pytest.mark.parametrize("low", [5.0, -5.0, 0.0])
@pytest.mark.parametrize(("better", "sign"), [("lower", 1), ("higher", -1)])
def test_better_by_far(better, sign, low, tmp_path):
    """Whatever the sign of the score and the way that is better."""
    means = {FOUND: sign * low, DEFAULT: sign * (low + 2), WITHOUT: sign * (low + 1)}
    found = said(tmp_path, better, means, sign * (low - 1))
    assert found.gain and found.use == {"l2_point": 0.1, "lr": 2.0}
    assert found.sentences[0].startswith("l2_point 0.1, lr ×2: distance at the end ")
    (penalty,) = [one for one in found.sentences if one.startswith("l2_point 0.1: ")]
    assert penalty.endswith("it helps.")
    (luck,) = [one for one in found.sentences if one.startswith("The search itself")]
    assert luck.endswith("is partly luck.")


@pytest.mark.parametrize(("better", "sign"), [("lower", 1), ("higher", -1)])
def test_a_penalty_that_does_harm(better, sign, tmp_path):
    means = {FOUND: sign * 5, DEFAULT: sign * 7, WITHOUT: sign * 4}
    assert any("does harm here; leave it out." in one for one in said(tmp_path, better, means, sign * 4).sentences)
    other = said(tmp_path, better, means, sign * 4, default=0.01)
    assert any("at its default, 0.01, " in one and "harm here; use the default." in one for one in other.sentences)


def test_worse_than_the_default_is_no_gain(tmp_path):
    found = said(tmp_path, "lower", {FOUND: 7.0, DEFAULT: 5.0, WITHOUT: 7.0}, 4.0)
    assert not found.gain and found.use == {"l2_point": 0.0, "lr": 1.0}
    assert found.sentences[0].startswith("No gain found: ") and found.sentences[-1] == "Use the defaults."
    assert any(one.startswith("l2_point 0.1: no effect found") for one in found.sentences)


def test_equal_runs_are_no_gain(tmp_path):
    found = said(tmp_path, "lower", {FOUND: 5.0, DEFAULT: 5.0, WITHOUT: 5.0}, 5.0, noise=0.0)
    assert not found.gain and any("no effect found" in one for one in found.sentences)


def test_runs_that_diverge_are_no_gain(tmp_path):
    assert not said(tmp_path, "lower", {FOUND: None, DEFAULT: 5.0, WITHOUT: 6.0}, 4.0).gain


def test_luck_is_told_where_it_was_luck(tmp_path):
    """Better on fresh seeds than in the search: the search did not flatter it."""
    found = said(tmp_path, "lower", {FOUND: 3.0, DEFAULT: 5.0, WITHOUT: 5.0}, 4.0)
    assert "The search itself had it at 4, fresh seeds at 3.00." in found.sentences or any(
        one.startswith("The search itself") and one.endswith(".") and "luck" not in one for one in found.sentences
    )
    assert found.optimism == pytest.approx(-100 / 3, rel=0.01)


def test_of_a_penalty_that_was_not_confirmed_it_is_not_said_that_none_is_best(tmp_path):
    found = said(tmp_path, "lower", {FOUND: 5.0, DEFAULT: 5.0}, 4.0, found=0.0)
    assert "l2_point: the best trial has none." in found.sentences


@pytest.mark.parametrize("name", ["search", ".hidden", "..", "\u641c" * 40, "x" * 120])
def test_in_whatever_folder_the_confirmation_has_a_name_that_a_study_can_have(name, tmp_path):
    folder = tmp_path / name
    asked = Asked("shrink", {"data": "x", "l2_point": 0.0, "lr": 0.2}, SPACE, "distance", "end", "lower", 3, 6)
    best = Tried(7, {"l2_point": 0.1, "lr": 2.0}, "done", [1.0], 1.0)
    assert _name(asked, folder) == ("search-confirmed" if name == "search" else f"tune-{asked.digest}-confirmed")
    assert study_of(asked, best, tmp_path).plan.name == f"{tmp_path.name}-confirmed"
