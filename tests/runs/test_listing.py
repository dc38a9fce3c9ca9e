"""`poise runs`, `runs rm`, `runs diff`: every state, wherever a run lies; nothing but a run's own files is removed."""

from __future__ import annotations

import io
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from poise.cli import main
from poise.disk.description import Lengthening, RunSpec
from poise.record import RunFolder, all_runs, find_run
from poise.report.conclude import BestScore
from poise.runs.ending import Interrupted, Stop
from poise.runs.listing import ListedRun, about, lines
from poise.runs.run import run

ARGUMENTS = {
    "data": "pictures.npy", "steps": 6, "batch": 8, "scores": 0, "threads": 1, "heldout": 0.25,
    "generator": {"width": 4}, "discriminator": {"width": 4}, "augment": "none",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """runs/ with a finished and a stopped run, and another finished one elsewhere: copied for each test."""
    folder = tmp_path_factory.mktemp("made")
    np.save(folder / "pictures.npy", np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8))
    before = os.getcwd()
    os.chdir(folder)
    try:
        run({"recipe": "images", "arguments": {**ARGUMENTS, "l2_generator": 1e-3}})
        stop = Stop()
        stop.asked = True
        with pytest.raises(Interrupted):
            run(
                {"recipe": "images", "arguments": {**ARGUMENTS, "seed": 1, "l2_discriminator": "cosine:1e-3:1e-5"}},
                stop=stop,
            )
        run({"recipe": "images", "arguments": {**ARGUMENTS, "seed": 2}}, out="mine/run")
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def there(place, monkeypatch):
    """In a copy of the folder, with a list of other places of its own, in which mine/run stands."""
    from poise.record import remember

    monkeypatch.chdir(place)
    monkeypatch.setenv("POISE_CACHE", str(place / "cache"))
    remember(place / "mine" / "run")
    return place


def listed(capsys, *words):
    assert main(["runs", *words]) == 0
    return capsys.readouterr().out.splitlines()


def as_json(capsys, *words):
    return json.loads("\n".join(listed(capsys, "--json", *words)))


@pytest.mark.slow
def test_every_run_is_listed_with_what_it_is(there, capsys):
    head, *rows = listed(capsys)
    assert head.split() == ["RUN", "DATA", "L2", "STATE", "STEP", "BEST", "WHEN"]
    assert [row.split()[1:5] for row in rows] == [
        ["pictures.npy", "0.001/0", "finished", "6"],
        ["pictures.npy", "0/cosine", "stopped", "1"],
        ["pictures.npy", "0/0", "finished", "6"],
    ]
    assert "1 of 6" in rows[1] and rows[2].startswith("mine/run ")
    found = as_json(capsys)
    assert found[0]["l2"] == {"generator": 1e-3, "discriminator": 0.0} and found[0]["recipe"] == "images"
    assert all(time.time() - row["when"] < 3600 and row["bytes"] > 1000 for row in found)


@pytest.mark.slow
def test_a_broken_one_hides_no_other_and_says_why(there, capsys):
    (find_run("mine/run").path / "report.json").write_text("{")
    rows = as_json(capsys)
    assert [row["state"] for row in rows] == ["finished", "stopped", "broken"]
    assert "report.json" in rows[2]["why"] and "report.json" in listed(capsys)[-1]


@pytest.mark.slow
def test_one_that_diverged_and_one_that_is_trained_are_told(there, capsys):
    stopped = next(folder for folder in all_runs() if not folder.done)
    with stopped.locked():
        assert about(stopped).state == "training"
    finished = next(folder for folder in all_runs() if folder.done)
    with finished.locked():  # as an evaluation holds it, for a moment
        assert about(finished).state == "finished"
    stopped.event("diverged", step=1)
    assert [row["state"] for row in as_json(capsys)] == ["finished", "finished", "diverged"], "the last changed last"


def test_filters_and_orders(there, capsys):
    assert len(as_json(capsys, "--state", "finished")) == 2
    assert len(as_json(capsys, "--data", "PICT")) == 3 and as_json(capsys, "--data", "photos") == []
    assert as_json(capsys, "--recipe", "text") == [] and listed(capsys, "--recipe", "text") == ["no such run"]
    assert [row["step"] for row in as_json(capsys, "--sort", "step")] == [1, 6, 6]
    assert main(["runs", "--sort", "kid"]) == 2
    assert "no run has such a score" in capsys.readouterr().err


def scored(name, value):
    best = BestScore(3, "KID-EffLite0", value) if value is not None else None
    strengths = {"generator": 1e-4, "discriminator": 0.0}
    return ListedRun(name, f"runs/{name}", "images", "photos", strengths, "finished", "", 1000, 1000, best, 0.0, 5)


