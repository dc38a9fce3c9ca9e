"""What is asked for wrongly is told in one sentence, before anything is written."""

from __future__ import annotations

import json

import pytest

from poise.cli import main
from poise.tuning import settled

pytestmark = pytest.mark.usefixtures("here")
WORDS = [
    "tune",
    "shrink",
    "x",
    "--no-scan",
    "--trials",
    "4",
    "--each",
    "1",
    "--confirm",
    "6",
    "--steps",
    "4",
    "--quiet",
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--hours", "1"], "give one of them"),
        (["--trials", "1"], "--trials: must be at least 2, not 1"),
        (["--confirm", "5"], "--confirm: must be at least 6, not 5"),
        (["--space", "lr"], "must be NAME=RANGE"),
        (["--space", "l2_pont=log:1:2"], "did you mean 'l2_point'"),
        (["--score", "distanc"], "There is: distance"),
        (["--at", "middle"], "end"),
        (["--storage", "nonsense"], "--storage nonsense"),
        (["--storage", "sqlite:////nowhere/at/all.db"], "--storage"),
        (["--seed", str(2**63 - 900)], "a search takes seeds up to 1006 beyond it: give a smaller one"),
        (["--no-such-flag", "1"], "no-such-flag"),
    ],
)
def test_mistakes(more, said, tmp_path, capsys):
    assert main([*WORDS, "--out", str(tmp_path / "t"), *more]) == 2
    told = capsys.readouterr().err
    assert told.startswith("poise: ") and said in told and told.count("\n") == 1
    assert "Traceback" not in told


def test_a_mistake_leaves_no_folder(tmp_path):
    main([*WORDS, "--out", str(tmp_path / "t"), "--score", "distanc"])
    assert not (tmp_path / "t").exists()


@pytest.mark.slow
def test_another_search_in_the_same_folder_is_refused(tmp_path, capsys):
    out = ["--out", str(tmp_path / "t")]
    assert main([*WORDS, *out]) == 0
    assert main([*WORDS, *out, "--space", "lr=off"]) == 2
    assert "holds another search (it differs in space)" in capsys.readouterr().err
    assert main([*WORDS, *out, "--lr", "0.3"]) == 2
    assert "arguments" in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    assert main([*WORDS, "--out", str(tmp_path / "other")]) == 2
    assert "is no search" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["notes.txt"]


@pytest.mark.slow
def test_a_damaged_folder_is_told(tmp_path, capsys):
    out = ["--out", str(tmp_path / "t")]
    assert main([*WORDS, *out]) == 0
    (tmp_path / "t" / "tune.json").write_text("[]")
    assert main([*WORDS, *out]) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_without_optuna_it_says_how_to_install_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(settled.importlib.util, "find_spec", lambda name: None)
    assert main([*WORDS, "--out", str(tmp_path / "t")]) == 2
    assert "poise tune needs Optuna: " in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tune", "scan"])
def test_help(name, capsys):
    assert main([name]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: poise {name} RECIPE DATA [options]") and "images" in said
    with pytest.raises(SystemExit):
        main([name, "images", "--help"])
    said = capsys.readouterr().out
    assert ("--space" in said) == (name == "tune") and ("--penalty" in said) == (name == "scan")
    assert "--generator.lr" in said


@pytest.mark.slow
def test_what_is_left_out_of_a_search_is_said(tmp_path, capsys):
    words = [*WORDS[:-1], "--lr", "0.3", "--out", str(tmp_path / "t")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "searched: l2_point=zero,log:1e-06:0.1" in said
    assert "as given, and not searched: lr, steps" in said
    assert "what counts: distance at the end" in said
    asked = json.loads((tmp_path / "t" / "tune.json").read_text())
    assert asked["space"] == ["l2_point=zero,log:1e-06:0.1"] and asked["arguments"]["lr"] == 0.3
