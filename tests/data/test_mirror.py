"""How far pictures are told from their mirror images, and what `--flip auto` makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from poise.cli import main
from poise.data.images import mirror
from poise.data.images.images import open_images
from poise.data.images.mirror import mirror_share
from poise.record import RunFolder
from poise.runs.load import Run

TINY = ["--steps", "4", "--batch", "4", "--scores", "0", "--threads", "1", "--size", "16"]


def opened(folder, pictures, channels=None):
    np.save(folder / "pictures.npy", pictures)
    return open_images(str(folder / "pictures.npy"), None, channels, "none", largest=256)


def noise(n=200, height=16, width=16, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def leaning(n=200, side=16):
    """Noise that is lighter on the left."""
    light = np.linspace(120, 0, side)[None, None, :, None]
    return (noise(n, side, side) / 255 * 100 + light).astype(np.uint8)


def turned(pictures, seed=9):
    """Each mirrored with probability ½."""
    chosen = np.random.default_rng(seed).random(len(pictures)) < 0.5
    return np.where(chosen[:, None, None, None], pictures[:, :, ::-1], pictures)


def test_pictures_that_lean_to_one_side_are_told(tmp_path):
    told = mirror_share(opened(tmp_path, leaning()), seed=0)
    assert told.share == 1.0 and told.foreign and told.n > 100


@pytest.mark.parametrize("side", [16, 20, 28, 37, 64])
def test_a_mirror_image_differs_by_the_opposite_at_any_size(side):
    """A resize that is not symmetric, as box filters of libraries are where pixels lie on an edge, would be told."""
    pictures = noise(8, side, side, 3)
    whole, mirrored = (
        mirror._differences(np.stack([mirror._small(x) for x in some])) for some in (pictures, pictures[:, :, ::-1])
    )
    assert np.allclose(whole, -mirrored, atol=1e-9) and np.mean(whole**2) == pytest.approx(1)


def test_pictures_turned_by_a_coin_are_not_told(tmp_path):
    told = mirror_share(opened(tmp_path, turned(leaning(400, 28))), seed=0)
    assert told.low < 0.5 < told.high and not told.foreign


@pytest.mark.parametrize("side", [16, 28])
def test_pictures_that_are_their_own_mirror_images_are_guessed(side, tmp_path):
    half = noise(60, side, side // 2)
    told = mirror_share(opened(tmp_path, np.concatenate([half, half[:, :, ::-1]], axis=2)), seed=0)
    assert told.share == 0.5 and not told.foreign


@pytest.mark.parametrize("width", [1, 5, 16, 17, 28, 300])
def test_means_of_equal_areas(width):
    areas = mirror._areas(width)
    assert (
        areas.shape == (16, width) and np.allclose(areas.sum(axis=1), 1) and np.allclose(areas.sum(axis=0) * width, 16)
    )
    assert np.allclose(areas, areas[::-1, ::-1], atol=1e-12)


def test_colour_that_alpha_hides_tells_nothing(tmp_path):
    hidden = np.concatenate([np.repeat(leaning(100), 3, axis=-1), np.zeros((100, 16, 16, 1), np.uint8)], axis=-1)
    seen = np.concatenate([hidden[..., :3], np.full((100, 16, 16, 1), 255, np.uint8)], axis=-1)
    whole = opened(tmp_path, np.repeat(leaning(100), 3, axis=-1))
    shares = []
    for pictures in (hidden, seen):
        object.__setattr__(whole, "images", pictures)
        shares.append(mirror_share(whole, seed=0).share)
    assert shares == [0.5, 1.0]


def test_the_same_seed_tells_the_same_and_many_are_drawn_from(tmp_path, monkeypatch):
    monkeypatch.setattr(mirror, "MOST", 50)
    images = opened(tmp_path, noise())
    first, again, other = (mirror_share(images, seed) for seed in (3, 3, 4))
    assert first == again and first.n == 50 and first.share != other.share


@pytest.mark.parametrize("n", [1, 2, 4])
def test_few_pictures_are_no_fault(n, tmp_path):
    images = opened(tmp_path, noise(40))
    object.__setattr__(images, "train", images.train[:n])
    assert 0 <= mirror_share(images, seed=0).low <= mirror_share(images, seed=0).high <= 1


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["images", "vae"])
@pytest.mark.parametrize(("lean", "flip"), [(True, False), (False, True)])
def test_auto_goes_by_the_data_and_says_so(recipe, lean, flip, tmp_path, capsys):
    pictures = leaning(60) if lean else turned(leaning(200))
    opened(tmp_path, pictures)
    widths = ["--discriminator.width", "2"] if recipe == "images" else []
    player = "generator" if recipe == "images" else "autoencoder"
    command = ["train", recipe, str(tmp_path / "pictures.npy"), *TINY, f"--{player}.width", "2", *widths]
    assert main([*command, "--flip", "auto", "--out", str(tmp_path / "auto")]) == 0
    told = capsys.readouterr()
    text = " ".join((told.out + told.err).split())
    line = "so mirror images are trained on as well" if flip else "60% or more, so mirror images are not trained on"
    assert "are told from their mirror images" in text and line in text
    assert RunFolder(tmp_path / "auto").spec().arguments["flip"] == "auto"
    assert main([*command, "--flip", str(flip).lower(), "--out", str(tmp_path / "said")]) == 0
    auto, said = (Run(RunFolder(tmp_path / name)).sample(4, 0) for name in ("auto", "said"))
    assert np.array_equal(auto, said)


def test_another_word_is_refused(tmp_path, capsys):
    opened(tmp_path, noise(40))
    command = ["train", "images", str(tmp_path / "pictures.npy"), *TINY, "--flip", "sometimes"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 2
    assert "flip" in capsys.readouterr().err and not (tmp_path / "run").exists()
