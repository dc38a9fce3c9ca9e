"""A generator that convolves at the smaller size and enlarges by interpolation, beside the discriminator of `dcgan`.

A transposed convolution of stride 2 leaves a grid in the picture until it is trained away (Odena et al. 2016). Here
neighbours begin alike, and a stage costs half of the transposed one.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from poise.models.images.base import NetworkPair
from poise.models.images.dcgan import DcganDiscriminator, DcganGenerator
from poise.pixels.size import Sides, both_sides
from poise.registry import register


class Bilinear(nn.Module):
    """To side × side, or to (height, width), by linear interpolation in both directions; the corners are those of the
    picture, not the centres of its corner pixels."""

    def __init__(self, size: Sides) -> None:
        super().__init__()
        self.sides = both_sides(size)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=self.sides, mode="bilinear", align_corners=False)


class BilinearGenerator(DcganGenerator):
    """At each size a 3×3 convolution to the next width, interpolation to the next size, batch normalisation and ReLU; a
    3×3 convolution to the picture and tanh."""

    def enlarging(self, i: int, before: int, after: int, bias: bool) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 3, padding=1, bias=bias), Bilinear(self.sides[i + 1])]


register("network", "bilinear")(NetworkPair(BilinearGenerator, DcganDiscriminator))
