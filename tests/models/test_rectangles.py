"""Networks for rectangles: every member that is registered makes and judges them; squares as a pair are as a number."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from poise.errors import PoiseError
from poise.models.images.bilinear import Bilinear
from poise.models.images.modern import ModernGenerator, Reduce, enlargements, interpolation
from poise.models.shared.layers import sides
from poise.models.vae import ImageDecoder, ImageEncoder
from poise.registry import find, names

NETWORKS = names("network")
RECTANGLES = [(16, 48), (24, 17), (20, 32), (37, 16)]


def pair(name, size, channels=3, classes=0, depth=1, seed=0):
    torch.manual_seed(seed)
    built, same = find("network", name), {"size": size, "channels": channels, "width": 2, "depth": depth}
    g = built.generator(**same, noise=5, classes=classes, norm="batch")
    return g, built.discriminator(**same, classes=classes, norm="none", spectral=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", RECTANGLES)
def test_every_network_makes_and_judges_rectangles_and_learns_from_them(name, size):
    g, d = pair(name, size, classes=2)
    y = torch.tensor([0, 1, 1])
    x = g(g.noise(3), y)
    assert x.shape == (3, 3, *size)
    x.retain_grad()
    verdict = d(x, y)
    assert verdict.logits[0].shape == (3,)
    at_the_end = [] if name == "short_dcgan" else [sides(size)[-1]]
    assert [tuple(f.shape[-2:]) for f in verdict.features[0]] == sides(size)[1:] + at_the_end
    (gradient,) = torch.autograd.grad(verdict.logits[0].sum(), x, create_graph=True)
    (gradient.square().sum() + d(x, y).logits[0].sum()).backward()
    assert x.grad.shape == x.shape and (x.grad.abs().amax((0, 1)) > 0).all(), "each pixel has a say"
    for net in (g, d):
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("side", [16, 19])
def test_squares_as_a_pair_are_squares_as_a_number_bit_for_bit(name, side):
    one, other = (pair(name, size, depth=2, seed=3) for size in (side, (side, side)))
    for a, b in zip(one, other, strict=True):
        mine, theirs = a.state_dict(), b.state_dict()
        assert list(mine) == list(theirs)
        assert all(torch.equal(value, theirs[key]) for key, value in mine.items())
    z = torch.randn(2, 5)
    made = one[0](z)
    assert torch.equal(made, other[0](z))
    assert torch.equal(one[1](made).logits[0], other[1](made).logits[0])


def test_both_sides_are_halved_until_the_smaller_is_at_most_seven():
    assert sides((64, 96)) == [(64, 96), (32, 48), (16, 24), (8, 12), (4, 6)]
    assert sides((17, 48)) == [(17, 48), (8, 24), (4, 12)] and sides((48, 17)) == [(48, 17), (24, 8), (12, 4)]
    for size in ((16, 256), (100, 17), (255, 254), (31, 32)):
        found = sides(size)
        assert len(found) == len(sides(min(size))), "as many stages as a square of the smaller side"
        assert [min(stage) for stage in found] == [side for side, _ in sides(min(size))]
        assert all(
            large in (2 * half, 2 * half + 1) for a, b in pairwise(found) for large, half in zip(a, b, strict=True)
        )
    for size in ((15, 64), (64, 257)):
        with pytest.raises(PoiseError, match=r"--size (15|257) is out of reach"):
            sides(size)


@pytest.mark.parametrize("size", [(16, 48), (37, 20), (28, 28)])
def test_the_gains_of_modern_give_back_the_variance_that_interpolation_takes(size):
    """Independent numbers of variance 1 at the smallest size: at each stage the mean variance of a pixel is 1 again.

    The variances are the squared norms of the rows of the Kronecker product of what is done along both directions.
    """
    stages = sides(size)[::-1]
    down, across = (torch.eye(side, dtype=torch.float64) for side in stages[0])
    gain = 1.0
    for layer, (before, after) in zip(enlargements(stages), pairwise(stages), strict=True):
        down, across = interpolation(before[0], after[0]) @ down, interpolation(before[1], after[1]) @ across
        gain *= layer.gain
        assert gain**2 * torch.kron(down, across).square().sum(1).mean().item() == pytest.approx(1.0, rel=1e-9)


def test_modern_begins_with_variance_one_at_every_stage_of_a_rectangle():
    found = []
    for seed in range(8):
        torch.manual_seed(seed)
        net = ModernGenerator((16, 40), 3, width=32, noise=64)
        found.append(net(net.noise(16)).square().mean())
    assert torch.stack(found).mean().item() == pytest.approx(0.25, rel=0.2)


def test_pieces_by_hand():
    """Interpolation of a ramp along the width is a ramp, and each row like the others; means are over blocks."""
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)
    found = Bilinear((8, 12))(ramp)
    assert found.shape == (1, 1, 8, 12)
    torch.testing.assert_close(found[0, 0], found[0, 0, :1].expand(8, -1))
    torch.testing.assert_close(found[0, 0, 0, 2:-2].diff(), torch.full((7,), 4 / 12))
    x = torch.arange(32.0).view(1, 1, 4, 8)
    torch.testing.assert_close(Reduce((2, 4))(x), x.unflatten(2, (2, 2)).unflatten(4, (4, 2)).mean((3, 5)))
    assert Reduce((2, 4))(torch.randn(1, 1, 5, 8)).shape == (1, 1, 2, 4)


@pytest.mark.parametrize("name", NETWORKS)
def test_auto_encoders_of_rectangles(name):
    g, d = pair(name, (16, 24))
    encoder, decoder = ImageEncoder(d, 10), ImageDecoder(g)
    assert encoder(torch.randn(2, 3, 16, 24)).shape == (2, 10) and decoder(torch.randn(2, 5)).shape == (2, 3, 16, 24)
