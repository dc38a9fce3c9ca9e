"""What a run folder says to a study, by folders made by hand."""

from __future__ import annotations

import json
import math

import pytest

from poise.disk.description import Lengthening, RunSpec
from poise.errors import PoiseError
from poise.record import FORMAT, RunFolder
from poise.studies.plans.plan import Arm, Endpoint, Part, Plan
from poise.studies.running.tasks import Task, result_of, results_of, state_of, tasks_of

KID = Endpoint("KID", {"score": "KID", "at": "best"}, "lower")
UNTIL = Endpoint("until", {"steps_until": "FD", "below": 2.5}, "lower")
PART = Part("p", "images", {"data": "d"}, [Arm("a", {}), Arm("b", {})], [0, 1], "a", [KID, UNTIL])
ROWS = [
    {"step": 0, "d/alive": 1.0, "vocoder_d/alive": 1.0},
    {"step": 9, "score/KID": 8.0, "score/FD": 1.0, "score/KID.low": 7.0},
    {"step": 80, "d/alive": 1.0, "vocoder_d/alive": 0.0},
    {"step": 99, "score/KID": 4.0, "score/FD": 2.0, "score/KID.low": 3.0},
]
SCORES = [{"step": 10, "KID": 8.0, "FD": 1.0, "KID.low": 7.0}, {"step": 100, "KID": 4.0, "FD": 2.0, "KID.low": 3.0}]
REPORT = {
    "best": {"step": 100, "score": "KID", "value": 4.0}, "scores": SCORES,
    "steps": 100, "steps_this_sitting": 100, "seconds": {"this sitting": 12.5},
    "findings": [
        {"name": name, "severity": severity, "since": 9, "sentence": "It is so.", "action": "Change it."}
        for name, severity in (("copying", "warning"), ("slow", "note"))
    ],
}  # fmt: skip


DESCRIPTION = {**RunSpec("images", {"steps": 100}).to_dict(), "format": FORMAT}


