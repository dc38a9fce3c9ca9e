"""Searches on surfaces whose best strength is known; whatever stops them, and however many work, the same comes out."""

from __future__ import annotations

import json

import pytest
import yaml

from poise.cli import main
from poise.registry import _TABLES
from poise.specs.spec import completed, run_name
from poise.studies.running.progress import Log
from poise.tuning.search import Search
from tests.tuning.surfaces import INFLATED, RecipeEntry, best_of_dirac, shrink

pytestmark = pytest.mark.usefixtures("here")
SHRINK = ["tune", "shrink", "x", "--no-scan"]
WORDS = [*SHRINK, "--trials", "20", "--each", "2", "--confirm", "6", "--space", "lr=off"]


def answer(folder):
    return json.loads((folder / "answer.json").read_text())


def tried(folder):
    """All trials, as they are told."""
    return answer(folder)["trials"]


@pytest.mark.slow
def test_the_right_strength_of_a_point_that_is_drawn_too_far(tmp_path, capsys):
    """w = m/(1 + λ) with m = 1.5 times the true mean: the best λ is ½."""
    assert main([*WORDS, "--out", str(tmp_path / "t"), "--space", "l2_point=zero,log:1e-3:10"]) == 0
    found = answer(tmp_path / "t")
    assert found["gain"] and found["verdict"] == "supported"
    assert found["found"]["l2_point"] == pytest.approx(INFLATED, rel=0.2)
    assert abs(found["optimism"]) < 100, "of a distance that is nearly 0"
    said = capsys.readouterr().out
    assert f"l2_point {found['found']['l2_point']:g}: distance at the end" in said
    assert "against the default (6 seeds)" in said
    best = yaml.safe_load((tmp_path / "t" / "best.yaml").read_text())
    assert best == {"l2_point": found["found"]["l2_point"]}


@pytest.mark.slow
def test_the_right_strength_of_the_dirac_gan(tmp_path):
    """Against the least |M(λ)ᵗz₀| of the closed form."""
    words = [
        "tune",
        "dirac",
        "x",
        "--no-scan",
        "--trials",
        "24",
        "--each",
        "1",
        "--confirm",
        "6",
        "--out",
        str(tmp_path / "t"),
    ]
    assert main([*words, "--space", "l2_discriminator=zero,log:1e-3:6", "--quiet"]) == 0
    found = answer(tmp_path / "t")
    assert found["found"]["l2_discriminator"] == pytest.approx(best_of_dirac(), rel=0.2)


@pytest.mark.slow
def test_0_is_tried_and_wins_where_it_is_best(tmp_path, capsys, monkeypatch):
    """Data at the true mean: every λ harms."""
    monkeypatch.setattr("tests.tuning.surfaces.INFLATED", 0.0)
    words = [
        "tune",
        "shrink",
        "x",
        "--no-scan",
        "--trials",
        "6",
        "--each",
        "2",
        "--confirm",
        "6",
        "--out",
        str(tmp_path / "t"),
    ]
    assert main([*words, "--space", "lr=off", "--space", "l2_point=zero,log:0.1:10"]) == 0
    found = answer(tmp_path / "t")
    assert not found["gain"] and found["use"] == {"l2_point": 0.0}
    assert tried(tmp_path / "t")[0]["values"] == {"l2_point": 0.0}, "the default is the first trial"
    assert "No gain found" in capsys.readouterr().out
    assert yaml.safe_load((tmp_path / "t" / "best.yaml").read_text()) == {}


