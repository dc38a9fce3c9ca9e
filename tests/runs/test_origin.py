"""Runs that begin with the networks of another: what is taken, bit for bit, and that the other is needed no more."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from poise.cli import main
from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.run import run
from poise.specs.spec import instantiated, kind_of, run_name
from tests.runs.conftest import LAST, TINY, spec


@pytest.fixture(scope="session")
def coloured(tmp_path_factory):
    """60 pictures 32x32 in colour of five classes."""
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("data") / "coloured.npz"
    np.savez(path, images=rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8), labels=np.arange(60) % 5)
    return str(path)


def built(asked):
    return kind_of(asked["recipe"]).build(**instantiated(asked["recipe"], asked["arguments"]))


def networks(asked):
    """Player -> its parameters, before the first step, and the averaged generator."""
    game = built(asked).stages[0].game
    found = {player.name: dict(player.module.named_parameters()) for player in game.players}
    (average,) = (hook for player in game.players for _, hook in player.hooks())
    return found | {"average": dict(average.module.named_parameters())}


def weights(folder, name):
    return safetensors.torch.load_file(folder / "checkpoints" / LAST / f"{name}.safetensors")


@pytest.mark.slow
def test_the_same_command_goes_on_where_the_newest_run_is_the_run_itself(pictures, tmp_path, monkeypatch, capsys):
    """`--from-run last --out X`, typed again: what was the newest run then is meant."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_RUNS", str(tmp_path / "runs"))
    run(spec(pictures, steps=2), tmp_path / "runs" / "first")
    small = ["--generator.width", "4", "--discriminator.width", "4", "--batch", "8", "--scores", "0", "--threads", "1"]
    words = ["train", "images", pictures, *small, "--steps", "3", "--from-run", "last", "--out", "runs/next"]
    assert main(words) == 0
    (tmp_path / "runs" / "next" / "DONE").unlink()  # killed at its end
    capsys.readouterr()
    assert main(words) == 0, capsys.readouterr().err
    assert main([*words, "--seed", "1"]) == 2, "another run is still another one"
    assert RunFolder(tmp_path / "runs" / "next").spec().arguments["from_run"] == "runs/first"


@pytest.mark.slow
@pytest.mark.parametrize(("parts", "taken"), [("both", "gd"), ("generator", "g"), ("discriminator", "d")])
def test_the_same_networks_are_taken_whole(parts, taken, pictures, origin):
    """Generator and discriminator as they were trained; the average begins with the averaged generator."""
    asked = spec(pictures, seed=3, from_run=str(origin), from_parts=parts)
    begun, fresh = networks(asked), networks(spec(pictures, seed=3))
    wanted = {
        "generator": weights(origin, "generator") if "g" in taken else fresh["generator"],
        "average": weights(origin, "generator.ema") if "g" in taken else fresh["average"],
        "discriminator": weights(origin, "discriminator") if "d" in taken else fresh["discriminator"],
    }
    for player, found in begun.items():
        assert all(torch.equal(value, wanted[player][name]) for name, value in found.items())
    notes = [note for note in built(asked).notes if note.startswith("took")]
    assert len(notes) == len(taken)
    for note in notes:
        assert re.fullmatch(
            r"took (\d+) of \1 tensors of the \w+ \(100 % of its parameters\) from .*/run, step 8", note
        )


@pytest.mark.slow
def test_its_samples_before_the_first_step_are_those_of_the_other(pictures, origin):
    """Pictures of the averaged generator, with the statistics of its layers."""
    recipe = built(spec(pictures, seed=3, from_run=str(origin)))
    assert np.array_equal(recipe.sampler(16, 5), Run(RunFolder(origin)).sample(16, 5))


