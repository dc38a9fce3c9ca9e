"""A residual pair without normalisation, after R3GAN (Huang et al. 2024); the block was measured (`bench/blocks.py`).

Every block begins as the identity, and weights are drawn so that at the beginning the activations of each stage have
variance 1: what a layer does can be read off it, and an L2 penalty changes the function and not only the step size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.models.images.base import ImageDiscriminator, ImageGenerator, NetworkPair
from poise.models.images.bilinear import Bilinear
from poise.pixels.size import Sides, both_sides
from poise.registry import register

SLOPE = 0.2  # of the leaky ReLU
GAIN = (2 / (1 + SLOPE**2)) ** 0.5  # after which E[leaky(x)²] is that of the input
PICTURE = 0.5  # standard deviation of a pixel at the beginning


def scaled(layer: nn.Linear | nn.Conv2d, gain: float = 1.0) -> None:
    """Weights N(0, gain²/fan-in), which keeps the variance for a gain of 1; biases 0."""
    nn.init.normal_(layer.weight, 0.0, gain * layer.weight[0].numel() ** -0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class ModernBlock(nn.Module):
    """x + C₂(a(C₁x + b)): C₁ a 3×3 convolution from c to c/2 channels, C₂ one back; a leaky ReLU of slope 0.2.

    C₂ begins as 0, so the block begins as the identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(width // 2, 1)
        self.narrow = nn.Conv2d(width, inner, 3, padding=1)
        self.widen = nn.Conv2d(inner, width, 3, padding=1, bias=False)
        scaled(self.narrow, GAIN)
        nn.init.zeros_(self.widen.weight)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x + self.widen(F.leaky_relu(self.narrow(x), SLOPE))
        return found


def interpolation(before: int, after: int) -> Tensor:
    """The linear interpolation of `before` values to `after`, as a matrix [after, before]."""
    lines = torch.eye(before, dtype=torch.float64).unsqueeze(1)
    return F.interpolate(lines, size=after, mode="linear", align_corners=False).squeeze(1).T


class Enlarge(Bilinear):
    """To side × side, or to (height, width), by linear interpolation in both directions, times `gain`."""

    def __init__(self, size: Sides, gain: float) -> None:
        super().__init__(size)
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.gain


def enlargements(sizes: Sequence[Sides]) -> list[Enlarge]:
    """From each size to the next. Interpolating independent numbers takes from their variance: the gains give it back.

    With M and N the products of the interpolations up to a stage, along height and width, its pixels have the variance
    mean ‖row of M‖² · mean ‖row of N‖², which is (mean ‖row of M‖²)² in squares.
    """
    both = [both_sides(size) for size in sizes]
    down, across = (variance_ratios([size[axis] for size in both]) for axis in (0, 1))
    # The root of a square is exact, so that the gain of squares is the ratio itself.
    return [Enlarge(size, math.sqrt(one * other)) for size, one, other in zip(both[1:], down, across, strict=True)]


def variance_ratios(sides: list[int]) -> list[float]:
    """By how much mean ‖row‖² falls, from each side to the next: before over after, of the product up to there."""
    product = torch.eye(sides[0], dtype=torch.float64)
    spread = [1.0]
    for before, after in pairwise(sides):
        product = interpolation(before, after) @ product
        spread.append(product.square().sum(1).mean().item())
    return [before / after for before, after in pairwise(spread)]


class ModernGenerator(ImageGenerator):
    """z -> linear × a learnt picture of the smallest size -> blocks, a 1×1 convolution and interpolation in turn.

    Without tanh: pixels beyond [−1, 1] are cut off where pictures are drawn. `norm` has no meaning here.
    """

    def build(self, depth: int, norm: str) -> None:
        smallest, width = self.sides[0], self.widths[0]
        self.start = nn.Linear(self.labelled.width, width, bias=False)
        self.basis = nn.Parameter(torch.randn(width, *smallest))
        scaled(self.start)
        layers: list[nn.Module] = [ModernBlock(width) for _ in range(depth)]
        larger = enlargements(self.sides)
        for i, (before, after) in enumerate(pairwise(self.widths)):
            if before != after:
                change = nn.Conv2d(before, after, 1, bias=False)
                scaled(change)
                layers.append(change)
            layers += [larger[i], *(ModernBlock(after) for _ in range(depth))]
        self.stages = nn.Sequential(*layers)
        self.last = nn.Conv2d(self.widths[-1], self.channels, 1)
        scaled(self.last, PICTURE)

    def raw(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        x = self.start(self.labelled(z, y))[:, :, None, None] * self.basis
        found: Tensor = self.last(self.stages(x))
        return found

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.raw(z, y)


class Reduce(nn.Module):
    """To side × side, or to (height, width), by the mean over the pixels."""

    def __init__(self, size: Sides) -> None:
        super().__init__()
        self.sides = both_sides(size)

    def forward(self, x: Tensor) -> Tensor:
        height, width = self.sides
        if x.shape[-2:] == (2 * height, 2 * width):
            return F.avg_pool2d(x, 2)
        return F.adaptive_avg_pool2d(x, self.sides)


class ModernDiscriminator(ImageDiscriminator):
    """The mirror of `ModernGenerator`: a 1×1 convolution, blocks, the mean over the pixels and a 1×1 convolution in
    turn. `norm` has no meaning here."""

    def build(self, channels: int, depth: int, norm: str) -> None:
        stages: list[nn.Module] = []
        for i, width in enumerate(self.widths):
            layers: list[nn.Module] = [nn.Conv2d(channels, width, 1)] if i == 0 else []
            layers += [ModernBlock(width) for _ in range(depth)]
            if i + 1 < len(self.sides):
                layers.append(Reduce(self.sides[i + 1]))
                if self.widths[i + 1] != width:
                    layers.append(nn.Conv2d(width, self.widths[i + 1], 1, bias=False))
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)

    def finish(self) -> None:
        for stage in self.stages:
            for layer in stage.children():
                if isinstance(layer, nn.Conv2d):
                    scaled(layer)
        scaled(self.logit.linear)


register("network", "modern")(NetworkPair(ModernGenerator, ModernDiscriminator))
