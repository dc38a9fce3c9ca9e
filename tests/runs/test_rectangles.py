"""Runs on rectangles, from --size to grids and scores; and that a square is a number however it is written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from poise.cli import main
from poise.data.images.images import open_images
from poise.evaluation.sources import OWN
from poise.recipes.images import outputs
from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.run import Interrupted, Stop, run
from poise.specs.spec import completed, parser_for, run_name
from tests.evaluation.evaluations import said, stubs  # noqa: F401  (fixtures)
from tests.runs.conftest import TINY, Stopping, assert_same, state

PLAYER = {"width": 2}
SMALL = {
    "batch": 4, "log_every": 1, "checkpoint_every": 2, "scores": 0, "precision": "fp32", "threads": 1,
    "device": "cpu",
}  # fmt: skip
IMAGES = SMALL | {"steps": 4, "noise": 4, "generator": PLAYER, "discriminator": PLAYER, "heldout": 0.4, "flip": True}
HEIGHT, WIDTH = 16, 24


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """80 grey pictures, 24 wide and 16 high, of two classes: dark at the left, or dark at the right."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 60, (80, HEIGHT, WIDTH), dtype=np.uint8), rng.integers(0, 2, 80)
    for picture, label in zip(pixels, labels, strict=True):
        picture[:, 12 * (1 - label) : 12 * (2 - label)] += 150
    path = tmp_path_factory.mktemp("wide") / "wide.npz"
    np.savez(path, images=pixels, labels=labels)
    return str(path)


def spec(data, recipe="images", **more):
    return {"recipe": recipe, "arguments": IMAGES | {"data": data, "size": f"{WIDTH}x{HEIGHT}"} | more}


def vae(data, **more):
    own = {"latent_size": 3, "steps": 4, "autoencoder": PLAYER}
    return {"recipe": "vae", "arguments": SMALL | own | {"data": data, "size": f"{WIDTH}x{HEIGHT}"} | more}


def grid_size(rows, columns, height=HEIGHT, width=WIDTH, factor=4):
    """Width and height of a grid of pictures with two pixels between them, enlarged to about 64 pixels of height."""
    return factor * (columns * (width + 2) + 2), factor * (rows * (height + 2) + 2)


@pytest.fixture(scope="module")
def trained(wide, tmp_path_factory):
    """A run by class that was never stopped."""
    place = tmp_path_factory.mktemp("rectangles") / "run"
    run(spec(wide, conditional=True, scores=1, score_samples=20), place)
    return place


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_like_one_that_was_not(wide, trained, tmp_path):
    asked = spec(wide, conditional=True, scores=1, score_samples=20)
    with pytest.raises(Interrupted):
        run(asked, tmp_path / "parts", Stopping(3, stop := Stop()), stop)
    run(asked, tmp_path / "parts")
    assert_same(state(trained), state(tmp_path / "parts"))


