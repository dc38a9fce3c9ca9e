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
from poise.disk.rows import StepRow
from poise.errors import PoiseError
from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.run import Interrupted, Stop, run
from poise.specs.spec import instantiated, kind_of, run_name
from poise.training.checkpoint import latest
from tests.refusals import snapshot, told
from tests.runs.conftest import TINY, Stopping, assert_same, spec, state

LAST = "step-00000008"


@pytest.fixture(scope="session")
def origin(pictures, tmp_path_factory):
    """A finished run of eight steps."""
    folder = tmp_path_factory.mktemp("origin") / "run"
    run(spec(pictures, steps=8, seed=7), folder)
    return folder


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


def test_its_samples_before_the_first_step_are_those_of_the_other(pictures, origin):
    """Pictures of the averaged generator, with the statistics of its layers."""
    recipe = built(spec(pictures, seed=3, from_run=str(origin)))
    assert np.array_equal(recipe.sampler(16, 5), Run(RunFolder(origin)).sample(16, 5))


CHANGED = {
    "classes": ({"conditional": True}, {"labelled.embedding.weight", "start.weight"}, {"logit.embedding.weight"}),
    "norm": ({"generator": {**TINY, "norm": "none"}}, {"stages.2.bias", "stages.6.bias"}, set()),
    "depth": ({"generator": {**TINY, "depth": 2}}, None, set()),
}


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


