"""Small pieces of speech for tests: a mel, conditions, networks of every registered kind."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor

from poise.audio.speech_conditions import packed
from poise.registry import find

PHONES, TONES, VOICES, BANDS, SECONDS = 6, 3, 2, 8, 0.008


def options(**changes):
    return SimpleNamespace(**{"width": 4, "norm": "none", **changes})


def condition(*items: list[tuple[int, int, int]], voice: int = 0, whole: bool = False) -> Tensor:
    """Items of (phone, tone, frames) -> int64 [B,1+L,3]; with `whole` the frames are told with the first unit."""
    longest = max(len(item) for item in items)
    rows = torch.tensor([[*item, *[(0, 0, 0)] * (longest - len(item))] for item in items])
    frames = rows[..., 2]
    if whole:
        frames = torch.nn.functional.pad(frames.sum(1, keepdim=True), (0, longest - 1))
    voices = torch.tensor([(voice + i) % VOICES for i in range(len(items))])
    return packed(voices, rows[..., 0], rows[..., 1], frames, frames.sum(1))


SHORT, LONG = [(1, 0, 3), (2, 1, 4)], [(3, 2, 5), (4, 0, 2), (5, 1, 1), (2, 2, 6)]


def both(whole: bool = False) -> Tensor:
    """A short item and a long one."""
    return condition(SHORT, LONG, whole=whole)


def alone(i: int, whole: bool = False) -> Tensor:
    """One of them by itself."""
    return condition([SHORT, LONG][i], voice=i, whole=whole)


def log_mel(cond: Tensor, seed: int = 0) -> Tensor:
    """Something like a log-mel for a condition, with much noise behind the end of each item: [B,M,F]."""
    frames = cond[:, 0, 1]
    made = []
    for i, count in enumerate(frames.tolist()):
        rng = torch.Generator().manual_seed(100 * count + seed)
        inside = torch.randn(BANDS, count, generator=rng) * 2 - 5
        behind = torch.randn(BANDS, int(frames.max()) - count, generator=rng) * 30 + i
        made.append(torch.cat([inside, behind], 1))
    return torch.stack(made)


def speaker(whole: bool = False, name: str = "convolutional", depth: int = 2, noise: int = 3):
    torch.manual_seed(0)
    return find("speech", name)(PHONES, TONES, VOICES, BANDS, SECONDS, whole, 12, depth, noise)


def mel_critic(whole: bool = False, name: str = "projection", **changes):
    torch.manual_seed(1)
    return find("mel critic", name)(PHONES, TONES, VOICES, BANDS, SECONDS, whole, options(**changes))
