"""Generators of waves from log-mel spectrograms (family "vocoder"): log-mel [B,M,F] -> wave [B,1,F·hop].

`vocos` (Siuzdak 2023) computes a spectrum at the rate of frames and inverts it; `hifigan` (Kong et al. 2020) has the
shape of HiFi-GAN and upsamples. Neither has noise: the mel says what is to be heard.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.audio.spectrograms import FLOOR, Mel, inverse_stft
from poise.errors import PoiseError
from poise.models.shared.layers import ConvNeXt
from poise.registry import register

MIDDLE, SPREAD = -5.0, 3.0  # of log-mels of speech, about: brings the input near mean 0 and variance 1
LOUDEST = 100.0  # magnitude of one frequency, at most (as Vocos has it)


class Vocoder(nn.Module):
    """What all of them share. Args: mel, the spectrogram that is inverted.

    `trained` counts the passes from which its weights learn: without any it is not worth listening to.
    """

    noise_size = 0

    def __init__(self, mel: Mel) -> None:
        super().__init__()
        self.mel = mel
        self.trained: Tensor
        self.register_buffer("trained", torch.zeros((), dtype=torch.int64))

    def noise(self, n: int) -> None:
        """There is none."""
        return None

    def forward(self, z: Tensor | None, cond: Tensor | None) -> Tensor:
        if cond is None:
            raise PoiseError("a vocoder needs the log-mel spectrogram that it is to make audible")
        if self.training and torch.is_grad_enabled() and any(p.requires_grad for p in self.parameters()):
            self.trained += 1
        return self.wave((cond - MIDDLE) / SPREAD, cond).unsqueeze(1)

    def wave(self, x: Tensor, mel: Tensor) -> Tensor:
        """Scaled log-mel and log-mel, both [B,M,F] -> [B,F·hop]."""
        raise TypeError(f"{type(self).__name__} makes no waves")


@register("vocoder", "vocos")
class Vocos(Vocoder):
    """Convolution over 7 frames, ConvNeXt blocks at the rate of frames, a linear layer to log-magnitude and phase, and
    the inverse STFT of a·exp(m)·e^{ip}, at most 100, where a are the magnitudes that the pseudo-inverse of the mel
    filters gives (as in FreeV, Lv et al. 2024): the network has to say only what they lack, and the phase.

    Args: mel; width, channels; depth, blocks; the inner width of a block is three times the width.
    """

    not_compiled = "its Fourier transforms"  # torch.compile makes nothing of complex numbers

    def __init__(self, mel: Mel, width: int = 192, depth: int = 5) -> None:
        super().__init__(mel)
        self.first = nn.Conv1d(mel.bands, width, 7, padding=3)
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(ConvNeXt(width, 3, 1 / depth) for _ in range(depth))
        self.last_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, mel.window + 2)
        self.back: Tensor
        self.register_buffer("back", torch.linalg.pinv(mel.filters().double()).float(), persistent=False)  # [K,M]
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.Conv1d):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def wave(self, x: Tensor, mel: Tensor) -> Tensor:
        return inverse_stft(torch.complex(*self.spectrum(x, mel)), self.mel.window, self.mel.hop)

    def spectrum(self, x: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of what is inverted, each [B,F,K]."""
        x = self.norm(self.first(x).transpose(1, 2))  # [B,F,C]
        for block in self.blocks:
            x = block(x)
        size, phase = self.head(self.last_norm(x)).float().chunk(2, 2)
        with torch.autocast(mel.device.type, enabled=False):  # its rows have both signs
            known = (mel.transpose(1, 2).float().exp() @ self.back.T).clamp_min(FLOOR)
        size = (known * size.exp()).clamp(max=LOUDEST)
        return size * phase.cos(), size * phase.sin()  # torch.polar is not everywhere


def factors(hop: int) -> list[int]:
    """The steps in which HiFi-GAN's shape comes from frames to samples: 128 -> [8, 4, 4], 200 -> [8, 5, 5].

    Errors: PoiseError where the hop has a prime factor above 8.
    """
    found, left = [], hop
    while left > 1:
        step = next((f for f in (8, 7, 6, 5, 4, 3, 2) if left % f == 0), None)
        if step is None:
            raise PoiseError(
                f"--hop {hop}: hifigan goes from frames to samples in steps of 2 to 8, and {left} is no product of "
                f"such; give another --hop, such as 128 or 256, or use --network vocos"
            )
        found.append(step)
        left //= step
    if len(found) > 1 and found[-1] == 2 and found[-2] == 8:  # 8, 8, 2 -> 8, 4, 4: evener
        found[-2:] = [4, 4]
    return found


class _Residual(nn.Module):
    """Two dilated convolutions and one plain one with a way around: [B,C,S] -> [B,C,S] (HiFi-GAN's third kind)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, padding=kernel // 2 * dilation, dilation=dilation)
            for dilation in (1, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + layer(F.leaky_relu(x, 0.1))
        return x


@register("vocoder", "hifigan")
class HifiGan(Vocoder):
    """Transposed convolutions whose strides multiply to the hop, each followed by the mean of residual blocks of
    kernels 3 and 7, and tanh. Channels halve at each step, from `width`, to no fewer than 8.

    Args: mel; width, channels at the rate of frames; depth, kernels in the mean: 1 to 3 of 3, 7, 11.
    """

    def __init__(self, mel: Mel, width: int = 64, depth: int = 2) -> None:
        super().__init__(mel)
        steps = factors(mel.hop)
        channels = [max(8, width // 2**i) for i in range(len(steps) + 1)]
        self.first = nn.Conv1d(mel.bands, channels[0], 7, padding=3)
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(before, after, 2 * step, step, (step + 1) // 2, step % 2)
            for step, before, after in zip(steps, channels, channels[1:], strict=False)
        )
        kernels = (3, 7, 11)[: min(depth, 3)]
        self.parts = nn.ModuleList(nn.ModuleList(_Residual(c, k) for k in kernels) for c in channels[1:])
        self.last = nn.Conv1d(channels[-1], 1, 7, padding=3)

    def wave(self, x: Tensor, mel: Tensor) -> Tensor:
        x = self.first(x)
        for up, parts in zip(self.up, self.parts, strict=True):
            x = up(F.leaky_relu(x, 0.1))
            x = torch.stack([part(x) for part in parts.children()]).mean(0)
        return torch.tanh(self.last(F.leaky_relu(x, 0.1)).float()).squeeze(1)


Build = Callable[..., Vocoder]
