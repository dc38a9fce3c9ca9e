"""Generators of log-mel spectrograms from what is to be said, and discriminators of them.

Conditions are those of `poise.audio.speech_conditions`. Registry: family "speech" (generators), family "mel critic".
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.audio.spectrograms import LOWEST
from poise.audio.speech_conditions import mask_of, with_frames
from poise.core import DiscriminatorOutput
from poise.errors import PoiseError
from poise.models.script import LengthRegulator
from poise.models.shared.layers import ConvNeXt, renormalised
from poise.models.vocoders import MIDDLE, SPREAD
from poise.registry import register


class AlignedAcousticModel(nn.Module):
    """Noise z [B,Z] and a condition [B,1+L,3] -> log-mel [B,M,F], by `frames`; units, their lengths and alignment.

    Args:
        phones, tones, voices: how many there are.
        bands: M; seconds: of a frame; whole: see `LengthRegulator`.
        width: channels; noise: Z.
    """

    not_compiled = not_captured = "its lengths, which differ from batch to batch"

    def __init__(
        self,
        phones: int,
        tones: int,
        voices: int,
        bands: int,
        seconds: float,
        whole: bool,
        width: int = 192,
        noise: int = 16,
    ) -> None:
        super().__init__()
        self.noise_size, self.whole = noise, whole
        self.script = LengthRegulator(phones, tones, voices, width, seconds, whole)
        self.prior = nn.Linear(width, bands)  # what a unit sounds like on average, for alignment
        self.length = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, 1))
        self.stir = nn.Linear(noise, width, bias=False)
        self.first = nn.Linear(width, width)

    def noise(self, n: int) -> Tensor:
        return torch.randn(n, self.noise_size, device=self.first.weight.device)

    def frames(self, x: Tensor, inside: Tensor) -> Tensor:
        """What is said in each frame [B,F,width], 0 where not `inside` [B,F,1] -> scaled log-mel [B,F,M]."""
        raise TypeError(f"{type(self).__name__} makes no log-mels")

    def forward(self, z: Tensor | None, cond: Tensor | None) -> Tensor:
        if cond is None or z is None:
            raise PoiseError("a speaker needs noise, and to be told what to say")
        return self.spoken(z, self.script(cond), mask_of(cond).unsqueeze(2))

    def spoken(self, z: Tensor, codes: Tensor, inside: Tensor) -> Tensor:
        """Codes of frames [B,F,width], those that are `inside` [B,F,1] -> log-mel [B,M,F]."""
        x = (self.first(codes) + self.stir(z).unsqueeze(1)) * inside
        mel = (self.frames(x, inside).float() * SPREAD + MIDDLE).clamp_min(LOWEST)
        found: Tensor = mel.masked_fill(~inside, LOWEST).transpose(1, 2)
        return found

    def unit_means(self, cond: Tensor) -> Tensor:
        """The log-mel that each unit has on average, as far as its neighbours and the voice say: [B,L,M]."""
        units = self.script.units(cond) + self.script.voice(cond[:, 0, 0]).unsqueeze(1)
        found: Tensor = self.prior(F.gelu(units)).float() * SPREAD + MIDDLE
        return found

    def log_frames(self, cond: Tensor) -> Tensor:
        """ln of the frames that each unit takes, [B,L]; of the item in all, [B,1], where it is `whole`."""
        return self.log_frames_of(self.script.units(cond), cond[:, 0, 0])

    def log_frames_of(self, units: Tensor, speaker: Tensor) -> Tensor:
        """The same of units [B,L,width] and voices [B]."""
        units = units.sum(1).unsqueeze(1) if self.whole else units
        voice = self.script.voice(speaker).unsqueeze(1).expand_as(units)
        found: Tensor = self.length(torch.cat([units, voice], 2)).squeeze(2).float() + 2.0
        return found

    def planned(self, cond: Tensor, speed: float = 1.0) -> Tensor:
        """The condition with the frames that this network would give each unit."""
        frames = (self.log_frames(cond).exp() / speed).round().clamp(1, 2000).long()
        if self.whole:
            frames = F.pad(frames, (0, cond.shape[1] - 2))  # all of them with the first unit
        return with_frames(cond, frames * (cond[:, 1:, 0] > 0))


@register("speech", "convolutional")
class AcousticModel(AlignedAcousticModel):
    """ConvNeXt blocks over frames. Args: as of `AlignedAcousticModel`; depth: blocks."""

    def __init__(
        self,
        phones: int,
        tones: int,
        voices: int,
        bands: int,
        seconds: float,
        whole: bool,
        width: int = 192,
        depth: int = 6,
        noise: int = 16,
    ) -> None:
        super().__init__(phones, tones, voices, bands, seconds, whole, width, noise)
        self.blocks = nn.ModuleList(ConvNeXt(width, 3, 1 / depth) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, bands)

    def frames(self, x: Tensor, inside: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x) * inside
        found: Tensor = self.last(self.norm(x))
        return found


class MelCritic(nn.Module):
    """Log-mel [B,M,F] and its condition -> one logit for every fourth frame: a projection discriminator along time.

    Four convolutions over bands and frames, a vector h_t for every fourth frame, and v·h_t + ⟨h_t, e_t⟩ with e_t the
    code of what should be said there (Miyato & Koyama 2018). `weights` of the verdict are 1 inside an item and 0
    behind its end; features behind it are 0 and the others scaled up, so that a mean over all is that over the inside.
    """

    not_compiled = not_captured = "its lengths, which differ from batch to batch"

    def __init__(self, script: LengthRegulator, bands: int, width: int = 16) -> None:
        super().__init__()
        self.script = script
        channels = (1, width, 2 * width, 4 * width, 4 * width)
        strides = ((2, 1), (2, 2), (2, 1), (2, 2))
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride, 1)
            for before, after, stride in zip(channels, channels[1:], strides, strict=False)
        )
        self.strides = tuple(along for _, along in strides)
        rows = bands
        for down, _ in strides:
            rows = -(-rows // down)
        self.merge = nn.Conv2d(channels[-1], 8 * width, (rows, 1))
        self.logit = nn.Linear(8 * width, 1)
        self.ask = nn.Linear(script.phone.embedding_dim, 8 * width)

    def forward(self, x: Tensor, cond: Tensor | None) -> DiscriminatorOutput:
        if cond is None:
            raise PoiseError("a critic of speech needs to know what should be said")
        inside = mask_of(cond, x.shape[2])
        seen = ((x - MIDDLE) / SPREAD * inside.unsqueeze(1)).unsqueeze(1)
        seen = seen.contiguous(memory_format=torch.channels_last)
        features = []
        for layer, along in zip(self.layers, self.strides, strict=True):
            inside = inside[:, ::along]
            seen = F.leaky_relu(layer(seen), 0.2) * inside[:, None, None]
            features.append(seen * (inside.shape[1] / inside.sum(1).clamp_min(1))[:, None, None, None])
        h = F.leaky_relu(self.merge(seen).squeeze(2), 0.2).transpose(1, 2)  # [B,F/4,C]
        asked = self.ask(self.script(cond))
        if asked.shape[1] < x.shape[2]:
            asked = F.pad(asked, (0, 0, 0, x.shape[2] - asked.shape[1]))
        logits = self.logit(h).squeeze(2) + (h * asked[:, ::4]).sum(2) / h.shape[2] ** 0.5
        return DiscriminatorOutput((logits,), (tuple(features),), (inside.float(),))


@register("mel critic", "projection")
def projection(
    phones: int, tones: int, voices: int, bands: int, seconds: float, whole: bool, options: Any
) -> nn.Module:
    """`MelCritic` with a script of its own."""
    script = LengthRegulator(phones, tones, voices, 4 * options.width, seconds, whole)
    return renormalised(MelCritic(script, bands, options.width), options.norm)
