"""Differentiable augmentation: what each kind does, and that gradients pass."""

from __future__ import annotations

import pytest
import torch

from poise.errors import PoiseError
from poise.games.augment import KINDS, Augmentation, colour, cutout, resolve, shifts, translation

CHANNELS = pytest.mark.parametrize("channels", [3, 4])


def pictures(n, channels, side=16, **more):
    """Random pictures in [0, 1]; of four channels premultiplied ones in [−1, 1] that have any alpha."""
    x = torch.rand(n, channels, side, side, **more)
    return torch.cat([x[:, :3] * x[:, 3:], x[:, 3:]], 1) * 2 - 1 if channels == 4 else x


@CHANNELS
@pytest.mark.parametrize("name", KINDS)
def test_shape_kept_draws_differ_between_pictures_and_gradient_passes(name, channels):
    torch.manual_seed(0)
    x = pictures(1, channels).expand(6, -1, -1, -1).clone().requires_grad_()
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


def test_a_rectangle_is_shifted_and_hidden_by_a_share_of_each_side():
    """Of 16x40: two pixels up and down, five to the sides; a hole of 8 rows and 20 columns, where it lies inside."""
    torch.manual_seed(0)
    x = torch.full((400, 1, 16, 40), -1.0)
    x[:, :, 8, 20] = 1.0
    places = (translation(x) > 0).nonzero()
    assert len(places) == 400
    assert set((places[:, 2] - 8).tolist()) == set(range(-2, 3)) and set((places[:, 3] - 20).tolist()) == set(
        range(-5, 6)
    )
    hidden = cutout(torch.ones(400, 1, 16, 40))[:, 0] == 0
    assert hidden.any(2).sum(1).max() == 8 and hidden.any(1).sum(1).max() == 20


def test_shifts_of_a_square_are_one_draw():
    torch.manual_seed(0)
    expected = torch.randint(-2, 3, (2, 5, 1))
    torch.manual_seed(0)
    assert torch.equal(shifts(5, 2, 2, torch.device("cpu")), expected)


@CHANNELS
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_takes_rectangles_and_lets_the_gradient_through(name, channels):
    torch.manual_seed(0)
    x = pictures(4, channels, 24)[:, :, :16].contiguous().requires_grad_()
    y = KINDS[name](x)
    assert y.shape == (4, channels, 16, 24)
    y.sum().backward()
    assert x.grad.abs().sum() > 0


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
    assert Augmentation("none")(x) is x


@CHANNELS
@pytest.mark.parametrize("name", KINDS)
def test_without_a_probability_nothing_more_is_drawn_than_the_kind_draws(name, channels):
    x = pictures(5, channels)
    torch.manual_seed(0)
    expected = KINDS[name](x)
    torch.manual_seed(0)
    torch.testing.assert_close(Augmentation(name)(x), expected, rtol=0, atol=0)


@pytest.mark.slow
@CHANNELS
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_a_probability_chooses_pictures_and_leaves_the_others_alone(name, probability, channels):
    """The share that is changed is p, and a picture is changed as the kind would change it or not at all."""
    torch.manual_seed(0)
    x = pictures(1, channels).expand(4000, -1, -1, -1)
    changed = (Augmentation(name, probability)(x) != x).flatten(1).any(1).float().mean().item()
    always = (KINDS[name](x) != x).flatten(1).any(1).float().mean().item()  # a shift may be by nothing
    error = (probability * (1 - probability) / 4000) ** 0.5
    assert changed == pytest.approx(probability * always, abs=4 * error + 0.02 * probability)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("name", KINDS)
