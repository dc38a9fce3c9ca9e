"""A generator whose pictures cannot have the colours of the data, for bench/appearance.py: a finding should say so."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from poise.networks import ImageNetworks
from poise.registry import find


class Spoilt(nn.Module):
    """Pictures of a generator, each spoilt in a way that no other weights could make good.

    Args: inner, the generator; contrast, saturation: factors; darkest: the least value of a pixel; blue: the part of
    the range of the last channel that is left.
    """

    def __init__(self, inner: nn.Module, contrast: float, saturation: float, darkest: float, blue: float) -> None:
        super().__init__()
        self.inner, self.contrast, self.saturation = inner, contrast, saturation
        self.darkest, self.blue = darkest, blue

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        x: Tensor = self.inner(z, cond)
        grey = x.mean(1, keepdim=True)
        x = grey + self.saturation * (x - grey)
        middle = x.mean((2, 3), keepdim=True)
        x = middle + self.contrast * (x - middle)
        x = self.darkest + (1 + x) * (1 - self.darkest) / 2
        return torch.cat([x[:, :-1], self.blue * (1 + x[:, -1:]) - 1], 1) if x.shape[1] > 1 else x


@dataclass
class OffColour(ImageNetworks):
    """The networks of dcgan with a spoilt generator.

    Args:
        width: of both networks.
        contrast: factor.
        saturation: factor.
        darkest: the least value of a pixel, of [-1, 1].
        blue: the part of the range of the last channel that is left.
    """

    width: int = 16
    contrast: float = 1.0
    saturation: float = 1.0
    darkest: float = -1.0
    blue: float = 1.0

    def generator(self, size: int, channels: int, noise: int, classes: int) -> nn.Module:
        network = find("network", "dcgan")
        inner = network.generator(
            size=size, channels=channels, width=self.width, depth=1, noise=noise, classes=classes, norm="batch"
        )
        return Spoilt(inner, self.contrast, self.saturation, self.darkest, self.blue)

    def discriminator(self, size: int, channels: int, classes: int) -> nn.Module:
        network = find("network", "dcgan")
        net: nn.Module = network.discriminator(
            size=size, channels=channels, width=self.width, depth=1, classes=classes, norm="none", spectral=False
        )
        return net