@pytest.mark.slow
def test_the_default_and_no_penalty_are_tried_first_and_never_given_up(tmp_path, monkeypatch):
    entry = _TABLES["recipe"]["shrink"]

    def with_default(data: str, *, l2_point: float = 3.0, lr: float = 0.2, steps: int = 4, seed: int = 0):
        """A point. Args: data: not read. l2_point: λ. lr: rate. steps: moves. seed: of the data."""
        return shrink(data, l2_point=l2_point, lr=lr, steps=steps, seed=seed)

    monkeypatch.setitem(_TABLES["recipe"], "other", RecipeEntry(**{**vars(entry), "build": with_default}))
    words = [
        "tune",
        "other",
        "x",
        "--no-scan",
        "--trials",
        "5",
        "--each",
        "3",
        "--confirm",
        "6",
        "--out",
        str(tmp_path / "t"),
    ]
    assert main([*words, "--space", "lr=off", "--quiet"]) == 0
    first, second = tried(tmp_path / "t")[:2]
    assert [first["values"]["l2_point"], second["values"]["l2_point"]] == [3.0, 0.0]
    assert len(first["scores"]) == len(second["scores"]) == 3


@pytest.mark.slow
def test_whatever_stops_it_the_same_comes_out(tmp_path, here, capsys, monkeypatch):
    """Ctrl-C before every single run of the search and of the confirmation, one after the other."""
    monkeypatch.chdir(tmp_path)  # the runs of the scan lie in ./scans
    words = [
        "tune",
        "shrink",
        "x",
        "--trials",
        "6",
        "--each",
        "3",
        "--confirm",
        "6",
        "--steps",
        "6",
        "--space",
        "lr=off",
    ]
    assert main([*words, "--out", str(tmp_path / "whole"), "--quiet"]) == 0
    code, stops = 130, 0
    while code == 130:
        here.most = 1
        code = main([*words, "--out", str(tmp_path / "stopped"), "--quiet"])
        stops += code == 130
    assert code == 0 and stops > 15
    assert tried(tmp_path / "stopped") == tried(tmp_path / "whole")
    one, other = answer(tmp_path / "stopped"), answer(tmp_path / "whole")
    assert {**one, "asked": 0} == {**other, "asked": 0}
    assert "go on with: poise tune shrink x" in capsys.readouterr().out
    made = {path.name for path in (tmp_path / "stopped" / "runs").iterdir()}
    assert made == {path.name for path in (tmp_path / "whole" / "runs").iterdir()}, "nothing twice, nothing lost"


@pytest.mark.slow
def test_more_trials_go_on_from_those_that_are_there(tmp_path):
    words = [
        "tune",
        "shrink",
        "x",
        "--no-scan",
        "--each",
        "1",
        "--confirm",
        "6",
        "--steps",
        "4",
        "--space",
        "lr=off",
        "--quiet",
    ]
    out = ["--out", str(tmp_path / "t")]
    assert main([*words, *out, "--trials", "4"]) == 0
    few = tried(tmp_path / "t")
    assert main([*words, *out, "--trials", "8"]) == 0
    assert tried(tmp_path / "t")[:4] == few and len(tried(tmp_path / "t")) == 8
    assert main([*words, "--out", str(tmp_path / "u"), "--trials", "8"]) == 0
    assert tried(tmp_path / "t") == tried(tmp_path / "u")


@pytest.mark.slow
def test_another_winner_is_confirmed_anew_and_what_was_known_is_said(tmp_path):
    """The confirmation of the first winner was seen: whoever reads the second one must know."""
    words = [*SHRINK, "--each", "1", "--confirm", "6", "--steps", "20", "--quiet", "--out", str(tmp_path / "t")]
    words += ["--space", "lr=off", "--space", "l2_point=zero,log:1e-3:10"]
    assert main([*words, "--trials", "2"]) == 0
    first = answer(tmp_path / "t")
    assert not any("was known by then" in one for one in first["sentences"])
    runs = {path.name for path in (tmp_path / "t" / "confirm" / "runs").glob("*")}
    assert main([*words, "--trials", "10"]) == 0
    second = answer(tmp_path / "t")
    assert second["found"] != first["found"]
    (known,) = [one for one in second["sentences"] if "was known by then" in one]
    assert f"after {len(runs)} runs had come to their end" in known
    assert second["sentences"][-1].startswith("Use ")
    study = json.loads((tmp_path / "t" / "confirm" / "study.json").read_text())
    (arm,) = [one for one in study["parts"][0]["arms"] if one["name"] == "found"]
    assert arm["arguments"] == second["found"], "of this winner alone"


