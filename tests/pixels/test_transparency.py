"""Straight pixels to premultiplied numbers and back, and over a colour: closed forms, over all that can be."""

from __future__ import annotations

import doctest
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from poise.pixels.transparency import Flattened, as_pixels, as_trained, checkerboard, over, seen_over
from poise.report.picture import grid, save_each, strips

# Every colour [256] at every alpha [256]: uint8 [256, 256, 4], three equal channels.
COLOUR, ALPHA = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
EVERY = np.stack([COLOUR, COLOUR, COLOUR, ALPHA], -1).astype(np.uint8)


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def test_the_examples_run():
    done = doctest.testmod(sys.modules[Flattened.__module__])
    assert done.attempted and not done.failed


def test_what_networks_see_is_colour_times_alpha():
    seen = as_trained(tensor(EVERY))[0].double().numpy()
    assert np.allclose(seen[:3], 2 * COLOUR / 255 * ALPHA / 255 - 1, atol=1e-6)
    assert np.allclose(seen[3], 2 * ALPHA / 255 - 1, atol=1e-6)
    assert (seen[:3] <= seen[3:] + 1e-6).all() and (seen[:, :, 0] == -1).all(), "transparent is -1 whatever the colour"


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_without_alpha_are_as_ever(channels):
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(2, channels, 16, 16)
    x = as_trained(pixels)
    assert torch.equal(x, pixels.to(torch.float32).div(127.5).sub(1.0))
    assert np.array_equal(as_pixels(x), pixels.permute(0, 2, 3, 1).numpy())
    assert seen_over(x, (9, 9, 9)) is x


def test_every_pair_of_colour_and_alpha_comes_back():
    """float32 keeps more than 8 bits, so nothing but the colour of what is transparent is lost."""
    back = as_pixels(as_trained(tensor(EVERY)))[0]
    assert np.array_equal(back[..., 3], EVERY[..., 3])
    assert np.array_equal(back[:, 1:], EVERY[:, 1:])
    assert (back[:, 0] == 0).all()


def test_of_premultiplied_bytes_the_colour_comes_back_as_far_as_rounding_lets_it():
    """p = round(c·A/255) is off by at most 1/2, so 255·p/A is by 255/(2A), and by 1/2 more once it is rounded."""
    p = np.rint(COLOUR * ALPHA / 255)
    x = torch.from_numpy(np.stack([p, p, p, ALPHA.astype(float)]) / 127.5 - 1)[None]
    back = as_pixels(x)[0].astype(int)
    assert np.array_equal(back[..., 3], ALPHA) and np.array_equal(back[:, 255, 0], np.arange(256))
    off = np.abs(back[:, 1:, 0] - COLOUR[:, 1:])
    assert (off <= 127.5 / ALPHA[:, 1:] + 0.5 + 1e-9).all() and off.max() > 50


def test_anything_becomes_a_picture_that_can_be_and_over_black_it_is_what_was_made():
    x = torch.rand(8, 4, 32, 32, generator=torch.Generator().manual_seed(0)) * 3 - 1.5
    made = as_pixels(x).astype(float)
    levels = ((x.clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    alpha = np.rint(levels[..., 3:])
    assert np.array_equal(made[..., 3:], alpha)
    expected = np.minimum(levels[..., :3], alpha)
    assert (np.abs(made[..., :3] * alpha / 255 - expected) <= alpha / 510 + 1e-4).all()
    assert (made[..., :3][np.broadcast_to(alpha == 0, expected.shape)] == 0).all()


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (12, 200, 99)])
def test_over_a_colour_is_the_mixture_to_half_a_level(colour):
    found, beneath = over(EVERY, colour), np.array(colour)
    exact = (EVERY[..., :3] * (ALPHA / 255)[..., None]) + beneath * (1 - ALPHA / 255)[..., None]
    assert found.dtype == np.uint8 and (np.abs(found - exact) <= 0.5 + 1e-9).all()
    assert (found[:, 0] == beneath).all() and np.array_equal(found[:, 255], EVERY[:, 255, :3])
    seen = (seen_over(as_trained(tensor(EVERY)), colour)[0].permute(1, 2, 0).double().numpy() + 1) * 127.5
    assert np.allclose(seen, exact, atol=1e-3), "the same of what networks see"
    view = Flattened(EVERY[None], colour)
    assert view.shape == (1, 256, 256, 3) and np.array_equal(view[np.array([0])][0], found)


def test_grids_show_a_checkerboard_and_files_keep_alpha(tmp_path):
    pictures = np.zeros((2, 16, 16, 4), np.uint8)
    pictures[1] = (200, 100, 50, 255)
    board = checkerboard(16, 16)
    assert len(np.unique(board)) == 2 and (board[0, 0] != board[0, 2]).all() and (board[0, 0] == board[2, 2]).all()
    tiles = np.asarray(grid(pictures, columns=2, gap=2, enlarge=1))
    assert tiles.shape == (20, 38, 3) and np.array_equal(tiles[2:18, 2:18], board)
    assert (tiles[2:18, 20:36] == (200, 100, 50)).all() and (tiles[0] == 128).all()
    together = strips(pictures[None], gap=2)
    assert together.shape == (1, 16, 34, 4) and (together[0, :, 16:18] == (128, 128, 128, 255)).all()
    save_each(pictures, tmp_path)
    for name, picture in zip(("00000.png", "00001.png"), pictures, strict=True):
        with Image.open(tmp_path / name) as file:
            assert file.mode == "RGBA" and np.array_equal(np.asarray(file), picture)
