"""Differentiable augmentation: what each kind does, and that gradients pass."""

from __future__ import annotations

import pytest
import torch

from poise.errors import PoiseError
from poise.games.augment import KINDS, augmentation, colour, cutout, resolve, translation


@pytest.mark.parametrize("name", KINDS)
def test_shape_kept_draws_differ_between_pictures_and_gradient_passes(name):
    torch.manual_seed(0)
    x = torch.rand(1, 3, 16, 16).expand(6, -1, -1, -1).clone().requires_grad_()
    y = KINDS[name](x)
    assert y.shape == x.shape
    assert any(not torch.equal(y[0], other) for other in y[1:])
    y.sum().backward()
    assert x.grad.abs().sum() > 0


def test_translation_shifts_by_whole_pixels_and_fills_with_black():
    torch.manual_seed(0)
    x = torch.full((64, 1, 16, 16), -1.0)
    x[:, :, 8, 8] = 1.0
    y = translation(x)
    places = (y > 0).nonzero()
    assert len(places) == 64, "the pixel stays in view for shifts of up to two"
    assert set((places[:, 2] - 8).tolist()) == {-2, -1, 0, 1, 2} == set((places[:, 3] - 8).tolist())
    assert y.min() == -1.0


def test_cutout_hides_at_most_a_quarter():
    torch.manual_seed(0)
    y = cutout(torch.ones(64, 1, 16, 16))
    hidden = (y == 0).flatten(1).float().mean(1)
    assert 0 < hidden.min() and hidden.max() <= 0.26


def test_colour_leaves_grey_pictures_grey():
    y = colour(torch.rand(4, 1, 8, 8).expand(-1, 3, -1, -1))
    assert torch.allclose(y[:, 0], y[:, 1], atol=1e-6)


def test_auto_depends_on_the_number_of_pictures():
    assert resolve("auto", 20_000) == "color,translation,cutout"
    assert resolve("auto", 20_001) == resolve("none", 10) == "none"
    assert resolve("cutout", 10**6) == "cutout"
    with pytest.raises(PoiseError, match="did you mean 'cutout'"):
        resolve("color,cutot", 10)
    x = torch.rand(2, 1, 8, 8)
    assert augmentation("none")(x) is x
