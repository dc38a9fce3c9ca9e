"""The generator that repeats pixels and convolves: what it computes, and that it begins without a chequerboard."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from poise.models.images.dcgan import DcganGenerator
from poise.models.images.nearest import NearestGenerator, RepeatedConv2d
from poise.registry import find
from tests.models.test_bilinear import grid


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sides", [(14, 14), (10, 14), (15, 14), (15, 15), (11, 15)])
def test_it_is_the_convolution_of_what_is_repeated(sides, bias, float64):
    """By its definition, written out: pixel (i, j) of the larger picture is pixel (i·h//H, j·w//W) of the smaller one.
    Values and gradients, where the sides are doubled and where they are not."""
    torch.manual_seed(0)
    height, width = sides[0] // 2, sides[1] // 2
    layer, x = RepeatedConv2d(3, 5, sides, bias), torch.randn(2, 3, height, width, requires_grad=True)
    rows = torch.arange(sides[0]) * height // sides[0]
    columns = torch.arange(sides[1]) * width // sides[1]
    larger = F.pad(x[:, :, rows][:, :, :, columns], (1, 1, 1, 1))
    wanted = torch.zeros(2, 5, *sides)
    for i in range(3):
        for j in range(3):
            piece = larger[:, :, 2 - i : 2 - i + sides[0], 2 - j : 2 - j + sides[1]]
            wanted = wanted + torch.einsum("nchw,dc->ndhw", piece, layer.weight[:, :, i, j])
    wanted = wanted if layer.bias is None else wanted + layer.bias.view(1, -1, 1, 1)
    found = layer(x)
    torch.testing.assert_close(found, wanted)
    given = [x, *layer.parameters()]
    each = [torch.autograd.grad(value.square().sum(), given) for value in (found, wanted)]
    for mine, by_hand in zip(*each, strict=True):
        torch.testing.assert_close(mine, by_hand)


def test_pixels_of_a_cell_share_a_kernel():
    """Of a picture without edges the four pixels of a cell are the same; a transposed convolution's are not."""
    torch.manual_seed(0)
    flat = torch.randn(1, 3, 1, 1).expand(1, 3, 6, 6)
    transposed = torch.nn.ConvTranspose2d(3, 2, 4, 2, 1)
    for layer, alike in ((RepeatedConv2d(3, 2, (12, 12), bias=False), True), (transposed, False)):
        made = layer(flat)[:, :, 2:-2, 2:-2]
        assert torch.allclose(made, made[:, :, :1, :1].expand_as(made), atol=1e-6) is alike


def test_it_begins_without_the_grid_that_transposed_convolutions_begin_with():
    torch.manual_seed(0)
    transposed, repeated = (kind(32, 3, width=16, noise=32) for kind in (DcganGenerator, NearestGenerator))
    assert grid(repeated) < 0.5 * grid(transposed)


def test_it_has_as_many_weights_as_its_kernels_and_the_discriminator_of_dcgan():
    net = NearestGenerator(28, 1, width=16)
    kernels = [tuple(layer.weight.shape) for layer in net.modules() if isinstance(layer, RepeatedConv2d)]
    assert kernels == [(32, 64, 3, 3), (16, 32, 3, 3)]
    assert find("network", "nearest").discriminator is find("network", "dcgan").discriminator