def test_the_expectation_at_a_probability_is_the_mixture(name, channels):
    """E view(x) = (1 − p)·x + p·E kind(x), pixel by pixel, within five standard errors; cutout's by hand as well."""
    torch.manual_seed(0)
    n, p = 20_000, 0.4
    picture = pictures(1, 4, 8) if channels == 4 else torch.rand(1, 1, 8, 8) * 2 - 1
    x = picture.expand(n, -1, -1, -1)
    whole, mixed = KINDS[name](x), Augmentation(name, p)(x)
    expected = (1 - p) * picture[0] + p * whole.mean(0)
    error = 5 * (mixed.std(0) + p * whole.std(0)) / n**0.5 + 1e-6
    assert ((mixed.mean(0) - expected).abs() < error).all()


@pytest.mark.slow
def test_the_chance_of_cutout_by_hand():
    """A square of half the side around a uniform centre hides the middle with probability ¼, a corner with 1/16."""
    torch.manual_seed(0)
    hidden = (Augmentation("cutout", 0.5)(torch.ones(40_000, 1, 64, 64)) == 0).float().mean((0, 1))
    assert hidden[32, 32].item() == pytest.approx(0.5 / 4, abs=0.01)
    assert hidden[0, 0].item() == pytest.approx(0.5 / 16, abs=0.01)


@pytest.mark.slow
@CHANNELS
@pytest.mark.parametrize("name", KINDS)
def test_the_gradient_at_a_probability_is_that_of_what_was_applied(name, channels):
    """Of pictures that were left alone it is 1; in all it agrees with finite differences in double precision."""
    x = pictures(12, channels, 4, dtype=torch.float64).requires_grad_()
    view = Augmentation(name, 0.5)

    def seeded(x):
        torch.manual_seed(3)
        return view(x)

    assert torch.autograd.gradcheck(seeded, (x,))
    (gradient,) = torch.autograd.grad(seeded(x).sum(), x)
    left = (seeded(x) == x).flatten(1).all(1)
    assert left.any() and (gradient[left] == 1).all()


def seeded_colour(x):
    torch.manual_seed(5)
    return colour(x)


def test_colour_of_opaque_pictures_with_alpha_is_that_without_cut_off_where_bytes_end():
    x = torch.rand(32, 3, 8, 8) * 2 - 1
    made = seeded_colour(torch.cat([x, torch.ones(32, 1, 8, 8)], 1))
    torch.testing.assert_close(made[:, :3], seeded_colour(x).clamp(-1, 1), atol=2e-6, rtol=0)
    assert (made[:, 3] == 1).all()


def test_colour_of_one_straight_colour_is_the_same_at_any_alpha():
    """(x_c + 1)/(x_a + 1) is the straight colour, and what is done to it does not hang on how transparent it is."""
    straight, alpha = torch.rand(32, 3, 1, 1), torch.rand(32, 1, 8, 8) * 0.9 + 0.1
    made = seeded_colour(torch.cat([straight * alpha, alpha], 1) * 2 - 1)
    expected = (seeded_colour(straight.expand(-1, -1, 8, 8) * 2 - 1).clamp(-1, 1) + 1) / 2
    torch.testing.assert_close((made[:, :3] + 1) / (made[:, 3:] + 1), expected, atol=1e-5, rtol=0)


def test_colour_leaves_alpha_alone_and_colours_between_nothing_and_alpha():
    torch.manual_seed(0)
    x = pictures(64, 4)
    x[:8] = -1.0  # pictures of nothing
    x[8:16, :, 4:] = -1.0
    made = colour(x)
    assert torch.equal(made[:, 3], x[:, 3])
    assert (made[:, :3] >= -1).all() and (made[:, :3] <= made[:, 3:] + 1e-6).all()
    assert (made[:8] == -1).all() and (made[8:16, :, 4:] == -1).all(), "what is transparent stays so"
    assert not torch.equal(made[16:], x[16:])


def test_translation_and_cutout_put_transparency_where_nothing_is():
    torch.manual_seed(0)
    x = torch.ones(64, 4, 16, 16)
    for kind in (translation, cutout):
        made = kind(x)
        gone = (made != 1).any(1)
        assert gone.any() and (made.permute(0, 2, 3, 1)[gone] == -1).all()
