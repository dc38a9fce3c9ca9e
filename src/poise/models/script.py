"""What is to be said, frame by frame: units, tones and a voice (`audio.speech_conditions`) -> a code for each frame."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.audio.speech_conditions import spread_over, total_of
from poise.models.shared.layers import ConvNeXt

WAVES = 4  # of the place within a unit: sin and cos of πkp, k = 1 … 4
PLACES = 2 * WAVES + 4


def places(place: Tensor, total: Tensor, seconds: float) -> Tensor:
    """Numbers that say where a frame is: place in [0, 1] [B,F], frames in all [B], seconds a frame -> [B,F,12].

    sin and cos of πkp, p itself, the seconds since the beginning and to the end (at most 0.4, over 0.4) and the
    logarithm of the whole length in seconds.
    """
    grid = torch.arange(place.shape[1], device=place.device, dtype=place.dtype)
    angles = math.pi * place.unsqueeze(2) * torch.arange(1, WAVES + 1, device=place.device)
    left = (total.unsqueeze(1) - grid).clamp_min(0)
    since, until = ((x * seconds).clamp(max=0.4) / 0.4 for x in (grid.expand_as(place), left))
    length = (total.clamp_min(1) * seconds).log().unsqueeze(1).expand_as(place)
    return torch.cat([angles.sin(), angles.cos(), torch.stack([place, since, until, length], 2)], 2)


class LengthRegulator(nn.Module):
    """condition [B,1+L,3] -> a code for each frame [B,F,C], and for each unit [B,L,C].

    Args:
        phones, tones, voices: how many there are, the padding 0 included in the phones.
        width: C.
        seconds: of a frame.
        whole: a frame knows all units of the item and its place in the whole, as suits one syllable; otherwise it knows
            its own unit, among its neighbours, and its place in it.
    """

    def __init__(self, phones: int, tones: int, voices: int, width: int, seconds: float, whole: bool) -> None:
        super().__init__()
        self.whole, self.seconds = whole, seconds
        self.phone, self.tone = nn.Embedding(phones, width, padding_idx=0), nn.Embedding(tones, width)
        self.voice = nn.Embedding(voices, width)
        for embedding in (self.phone, self.tone, self.voice):
            nn.init.normal_(embedding.weight, 0.0, 1.0)
        self.blocks = nn.ModuleList(ConvNeXt(width, 2, 0.3, 5) for _ in range(2))
        self.place = nn.Linear(PLACES, width)
        self.joint = nn.Sequential(nn.Linear(3 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def units(self, cond: Tensor) -> Tensor:
        """Each unit among its neighbours; nothing behind the last one: [B,L,C]."""
        phones = cond[:, 1:, 0]
        inside = (phones > 0).unsqueeze(2)
        x: Tensor = (self.phone(phones) + self.tone(cond[:, 1:, 1])) * inside
        for block in self.blocks:
            x = block(x) * inside
        return x

    def forward(self, cond: Tensor) -> Tensor:
        units, total = self.units(cond), total_of(cond)
        if not self.whole:
            return self.codes(units, cond[:, 0, 0], total, *spread_over(cond))
        grid = torch.arange(int(total.max()), device=cond.device, dtype=torch.float32).expand(len(cond), -1)
        place = ((grid + 0.5) / total.clamp_min(1).unsqueeze(1)).clamp(0, 1)
        return self.codes(units, cond[:, 0, 0], total, None, place)

    def codes(self, units: Tensor, voice: Tensor, total: Tensor, unit: Tensor | None, place: Tensor) -> Tensor:
        """The codes of frames [B,F,C]: `units` [B,L,C] as of the method, voices [B], frames in all [B]; which unit each
        frame belongs to, [B,F], None where items are whole; and its place in that, or in the item, [B,F]."""
        spoken_by = self.voice(voice)
        if unit is None:
            said = units.sum(1).unsqueeze(1).expand(-1, place.shape[1], -1)
        else:
            said = units.gather(1, unit.unsqueeze(2).expand(-1, -1, units.shape[2]))
        where = F.gelu(self.place(places(place, total, self.seconds)))
        found: Tensor = self.joint(torch.cat([said, spoken_by.unsqueeze(1).expand_as(said), where], 2))
        return found