def test_by_a_score_the_best_comes_first():
    from poise.runs.listing import chosen

    rows = [scored("a", 3.0), scored("b", None), scored("c", 1.0)]
    assert [row.name for row in chosen(rows, None, None, None, "kid")] == ["c", "a", "b"]


@pytest.mark.parametrize("width", [32, 40, 60, 80, 120])
def test_the_table_fits_the_terminal(width):
    rows = [scored("images-fashion-mnist-838d9500", 3.0), scored("images-fashion-mnist-12345678", 1.0)]
    table = lines(rows, width)
    assert all(len(line) <= width for line in table) and len(table) == 3
    assert "STATE" in table[0]
    if width >= 80:
        assert "L2" in table[0] and "KID-EffLite0 3" in table[1]
    assert lines(rows)[1].startswith("images-fashion-mnist-838d9500 "), "in a pipe nothing is cut"


def test_runs_of_other_folders_are_listed_when_asked(there, tmp_path_factory, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path_factory.mktemp("other"))
    assert listed(capsys) == ["no runs in runs"]
    assert [row["name"] for row in as_json(capsys, "--all")] == ["run"]


def test_last_is_the_newest_wherever_it_lies(there):
    os.utime(there / "mine" / "run" / "spec.json", (2e9, 2e9))
    assert find_run("last").path.name == "run"


def test_rm_asks_and_removes_nothing_without_a_yes(there, capsys, monkeypatch):
    assert main(["runs", "rm", "mine/run"]) == 2
    assert "add --yes" in capsys.readouterr().err
    terminal = io.StringIO("n\n")
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)
    assert main(["runs", "rm", "mine/run"]) == 0
    said = capsys.readouterr().out
    assert "Remove this run, " in said and "[y/N]" in said and "nothing was removed" in said
    assert (there / "mine" / "run" / "DONE").exists()


def test_rm_frees_space_and_keeps_what_is_not_the_runs(there, capsys):
    run_folder = there / "mine" / "run"
    (run_folder / "notes.txt").write_text("mine")
    (run_folder / "evaluation-last.json").write_text("{}")
    (run_folder / "tensorboard").mkdir()
    (run_folder / "tensorboard/events.out.tfevents.17.host.1.0").write_text("by a tracker")
    assert main(["runs", "rm", "mine/run", "--yes"]) == 0
    said = capsys.readouterr().out
    assert "MB are free; notes.txt stays: no run made it" in said
    assert sorted(path.name for path in run_folder.iterdir()) == ["notes.txt"]
    names = [folder.name for folder in all_runs()]
    assert main(["runs", "rm", *names, names[0], "--yes"]) == 0
    assert all_runs() == [] and list((there / "runs").iterdir()) == []


def test_rm_refuses_one_that_is_trained_and_what_is_no_run(there, capsys):
    folder = RunFolder(there / "mine" / "run")
    with folder.locked():
        assert main(["runs", "rm", "mine/run", "--yes"]) == 2
    assert "is being trained" in capsys.readouterr().err and folder.done
    (there / "empty").mkdir()
    assert main(["runs", "rm", "empty", "--yes"]) == 2
    assert "there is no run 'empty'" in capsys.readouterr().err


def test_rm_of_nothing_is_refused_and_removes_nothing(there, capsys):
    for words in (["rm", "", "--yes"], ["rm", "  ", "--yes"], ["diff", "", "mine/run"]):
        assert main(["runs", *words]) == 2
        assert "is empty: name what is meant" in capsys.readouterr().err
    assert len(all_runs()) == 3


def test_rm_removes_nothing_of_a_folder_that_is_no_run(there, capsys):
    api = there / "api"
    for name in ("spec.json", "samples/a.txt", "checkpoints/m.pt", "notes.tmp/y"):
        (api / name).parent.mkdir(parents=True, exist_ok=True)
        (api / name).write_text('{"openapi": "3.0"}')
    before = sorted(api.rglob("*"))
    assert main(["runs", "rm", "api", "--yes"]) == 2
    assert "is not the description of a run" in capsys.readouterr().err and sorted(api.rglob("*")) == before


