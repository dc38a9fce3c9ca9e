"""`poise train images --channels 4`: from files with alpha to samples with alpha, with every network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torch import nn

import poise
from poise.cli import main
from poise.data.images.images import open_images
from poise.networks import ImageNetworks
from poise.pixels.transparency import as_trained, over
from poise.recipes.images import outputs
from poise.registry import names
from poise.report.picture import grid
from poise.runs.run import Interrupted, Stop
from poise.runs.run import run as train
from tests.runs.conftest import TINY, Stopping, assert_same, spec, state

BLUE, COLOUR = "#2080ff", (32, 128, 255)


@dataclass
class TwoLayers(ImageNetworks):
    """Networks of a user's own."""

    def generator(self, size, channels, noise, classes):
        made = [
            torch.nn.Linear(noise, channels * size**2),
            torch.nn.Tanh(),
            torch.nn.Unflatten(1, (channels, size, size)),
        ]
        return torch.nn.Sequential(*made)

    def discriminator(self, size, channels, classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * size**2, 1))


@pytest.fixture(scope="module")
def stickers(tmp_path_factory):
    """120 pictures 16x16: a square of one colour at one of four places, and nothing around it."""
    rng = np.random.default_rng(0)
    images, labels = np.zeros((120, 16, 16, 4), np.uint8), rng.integers(0, 4, 120)
    for image, label in zip(images, labels, strict=True):
        y, x = divmod(int(label), 2)
        image[8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = [*rng.integers(0, 256, 3), rng.integers(128, 256)]
    path = tmp_path_factory.mktemp("stickers") / "stickers.npz"
    np.savez(path, images=images, labels=labels)
    return str(path)


def asked(data, **more):
    return spec(data, channels=4, background=BLUE, augment="color,translation,cutout", **more)


@pytest.fixture(scope="module")
def trained(stickers, tmp_path_factory):
    """A conditional run."""
    place = tmp_path_factory.mktemp("transparent") / "run"
    train(asked(stickers, steps=6, labels="file", conditional=True), place)
    return place


@pytest.mark.slow
@pytest.mark.parametrize("network", [*names("network"), f"{__name__}.TwoLayers"])
def test_every_network_makes_pictures_with_alpha(network, stickers, tmp_path):
    own = {} if "." in network else {"generator": dict(TINY), "discriminator": dict(TINY)}
    small = {"steps": 2, "batch": 8, "noise": 4, "scores": 0, "precision": "fp32"}
    run = poise.train("images", stickers, out=tmp_path / "run", channels=4, network=network, **small, **own)
    made = run.sample(5, seed=1)
    assert made.shape == (5, 16, 16, 4) and made.dtype == np.uint8
    assert len(np.unique(made[..., 3])) > 1 and (made[made[..., 3] == 0] == 0).all()


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_like_one_that_was_not(stickers, tmp_path):
    train(asked(stickers), tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(asked(stickers), tmp_path / "parts", Stopping(13, stop := Stop()), stop)
    train(asked(stickers), tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))


@pytest.mark.slow
def test_the_commands_write_alpha_into_files_and_a_checkerboard_into_grids(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = poise.load(trained)
    made = run.sample(6, seed=3)
    assert main(["sample", str(trained), "-n", "6", "--seed", "3", "--out", "each"]) == 0
    files = [Image.open(file) for file in sorted((tmp_path / "each").iterdir())]
    assert {file.mode for file in files} == {"RGBA"} and np.array_equal(np.stack([np.asarray(x) for x in files]), made)
    assert main(["sample", str(trained), "-n", "6", "--seed", "3", "--out", "grid.png"]) == 0
    assert np.array_equal(np.asarray(Image.open("grid.png")), np.asarray(grid(made)))
    assert main(["sample", str(trained), "--by-class", "-n", "2", "--truncation", "1", "--out", "rows.png"]) == 0
    assert np.asarray(Image.open("rows.png")).shape[2] == 3
    assert np.array_equal(run.by_class(2, seed=3)[2], run.sample(2, seed=3, label="2"))
    assert main(["interpolate", str(trained), "--rows", "2", "--between", "3", "--out", "ways.apng"]) == 0
    with Image.open("ways.apng") as ways:
        assert len(list(ImageSequence.Iterator(ways))) == 4 and ways.mode == "RGB"
    outputs.show_real(open_images(run.spec.arguments["data"], channels=4), tmp_path / "real")
    for path in (trained / "samples" / "00000006.png", tmp_path / "real.png"):  # as while it trains
        with Image.open(path) as picture:
            assert picture.mode == "RGB"


def test_scores_and_colours_are_of_pictures_over_the_background_and_neighbours_of_all_four(stickers, monkeypatch):
    seen = open_images(stickers, channels=4, background=BLUE, labels="file")
    taken = {}
    monkeypatch.setattr(outputs, "Judge", lambda images, *_, **__: taken.setdefault("images", images))
    outputs.judge(seen, 100, 0)()
    rows = np.arange(0, 120, 7)
    expected = over(np.asarray(seen.images[rows]), COLOUR)
    assert taken["images"].shape == (120, 16, 16, 3) and np.array_equal(taken["images"][rows], expected)
    found = outputs.looks(seen, rows, turns=False)
    plain = torch.from_numpy(expected).permute(0, 3, 1, 2)
    direct = outputs.AppearanceOfData.of(outputs.appearance(as_trained(plain)))
    assert found.channels.tolist() == pytest.approx(direct.channels.tolist(), abs=2e-3)
    assert (found.contrast, found.saturation) == pytest.approx((direct.contrast, direct.saturation), abs=2e-3)
    assert outputs.measured(seen, rows, outputs.compact).shape == (len(rows), 4 * 16 * 16)


@pytest.mark.slow
def test_what_is_scored_are_the_samples_over_the_background(trained):
    run = poise.load(trained)
    made = outputs.draw_seen(run.generator, run.facts, 5, 3, BLUE)
    assert np.array_equal(made, over(run.sample(5, seed=3), COLOUR)) and made.shape == (5, 16, 16, 3)


@pytest.mark.slow
def test_a_run_on_opaque_pictures_records_the_colours_of_one_without_alpha(pictures_of, tmp_path):
    """Data and the averaged generator are looked at over the background, which does not show through what is opaque."""
    with_alpha, without = (open_images(pictures_of, channels=channels) for channels in (4, 3))
    rows = with_alpha.train
    mine, theirs = (outputs.looks(x, rows, False) for x in (with_alpha, without))
    assert torch.allclose(mine.channels, theirs.channels, atol=1e-6) and mine.contrast == pytest.approx(theirs.contrast)
    train(spec(pictures_of, channels=4, steps=20, log_every=1), tmp_path / "run")
    shown = [row for row in poise.load(tmp_path / "run").folder.rows() if "generator/shown_saturation" in row]
    assert shown and all(np.isfinite(row["generator/shown_tint"]) for row in shown)


@pytest.fixture(scope="module")
def pictures_of(tmp_path_factory):
    """A file of opaque colour pictures."""
    path = tmp_path_factory.mktemp("opaque") / "a.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), dtype=np.uint8))
    return str(path)
