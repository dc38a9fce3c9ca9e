"""Waves out of a vocoder, by torch alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


@torch.no_grad()
def copied_wave(generator: Any, samples: Tensor) -> Tensor:
    """The wave that a vocoder in evaluation mode makes of a wave's own log-mel, as long as it: float32 [S]."""
    mel = generator.mel
    wave = F.pad(samples, (0, -len(samples) % mel.hop)).unsqueeze(0)
    made: Tensor = generator(None, mel(wave))[0, 0, : len(samples)].float()
    return made