def test_rm_leaves_what_somebody_has_put_into_the_folders_of_a_run(there, capsys):
    run_folder = there / "mine" / "run"
    kept = [
        "work.tmp/thesis.txt",
        "curves-of-mine.json",
        "samples/notes.txt",
        "checkpoints/inner/spec.json",
        "samples/1.png",
    ]
    for name in kept:
        (run_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (run_folder / name).write_text("{}")
    assert main(["runs", "rm", "mine/run", "--yes"]) == 0
    left = {str(path.relative_to(run_folder)) for path in run_folder.rglob("*") if path.is_file()}
    assert left == set(kept)


def test_rm_refuses_a_link_and_the_folder_that_one_is_in(there, capsys, monkeypatch):
    (there / "runs" / "link").symlink_to(there / "mine" / "run")
    assert main(["runs", "rm", "runs/link", "--yes"]) == 2
    assert "is a link" in capsys.readouterr().err
    monkeypatch.chdir(there / "mine" / "run" / "samples")
    assert main(["runs", "rm", "..", "--yes"]) == 2
    assert "the folder that you are in" in capsys.readouterr().err
    assert (there / "mine" / "run" / "DONE").exists()


def test_places_are_kept_while_nothing_is_there_yet_and_each_run_is_listed_once(there):
    from poise.record import remember

    for name in ("one", "two"):
        remember(there / name)  # two trainings that begin at the same time
    for name in ("one", "two"):
        (there / name).mkdir()
        (there / name / "spec.json").write_text("{}")
    assert {"one", "two"} <= {folder.name for folder in all_runs()}
    (there / "elsewhere").symlink_to(there / "runs")
    name = next(folder.name for folder in all_runs() if folder.path.parent.name == "runs")
    remember(there / "elsewhere" / name)
    assert [folder.name for folder in all_runs()].count(name) == 1 and find_run(name).done is not None


ODD_REPORTS = [
    "{}",
    '{"steps": "x"}',
    '{"steps": null}',
    '{"steps": 1, "best": {"score": "K", "value": 1}}',
    '{"steps": 1, "best": {"score": "K", "step": 1, "value": 1' + 400 * "0" + "}}",
]


@pytest.mark.parametrize("report", ODD_REPORTS, ids=range(len(ODD_REPORTS)))
def test_no_report_hides_the_other_runs(there, capsys, report):
    (there / "mine" / "run" / "report.json").write_text(report)
    rows = as_json(capsys)
    assert len(rows) == 3 and rows[-1]["state"] == "broken" and "report.json" in rows[-1]["why"]
    assert main(["runs", "diff", "last", "mine/run"]) in (0, 2)


def test_looking_at_a_run_keeps_nobody_from_training_it(there):
    folder = RunFolder(there / "mine" / "run")
    looks = 0

    def look():
        nonlocal looks
        while looks < 200:
            assert not folder.busy, "two who look do not see each other"
            looks += 1

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(look), pool.submit(look)]:
            done.result()
    with folder.locked():
        assert folder.busy


def test_rm_follows_no_link_out_of_the_run(there, capsys):
    precious = there / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (there / "mine" / "run" / "linked").symlink_to(precious)
    assert main(["runs", "rm", "mine/run", "--yes"]) in (0, 2)
    assert (precious / "file").read_text() == "mine"


def test_diff_says_what_was_asked_otherwise_and_what_came_out(there, capsys):
    finished, other = [folder.name for folder in all_runs() if folder.done]
    assert main(["runs", "diff", finished, "mine/run"]) == 0
    said = capsys.readouterr().out
    assert "Asked otherwise" in said and "Otherwise found: nothing" in said and "What came out" in said
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.strip()}
    assert rows["l2_generator"] == ["0.001", "0"] and rows["seed"] == ["0", "2"] and rows["steps"] == ["6", "6"]
    assert "batch" not in rows
    assert main(["runs", "diff", finished, "mine/run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert ["seed", "0", "2"] in found["asked"]
    assert other == "run"


@pytest.mark.parametrize(
    ("arguments", "facts", "expected"),
    [
        ({"steps": 40}, {}, 40),
        ({"steps": 40, "warm_steps": 7}, {}, 47),
        ({"steps": 40, "warm_steps": 7, "vocoder_steps": 90}, {"stages": [["warm", 7], ["speech", 40]]}, 47),
        ({"steps": 40}, {"stages": []}, 40),
        ({"steps": "x"}, {}, None),
        ({"steps": True}, {}, None),
        ({"steps": 10**13}, {}, None),
        ({"steps": 40}, {"stages": [["speech", "x"]]}, None),
        ({}, {}, None),
    ],
)
def test_how_many_steps_were_asked_for(arguments, facts, expected):
    """Stages that a run does not have do not count, whatever its arguments say of them."""
    spec = RunSpec("speech", arguments, facts)
    assert spec.planned == expected
    assert replace(spec, lengthened=(Lengthening(40, 60),)).planned == 60
