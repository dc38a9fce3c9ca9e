"""A study goes on with the defaults that it began with, whatever a later version of Poise has."""

from __future__ import annotations

import json

import pytest

from poise.cli import main
from poise.specs import spec
from poise.specs.spec import kind_of
from poise.studies.plans.leaves import leaves, tables
from poise.studies.running.defaults import FILE, defaults_of, not_given, others
from poise.studies.study import Study
from tests.refusals import refusal
from tests.studies.here import Here, snapshot, words, write

pytestmark = pytest.mark.usefixtures("here")
READY = {"lr": 0.2, "model": {"width": 8, "betas": [0, 1]}, "penalties": [{"class_path": "R1"}], "empty": {}}
LEAVES = {
    ("lr",): 0.2,
    ("model", "width"): 8,
    ("model", "betas"): [0, 1],
    ("penalties",): [{"class_path": "R1"}],
    ("empty",): {},
}


def test_leaves_are_values_by_their_names_and_come_back():
    assert leaves(READY) == LEAVES and tables(LEAVES) == READY
    assert leaves({"a": {"class_path": "L2", "init_args": {"x": 1}}}) == {
        ("a",): {"class_path": "L2", "init_args": {"x": 1}}
    }


def test_what_was_given_is_no_default():
    assert not_given(READY, {"lr": 1, "model": {"betas": 2}}) == {
        leaf: LEAVES[leaf] for leaf in [("model", "width"), ("penalties",), ("empty",)]
    }
    assert ("model", "width") not in not_given(READY, {"model": "small"})
    then = {("lr",): 0.1, ("model", "width"): 4, ("gone",): 1, ("empty",): {}}
    assert others(READY, {"lr": 1}, then) == {("model", "width"): 4}, "nothing that is gone, given, or as it was"


def test_defaults_are_what_all_runs_of_a_recipe_agree_on():
    runs = [("a", {"x": 1, "y": 2, "z": 3}, {"x": 1}), ("a", {"x": 5, "y": 2, "z": 4}, {}), ("b", {"x": 7}, {})]
    assert defaults_of(runs) == {"a": {("x",): 5, ("y",): 2}, "b": {("x",): 7}}


@pytest.fixture
def today(monkeypatch):
    """Another version of Poise, in which the rate of the toy is another by default."""

    def changes(**defaults):
        build = kind_of("toy").build
        monkeypatch.setattr(build, "__kwdefaults__", {**build.__kwdefaults__, **defaults})
        spec._parser.cache_clear()

    yield changes
    monkeypatch.undo()
    spec._parser.cache_clear()


def rates(folder):
    return {task.arguments["lr"] for task in Study.of(folder / "study.yaml", folder / "s").tasks}


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False])
def test_a_study_goes_on_with_the_defaults_it_began_with(known, tmp_path, today, capsys, monkeypatch):
    """`known`: whether it has kept them; one of before did not, and its runs say what they were."""
    write(tmp_path)
    monkeypatch.setattr(Here, "most", 1)
    assert main(words(tmp_path, "--quiet", "--no-rehearsal")) == 130
    monkeypatch.setattr(Here, "most", None)
    file = tmp_path / "s" / FILE
    assert json.loads(file.read_text())["toy"]["lr"] == 0.2 and "l2_point" not in json.loads(file.read_text())["toy"]
    if not known:
        file.unlink()
    today(lr=0.1)
    capsys.readouterr()
    assert main(words(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "2 of 2 runs done" in said and Here.trained == 2
    assert "toy: --lr stays at 0.2, its default when this study began; today's is another" in said
    assert rates(tmp_path) == {0.2} and len([*tmp_path.glob("s/runs/*")]) == 2
    assert json.loads(file.read_text())["toy"]["lr"] == 0.2
    stamps = snapshot(tmp_path / "s" / "runs")
    assert main(["study", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "other"), "--dry-run"]) == 0
    assert "stays at" not in capsys.readouterr().out, "another study begins with those of today"
    assert snapshot(tmp_path / "s" / "runs") == stamps


def test_a_default_that_the_file_gives_now_is_the_files(tmp_path, today):
    write(tmp_path)
    assert main(words(tmp_path, "--quiet")) == 0
    today(lr=0.1)
    write(tmp_path, arguments={"data": "points", "steps": 8, "lr": 0.3})
    assert rates(tmp_path) == {0.3}


@pytest.mark.slow
def test_what_the_file_gave_then_is_no_default_of_then(tmp_path, today):
    """A study of before defaults were kept: its runs have 0.3 because its file said so."""
    write(tmp_path, arguments={"data": "points", "steps": 8, "lr": 0.3})
    assert main(words(tmp_path, "--quiet")) == 0
    (tmp_path / "s" / FILE).unlink()
    write(tmp_path)
    assert rates(tmp_path) == {0.2}
    today(lr=0.1)
    assert rates(tmp_path) == {0.1}


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "[]", '{"toy": 3}', "{"])
def test_damaged_defaults_are_named(content, tmp_path, capsys):
    write(tmp_path)
    assert main(words(tmp_path, "--quiet")) == 0
    (tmp_path / "s" / FILE).write_text(content)
    assert FILE in refusal(tmp_path, capsys, words(tmp_path))
