"""The transforms of `spectrograms` as products with matrices: for graphs in which there is no Fourier transform.

Shape letters as there. Equal to those to about 1e-6 of the largest number.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.audio.spectrograms import FLOOR, Mel


def _angles(window: int) -> Tensor:
    """2πkn/W of frequency k and sample n: float64 [K,W]."""
    k = torch.arange(window // 2 + 1, dtype=torch.float64)[:, None]
    n = torch.arange(window, dtype=torch.float64)
    return 2 * math.pi / window * (k * n % window)


class MatrixMel(nn.Module):
    """`Mel`: waves [B,S], S a multiple of the hop -> log-mels [B,M,F]."""

    transform: Tensor
    filters: Tensor

    def __init__(self, mel: Mel) -> None:
        super().__init__()
        angles, weights = _angles(mel.window), torch.hann_window(mel.window, dtype=torch.float64)
        both = torch.cat([angles.cos(), -angles.sin()]) * weights
        self.register_buffer("transform", both.float().unsqueeze(1), persistent=False)  # [2K,1,W]
        self.register_buffer("filters", mel.filters().clone(), persistent=False)
        self.hop, self.before, self.after = mel.hop, (mel.window - mel.hop) // 2, (mel.window - mel.hop + 1) // 2

    def forward(self, wave: Tensor) -> Tensor:
        padded = F.pad(wave, (self.before, self.after)).unsqueeze(1)
        real, imaginary = F.conv1d(padded, self.transform, stride=self.hop).chunk(2, 1)
        size = (real.square() + imaginary.square()).clamp_min(1e-12).sqrt()  # [B,K,F]
        return torch.matmul(self.filters, size).clamp_min(FLOOR).log()


class MatrixInverse(nn.Module):
    """`inverse_stft`: real and imaginary parts [B,F,K] -> waves [B, F·hop]."""

    back: Tensor
    squares: Tensor
    place: Tensor

    def __init__(self, window: int, hop: int) -> None:
        super().__init__()
        angles, weights = _angles(window), torch.hann_window(window, dtype=torch.float64)
        twice = torch.full((window // 2 + 1, 1), 2 / window, dtype=torch.float64)  # each frequency stands for two
        twice[0] = twice[-1] = 1 / window
        both = torch.cat([twice * angles.cos(), -twice * angles.sin()]) * weights
        self.register_buffer("back", both.float(), persistent=False)  # [2K,W]
        self.register_buffer("squares", weights.square().float().view(1, window, 1), persistent=False)
        self.register_buffer("place", torch.eye(window).unsqueeze(1), persistent=False)  # adds each where it belongs
        self.window, self.hop = window, hop

    def forward(self, real: Tensor, imaginary: Tensor) -> Tensor:
        framed = torch.matmul(torch.cat([real, imaginary], 2), self.back).transpose(1, 2)  # [B,W,F]
        whole = F.conv_transpose1d(framed, self.place, stride=self.hop)
        weight = F.conv_transpose1d(torch.ones_like(framed[:1, :1]) * self.squares, self.place, stride=self.hop)
        start = (self.window - self.hop) // 2
        kept = (whole / weight.clamp_min(1e-8)).squeeze(1)
        return kept[:, start : start + real.shape[1] * self.hop]