# Going on without the other run.


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 3])
def test_resumed_after_the_other_has_gone_it_ends_the_same(step, pictures, origin, tmp_path):
    """Also before its first checkpoint, and with a penalty that pulls to where it began."""
    towards = {"class_path": "L2Towards", "init_args": {"strength": 0.1}}
    shutil.copytree(origin, tmp_path / "other")
    changes = {"steps": 9, "seed": 3, "generator": {**TINY, "penalties": [towards]}}
    asked = spec(pictures, **changes, from_run=str(tmp_path / "other"))
    run(asked, tmp_path / "whole")
    if step == 0:
        with pytest.raises(RuntimeError, match="killed"):
            run(asked, tmp_path / "parts", Killed())
        assert not latest(RunFolder(tmp_path / "parts").checkpoints)
    else:
        with pytest.raises(Interrupted):
            run(asked, tmp_path / "parts", Stopping(step, stop := Stop()), stop)
    shutil.rmtree(tmp_path / "other")
    kept = RunFolder(tmp_path / "parts").spec()
    assert (kept.arguments["from_step"], kept.facts["origin"]["step"]) == (8, 8)
    assert {name.removesuffix(".safetensors") for name in kept.facts["origin"]["files"]} == {
        "generator", "generator.ema", "discriminator"
    }  # fmt: skip
    report = run({"recipe": "images", "arguments": kept.arguments}, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    assert sum(note.startswith("took") for note in report.notes) == 2


class Killed(Stopping):
    """A view that ends the run before anything of it is saved."""

    def __init__(self):
        pass

    def step(self, made, entry):
        raise RuntimeError("killed")


@pytest.mark.slow
def test_what_was_kept_is_checked_and_stands_in_for_a_changed_origin(pictures, origin, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(origin, other)
    asked = spec(pictures, steps=6, from_run=str(other))
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "a", Stopping(3, stop := Stop()), stop)
    folder = RunFolder(tmp_path / "a")
    kept = {"recipe": "images", "arguments": folder.spec().arguments}
    shutil.copytree(folder.origin, tmp_path / "saved")
    file = folder.origin / "discriminator.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    with pytest.raises(PoiseError, match=r"a/origin does not hold the weights that the run began with: it is damaged"):
        run(kept, tmp_path / "a")
    shutil.rmtree(folder.origin)  # the other run still has them
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    run(kept, tmp_path / "a")
    again = spec(pictures, steps=8, seed=8)
    shutil.rmtree(other)
    run(again, other)  # another run at the same place, of as many steps
    with pytest.raises(PoiseError, match=r"b began with other weights than .*/other has now, and .*put it back"):
        run(kept, tmp_path / "b")
    shutil.copytree(tmp_path / "saved", tmp_path / "b" / "origin")
    run(kept, tmp_path / "b")
    assert_same(state(tmp_path / "a"), state(tmp_path / "b"))


# On the command line.

SMALL = [
    "--steps=4", "--batch=8", "--noise=8", "--generator.width=4", "--discriminator.width=4", "--log-every=2",
    "--checkpoint-every=2", "--sample-every=6", "--scores=0", "--threads=1", "--precision=fp32", "--device=cpu",
    "--quiet",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(pictures, origin, tmp_path_factory):
    """runs/first, whose last step was scored."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "runs").mkdir()
    shutil.copytree(origin, folder / "runs" / "first")
    first = RunFolder(folder / "runs" / "first")
    first.add(StepRow({"step": 7, "score/KID-EffLite0": 1.0}))
    first.close()
    return folder


@pytest.mark.slow
def test_the_same_command_is_the_same_run_until_the_other_has_gone_on(place, pictures, capsys):
    words = ["train", "images", pictures, *SMALL]
    assert main([*words, "--from-run", "first"]) == 0
    (name,) = {p.name for p in (place / "runs").iterdir()} - {"first"}
    for same in (["first"], ["runs/first"], [str(place / "runs" / "first")], ["fir", "--from-step", "8"],
                 ["first", "--from-step", "best"]):  # fmt: skip
        assert main([*words, "--from-run", *same]) == 0
    assert {p.name for p in (place / "runs").iterdir()} == {"first", name}
    assert json.loads((place / "runs" / name / "spec.json").read_text())["arguments"]["from_run"] == "runs/first"
    assert main(["resume", "first", "--steps", "2", "--quiet"]) == 0
    assert main([*words, "--from-run", "first"]) == 0
    assert len(list((place / "runs").iterdir())) == 3
    capsys.readouterr()
    assert main(["runs", "rm", name, "--yes"]) == 0
    assert "stays" not in capsys.readouterr().out and not (place / "runs" / name).exists()


REFUSED = {
    "--from-run nope": r"--from-run nope: there is no run 'nope' in runs",
    "--from-run first --from-step 3": r"--from-run runs/first keeps no checkpoint of step 3: see runs/first",
    "--from-run first --from-step soon": r"--from-run first: --from-step soon is unknown; use last, best or a number",
    "--from-run first --from-parts all": r"--from-parts must be one of generator, discriminator, both",
    "--from-parts generator": r"--from-parts generator does nothing without --from-run RUN",
    "--from-step best": r"--from-step best does nothing without --from-run RUN",
    "--from-run first --size 32 --channels 3": r"nothing of the generator of runs/first, step 8 fits this run",
    "--from-run first --out runs/first": r"runs/first holds a run with other arguments",
    "--pretrained first": r"here that is --from-run",
}


@pytest.mark.parametrize("words", [pytest.param(words, marks=pytest.mark.slow) for words in REFUSED])
def test_what_cannot_be_is_told_and_changes_nothing(words, place, pictures, capsys):
    before = snapshot(place)
    assert main(["train", "images", pictures, *SMALL, *words.split()]) == 2
    assert re.search(REFUSED[words], told(capsys))
    assert snapshot(place) == before


def spoiled(place, what):
    first = place / "runs" / "first"
    if what == "vae":
        content = json.loads((first / "spec.json").read_text())
        (first / "spec.json").write_text(json.dumps({**content, "recipe": "vae"}))
    elif what == "no checkpoint":
        shutil.rmtree(first / "checkpoints")
    else:
        file = first / "checkpoints" / LAST / "generator.ema.safetensors"
        file.write_bytes(file.read_bytes()[:-1] + b"\1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("vae", r"--from-run runs/first is a run of vae: name one of poise train images"),
        ("no checkpoint", r"--from-run first: it has no checkpoint yet"),
        ("damaged", r"generator\.ema\.safetensors does not match its sha256"),
    ],
)
def test_an_origin_that_will_not_do_is_told_and_changes_nothing(what, said, place, pictures, capsys):
    spoiled(place, what)
    before = snapshot(place)
    assert main(["train", "images", pictures, *SMALL, "--from-run", "first"]) == 2
    assert re.search(said, told(capsys))
    assert snapshot(place) == before


@pytest.mark.slow
def test_it_is_resumed_from_any_folder(place, pictures, monkeypatch, capsys):
    """Its origin is the same wherever one stands, also where that lies beside it."""
    assert main(["train", "images", pictures, *SMALL, "--from-run", "first", "--out", "second"]) == 0
    for here in (place / "runs", place / "runs" / "first", place.parent):
        monkeypatch.chdir(here)
        assert main(["resume", str(place / "second"), "--steps", "1", "--quiet"]) == 0, here
    assert RunFolder(place / "second").report()["steps"] == RunFolder(place / "second").spec().end


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
