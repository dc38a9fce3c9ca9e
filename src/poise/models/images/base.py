"""What every generator and discriminator of pictures has: sides, widths, classes, noise, the way of a forward pass.

The players of a family mirror each other: the discriminator's stages are the generator's in reverse.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from poise.core import DiscriminatorOutput
from poise.models.shared.layers import (
    ClassConditioning,
    ProjectionHead,
    normalised,
    sides,
    spectrally_normalised,
    widths,
)
from poise.pixels.size import Sides


class NetworkPair(NamedTuple):
    """Builders of a generator and a discriminator with the same arguments."""

    generator: Callable[..., nn.Module]
    discriminator: Callable[..., nn.Module]


class ImageGenerator(nn.Module, ABC):
    """z [B,Z] (and class ids [B]) -> picture [B,C,H,W] in [−1, 1].

    Args:
        size: side of square pictures, or (H, W), in pixels, each 16 to 256.
        channels: C, 1 for grey, 3 for colour, 4 for premultiplied colour and alpha.
        width: channels of the stage at full size; doubled at each smaller stage, at most eightfold.
        depth: layers (dcgan) or blocks (residual) at each size.
        noise: Z.
        classes: number of classes; 0 for none.
        norm: "batch" or "none".
    """

    stages: nn.Module
    last: nn.Module

    def __init__(
        self,
        size: Sides,
        channels: int,
        width: int = 32,
        depth: int = 1,
        noise: int = 128,
        classes: int = 0,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        self.noise_size, self.classes, self.channels = noise, classes, channels
        self.sides = sides(size)[::-1]  # (height, width), smallest first
        self.widths = widths(width, len(self.sides))[::-1]
        self.labelled = ClassConditioning(noise, classes)
        self.start = nn.Linear(self.labelled.width, self.widths[0] * math.prod(self.sides[0]))
        self.build(depth, norm)

    @abstractmethod
    def build(self, depth: int, norm: str) -> None:
        """Make `stages` and `last`."""

    def noise(self, n: int) -> Tensor:
        return torch.randn(n, self.noise_size, device=self.start.weight.device, dtype=self.start.weight.dtype)

    def raw(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The picture before its tanh: what a decoder gives its likelihood."""
        x = self.start(self.labelled(z, y)).unflatten(1, (self.widths[0], *self.sides[0]))
        found: Tensor = self.last(self.stages(x))
        return found

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return torch.tanh(self.raw(z, y))


class ImageDiscriminator(nn.Module, ABC):
    """Picture [B,C,H,W] (and class ids [B]) -> `DiscriminatorOutput` with one logit [B] and the output of every stage.

    Arguments as for `ImageGenerator`; `spectral`: spectral norm on every layer. `norm="batch"` makes the logit of
    a sample depend on its batch and hides the weights' scale from the loss, so the default is none.
    """

    stages: nn.ModuleList

    def __init__(
        self,
        size: Sides,
        channels: int,
        width: int = 32,
        depth: int = 1,
        classes: int = 0,
        norm: str = "none",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.sides = sides(size)  # (height, width), largest first
        self.widths = widths(width, len(self.sides))
        self.build(channels, depth, norm)
        self.logit = ProjectionHead(self.widths[-1], self.sides[-1], classes)
        self.finish()
        if spectral:
            spectrally_normalised(self)

    @abstractmethod
    def build(self, channels: int, depth: int, norm: str) -> None:
        """Make `stages`."""

    def finish(self) -> None:
        """Initialise, once every layer is there."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return DiscriminatorOutput((self.logit(x, y),), (tuple(features),))


def left_over(smaller: tuple[int, int], larger: tuple[int, int]) -> tuple[int, int]:
    """What twice the smaller sides lack of the larger ones, 0 or 1 each: the output padding that brings it back."""
    return larger[0] - 2 * smaller[0], larger[1] - 2 * smaller[1]


def further(width: int, depth: int, norm: str, activation: Callable[[], nn.Module]) -> list[nn.Module]:
    """`depth` − 1 further 3×3 layers at one size."""
    layers: list[nn.Module] = []
    for _ in range(depth - 1):
        layers += [
            nn.Conv2d(width, width, 3, padding=1, bias=norm == "none"),
            normalised(width, norm),
            activation(),
        ]
    return layers
