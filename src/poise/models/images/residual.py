"""`residual`: pre-activated residual blocks (He et al. 2016), nearest neighbour upwards, means downwards."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.models.images.base import ImageDiscriminator, ImageGenerator, NetworkPair
from poise.models.shared.layers import normalised, resized
from poise.registry import register


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
    """To (height, width): nearest neighbour upwards; the mean over the pixels downwards."""

    def __init__(self, sides: tuple[int, int]) -> None:
        super().__init__()
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return resized(x, self.sides) if x.shape[-1] < self.sides[1] else F.adaptive_avg_pool2d(x, self.sides)


class ResidualGenerator(ImageGenerator):
    """Residual blocks at each size, nearest-neighbour upsampling between them."""

    def build(self, depth: int, norm: str) -> None:
        layers: list[nn.Module] = []
        for i, size in enumerate(self.sides):
            before = self.widths[max(i - 1, 0)]
            layers.append(Resize(size))
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


register("network", "residual")(NetworkPair(ResidualGenerator, ResidualDiscriminator))
