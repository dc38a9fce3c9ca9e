"""A generator that repeats pixels and convolves at the larger size, beside the discriminator of `dcgan`.

The four pixels that a transposed convolution of stride 2 makes of one have kernels of their own, which begin
independent and leave a chequerboard where few channels have to make them agree (Odena et al. 2016). Here they share.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.models.images.base import NetworkPair
from poise.models.images.dcgan import DcganDiscriminator, DcganGenerator
from poise.registry import register


class RepeatedConv2d(nn.Conv2d):
    """The convolution with a 3×3 kernel of a picture enlarged by repeating its pixels: [N,C,h,w] -> [N,C',H,W].

    Exactly twice the sides: a repeated pixel under a 3×3 kernel is the pixel under that kernel summed over the places
    it is repeated at, so it is one transposed convolution of stride 2 with a 4×4 kernel, w ∗ (1 1; 1 1), at the cost of
    that. Other sides: pixels are repeated first (`nearest` of `torch.nn.functional.interpolate`).
    """

    def __init__(self, before: int, after: int, sides: tuple[int, int], bias: bool) -> None:
        super().__init__(before, after, 3, padding=1, bias=bias)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if self.sides != (2 * height, 2 * width):
            repeated = F.interpolate(x, size=self.sides, mode="nearest")
            return F.conv2d(repeated, self.weight.flip(2, 3), self.bias, padding=1)
        kernel = self.weight.transpose(0, 1)
        kernel = F.pad(kernel, (0, 1)) + F.pad(kernel, (1, 0))
        kernel = F.pad(kernel, (0, 0, 0, 1)) + F.pad(kernel, (0, 0, 1, 0))
        kernel = kernel.contiguous(memory_format=torch.channels_last)  # as its weight: a sum forgets it
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class NearestGenerator(DcganGenerator):
    """At each size pixels are repeated to the next one and convolved, 3×3, to the next width; batch normalisation and
    ReLU; a 3×3 convolution to the picture and tanh."""

    def enlarging(self, i: int, before: int, after: int, bias: bool) -> list[nn.Module]:
        return [RepeatedConv2d(before, after, self.sides[i + 1], bias)]


register("network", "nearest")(NetworkPair(NearestGenerator, DcganDiscriminator))