def folder_of(path, rows=ROWS, report=REPORT, events=("started", "finished"), done=True):
    path.mkdir(parents=True)
    (path / "spec.json").write_text(json.dumps(DESCRIPTION))
    (path / "record.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "events.jsonl").write_text("".join(json.dumps({"event": event}) + "\n" for event in events))
    if done:
        (path / "report.json").write_text(json.dumps(report))
        (path / "DONE").touch()
    return RunFolder(path)


def task(arm="a", seed=0, name="r"):
    return Task("p", arm, seed, name)


def test_what_a_run_that_is_done_says(tmp_path):
    found = result_of(PART, task(), folder_of(tmp_path / "r"))
    assert (found.part, found.arm, found.seed, found.run, found.state) == ("p", "a", 0, "r", "done")
    assert found.values == {"KID": 4.0, "until": 10.0}
    assert found.curves == {"KID": [(10, 8.0), (100, 4.0)], "FD": [(10, 1.0), (100, 2.0)]}, "those that endpoints read"
    assert found.findings == ["copying"] and found.seconds == 12.5, "notes are no findings"
    assert found.alive is False, "one of its two discriminators was dead at the last look"


def test_what_one_that_diverged_says(tmp_path):
    rows = [{"step": 9, "score/KID": 8.0, "score/FD": 5.0}]
    found = result_of(PART, task(), folder_of(tmp_path / "r", rows, events=("started", "diverged"), done=False))
    assert (found.state, found.values, found.alive) == ("diverged", {"KID": None, "until": None}, None)
    assert found.curves["KID"] == [(10, 8.0)] and not found.findings and math.isnan(found.seconds)


def test_the_time_of_the_last_sitting_is_not_that_of_the_run(tmp_path):
    found = result_of(PART, task(), folder_of(tmp_path / "r", report={**REPORT, "steps_this_sitting": 40}))
    assert math.isnan(found.seconds)


def test_states_and_which_results_there_are(tmp_path):
    """new, unfinished, diverged (and not when it went on since), done; only two of these have come to their end."""
    folder_of(tmp_path / "done")
    folder_of(tmp_path / "diverged", events=("started", "diverged"), done=False)
    folder_of(tmp_path / "again", events=("started", "diverged", "rolled back"), done=False)
    folder_of(tmp_path / "unfinished", events=("started",), done=False)
    folder_of(tmp_path / "silent", events=(), done=False)
    (tmp_path / "half").mkdir()
    names = ("done", "diverged", "again", "unfinished", "silent", "half", "nowhere")
    states = [state_of(RunFolder(tmp_path / name)) for name in names]
    assert states == ["done", "diverged", "unfinished", "unfinished", "unfinished", "new", "new"]
    plan = Plan("x", "", [PART])
    found = results_of(plan, [task(name=name, seed=i) for i, name in enumerate(names)], tmp_path)
    assert [(result.run, result.seed) for result in found] == [("done", 0), ("diverged", 1)]


def test_runs_of_a_part_that_were_lengthened_unequally_are_not_compared(tmp_path):
    plan, tasks = Plan("x", "", [PART]), [task(name=name, seed=i) for i, name in enumerate("ab")]
    for name in "ab":
        folder_of(tmp_path / name)
    longer = RunSpec("images", lengthened=(Lengthening(80, 100),)).to_dict()
    longer["format"] = FORMAT
    (tmp_path / "a/spec.json").write_text(json.dumps(longer))
    with pytest.raises(
        PoiseError, match=r"part 'p': some of its runs were lengthened, by 20 steps, and .*/b by 0: they"
    ):
        results_of(plan, tasks, tmp_path)
    (tmp_path / "b/spec.json").write_text(json.dumps(longer))
    assert [result.run for result in results_of(plan, tasks, tmp_path)] == ["a", "b"]
    sooner = RunSpec("images", lengthened=(Lengthening(60, 70), Lengthening(70, 80))).to_dict()  # patience had ended it
    (tmp_path / "b/spec.json").write_text(json.dumps({**sooner, "format": FORMAT}))
    assert [result.run for result in results_of(plan, tasks, tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "report"),
    [
        (ROWS[:2], REPORT),  # a record that lost its end
        ([*ROWS[:3], {**ROWS[3], "score/KID": 4.5}], REPORT),
        (ROWS, {}),
        (ROWS, []),
        (ROWS, None),
    ],
)
def test_what_is_damaged_is_named_with_what_to_do(rows, report, tmp_path):
    folder = folder_of(tmp_path / "r", rows, report)
    with pytest.raises(
        PoiseError, match=r"^[^\n]*/r/(record|report).json.*: delete the folder .*/r, and the study makes"
    ):
        result_of(PART, task(), folder)


def test_scores_that_are_no_numbers_are_no_damage(tmp_path):
    rows = [*ROWS[:3], {**ROWS[3], "score/KID": math.nan}]
    report = {**REPORT, "scores": [SCORES[0], {**SCORES[1], "KID": math.nan}]}
    assert math.isnan(result_of(PART, task(), folder_of(tmp_path / "r", rows, report)).values["KID"])


def test_every_arm_has_the_same_seeds_and_one_thread_unless_it_says_otherwise():
    plan = Plan(
        "x", "", [Part("p", "images", {"data": "d"}, [Arm("a", {}), Arm("b", {"threads": 2})], [3, 5], "a", [KID])]
    )
    found = [(t.arm, t.seed, t.arguments["seed"], t.arguments["threads"]) for t in tasks_of(plan)]
    assert found == [("a", 3, 3, 1), ("b", 3, 3, 2), ("a", 5, 5, 1), ("b", 5, 5, 2)]


@pytest.mark.parametrize("seeds", [[0, 2**64 + 1], [2**64 + 1, 0]])
def test_every_seed_is_checked_before_anything_is_run(seeds):
    part = Part("p", "images", {"data": "d"}, [Arm("a", {})], seeds, "a", [])
    with pytest.raises(PoiseError, match="part 'p', arm 'a': --seed must be at most"):
        tasks_of(Plan("n", "q", [part], [], 0.05, {}))


def test_a_part_without_seeds_has_no_tasks():
    parts = [Part("p", "images", {"data": "d"}, [Arm("a", {})], seeds, "a", []) for seeds in ([], [3])]
    assert [task.seed for task in tasks_of(Plan("n", "q", parts, [], 0.05, {}))] == [3]
    assert tasks_of(Plan("n", "q", parts[:1], [], 0.05, {})) == tasks_of(Plan("n", "q", [], [], 0.05, {})) == []
