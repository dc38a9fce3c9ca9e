"""Discriminators of waves: many small opinions joined by `Heads` (family "wave critic").

`period` looks at every p-th sample (MPD, Kong et al. 2020), `resolution` at spectrograms of several windows (MRD, Jang
et al. 2021), both sized for a CPU; `both` has all of them. Each takes a wave [B,1,S] and gives a `DiscriminatorOutput`
with one head of logits [B, positions] and the features of its layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.audio.spectrograms import magnitude
from poise.core import DiscriminatorOutput
from poise.models.shared.layers import renormalised
from poise.registry import register

PERIODS = (2, 3, 5)


class Heads(nn.Module):
    """Several discriminators as one: their heads side by side, in order."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> DiscriminatorOutput:
        found = [part(x, cond) for part in self.parts]
        return DiscriminatorOutput(*(sum(of, ()) for of in zip(*found, strict=True)))


def _through(layers: nn.ModuleList, last: nn.Module, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Leaky ReLU after each layer; the logits and what the layers said."""
    features = []
    for layer in layers:
        x = F.leaky_relu(layer(x), 0.1)
        features.append(x)
    return last(x), tuple(features)


class Period(nn.Module):
    """Every p-th sample in rows of their own, convolved along time: strides 3, kernel 5, channels w, 2w, 4w, 4w.

    A 2-d convolution of p rows with a kernel of height 1, computed as 1-d ones, which is quicker on a CPU.
    """

    def __init__(self, period: int, width: int = 16) -> None:
        super().__init__()
        self.period = period
        channels = (1, width, 2 * width, 4 * width, 4 * width)
        self.layers = nn.ModuleList(nn.Conv1d(before, after, 5, 3, 2) for before, after in pairwise(channels))
        self.last = nn.Conv1d(channels[-1], 1, 3, padding=1)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> DiscriminatorOutput:
        n, p = len(x), self.period
        x = F.pad(x, (0, -x.shape[-1] % p), mode="reflect")
        rows = x.view(n, -1, p).transpose(1, 2).reshape(n * p, 1, -1)
        logits, features = _through(self.layers, self.last, rows)
        return DiscriminatorOutput((logits.reshape(n, -1),), (tuple(f.reshape(n, p, *f.shape[1:]) for f in features),))


class Resolution(nn.Module):
    """A magnitude spectrogram [B,1,F,K] of one window, a quarter of it apart, convolved in time and frequency.

    Kernels of 3 frames by 5 frequencies, every second frequency in three layers; channels w, 2w, 2w, 2w.
    """

    not_compiled = "its Fourier transforms"  # torch.compile makes nothing of complex numbers

    def __init__(self, window: int, width: int = 8) -> None:
        super().__init__()
        self.window = window
        channels = (1, width, 2 * width, 2 * width)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, (3, 5), (1, 2), (1, 2)) for before, after in pairwise(channels)
        )
        self.layers.append(nn.Conv2d(2 * width, 2 * width, 3, padding=1))
        self.last = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> DiscriminatorOutput:
        hop = self.window // 4
        wave = x.squeeze(1)
        wave = F.pad(wave, (0, -wave.shape[-1] % hop))
        with torch.autocast(x.device.type, enabled=False):
            seen = magnitude(wave.float(), self.window, hop).unsqueeze(1)
        seen = seen.contiguous(memory_format=torch.channels_last)
        logits, features = _through(self.layers, self.last, seen)
        return DiscriminatorOutput((logits.flatten(1),), (features,))


@register("wave critic", "period")
def periods(window: int, options: Any) -> nn.Module:
    """One for each period of 2, 3 and 5 samples."""
    return renormalised(Heads([Period(p, 2 * options.width) for p in PERIODS]), options.norm)


@register("wave critic", "resolution")
def resolutions(window: int, options: Any) -> nn.Module:
    """Three windows: twice that of the mel, the same, and half of it."""
    return renormalised(Heads([Resolution(w, options.width) for w in (2 * window, window, window // 2)]), options.norm)


@register("wave critic", "both")
def both(window: int, options: Any) -> nn.Module:
    """Both kinds, six heads."""
    parts = [Period(p, 2 * options.width) for p in PERIODS]
    more = [Resolution(w, options.width) for w in (2 * window, window, window // 2)]
    return renormalised(Heads([*parts, *more]), options.norm)
