"""Pieces that networks share. Shapes: x [B,C,H,W], y class ids [B], φ features [B,D]."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from poise.errors import PoiseError
from poise.limits import check_side
from poise.pixels.size import Sides, both_sides


def sides(size: Sides) -> list[tuple[int, int]]:
    """(height, width) of the picture at every stage, largest first: both are halved, rounding down, until the smaller
    one is at most 7.

    64 -> 64, 32, 16, 8, 4 in both directions; 100 -> 100, 50, 25, 12, 6; (64, 96) -> (64, 96), (32, 48), (16, 24),
    (8, 12), (4, 6). A rectangle so has the stages of a square of its smaller side, and its smallest picture nearly its
    proportions: every stage enlarges both directions alike. Errors: PoiseError for a side below 16 or above 256.
    """
    found = [both_sides(size)]
    for side in found[0]:
        check_side(side)
    while min(found[-1]) > 7:
        height, width = found[-1]
        found.append((height // 2, width // 2))
    return found


def widths(width: int, stages: int, most: int = 8) -> list[int]:
    """Channels at every stage, largest picture first: doubled at each, at most `most`·width."""
    if width < 1:
        raise PoiseError(f"--width {width}: a network needs at least one channel")
    return [width * min(2**i, most) for i in range(stages)]


def normalised(channels: int, norm: str) -> nn.Module:
    """Batch normalisation, or nothing."""
    if norm not in ("batch", "none"):
        raise PoiseError(f"--norm {norm} is unknown; use batch or none")
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.Identity()


def weighted(module: nn.Module) -> list[nn.Module]:
    """Convolutions and linear layers, for a norm to divide their weights by. One that is 0, as the last of a block that
    begins as the identity, has none: it is drawn from N(0, 1/fan-in) instead."""
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd)]
    for layer in layers:
        if not layer.weight.any():
            nn.init.normal_(layer.weight, 0.0, layer.weight[0].numel() ** -0.5)
    return list(layers)


def spectrally_normalised(module: nn.Module) -> nn.Module:
    """W/σ_max(W) on every convolution and linear layer, one power iteration a step (Miyato et al. 2018)."""
    for layer in weighted(module):
        spectral_norm(layer)
    return module


def weight_normalised(module: nn.Module) -> nn.Module:
    """w = g·v/‖v‖ on every convolution and linear layer, ‖v‖ by output (Salimans & Kingma 2016)."""
    for layer in weighted(module):
        weight_norm(layer)
    return module


NORMS = {"none": lambda module: module, "weight": weight_normalised, "spectral": spectrally_normalised}


def renormalised(module: nn.Module, norm: str) -> nn.Module:
    """Under the re-parametrisation that was asked for: none, weight or spectral."""
    if norm not in NORMS:
        raise PoiseError(f"--norm {norm} is unknown; use {', '.join(NORMS)}")
    found: nn.Module = NORMS[norm](module)
    return found


def initialise(module: nn.Module, std: float = 0.02) -> None:
    """N(0, std²) for weights, zero for biases (Radford et al. 2016)."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class ClassConditioning(nn.Module):
    """Noise z [B,Z] -> [B,Z] or, with classes, [B,2Z]: a class vector beside the noise.

    Class vectors begin as N(0, 1/Z), as long as a one-hot vector. As long as the noise, √Z, and always the same few,
    they are learnt so much faster than it that the generator makes one item of each class (docs/log.md, "One picture
    of each class").
    """

    def __init__(self, noise: int, classes: int) -> None:
        super().__init__()
        self.width = noise * (2 if classes else 1)
        self.embedding = nn.Embedding(classes, noise) if classes else None
        if self.embedding is not None:
            with torch.no_grad():
                self.embedding.weight.mul_(noise**-0.5)

    def forward(self, z: Tensor, y: Tensor | None) -> Tensor:
        if self.embedding is None:
            return z
        if y is None:
            raise PoiseError("this generator was trained with class labels: pass class ids")
        return torch.cat([z, self.embedding(y)], 1)


class ProjectionHead(nn.Module):
    """Features [B,C,H,W] -> logit [B]: a linear layer, and with classes ⟨embedding(y), Σ_hw features⟩ added
    (projection discriminator, Miyato & Koyama 2018)."""

    def __init__(self, channels: int, sides: tuple[int, int], classes: int) -> None:
        super().__init__()
        height, width = sides
        self.linear = nn.Linear(channels * height * width, 1)
        self.embedding = nn.Embedding(classes, channels) if classes else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, 0.0, 0.02)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        logit: Tensor = self.linear(x.flatten(1)).squeeze(1)
        if self.embedding is None:
            return logit
        if y is None:
            raise PoiseError("this discriminator was trained with class labels: pass class ids")
        logit = logit + (self.embedding(y) * x.sum((2, 3))).sum(1)
        return logit


def resized(x: Tensor, sides: tuple[int, int]) -> Tensor:
    """Nearest neighbour to (height, width)."""
    return x if x.shape[-2:] == sides else F.interpolate(x, size=sides, mode="nearest")


class ConvNeXt(nn.Module):
    """A residual block over time (Liu et al. 2022, one-dimensional as in Vocos): x [B,F,C] -> [B,F,C].

    x + γ·W₂ GELU(W₁ LayerNorm(depthwise convolution over `kernel` frames)), γ a vector that begins as `scale`.

    Args: width, C; inner, factor of the wide layer; scale; kernel, odd.
    """

    def __init__(self, width: int, inner: int = 3, scale: float = 0.2, kernel: int = 7) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, (1, kernel), padding=(0, kernel // 2), groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, inner * width)
        self.narrow = nn.Linear(inner * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, x: Tensor) -> Tensor:
        # As a picture of one row in channels_last order: no copy, and the quickest depthwise convolution on a CPU.
        y = self.depthwise(x.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
        found: Tensor = x + self.scale * self.narrow(F.gelu(self.wide(self.norm(y))))
        return found
