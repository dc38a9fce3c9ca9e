"""Numbers out of a finished run, by hand-made records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poise.disk.description import RunSpec
from poise.errors import PoiseError
from poise.monitor import Finding
from poise.registry import names
from poise.report.conclude import BestScore
from poise.runs.report import FinalScores, RunReport
from poise.studies.plans.readings import Finished, read

ROWS = [
    {"step": 0, "d/auc_gap": 0.0, "d/alive": 1.0},
    {"step": 9, "score/KID": 8.0, "score/FD": 1.0},
    {"step": 40, "d/auc_gap": 0.1, "d/alive": 1.0},
    {"step": 59, "score/KID": 2.0, "score/FD": 3.0},
    {"step": 80, "d/auc_gap": 0.3, "d/alive": 0.0},
    {"step": 99, "score/KID": 4.0, "score/FD": 2.0},
    {"step": 100, "d/auc_gap": 0.5, "d/alive": 0.0},
]
FOUND = Finding("mode collapse", "note", 60, "", "")
REPORT = RunReport("run", "toy", None, None, 101, best=BestScore(60, "KID", 2.0), findings=[FOUND])
FINAL = FinalScores("", {"KID": 4.5}, {"KID": 2.5}, {"end": 101, "best": 60})
RUN = Finished.of("run-1", ROWS, REPORT)
KEPT_BACK = Finished.of("run-2", ROWS, replace(REPORT, final=FINAL))
TWO_STAGES = RunSpec(facts={"stages": [["first", 81], ["second", 40]]})
NO_LOOK = Finished.of("run-6", ROWS[:-1], REPORT, TWO_STAGES)  # in the second stage
BORN_DEAD = Finished.of("run-7", [{"step": step, "d/alive": 0.0} for step in range(81, 84)], REPORT, TWO_STAGES)
JUST_BEGUN = Finished.of("run-8", [*ROWS[:4], {"step": 81, "d/alive": 0.0}], REPORT, TWO_STAGES)
LATE = Finished.of(
    "run-5", [{"step": step, "d/x": x} for step, x in ((40, 1.0), (60, 2.0), (80, 4.0), (100, 8.0))], REPORT
)
READ = {
    "a quarter of the steps at which it is recorded": ({"mean": "d/x", "over": "last quarter"}, LATE, 8.0),
    "the first quarter of them": ({"mean": "d/x", "over": "first quarter"}, LATE, 1.0),
    "the first third of them, and its end": ({"mean": "d/x", "over": "first third"}, LATE, 1.5),
    "the last third of them, and its beginning": ({"mean": "d/x", "over": "last third"}, LATE, 6.0),
    "a score at the end": ({"score": "KID", "at": "end"}, RUN, 4.0),
    "a score at the best step": ({"score": "KID", "at": "best"}, RUN, 2.0),
    "another score at that step": ({"score": "FD", "at": "best"}, RUN, 3.0),
    "items kept back have the last word": ({"score": "KID", "at": "best"}, KEPT_BACK, 2.5),
    "at the end too": ({"score": "KID", "at": "end"}, KEPT_BACK, 4.5),
    "too few items were kept back for this one": ({"score": "FD", "at": "best"}, KEPT_BACK, 3.0),
    "mean over all": ({"mean": "d/auc_gap", "over": "whole run"}, RUN, 0.225),
    "mean over the end": ({"mean": "d/auc_gap", "over": "last quarter"}, RUN, 0.4),
    "mean over the beginning": ({"over": "first half", "mean": "d/auc_gap"}, RUN, 0.05),
    "steps until, between two scores": ({"steps_until": "KID", "below": 5.0}, RUN, 35.0),
    "steps until, at a score": ({"steps_until": "KID", "below": 2.0}, RUN, 60.0),
    "steps until, at once": ({"steps_until": "KID", "below": 9.0}, RUN, 10.0),
    "steps until, never": ({"steps_until": "KID", "below": 1.0}, RUN, 101.0),
    "steps until, given up before": ({"steps_until": "KID", "below": 1.0}, replace(RUN, planned=400), 400.0),
    "steps until, there before it was given up": (
        {"steps_until": "KID", "below": 2.0},
        replace(RUN, planned=400),
        60.0,
    ),
    "dead at the end": ({"alive": "d"}, RUN, 0.0),
    "dead before a stage without a look": ({"alive": "d"}, NO_LOOK, 0.0),
    "never alive in three looks": ({"alive": "d"}, BORN_DEAD, 0.0),
    "one look at a network that has just begun": ({"alive": "d"}, JUST_BEGUN, 1.0),
    "found": ({"finding": "mode collapse"}, RUN, 1.0),
    "not found": ({"finding": "overfitting"}, RUN, 0.0),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_read(case):
    reads, run, expected = READ[case]
    assert read(reads, run) == pytest.approx(expected)


def test_every_reading_is_tried():
    assert {key for reads, _, _ in READ.values() for key in reads} >= set(names("reading"))


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ({"score": "KIT", "at": "end"}, "run-1 has no 'KIT'; did you mean 'KID'"),
        ({"mean": "d/auc_gab", "over": "whole run"}, "did you mean 'd/auc_gap'"),
        ({"steps_until": "KIT", "below": 1.0}, "did you mean 'KID'"),
        ({"alive": "e"}, "run-1 has no 'e'"),
        ({"alive": ""}, "It has: d."),
        ({}, "needs one of score, mean"),
        ({"score": "KID", "alive": "d"}, "needs one of score, mean"),
    ],
)
def test_what_is_not_there_is_told(reads, expected):
    with pytest.raises(PoiseError, match=r"^[^\n]*$") as told:
        read(reads, RUN)
    assert expected in str(told.value)


@pytest.mark.parametrize("reads", [{"score": "KID", "at": "best"}, {"score": "KID", "at": "end"}])
def test_a_run_without_scores_says_why(reads):
    with pytest.raises(
        PoiseError, match=r"run-3 has no 'KID'. It has none at all: were they turned off \(scores: 0\)\?$"
    ):
        read(reads, Finished.of("run-3", ROWS[:1], replace(REPORT, best=None)))


def test_scores_of_which_none_is_the_one_to_choose_by_have_no_best():
    with pytest.raises(PoiseError, match="run-4 has no best step"):
        read({"score": "FD", "at": "best"}, Finished.of("run-4", ROWS, replace(REPORT, best=None)))
