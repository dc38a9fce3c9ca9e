"""What is to be said as one tensor of whole numbers, so that it is moved, split and joined like any other condition.

Imports torch alone. A condition is int64 [B,1+L,3]:

    row 0            (voice, frames in all, first frame of a segment)
    row i, 1 … L     (phone, tone, frames); phone 0 is padding

F frames are as many as the longest item has; what lies behind the end of an item is masked and counts nowhere.
"""

from __future__ import annotations

import torch
from torch import Tensor


def packed(voice: Tensor, phones: Tensor, tones: Tensor, frames: Tensor, total: Tensor) -> Tensor:
    """voice [B], phones, tones and frames [B,L], total [B] -> condition [B,1+L,3]."""
    first = torch.stack([voice, total, torch.zeros_like(voice)], 1)
    return torch.cat([first.unsqueeze(1), torch.stack([phones, tones, frames], 2)], 1)


def with_frames(cond: Tensor, frames: Tensor) -> Tensor:
    """The condition with other frames for each unit, and in all."""
    out = cond.clone()
    out[:, 1:, 2] = frames
    out[:, 0, 1] = frames.sum(1)
    return out


def total_of(cond: Tensor) -> Tensor:
    """Frames of each item: [B]."""
    return cond[:, 0, 1]


def mask_of(cond: Tensor, frames: int | None = None) -> Tensor:
    """Which frames are inside: bool [B,F]."""
    count = int(total_of(cond).max()) if frames is None else frames
    return torch.arange(count, device=cond.device) < total_of(cond).unsqueeze(1)


def spread_over(cond: Tensor) -> tuple[Tensor, Tensor]:
    """Which unit each frame belongs to, int64 [B,F], and where in it the frame's middle lies, [B,F] in [0, 1]."""
    frames = cond[:, 1:, 2]
    ends = frames.cumsum(1)
    grid = torch.arange(int(total_of(cond).max()), device=cond.device).expand(len(cond), -1).contiguous()
    unit = torch.searchsorted(ends, grid, right=True).clamp(max=frames.shape[1] - 1)
    start, length = (ends - frames).gather(1, unit), frames.gather(1, unit).clamp_min(1)
    return unit, ((grid - start + 0.5) / length).clamp(0, 1)