@pytest.mark.slow
def test_what_a_run_keeps_and_shows_are_rectangles(wide, trained, tmp_path):
    kept = json.loads((trained / "spec.json").read_text())
    assert kept["arguments"]["size"] == kept["facts"]["size"] == "24x16"
    assert "80 pictures 24x16 grey" in kept["facts"]["data"]
    for name in ("00000001.png", "00000004.png"):
        with Image.open(trained / "samples" / name) as grid:
            assert grid.size == grid_size(8, 8)
    data = open_images(wide, "24x16", heldout=0.4)
    with Image.open(outputs.show_real(data, tmp_path / "real")) as grid:  # as while it trains
        shown = len(data.train)
        columns = int(np.ceil(shown**0.5))
        assert shown < 64 and grid.size == grid_size(-(-shown // columns), columns)
        cell = np.asarray(grid)[8 : 8 + 4 * HEIGHT : 4, 8 : 8 + 4 * WIDTH : 4]
    assert any(np.array_equal(cell, picture[..., 0]) for picture in data.images), "a training picture as it is"
    own, _ = OWN["image"](Run(RunFolder(trained)))
    assert own.items.take(own.rows[:2]).shape == (2, HEIGHT, WIDTH, 1)


@pytest.mark.slow
def test_samples_of_every_arrangement_have_the_size(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    opened = Run(RunFolder(trained))
    made = opened.sample(3, seed=2, truncation=1.0)
    assert made.shape == (3, HEIGHT, WIDTH, 1) and made.dtype == np.uint8
    asked = ["sample", str(trained), "--seed", "2"]
    assert main([*asked, "-n", "3", "--truncation", "1", "--out", "each"]) == 0
    files = sorted((tmp_path / "each").iterdir())
    assert np.array_equal(np.stack([np.asarray(Image.open(file)) for file in files]), made[..., 0])
    assert main([*asked, "-n", "2", "--by-class", "--out", "rows.png"]) == 0
    assert main([*asked, "-n", "2", "--beside-nearest", "2", "--out", "near"]) == 0
    assert main(["interpolate", str(trained), "--rows", "2", "--between", "3", "--out", "ways.png"]) == 0
    assert main(["interpolate", str(trained), "--rows", "2", "--between", "3", "--out", "ways.gif"]) == 0
    sizes = {
        "rows.png": grid_size(2, 2), "near/00000.png": (3 * WIDTH + 2, HEIGHT), "ways.png": grid_size(2, 3),
        "ways.gif": grid_size(1, 2),
    }  # fmt: skip
    for name, size in sizes.items():
        with Image.open(tmp_path / name) as picture:
            assert picture.size == size, name


@pytest.mark.slow
def test_a_run_is_scored_and_evaluated_at_its_size(trained, capsys, tmp_path):
    (scores,) = json.loads((trained / "report.json").read_text())["scores"]
    assert np.isfinite(scores["KID-EffLite0"])
    out = said(capsys, str(trained), "-n", "20", "--metrics", "KID,copying", "--out", str(tmp_path / "report.json"))
    assert "KID" in out and "copying" in out


@pytest.mark.slow
def test_features_of_rotations_are_of_squares(trained, capsys, tmp_path):
    assert main(["evaluate", str(trained), "-n", "20", "--features", "rotations"]) == 2
    told = capsys.readouterr().err
    assert "rotations are learnt from square pictures, and these are rectangles" in told and told.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_files_of_any_size_become_rectangles_with_transparency(fit, tmp_path):
    (tmp_path / "files").mkdir()
    rng = np.random.default_rng(1)
    for i in range(20):
        Image.fromarray(rng.integers(0, 256, (20 + i, 30, 4), dtype=np.uint8)).save(tmp_path / "files" / f"{i}.png")
    asked = spec(str(tmp_path / "files"), size="16x40", channels=4, fit=fit, steps=2, heldout=0.0,
                 augment="color,translation,cutout")  # fmt: skip
    run(asked, tmp_path / "run")
    assert Run(RunFolder(tmp_path / "run")).sample(2, 0).shape == (2, 40, 16, 4)
    with Image.open(tmp_path / "run" / "samples" / "00000002.png") as grid:
        assert grid.size == grid_size(8, 8, 40, 16, factor=1)


@pytest.mark.slow
def test_a_run_begins_with_one_of_another_shape(wide, trained, tmp_path):
    """Convolutions are taken, what hangs on the number of pixels is fresh."""
    run(spec(wide, size="20x32", conditional=True, steps=1, from_run=str(trained)), tmp_path / "run")
    assert Run(RunFolder(tmp_path / "run")).sample(1, 0).shape == (1, 32, 20, 1)


@pytest.mark.slow
def test_an_auto_encoder_of_rectangles_is_resumed_and_does_all_it_does_with_squares(wide, tmp_path):
    run(vae(wide), tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(vae(wide), tmp_path / "parts", Stopping(3, stop := Stop()), stop)
    run(vae(wide), tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    opened = Run(RunFolder(tmp_path / "whole"))
    assert opened.spec.facts["nats"] == Run(RunFolder(tmp_path / "parts")).spec.facts["nats"]
    assert opened.sample(2, 0).shape == (2, HEIGHT, WIDTH, 1)
    assert opened.interpolate(1, 3, 0).shape == (1, 3, HEIGHT, WIDTH, 1)
    assert opened.encode(np.zeros((2, HEIGHT, WIDTH, 1), np.uint8)).shape == (2, 3)
    for name, (rows, columns) in {"": (8, 8), "-reconstructions": (8, 8), "-interpolations": (8, 10)}.items():
        with Image.open(tmp_path / "whole" / "samples" / f"00000004{name}.png") as grid:
            assert grid.width == grid_size(rows, columns)[0], name


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["images", "vae"])
def test_a_square_is_the_number_before_anything_is_written(recipe, tmp_path):
    data = str(tmp_path / "a.npz")
    kept = {size: completed(recipe, {"data": data, "size": size}) for size in (64, "64", "64x64", "96x64", "096X64")}
    assert kept[64]["size"] == 64 and kept[64] == kept["64"] == kept["64x64"]
    assert kept["96x64"]["size"] == "96x64" == kept["096X64"]["size"]
    assert run_name(recipe, kept["64x64"]) == run_name(recipe, kept[64]) != run_name(recipe, kept["96x64"])
    parser = parser_for(recipe)
    for word in ("64", "64x64", "96x64"):
        assert parser.parse([data, f"--size={word}"])["size"] == kept[word]["size"]
    assert parser.parse([data])["size"] is None is completed(recipe, {"data": data})["size"]
    (tmp_path / "c.yaml").write_text("size: 64x64\n")
    assert parser.parse([data, "--config", str(tmp_path / "c.yaml")])["size"] == 64


@pytest.mark.slow
def test_the_same_run_however_a_square_is_written(pictures, tmp_path):
    own = {"steps": 2, "generator": dict(TINY), "discriminator": dict(TINY)}
    for name, size in (("number", 16), ("pair", "16x16")):
        run(spec(pictures, size=size, **own), tmp_path / name)
    assert_same(state(tmp_path / "number"), state(tmp_path / "pair"))
    assert (tmp_path / "number" / "spec.json").read_bytes() == (tmp_path / "pair" / "spec.json").read_bytes()
