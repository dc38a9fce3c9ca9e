"""Pictures that become rectangles: what is cut off and what is added, by hand; arrays, transparency, mirror images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.images import open_images
from poise.data.images.sources.fitting import fitted
from poise.data.images.stream import ImageStream
from poise.errors import PoiseError

PAPER = (0, 0, 255)


def numbered(width: int, height: int) -> np.ndarray:
    """uint8 [height,width,3]: red tells the column of a pixel, green its row."""
    rows, columns = np.indices((height, width))
    return np.stack([10 * columns, 10 * rows, 0 * rows], -1).astype(np.uint8)


def on_blue(pixels: np.ndarray, size: str, fit: str, channels: int = 3) -> np.ndarray:
    return fitted(Image.fromarray(pixels), size, channels, fit, "blue")


def test_crop_cuts_out_the_largest_middle_of_the_same_proportions() -> None:
    """24x16 of a square of 24 is rows 4 to 19, 16x24 are columns 4 to 19: nothing is resized."""
    pixels = numbered(24, 24)
    assert np.array_equal(on_blue(pixels, "24x16", "crop"), pixels[4:20])
    assert np.array_equal(on_blue(pixels, "16x24", "crop"), pixels[:, 4:20])


def test_crop_resizes_what_is_left_after_cutting() -> None:
    """Of 24x20, 16x24 takes round(20 * 16 / 24) = 13 columns from (24 - 13) // 2 = 5 on, and 48x32 takes
    round(24 * 32 / 48) = 16 rows from (20 - 16) // 2 = 2 on."""
    pixels = numbered(24, 20)
    for size, part in (((16, 24), pixels[:, 5:18]), ((48, 32), pixels[2:18])):
        expected = Image.fromarray(part).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        assert np.array_equal(on_blue(pixels, f"{size[0]}x{size[1]}", "crop"), np.asarray(expected))


def test_pad_keeps_all_and_adds_margins_where_the_picture_ends() -> None:
    pixels = numbered(16, 16)
    beside = on_blue(pixels, "24x16", "pad")
    assert beside.shape == (16, 24, 3) and np.array_equal(beside[:, 4:20], pixels)
    assert (beside[:, :4] == PAPER).all() and (beside[:, 20:] == PAPER).all()
    above = on_blue(pixels, "16x24", "pad")
    assert above.shape == (24, 16, 3) and np.array_equal(above[4:20], pixels)
    assert (above[:4] == PAPER).all() and (above[20:] == PAPER).all()


def test_pad_makes_it_fit_the_nearer_border() -> None:
    """40x20 of one colour in 20x16: as wide, so 10 rows of it from row 3."""
    flat = np.full((20, 40, 3), 200, np.uint8)
    found = on_blue(flat, "20x16", "pad")
    assert (found[3:13] == 200).all() and (found[:3] == PAPER).all() and (found[13:] == PAPER).all()


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_margins_of_pictures_with_alpha_are_transparent(fit: str) -> None:
    pixels = np.dstack([numbered(16, 16), np.full((16, 16), 255, np.uint8)])
    found = on_blue(pixels, "24x16", fit, channels=4)
    assert found.shape == (16, 24, 4)
    if fit == "pad":
        assert np.array_equal(found[:, 4:20], pixels) and not found[:, :4].any() and not found[:, 20:].any()
    else:
        assert (found[..., 3] == 255).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_arrays_of_the_size_itself_keep_their_pixels(channels: int, fit: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(1, 256, (7, 16, 24, channels), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=pixels[..., 0] if channels == 1 else pixels)
    found = open_images(tmp_path / "a.npz", "24x16", channels, fit=fit, heldout=0)
    assert np.array_equal(found.images, pixels) and found.size == "24x16"
    assert ": 7 pictures 24x16 " in found.describe()
    assert any("-> 24x16 (--size)" in line for line in found.shown)
    assert open_images(tmp_path / "a.npz").images.shape[1:3] == (16, 16), "without --size they become squares"


def test_other_sizes_are_other_sets_and_a_square_is_the_number(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 20, 20), dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    sets = {size: open_images(tmp_path / "a.npy", size).fingerprint for size in (20, "20x20", "20x16", "16x20")}
    assert sets[20] == sets["20x20"] and len(set(sets.values())) == 3
    with pytest.raises(PoiseError, match="--size '20x' is no size"):
        open_images(tmp_path / "a.npy", "20x")


def test_mirror_images_are_left_to_right(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.tile(numbered(20, 16), (16, 1, 1, 1)))
    found = open_images(tmp_path / "a.npy", "20x16", heldout=0)
    real = ((ImageStream(found, 16, seed=0, flip=True)(0).real + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    plain, mirrored = numbered(20, 16), numbered(20, 16)[:, ::-1]
    kinds = [np.array_equal(x, plain) + 2 * np.array_equal(x, mirrored) for x in real]
    assert set(kinds) == {1, 2}


@pytest.mark.parametrize(
    ("size", "fit", "cut"), [("16", "crop", 2), ("24x16", "crop", 1), ("32x16", "crop", 2), ("16", "pad", 0)]
)
def test_how_many_pictures_lose_much_is_said(size, fit, cut, tmp_path) -> None:
    """Of 32x32, 48x32, 64x32 and 16x64: one of three to two loses exactly a third as a square, which is not much."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for i, (width, height) in enumerate([(32, 32), (48, 32), (64, 32), (16, 64)]):
        Image.new("L", (width, height), 40 * i).save(photos / f"{i}.png")
    found = open_images(photos, size, fit=fit, heldout=0)
    told = [line for line in found.notes if line.startswith("--fit crop cuts")]
    assert told == ([f"--fit crop cuts more than a third away from {cut} of 4 pictures; --fit pad keeps all of them, "
                     "with margins"] if cut else [])  # fmt: skip
    assert open_images(photos, size, fit=fit, heldout=0).notes == found.notes, "also where they were decoded before"
