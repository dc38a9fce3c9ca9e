"""How light, how rich in contrast and how colourful pictures are, against the data.

Pictures are float [n,C,H,W] in [−1, 1], clamped to that, as they are where they are written.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_UNIT = 0.1  # 13 of 255 levels: where training pictures differ by less, this is the unit, for nobody sees less
LEAST_CONTRAST = LEAST_SATURATION = 0.02  # data with less are flat, or grey, and are not compared in it


def appearance(x: Tensor) -> Tensor:
    """Pictures [n,C,H,W] in [−1, 1] -> rows float32 [n,C + 2]: contrast, saturation, and the mean of each channel.

    Contrast is the standard deviation over the pixels of their lightness, which is the mean over the channels;
    saturation the mean over the pixels of the largest less the smallest channel: 0 where all is grey.

    Example:
        >>> halves = torch.tensor([-1.0, 1.0]).expand(1, 3, 2, 2)  # half black and half white
        >>> appearance(halves).tolist()
        [[1.0, 0.0, 0.0, 0.0, 0.0]]
    """
    x = x.detach().float().clamp(-1, 1)
    contrast = x.mean(1).flatten(1).std(1, correction=0)
    saturation = (x.amax(1) - x.amin(1)).flatten(1).mean(1)
    return torch.cat([contrast[:, None], saturation[:, None], x.mean((2, 3))], 1)


class AppearanceOfData(NamedTuple):
    """What generated pictures are compared with: the means over training pictures, and how far these differ."""

    contrast: float
    saturation: float
    channels: Tensor  # [C], means
    lightness_spread: float  # standard deviation between pictures of the mean over channels
    tint_spread: Tensor  # [C], of what a channel has more than the mean over channels

    @classmethod
    def of(cls, rows: Tensor, labels: Tensor | None = None) -> AppearanceOfData:
        """Of rows [N,F] of `appearance`. With `labels` [N], each class counts alike, as it does among samples that take
        turns."""
        weights = torch.ones(len(rows), dtype=torch.float64)
        if labels is not None:
            _, which, counts = labels.cpu().unique(return_inverse=True, return_counts=True)
            weights = 1 / counts[which].double()
        weights = (weights / weights.sum())[:, None]
        known = rows.cpu().double()
        mean = (weights * known).sum(0)
        lightness = known[:, 2:].mean(1, keepdim=True)
        parts = torch.cat([lightness, known[:, 2:] - lightness], 1)
        spread = (weights * (parts - (weights * parts).sum(0)).square()).sum(0).sqrt()
        return cls(float(mean[0]), float(mean[1]), mean[2:], float(spread[0]), spread[1:])


def compared(rows: Tensor, data: AppearanceOfData) -> dict[str, float]:
    """Of rows [n,F] of generated pictures against the data:

    lightness   mean of the pixels less that of the data, in standard deviations between training pictures, or in
                units of 0.1 where that is less
    contrast    mean contrast over that of the data
    saturation  mean saturation over that of the data; only where the data has colours
    tint        of the channel that is farthest off: what it has more than the mean over channels, less that of the
                data, in the same kind of unit; only where the data has colours

    Example:
        >>> data = AppearanceOfData.of(appearance(torch.tensor([[[[-1.0, 1.0]]], [[[0.0, 1.0]]]])))
        >>> found = compared(appearance(torch.tensor([[[[0.0, 0.75]]]])), data)
        >>> {name: round(value, 6) for name, value in found.items()}  # (0.375 − 0.25) / 0.25; 0.375 / 0.75
        {'lightness': 0.5, 'contrast': 0.5}
    """
    mean = rows.cpu().double().mean(0)
    lightness, expected = float(mean[2:].mean()), float(data.channels.mean())
    found = {"lightness": (lightness - expected) / max(data.lightness_spread, LEAST_UNIT)}
    if data.contrast > LEAST_CONTRAST:
        found["contrast"] = float(mean[0]) / data.contrast
    if data.saturation > LEAST_SATURATION:
        found["saturation"] = float(mean[1]) / data.saturation
        off = (mean[2:] - lightness) - (data.channels - expected)
        found["tint"] = float((off / data.tint_spread.clamp_min(LEAST_UNIT)).abs().max())
    return found
