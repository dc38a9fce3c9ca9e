"""The generator that enlarges by interpolation: what it computes, and that it begins without a grid."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from poise.models.images.bilinear import Bilinear, BilinearGenerator
from poise.models.images.dcgan import DcganGenerator
from poise.registry import find


def test_a_stage_by_hand():
    """Convolution at the small size, interpolation, normalisation, ReLU; then 3×3 to the picture and tanh."""
    torch.manual_seed(0)
    net = BilinearGenerator(16, 3, width=4, noise=5).eval()
    z = torch.randn(2, 5)
    x = net.start(z).unflatten(1, (net.widths[0], 4, 4))
    norm0, _, first, _, norm1, _, second, _, norm2, _ = net.stages
    x = F.relu(norm0(x))
    x = F.relu(norm1(F.interpolate(F.conv2d(x, first.weight, padding=1), scale_factor=2, mode="bilinear")))
    x = F.relu(norm2(F.interpolate(F.conv2d(x, second.weight, padding=1), scale_factor=2, mode="bilinear")))
    torch.testing.assert_close(net(z), torch.tanh(net.last(x)))


@pytest.mark.parametrize("side", [8, 9, 12])
def test_interpolation_keeps_what_is_even_and_what_is_a_ramp(side):
    flat = torch.full((1, 1, 4, 4), 0.7)
    torch.testing.assert_close(Bilinear(side)(flat), torch.full((1, 1, side, side), 0.7))
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)
    slopes = Bilinear(side)(ramp).diff(dim=-1)[..., 1:-1]  # without the borders, which are repeated
    torch.testing.assert_close(slopes[..., 1:-1], torch.full_like(slopes[..., 1:-1], 4 / side))


def grid(net):
    """Power at the finest chequerboard's frequencies over the mean power of all, of pictures at the beginning."""
    with torch.no_grad():
        x = net(net.noise(64)) - net(net.noise(64)).mean((0, 2, 3), keepdim=True)
    power = torch.fft.fft2(x).abs().square().mean((0, 1))
    n = power.shape[-1]
    finest = power[n // 2, 0] + power[0, n // 2] + power[n // 2, n // 2]
    return (finest / 3 / power.mean()).item()


def test_it_begins_without_the_grid_that_transposed_convolutions_begin_with():
    torch.manual_seed(0)
    transposed, smooth = (kind(32, 3, width=16, noise=32) for kind in (DcganGenerator, BilinearGenerator))
    assert grid(smooth) < 0.2 * grid(transposed)


def test_it_has_the_discriminator_of_dcgan():
    assert find("network", "bilinear").discriminator is find("network", "dcgan").discriminator
