"""From waves to log-mel spectrograms and back. Imports torch and nothing of the package but its errors.

Shape letters: B batch, S samples, K = window // 2 + 1 frequencies, M mel bands, F frames.

One framing everywhere: a wave of S = F·hop samples has F frames, and frame f is centred on sample (f + ½)·hop. What
lies beyond the ends is silence. So a segment of a clip has the frames of the clip, and F frames make F·hop samples.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from poise.errors import PoiseError

FLOOR = 1e-5  # of a mel magnitude, before its logarithm
LOWEST = torch.tensor(FLOOR).log().item()  # of a log-mel: silence


def mel_filters(rate: int, window: int, bands: int, low: float = 0.0, high: float | None = None) -> Tensor:
    """Triangles [M, window/2+1] over the frequencies of a transform, each of area 1 over hertz (times 2/width).

    The mel scale of Slaney's Auditory Toolbox: linear up to 1 kHz (15 mel), then 27 mel for each factor of 6.4. The
    edges go from `low` to `high` hertz (default: half the rate).
    """
    return _filters(rate, window, bands, low, rate / 2 if high is None else high)


@functools.cache
def _filters(rate: int, window: int, bands: int, low: float, high: float) -> Tensor:
    def to_hertz(mel: Tensor) -> Tensor:
        return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * math.log(6.4) / 27))

    def to_mel(hertz: float) -> float:
        return hertz * 3 / 200 if hertz < 1000 else 15 + math.log(hertz / 1000) * 27 / math.log(6.4)

    edges = to_hertz(torch.linspace(to_mel(low), to_mel(high), bands + 2, dtype=torch.float64))
    width = edges.diff()
    away = edges[:, None] - torch.linspace(0, rate / 2, window // 2 + 1, dtype=torch.float64)
    rising, falling = -away[:-2] / width[:-1, None], away[2:] / width[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return (torch.minimum(rising, falling).clamp(min=0) * area[:, None]).float()


@functools.cache
def _hann(window: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.hann_window(window, dtype=torch.float64).to(dtype).to(device)  # Apple's GPU has no float64


@functools.cache
def _placed(rate: int, window: int, bands: int, low: float, high: float, device: torch.device) -> Tensor:
    return _filters(rate, window, bands, low, high).to(device)


def frames_of(wave: Tensor, window: int, hop: int, padded: bool = True) -> Tensor:
    """[B,S] -> windows [B,F,window], not yet weighted; with `padded` F = S // hop, else what fits."""
    if padded:
        wave = F.pad(wave, ((window - hop) // 2, (window - hop + 1) // 2))
    return wave.unfold(-1, window, hop)


def stft(wave: Tensor, window: int, hop: int, padded: bool = True) -> Tensor:
    """Short-time Fourier transform under a periodic Hann window: [B,S] -> complex [B,F,K]. S is a multiple of hop."""
    framed = frames_of(wave, window, hop, padded)
    found: Tensor = torch.fft.rfft(framed * _hann(window, wave.device, wave.dtype))
    return found


def magnitude(wave: Tensor, window: int, hop: int, padded: bool = True) -> Tensor:
    """|stft|, with a gradient that stays finite in silence: [B,S] -> [B,F,K]."""
    x = torch.view_as_real(stft(wave, window, hop, padded))
    return x.square().sum(-1).clamp_min(1e-12).sqrt()


def overlap_add(framed: Tensor, hop: int) -> Tensor:
    """Windows [B,F,W] -> [B, (F − 1)·hop + W]: each is added where it belongs."""
    batch, count, window = framed.shape
    parts = -(-window // hop)
    framed = F.pad(framed, (0, parts * hop - window)).view(batch, count, parts, hop)
    out = framed.new_zeros(batch, count + parts - 1, hop)
    for part in range(parts):
        out[:, part : part + count] += framed[:, :, part]
    return out.view(batch, -1)[:, : (count - 1) * hop + window]


@functools.lru_cache(8)  # clips have many lengths
def _envelope(window: int, hop: int, count: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The sum of the squared windows over the samples that are kept: [1, F·hop]."""
    squares = _hann(window, device, dtype).square().expand(1, count, window)
    start = (window - hop) // 2
    return overlap_add(squares, hop)[:, start : start + count * hop].clamp_min(1e-8)


def inverse_stft(spectrum: Tensor, window: int, hop: int) -> Tensor:
    """Least-squares inverse of `stft` (Griffin & Lim 1984): complex [B,F,K] -> [B, F·hop].

    Σ_f w·irfft(X_f) over Σ_f w², each frame in its place. Exactly the wave again for a spectrum that is one.
    """
    framed = torch.fft.irfft(spectrum, n=window)
    framed = framed * _hann(window, framed.device, framed.dtype)
    count, start = spectrum.shape[1], (window - hop) // 2
    whole = overlap_add(framed, hop)[:, start : start + count * hop]
    return whole / _envelope(window, hop, count, framed.device, framed.dtype)


@dataclass(frozen=True)
class Mel:
    """What a log-mel spectrogram is made of.

    Args: rate, samples a second; window, samples of a Fourier transform, even; hop, samples between frames, even and at
    most half the window; bands; low and high, hertz of the first and the last edge (default: half the rate).
    Errors: PoiseError for arithmetic that does not fit, with the number to change.
    """

    rate: int = 16_000
    window: int = 512
    hop: int = 128
    bands: int = 80
    low: float = 0.0
    high: float | None = None

    def __post_init__(self) -> None:
        top = self.rate / 2 if self.high is None else self.high
        if not 4_000 <= self.rate <= 96_000:
            raise PoiseError(f"--rate {self.rate}: give 4,000 to 96,000 samples a second, such as 16000")
        if self.window < 16 or self.window % 2:
            raise PoiseError(f"--window {self.window}: give an even number of samples from 16, such as 512")
        if self.hop < 8 or self.hop % 2 or 2 * self.hop > self.window:
            raise PoiseError(
                f"--hop {self.hop}: frames of --window {self.window} samples must overlap by half or more; give an "
                f"even hop from 8 to {self.window // 2}, such as {max(8, self.window // 8 * 2)}"
            )
        if not 0 <= self.low < top <= self.rate / 2:
            raise PoiseError(
                f"--low {self.low:g} and --high {top:g}: the mel bands go from 0 or more up to half of --rate "
                f"{self.rate}, which is {self.rate / 2:g}"
            )
        if self.bands < 4:
            raise PoiseError(f"--bands {self.bands}: give at least 4 mel bands, such as 80")
        if empty := int((self.filters().sum(1) == 0).sum()):
            raise PoiseError(
                f"--bands {self.bands}: {empty} of the mel bands are narrower than one of the {self.window // 2 + 1} "
                f"frequencies of --window {self.window} and would stay empty; give fewer --bands or a longer --window"
            )

    def filters(self, device: torch.device | str = "cpu") -> Tensor:
        """[M,K]."""
        high = self.rate / 2 if self.high is None else self.high
        return _placed(self.rate, self.window, self.bands, self.low, high, torch.device(device))

    def __call__(self, wave: Tensor, padded: bool = True) -> Tensor:
        """log max(mel magnitude, 1e-5), natural: [B,S] or [B,1,S] -> [B,M,F], F = S // hop.

        Without `padded` the wave brings `context` samples more on either side. Float32, or
        float64 for a wave in that.
        """
        wave = wave.squeeze(1) if wave.ndim == 3 else wave
        if wave.dtype in (torch.float16, torch.bfloat16):
            wave = wave.float()
        with torch.autocast(wave.device.type, enabled=False):
            bands = magnitude(wave, self.window, self.hop, padded) @ self.filters(wave.device).to(wave.dtype).T
            return bands.clamp_min(FLOOR).log().transpose(1, 2)

    @property
    def context(self) -> int:
        """Samples on either side of a wave that its first and last frames reach for."""
        return (self.window - self.hop) // 2

    def frames(self, samples: int) -> int:
        """Whole frames in so many samples."""
        return samples // self.hop

    def to_dict(self) -> dict[str, float | int | None]:
        return dict(vars(self))
