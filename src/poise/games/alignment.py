"""Which frame belongs to which unit: the best monotonic path (Kim et al. 2020, Glow-TTS), by dynamic programming."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from poise.audio.speech_conditions import mask_of, total_of
from poise.games.adversarial import wide

DIAGONAL = 2.0  # weight of (l/L − f/F)²·M on the costs: an even pace where nothing else speaks


def monotonic(cost: np.ndarray, units: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Frames that each unit takes on the path of the least cost: int64 [B,L].

    The path begins with the first unit and ends with the last one of its item, and each frame goes on with the unit of
    the frame before or with the next one, so each unit has at least one frame.

    Args: cost [B,L,F] of frame f in unit l; units [B] and frames [B], how many of each an item has, frames ≥ units.
    """
    batch, count, length = cost.shape
    best = np.full((batch, count), np.inf)
    best[:, 0] = cost[:, 0, 0]
    went_on = np.zeros((length, batch, count), bool)  # from the unit before
    for f in range(1, length):
        before = np.concatenate([np.full((batch, 1), np.inf), best[:, :-1]], 1)
        went_on[f] = before < best
        best = np.minimum(before, best) + cost[:, :, f]  # behind the end of an item nobody reads it
    found = np.zeros((batch, count), np.int64)
    rows, at = np.arange(batch), units - 1
    for f in range(length - 1, -1, -1):
        inside = f < frames
        found[rows[inside], at[inside]] += 1
        at = at - (inside & went_on[f, rows, at])
    return found


@torch.no_grad()
def aligned(mel: Tensor, means: Tensor, cond: Tensor) -> Tensor:
    """Frames of each unit, int64 [B,L], where a unit l costs Σ_bands (mel − mean_l)²/2 in each of its frames.

    Args: mel [B,M,F]; means [B,L,M]; cond, which says how many units and frames each item has.
    """
    units, frames, device = (cond[:, 1:, 0] > 0).sum(1), total_of(cond), mel.device
    with torch.autocast(device.type, enabled=False):  # a small difference of large numbers
        mel, means = wide(mel), wide(means)
        cost = means.square().sum(2).unsqueeze(2) / 2 - means @ mel  # the squares of the mel are in every path
    down = (torch.arange(means.shape[1], device=device) + 0.5) / units.unsqueeze(1)
    along = (torch.arange(mel.shape[2], device=device) + 0.5) / frames.unsqueeze(1)
    cost = cost + DIAGONAL * mel.shape[1] * (down.unsqueeze(2) - along.unsqueeze(1)).square()
    found = monotonic(cost.cpu().double().numpy(), units.cpu().numpy(), frames.cpu().numpy())
    return torch.from_numpy(found).to(device)


def inside_of(cond: Tensor, frames: int) -> Tensor:
    """[B,1,F], 1 where an item has a frame."""
    return mask_of(cond, frames).unsqueeze(1)
