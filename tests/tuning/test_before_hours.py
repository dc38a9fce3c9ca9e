"""What cannot be searched is found before the search begins: values that a recipe refuses, folders, disks."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from poise.cli import main
from poise.registry import _TABLES
from poise.specs.spec import completed, run_name
from poise.studies.running.attempt import Known
from poise.studies.running.tasks import merged
from poise.tuning import begin, settled
from poise.tuning.asked import Asked
from poise.tuning.confirm import TuneAnswer
from poise.tuning.space import Space, dimension
from poise.tuning.tune import Tune
from tests.tuning.surfaces import RecipeEntry, shrink

pytestmark = pytest.mark.usefixtures("here")
TUNE = ["tune", "shrink", "x", "--no-scan", "--trials", "2", "--each", "1", "--confirm", "6", "--steps", "4", "--quiet"]
IMAGES = [
    "tune", "images", "discs.npy", "--generator.width", "2", "--discriminator.width", "2", "--steps", "2",
    "--batch", "8", "--scores", "0", "--threads", "1", "--augment", "none", "--no-scan", "--quiet",
]  # fmt: skip


@pytest.fixture
def discs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("discs.npy", np.random.default_rng(0).integers(0, 255, (24, 16, 16)).astype(np.uint8))


def refused(words, capsys):
    """The sentence of what is refused."""
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("poise: ") and said.count("\n") == 1 and "Traceback" not in said
    return said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("noise=0,64", "--space noise=0,64: 0 is refused: "),
        ("discriminator.depth=int:0:1", "--space discriminator.depth=int:0:1: 0 is refused: "),
        ("noise=linear:16:128", "16.0 is refused: --noise must be a whole number"),
        ("loss=nonsaturating,wassersteen,hinge", "wassersteen is refused: "),
        ("discriminator.penalties.R7.gamma=zero,log:1:2", "there is no penalty called 'R7'"),
        ("discriminator.penalties.R1.gama=zero,log:1:2", "R1 has no option 'gama'"),
        ("discriminator.penalties.R1.gamma=log:1:2", "search it with 0"),
        ("discriminator.penalties.R1.gamma=1,2", "search it with 0"),
    ],
)
def test_a_space_that_the_recipe_refuses(space, said, discs, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(begin, "rehearsed", lambda recipe, arguments, score: None)
    assert said in refused([*IMAGES, "--out", "t", "--space", space], capsys)
    assert not (tmp_path / "t").exists()


@pytest.mark.slow
def test_a_penalty_that_is_there_is_not_added_again(discs, capsys):
    once = ["--discriminator.penalties", '[{"class_path": "R1", "init_args": {"gamma": 1.0}}]']
    said = refused([*IMAGES, *once, "--space", "discriminator.penalties.R1.gamma=zero,log:1:2"], capsys)
    assert "there would be two of R1 on the discriminator" in said
    both = ["--space", "discriminator.penalties.poise.penalties.R1.gamma=zero,log:1:2"]
    both += ["--space", "discriminator.penalties.R1.gamma=zero,log:1:2"]
    assert "there would be two of R1 on the discriminator" in refused([*IMAGES, *both], capsys)


def test_data_that_are_not_there_are_told_before_the_scan(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [word for word in IMAGES if word not in ("--no-scan", "--quiet")]
    assert main(words) == 2
    told = capsys.readouterr()
    assert "discs.npy" in told.err and told.out == ""


def test_a_folder_whose_search_has_lost_its_space_is_another_search(tmp_path, capsys):
    (tmp_path / "t").mkdir()
    for kept in ({"recipe": "shrink"}, {"recipe": "shrink", "space": 3}, {"recipe": "shrink", "space": [4]}):
        (tmp_path / "t" / "tune.json").write_text(json.dumps(kept))
        assert "holds another search (it differs in" in refused([*TUNE, "--out", str(tmp_path / "t")], capsys)


@pytest.mark.slow
def test_a_search_of_before_an_option_is_the_same_search_and_goes_on(discs, monkeypatch, capsys):
    """A search keeps all arguments; a later one stays out of it at its default, and is searched if asked for."""
    seen = []
    monkeypatch.setattr(begin, "rehearsed", lambda recipe, arguments, score: Known())
    monkeypatch.setattr(begin, "possible", lambda space, *more: space)
    monkeypatch.setattr(
        Tune, "go", lambda self, *more: seen.append(self) or TuneAnswer(False, {}, ["begun"], 0, {}, "")
    )
    assert main([*IMAGES, "--space", "l2_generator=zero,log:1e-6:1e-1"]) == 0
    (before,) = seen
    assert "reuse_generated" not in before.asked.to_dict()["arguments"]
    assert before.asked.run_arguments(before.asked.defaults, 0)["reuse_generated"] is False
    assert main([*IMAGES, "--reuse-generated", "true"]) == 0
    assert main([*IMAGES, "--space", "reuse_generated=false,true"]) == 0
    given, searched = (tune.asked for tune in seen[1:])
    assert given.arguments["reuse_generated"] is True and searched.defaults["reuse_generated"] is False


def test_a_score_that_only_some_choices_have(tmp_path, capsys, monkeypatch):
    def build(data: str, *, l2_point: float = 0.0, lr: float = 0.2, other: bool = False, steps: int = 4, seed: int = 0):
        """A point. Args: data: not read. l2_point: λ. lr: rate. other: judge. steps: moves. seed: of data."""
        recipe = shrink(data, l2_point=l2_point, lr=lr, steps=steps, seed=seed)
        inner = recipe.judge()
        if other:
            monkeypatch.setattr(inner, "score", lambda sample: {"else": 1.0})
            recipe.judge = lambda: inner
        return recipe

    entry = RecipeEntry(**{**vars(_TABLES["recipe"]["shrink"]), "build": build})
    monkeypatch.setitem(_TABLES["recipe"], "some", entry)
    words = ["tune", "some", *TUNE[2:], "--out", str(tmp_path / "t"), "--space", "other=false,true"]
    assert "runs with True have no score distance" in refused(words, capsys)


def test_a_recipe_without_a_seed(capsys, monkeypatch):
    def build(data: str, *, l2_point: float = 0.0, lr: float = 0.2):
        """A point. Args: data: not read. l2_point: λ. lr: rate."""
        return shrink(data, l2_point=l2_point, lr=lr)

    entry = RecipeEntry(**{**vars(_TABLES["recipe"]["shrink"]), "build": build})
    monkeypatch.setitem(_TABLES["recipe"], "seedless", entry)
    assert "the recipe seedless takes no seed" in refused(["tune", "seedless", "x", "--no-scan"], capsys)


def test_a_folder_that_cannot_be_made_and_a_disk_that_is_full(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    said = refused([*TUNE, "--out", str(tmp_path / "file" / "t")], capsys)
    assert f"{tmp_path / 'file'} is closed, or no folder" in said
    monkeypatch.setattr(begin.shutil, "disk_usage", lambda place: type("Usage", (), {"free": 10})())
    assert "make room, or choose another --out" in refused([*TUNE, "--out", str(tmp_path / "t")], capsys)
    assert not (tmp_path / "t").exists()


@pytest.mark.slow
def test_what_is_named_at_its_default_is_not_searched(tmp_path):
    assert main([*TUNE, "--out", str(tmp_path / "t"), "--l2-point", "0"]) == 0
    assert json.loads((tmp_path / "t" / "tune.json").read_text())["space"] == ["lr=times:0.25:8"]


@pytest.mark.slow
def test_an_own_option_that_the_runs_refuse_is_left_out_and_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(settled, "refusal", lambda recipe, arguments, one: "no such run" if one.name == "lr" else "")
    assert main([*TUNE[:-1], "--out", str(tmp_path / "t")]) == 0
    assert "lr is not searched: no such run" in capsys.readouterr().out
    assert json.loads((tmp_path / "t" / "tune.json").read_text())["space"] == ["l2_point=zero,log:1e-06:0.1"]


@pytest.mark.slow
def test_a_strength_that_has_nothing_to_act_on_is_left_out_unless_it_is_named(tmp_path, capsys, monkeypatch):
    """A language model with tied weights refuses l2_output above 0: its own space has it all the same."""
    text = tmp_path / "t.txt"
    words = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "hat"]
    text.write_text("\n".join(f"{words[i % 10]} {words[i // 10 % 10]} {words[i // 7 % 10]}" for i in range(99)))
    monkeypatch.setattr(Tune, "go", lambda *search: TuneAnswer(False, {}, ["begun"], 0, {}, ""))
    tune = ["tune", "language", str(text), "--model.embed", "4", "--batch", "8", "--steps", "2", "--threads", "1"]
    assert main([*tune, "--no-scan", "--out", str(tmp_path / "t")]) == 0
    said = capsys.readouterr().out
    assert "l2_output is not searched: 1e-06 is refused: --l2-output 1e-06 has nothing to act on" in said
    (searched,) = [line for line in said.splitlines() if line.startswith("searched: ")]
    assert "l2_recurrent=" in searched and "l2_output=" not in searched
    named = ["--space", "l2_output=zero,log:1e-5:1e-1"]
    assert "l2_output=zero,log:1e-05:0.1: 1e-05 is refused" in refused([*tune, "--no-scan", *named], capsys)


def test_best_yaml_has_the_rates_that_the_recipe_chose(tmp_path):
    """With the user's own arguments, rates "auto" among them, it asks for the very run that was confirmed."""
    mine = {"data": "x", "noise": 8, "discriminator": {"width": 4}}
    arguments = completed("images", mine)
    rates = {
        "generator": {**arguments["generator"], "lr": 4e-4},
        "discriminator": {**arguments["discriminator"], "lr": 3e-4},
    }
    ready = completed("images", {**arguments, **rates})
    shared = {name: value for name, value in ready.items() if name != "seed"}
    space = Space([dimension(text)[1] for text in ("l2_generator=zero,log:1e-6:1e-1", "generator.lr=times:0.25:8")])
    asked, values = Asked("images", shared, space, "KID-EffLite0"), {"l2_generator": 1e-3, "generator.lr": 2.0}
    found = TuneAnswer(True, values, ["better"], 0, values, "supported")
    Tune(asked, tmp_path, None, begin._chosen(arguments, ready)).write(found, [])
    best = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert best == {"l2_generator": 1e-3, "generator": {"lr": 8e-4}, "discriminator": {"lr": 3e-4}}
    again = completed("images", merged({**mine, "seed": 1000}, best))
    assert run_name("images", again) == run_name("images", asked.run_arguments(values, 1000))
    Tune(asked, tmp_path, None, begin._chosen(arguments, ready)).write(replace(found, use=asked.defaults), [])
    assert yaml.safe_load((tmp_path / "best.yaml").read_text()) == {}
