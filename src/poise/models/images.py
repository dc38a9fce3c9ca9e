"""Generators and discriminators for pictures of any side from 16 to 256.

The players of a family mirror each other: the discriminator's stages are the generator's in reverse. Names in the
registry (family "network"): `dcgan` (Radford et al. 2016), `short_dcgan` (the same with a layer less in each player)
and `residual`; `modern` is in `poise.models.modern`. More than 250 lines, because the three families are read side by
side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.core import DiscriminatorOutput
from poise.models.layers import (
    ClassConditioning,
    ProjectionHead,
    initialise,
    normalised,
    resized,
    sides,
    spectrally_normalised,
    widths,
)
from poise.registry import register


class NetworkPair(NamedTuple):
    """Builders of a generator and a discriminator with the same arguments."""

    generator: Callable[..., nn.Module]
    discriminator: Callable[..., nn.Module]


class ImageGenerator(nn.Module, ABC):
    """z [B,Z] (and class ids [B]) -> picture [B,C,S,S] in [−1, 1].

    Args:
        size: S, the side of the picture in pixels, 16 to 256.
        channels: C, 1 for grey, 3 for colour.
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
        size: int,
        channels: int,
        width: int = 32,
        depth: int = 1,
        noise: int = 128,
        classes: int = 0,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        self.noise_size, self.classes, self.channels = noise, classes, channels
        self.sides = sides(size)[::-1]  # smallest first
        self.widths = widths(width, len(self.sides))[::-1]
        self.labelled = ClassConditioning(noise, classes)
        self.start = nn.Linear(self.labelled.width, self.widths[0] * self.sides[0] ** 2)
        self.build(depth, norm)

    @abstractmethod
    def build(self, depth: int, norm: str) -> None:
        """Make `stages` and `last`."""

    def noise(self, n: int) -> Tensor:
        return torch.randn(n, self.noise_size, device=self.start.weight.device, dtype=self.start.weight.dtype)

    def raw(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The picture before its tanh: what a decoder gives its likelihood."""
        x = self.start(self.labelled(z, y)).unflatten(1, (self.widths[0], self.sides[0], self.sides[0]))
        found: Tensor = self.last(self.stages(x))
        return found

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return torch.tanh(self.raw(z, y))


class ImageDiscriminator(nn.Module, ABC):
    """Picture [B,C,S,S] (and class ids [B]) -> `DiscriminatorOutput` with one logit [B] and the output of every stage.

    Arguments as for `ImageGenerator`; `spectral`: spectral norm on every layer. `norm="batch"` makes the logit of
    a sample depend on its batch and hides the weights' scale from the loss, so the default is none.
    """

    stages: nn.ModuleList

    def __init__(
        self,
        size: int,
        channels: int,
        width: int = 32,
        depth: int = 1,
        classes: int = 0,
        norm: str = "none",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.sides = sides(size)  # largest first
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


def _extra(width: int, depth: int, norm: str, activation: Callable[[], nn.Module]) -> list[nn.Module]:
    """`depth` − 1 further 3×3 layers at one size."""
    layers: list[nn.Module] = []
    for _ in range(depth - 1):
        layers += [
            nn.Conv2d(width, width, 3, padding=1, bias=norm == "none"),
            normalised(width, norm),
            activation(),
        ]
    return layers


class DcganGenerator(ImageGenerator):
    """Transposed 4×4 convolutions of stride 2, batch normalisation, ReLU (Radford et al. 2016), and a 3×3 convolution
    to the picture: a transposed one as the last layer leaves a grid in it (Odena et al. 2016)."""

    def build(self, depth: int, norm: str) -> None:
        relu = partial(nn.ReLU, inplace=True)
        layers: list[nn.Module] = [normalised(self.widths[0], norm), relu()]
        layers += _extra(self.widths[0], depth, norm, relu)
        for i, (before, after) in enumerate(pairwise(self.widths)):
            odd = self.sides[i + 1] - 2 * self.sides[i]
            layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, output_padding=odd, bias=norm == "none"))
            layers += [normalised(after, norm), relu(), *_extra(after, depth, norm, relu)]
        self.stages, self.last = nn.Sequential(*layers), nn.Conv2d(self.widths[-1], self.channels, 3, padding=1)
        initialise(self)


class DcganDiscriminator(ImageDiscriminator):
    """4×4 convolutions of stride 2 and leaky ReLU of slope 0.2 (Radford et al. 2016), and a 3×3 convolution at the
    smallest size."""

    def build(self, channels: int, depth: int, norm: str) -> None:
        leaky = partial(nn.LeakyReLU, 0.2, inplace=True)
        stages = []
        for i, (before, after) in enumerate(pairwise([channels, *self.widths])):
            plain = norm == "none" or i == 0
            kernel, stride = (3, 1) if i == len(self.widths) - 1 else (4, 2)
            layers: list[nn.Module] = [nn.Conv2d(before, after, kernel, stride, 1, bias=plain)]
            layers += [] if plain else [normalised(after, norm)]
            stages.append(nn.Sequential(*layers, leaky(), *_extra(after, depth, norm, leaky)))
        self.stages = nn.ModuleList(stages)

    def finish(self) -> None:
        initialise(self)


class ShortDcganGenerator(ImageGenerator):
    """`DcganGenerator` without the stage at full size: the last transposed convolution makes the picture."""

    def build(self, depth: int, norm: str) -> None:
        relu = partial(nn.ReLU, inplace=True)
        layers: list[nn.Module] = [normalised(self.widths[0], norm), relu()]
        for i in range(len(self.sides) - 1):
            into = self.widths[i + 1]
            odd = self.sides[i + 1] - 2 * self.sides[i]
            last = i == len(self.sides) - 2
            out, bias = self.channels if last else into, last or norm == "none"
            up = nn.ConvTranspose2d(self.widths[i], out, 4, 2, 1, output_padding=odd, bias=bias)
            layers += _extra(self.widths[i], depth, norm, relu)
            layers += [up] if last else [up, normalised(into, norm), relu()]
        self.stages, self.last = nn.Sequential(*layers), nn.Identity()
        initialise(self)


class ShortDcganDiscriminator(ImageDiscriminator):
    """`DcganDiscriminator` without the narrow first and the 3×3 last convolution."""

    def build(self, channels: int, depth: int, norm: str) -> None:
        leaky = partial(nn.LeakyReLU, 0.2, inplace=True)
        stages, before = [], channels
        self.widths = self.widths[1:]  # the first convolution already halves the picture
        for i, after in enumerate(self.widths):
            plain = norm == "none" or i == 0
            layers: list[nn.Module] = [nn.Conv2d(before, after, 4, 2, 1, bias=plain)]
            layers += [] if plain else [normalised(after, norm)]
            stages.append(nn.Sequential(*layers, leaky(), *_extra(after, depth, norm, leaky)))
            before = after
        self.stages = nn.ModuleList(stages)

    def finish(self) -> None:
        initialise(self)


class ResidualBlock(nn.Module):
    """x + γ·conv(act(norm(conv(act(norm(x)))))), γ = 0.5 at the start of training, learned without decay."""

    def __init__(self, before: int, after: int, norm: str) -> None:
        super().__init__()
        plain = norm == "none"
        self.first = nn.Conv2d(before, after, 3, padding=1, bias=plain)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=True)
        self.norm1, self.norm2 = normalised(before, norm), normalised(after, norm)
        self.skip = nn.Identity() if before == after else nn.Conv2d(before, after, 1, bias=False)
        self.gain = nn.Parameter(torch.tensor(0.5))
        for conv in (self.first, self.second):
            nn.init.kaiming_normal_(conv.weight, a=0.2)
        if isinstance(self.skip, nn.Conv2d):
            nn.init.normal_(self.skip.weight, 0.0, before**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(F.leaky_relu(self.norm1(x), 0.2))
        h = self.second(F.leaky_relu(self.norm2(h), 0.2))
        found: Tensor = self.skip(x) + self.gain * h
        return found


class Resize(nn.Module):
    """To side × side: nearest neighbour upwards; the mean over the pixels downwards."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        return resized(x, self.side) if x.shape[-1] < self.side else F.adaptive_avg_pool2d(x, self.side)


class ResidualGenerator(ImageGenerator):
    """Residual blocks at each size, nearest-neighbour upsampling between them."""

    def build(self, depth: int, norm: str) -> None:
        layers: list[nn.Module] = []
        for i, side in enumerate(self.sides):
            before = self.widths[max(i - 1, 0)]
            layers.append(Resize(side))
            layers += [ResidualBlock(before if k == 0 else self.widths[i], self.widths[i], norm) for k in range(depth)]
        self.stages = nn.Sequential(*layers)
        width = self.widths[-1]
        to_picture = nn.Conv2d(width, self.channels, 3, padding=1)
        nn.init.normal_(to_picture.weight, 0.0, 0.5 * (9 * width) ** -0.5)
        self.last = nn.Sequential(normalised(width, norm), nn.LeakyReLU(0.2), to_picture)


class ResidualDiscriminator(ImageDiscriminator):
    """The mirror of `ResidualGenerator`, mean pooling between sizes, no normalisation."""

    def build(self, channels: int, depth: int, norm: str) -> None:
        stages: list[nn.Module] = []
        for i in range(len(self.sides)):
            after = self.widths[min(i + 1, len(self.widths) - 1)]
            blocks: list[nn.Module] = [nn.Conv2d(channels, self.widths[0], 3, padding=1)] if i == 0 else []
            for k in range(depth):
                out = after if k == depth - 1 else self.widths[i]
                blocks.append(ResidualBlock(self.widths[i], out, "none"))
            down = self.sides[i + 1] if i + 1 < len(self.sides) else self.sides[i]
            stages.append(nn.Sequential(*blocks, Resize(down)))
        self.stages = nn.ModuleList(stages)


register("network", "dcgan")(NetworkPair(DcganGenerator, DcganDiscriminator))
register("network", "short_dcgan")(NetworkPair(ShortDcganGenerator, ShortDcganDiscriminator))
register("network", "residual")(NetworkPair(ResidualGenerator, ResidualDiscriminator))
