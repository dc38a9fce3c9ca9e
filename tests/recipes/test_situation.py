"""What is chosen for a user who does not choose: the network and the rates of pictures, from the data alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from poise.cli.program import main
from poise.core import value_at
from poise.data.images.images import open_images
from poise.recipes.images.facts import ImageFacts
from poise.recipes.images.signature import GeneratorOptions, ImageDiscriminatorOptions
from poise.recipes.images.situation import settle
from poise.record import RunFolder
from poise.runs.load import Run
from poise.specs.spec import completed, instantiated, kind_of
from poise.training.checkpoint import all_checkpoints

RUN = ["--steps", "4", "--batch", "4", "--scores", "0", "--threads", "1", "--log-every", "1", "--size", "16",
       "--generator.width", "2", "--discriminator.width", "2"]  # fmt: skip


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("pictures.npy", np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), dtype=np.uint8))
    return open_images("pictures.npy", None, None, "auto")


def facts(augment):
    return ImageFacts(size=16, channels=3, classes=[], data="", fingerprint="", augment=augment, device="cpu",
                      precision="fp32", threads=1)  # fmt: skip


@pytest.mark.parametrize(
    ("augment", "asked", "network", "rate"),
    [
        ("color,translation,cutout", "auto", "bilinear", 4e-4),
        ("cutout", "auto", "bilinear", 4e-4),
        ("none", "auto", "dcgan", 2e-4),
        ("none", "bilinear", "bilinear", 2e-4),
        ("color", "bilinear", "bilinear", 4e-4),
        ("color", "dcgan", "dcgan", 2e-4),
        ("color", "modern", "modern", 2e-4),
    ],
)
def test_what_is_chosen(photos, augment, asked, network, rate):
    options = {"generator": GeneratorOptions(), "discriminator": ImageDiscriminatorOptions(lr="linear:1e-3:1e-4")}
    found = settle(asked, options, photos, facts(augment))
    assert found.network == network and found.options["generator"].lr == rate
    assert found.options["discriminator"].lr == "linear:1e-3:1e-4", "what somebody chose stays"
    assert found.facts.network == (network if asked == "auto" else None)
    (line,) = found.notes
    assert (
        f"--generator.lr {rate:g}" in line
        and f"{len(photos.train)} colour pictures" in line
        and "discriminator" not in line
    )
    assert (f"--network {network}" in line) == (asked == "auto")


def test_a_normalisation_that_modern_does_not_have_is_told(photos):
    options = {
        "generator": GeneratorOptions(lr=1e-4),
        "discriminator": ImageDiscriminatorOptions(lr=1e-4, norm="batch"),
    }
    (line,) = settle("modern", options, photos, facts("none")).notes
    assert line.startswith("--discriminator.norm batch: of no use with modern")
    assert settle("dcgan", options, photos, facts("none")).notes == []


def test_nothing_is_said_where_nothing_was_chosen(photos):
    options = {"generator": GeneratorOptions(lr=1e-4), "discriminator": ImageDiscriminatorOptions(lr=1e-4)}
    assert settle("dcgan", options, photos, facts("none")).notes == []


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "network", "rate"), [([], "bilinear", 4e-4), (["--augment", "none"], "dcgan", 2e-4)])
@pytest.mark.usefixtures("photos")
def test_a_run_is_that_of_whoever_writes_it_out(flags, network, rate, capsys):
    """The same weights, bit for bit; the line, the spec and the networks that are rebuilt say the same."""
    assert main(["train", "images", "pictures.npy", *RUN, *flags, "--out", "chosen"]) == 0
    assert f"--network {network}, --generator.lr {rate:g}, --discriminator.lr {rate:g}" in capsys.readouterr().out
    asked = ["--network", network, "--generator.lr", str(rate), "--discriminator.lr", str(rate)]
    assert main(["train", "images", "pictures.npy", *RUN, *flags, *asked, "--out", "written"]) == 0
    chosen, written = (RunFolder(Path(name)) for name in ("chosen", "written"))
    files = [
        {path.name: path.read_bytes() for path in all_checkpoints(run.checkpoints)[-1].glob("*.safetensors")}
        for run in (chosen, written)
    ]
    assert files[0] == files[1] and len(files[0]) == 3
    spec = json.loads((chosen.path / "spec.json").read_text())
    assert spec["facts"]["network"] == network and spec["arguments"]["network"] == "auto"
    assert spec["arguments"]["generator"]["lr"] == "auto"
    np.testing.assert_array_equal(Run(chosen).sample(4, seed=1), Run(written).sample(4, seed=1))
    assert value_at(rate, 0) == next(row for row in chosen.rows() if "generator/lr" in row)["generator/lr"]


@pytest.mark.parametrize(
    ("probability", "many", "network"),
    [(1.0, True, "bilinear"), (0.5, True, "bilinear"), ("steered", False, "bilinear"), ("steered", True, "dcgan"),
     ("linear:0:0.3", True, "dcgan"), ("linear:0.1:0.3", True, "bilinear")],
)  # fmt: skip
def test_many_pictures_that_may_stay_as_they_are_count_as_not_augmented(
    probability, many, network, photos, monkeypatch
):
    """Without augmentation the interpolating generator collapses."""
    if many:
        monkeypatch.setattr("poise.recipes.images.situation.FEW", 10)
    options = {"generator": GeneratorOptions(), "discriminator": ImageDiscriminatorOptions()}
    found = settle("auto", options, photos, facts("cutout"), probability)
    assert found.network == network and found.options["generator"].lr == (4e-4 if network == "bilinear" else 2e-4)
    assert (f"with a probability of {probability}" in found.notes[0]) == (probability != 1.0)


def test_a_half_life_beside_a_decay_is_told(photos, tmp_path):
    asked = {"data": "pictures.npy", "steps": 2, "batch": 4, "ema": 0.5, "ema_half_life": 5000, "scores": 0}
    recipe = kind_of("images").build(**instantiated("images", completed("images", asked)))
    assert "--ema-half-life 5,000: a decay of 0.999446 of the average at --batch 4; --ema is not used" in recipe.notes
