"""An SNGAN for 32 pixels in the shape of Miyato et al. 2018, table 3: 4.3 M + 1.1 M parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm as sn

from poise.core import DiscriminatorOutput


class Up(nn.Module):
    """Batch norm, ReLU, nearest ×2, 3×3 convolution, twice; 1×1 skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.skip = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.interpolate(F.relu(self.norm1(x)), scale_factor=2))
        return self.conv2(F.relu(self.norm2(h))) + self.skip(F.interpolate(x, scale_factor=2))


class SnganGenerator(nn.Module):
    def __init__(self, width: int = 256, noise: int = 128) -> None:
        super().__init__()
        self.size = noise
        self.start = nn.Linear(noise, width * 16)
        self.blocks = nn.Sequential(Up(width), Up(width), Up(width))
        self.norm, self.last = nn.BatchNorm2d(width), nn.Conv2d(width, 3, 3, padding=1)

    def noise(self, n: int) -> Tensor:
        return torch.randn(n, self.size)

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        x = self.start(z).unflatten(1, (-1, 4, 4))
        return torch.tanh(self.last(F.relu(self.norm(self.blocks(x)))))


class Down(nn.Module):
    """ReLU, 3×3 convolution, twice, under spectral norm; mean pooling where asked; 1×1 skip where shapes change."""

    def __init__(self, before: int, after: int, down: bool, first: bool = False) -> None:
        super().__init__()
        self.conv1, self.conv2 = sn(nn.Conv2d(before, after, 3, padding=1)), sn(nn.Conv2d(after, after, 3, padding=1))
        self.skip = sn(nn.Conv2d(before, after, 1)) if down or before != after else None
        self.down, self.first = down, first

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        skip = x
        if self.first:
            skip = F.avg_pool2d(skip, 2)
        if self.skip is not None:
            skip = self.skip(skip)
        if self.down:
            h = F.avg_pool2d(h, 2)
            skip = skip if self.first else F.avg_pool2d(skip, 2)
        return h + skip


class SnganDiscriminator(nn.Module):
    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            Down(3, width, True, first=True),
            Down(width, width, True),
            Down(width, width, False),
            Down(width, width, False),
        )
        self.last = sn(nn.Linear(width, 1, bias=False))

    def forward(self, x: Tensor, cond: Tensor | None = None) -> DiscriminatorOutput:
        h = F.relu(self.blocks(x)).sum((2, 3))
        return DiscriminatorOutput((self.last(h).squeeze(1),))