@pytest.mark.slow
def test_a_run_that_diverges_counts_as_the_worst(tmp_path):
    """Every rate above 1 explodes: those trials have the worst score of any run, and the search goes on."""
    words = [
        "tune",
        "shrink",
        "x",
        "--no-scan",
        "--trials",
        "8",
        "--each",
        "1",
        "--confirm",
        "6",
        "--steps",
        "6",
        "--quiet",
    ]
    assert main([*words, "--out", str(tmp_path / "t"), "--space", "lr=times:0.5:50"]) == 0
    trials = tried(tmp_path / "t")
    gone = [trial for trial in trials if trial["scores"] == [None]]
    there = [trial["mean"] for trial in trials if trial["scores"] != [None]]
    assert gone and there
    assert all(trial["values"]["lr"] > 5 for trial in gone)
    assert all(trial["mean"] <= max(there) for trial in gone)


def test_a_search_whose_every_run_diverges_says_so(tmp_path, capsys):
    words = [
        "tune",
        "shrink",
        "x",
        "--no-scan",
        "--trials",
        "4",
        "--explodes",
        "true",
        "--steps",
        "20",
        "--confirm",
        "6",
    ]
    assert main([*words, "--out", str(tmp_path / "t"), "--quiet"]) == 2
    assert "its very first steps fail" in capsys.readouterr().err
    assert not (tmp_path / "t").exists(), "found before anything was written"


@pytest.mark.slow
def test_best_yaml_is_what_the_trial_was(tmp_path):
    """The run that best.yaml asks for has the name, and so the bits, of the confirmed one."""
    words = [*WORDS[:-4], "--steps", "20", "--confirm", "6", "--space", "l2_point=zero,log:0.1:2", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "t"), "--space", "lr=off"]) == 0
    best = yaml.safe_load((tmp_path / "t" / "best.yaml").read_text())
    asked = answer(tmp_path / "t")["asked"]["arguments"]
    name = run_name("shrink", completed("shrink", {**asked, **best, "seed": 1000}))
    assert (tmp_path / "t" / "confirm" / "runs" / name).is_dir()


@pytest.mark.slow
def test_by_hours(tmp_path):
    """At least one round; then no other one begins when the time is over."""
    words = [
        "tune",
        "shrink",
        "x",
        "--no-scan",
        "--hours",
        "1e-6",
        "--each",
        "1",
        "--confirm",
        "6",
        "--steps",
        "4",
        "--quiet",
    ]
    assert main([*words, "--out", str(tmp_path / "t"), "--space", "lr=off"]) == 0
    assert len(tried(tmp_path / "t")) == 4


@pytest.mark.slow
def test_a_kill_does_not_make_a_search_by_hours_longer(tmp_path, monkeypatch):
    """What was searched in the sitting that was killed counts: nothing that runs at its end can tell of it."""
    words = [*SHRINK, "--hours", "1", "--each", "1", "--confirm", "6", "--steps", "4", "--quiet", "--space", "lr=off"]
    told, ended = Search._round, Log.add

    def third(self, round):
        if round[0].number >= 8:
            monkeypatch.setattr(Log, "add", lambda *entry, **details: None)  # a killed process writes nothing more
            raise KeyboardInterrupt
        told(self, round)

    monkeypatch.setattr(Search, "_round", third)
    main([*words, "--out", str(tmp_path / "t")])
    monkeypatch.setattr(Log, "add", ended)
    entries = [entry for entry in Log(tmp_path / "t" / "events.jsonl").entries() if entry.event == "searched"]
    assert len(entries) == 2 and 0 < entries[0].details["seconds"] < entries[1].details["seconds"]