CHANGED = {
    "classes": ({"conditional": True}, {"labelled.embedding.weight", "start.weight"}, {"logit.embedding.weight"}),
    "norm": ({"generator": {**TINY, "norm": "none"}}, {"stages.2.bias", "stages.6.bias"}, set()),
    "depth": ({"generator": {**TINY, "depth": 2}}, None, set()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGED)
def test_what_does_not_fit_is_fresh_and_named(name, pictures, origin):
    """Every parameter is that of the other run or that of the seed; which one is told."""
    changes, *left = CHANGED[name]
    asked = spec(pictures, seed=3, from_run=str(origin), **changes)
    begun, fresh = networks(asked), networks(spec(pictures, seed=3, **changes))
    notes = " | ".join(built(asked).notes)
    for player, expected in zip(("generator", "discriminator"), left, strict=True):
        other = weights(origin, player)
        fitting = {n for n, value in begun[player].items() if n in other and other[n].shape == value.shape}
        for n, value in begun[player].items():
            assert torch.equal(value, other[n] if n in fitting else fresh[player][n])
        own = set(begun[player]) - fitting
        assert expected in (None, own)
        sizes = {n: value.numel() for n, value in begun[player].items()}
        share = sum(sizes[n] for n in fitting) / sum(sizes.values())
        said = re.search(rf"took (\d+) of (\d+) tensors of the {player} \(([\d.]+) %", notes)
        assert (int(said[1]), int(said[2])) == (len(fitting), len(sizes))
        assert float(said[3]) == pytest.approx(100 * share, rel=0.01)
        assert bool(own) == bool(re.search(rf"of the {player} [^|]*; fresh: ", notes))


@pytest.mark.slow
def test_another_size_and_colours_take_what_fits(coloured, pictures, tmp_path):
    """Grey 16x16 -> colour 32x32 of five classes, at the width at which the smallest layers are equally wide."""
    wide = {"generator": {"width": 1}, "discriminator": {"width": 1}, "steps": 2}
    run(spec(pictures, **wide, size=64), tmp_path / "a")
    asked = spec(coloured, **wide, size=128, conditional=True, from_run=str(tmp_path / "a"))
    notes = [note for note in built(asked).notes if note.startswith("took")]
    assert len(notes) == 2 and all("fresh: " in note for note in notes)
    run(asked, tmp_path / "b")
    assert RunFolder(tmp_path / "b").done


def test_a_name_of_a_run_without_an_origin_is_that_of_before(pictures):
    asked = spec(pictures)["arguments"]
    never = {"from_run": None, "from_step": "last", "from_parts": "both"}
    assert run_name("images", {**asked, **never}) == run_name("images", asked)
    assert run_name("images", {**asked, "from_run": "x", "from_step": 8}) != run_name("images", asked)


@pytest.mark.slow
def test_the_average_does_not_forget_what_was_taken_whole(pictures, origin):
    """θ̄ ← θ̄ + (1 − β_t)(θ − θ̄), β_t = (1 + t)/(10 + t): t goes on from 8, and from 0 where a layer is fresh."""

    def moves(**changes):
        (hook,) = (
            hook for player in built(spec(pictures, **changes)).stages[0].game.players for _, hook in player.hooks()
        )
        return hook.moves

    assert moves(from_run=str(origin)) == 8
    assert moves(from_run=str(origin), conditional=True) == 0
    assert moves(from_run=str(origin), from_parts="discriminator") == moves() == 0


@pytest.mark.slow
def test_in_a_chain_the_average_has_the_moves_of_all(pictures, origin, tmp_path):
    """8 of the first run, 3 of the second: a third begins with 11 behind it."""
    second = spec(pictures, steps=3, seed=3, from_run=str(origin))
    run(second, tmp_path / "second")
    third = built(spec(pictures, seed=4, from_run=str(tmp_path / "second")))
    (moves,) = (hook.moves for player in third.stages[0].game.players for _, hook in player.hooks())
    assert moves == 11
    resumed = built({**second, "arguments": {**second["arguments"], "from_run": str(tmp_path / "second" / "origin")}})
    (moves,) = (hook.moves for player in resumed.stages[0].game.players for _, hook in player.hooks())
    assert moves == 8, "as it was kept"


@pytest.mark.slow
def test_a_network_that_nobody_names_is_that_of_the_run_begun_with(pictures, tmp_path):
    """Beside few pictures `auto` would choose another one, of which half would be fresh."""
    run(spec(pictures, steps=2, network="dcgan"), tmp_path / "other")
    begun = built(spec(pictures, steps=2, from_run=str(tmp_path / "other")))
    assert begun.facts.network == "dcgan"
    assert any("--network dcgan, that of the run begun with" in note for note in begun.notes)
    assert sum("(100 % of its parameters)" in note for note in begun.notes) == 2
    run(spec(pictures, steps=2, from_run=str(tmp_path / "other")), tmp_path / "new")
    shutil.rmtree(tmp_path / "other")
    again = spec(pictures, steps=2, from_run=str(tmp_path / "new" / "origin"))
    assert built(again).facts.network == "dcgan", "as it was kept"


@pytest.mark.slow
def test_vectors_of_other_classes_are_told(tmp_path):
    rng = np.random.default_rng(0)
    for kinds in (("cat", "dog"), ("truck", "van")):
        for kind in kinds:
            folder = tmp_path / kinds[0] / kind
            folder.mkdir(parents=True)
            for i in range(12):
                Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(folder / f"{i}.png")
    classes = {"conditional": True, "labels": "folders", "batch": 4, "steps": 2}
    run(spec(str(tmp_path / "cat"), **classes), tmp_path / "first")
    notes = built(spec(str(tmp_path / "truck"), **classes, from_run=str(tmp_path / "first"))).notes
    assert "the vectors of other classes were taken, by their order: cat for truck, dog for van" in notes
    same = built(spec(str(tmp_path / "cat"), **classes, from_run=str(tmp_path / "first"))).notes
    assert not any("other classes" in note for note in same)


@pytest.mark.slow
def test_an_origin_that_an_earlier_version_kept_is_read(pictures, origin, tmp_path):
    """Without what else is known of the other run."""
    run(spec(pictures, steps=3, seed=3, from_run=str(origin)), tmp_path / "run")
    kept = tmp_path / "run" / "origin" / "origin.json"
    content = json.loads(kept.read_text())
    assert content.pop("moves") == {"generator": 8} and content.pop("network") == "bilinear"
    assert content.pop("classes") == []
    kept.write_text(json.dumps(content))
    begun = built(spec(pictures, steps=3, seed=3, from_run=str(kept.parent)))
    (moves,) = (hook.moves for player in begun.stages[0].game.players for _, hook in player.hooks())
    assert moves == 8
