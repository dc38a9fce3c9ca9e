"""Differentiable augmentation of everything D sees (Zhao et al. 2020, "DiffAugment").

The same kinds are applied to real and generated pictures, each picture with its own draw, and the generator's
gradient passes through. Pictures [B,C,H,W] in [−1, 1]; of four channels the last is alpha and the others are
premultiplied (see `poise.pixels.transparency`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from poise.errors import PoiseError, nearest
from poise.pixels.transparency import WITH_ALPHA
from poise.rows.drawn import drawn
from poise.rows.numbers import number

TINY = 1e-6  # of a pixel: a picture of less is transparent, and its mean colour is nobody's concern
FEW = 20_000  # up to this many training pictures, "auto" turns all of it on


def colour(x: Tensor) -> Tensor:
    """Brightness + U(−½, ½), saturation × U(0, 2), contrast × U(½, 3/2); alpha stays as it is."""
    draws = drawn(len(x), lambda n: torch.rand(3, n, 1, 1, 1, device=x.device, dtype=x.dtype), axis=1)
    brightness, saturation, contrast = draws
    if x.shape[1] == WITH_ALPHA:
        return premultiplied_colour(x, brightness, saturation, contrast)
    x = x + (brightness - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (2 * saturation)
    mean = x.mean((1, 2, 3), keepdim=True)
    found: Tensor = mean + (x - mean) * (contrast + 0.5)
    return found


def premultiplied_colour(x: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """What `colour` does to the straight colours of pictures [B,4,H,W], by its draws [B,1,1,1] from U(0, 1).

    With a = (x_a + 1)/2 and p = x_c + 1, which is 2·a·colour, brightness adds a·(u − ½) to p, and contrast is about
    a·m, m = Σp/Σa being the mean over what is there. In the end p is cut off at 0 and at 2a, which is all that alpha
    lets through: an opaque picture becomes what `colour` makes of it, cut off at −1 and 1; transparent pixels stay so.
    """
    alpha, p = (x[:, 3:] + 1) / 2, x[:, :3] + 1
    p = p + alpha * (brightness - 0.5)
    grey = p.mean(1, keepdim=True)
    p = grey + (p - grey) * (2 * saturation)
    mean = p.mean(1, keepdim=True).sum((2, 3), keepdim=True) / alpha.sum((2, 3), keepdim=True).clamp_min(TINY)
    p = alpha * mean + (p - alpha * mean) * (contrast + 0.5)
    return torch.cat([p.clamp_min(0).minimum(2 * alpha) - 1, x[:, 3:]], 1)


def translation(x: Tensor, share: float = 0.125) -> Tensor:
    """A shift by up to `share` of each side, black where the picture left; transparent where there is alpha."""
    height, width = x.shape[-2:]
    down, across = (max(1, round(side * share)) for side in (height, width))
    shift = shifts(len(x), down, across, x.device)
    rows = (torch.arange(height, device=x.device) + shift[0] + down).clamp(0, height + 2 * down - 1)
    columns = (torch.arange(width, device=x.device) + shift[1] + across).clamp(0, width + 2 * across - 1)
    padded = F.pad(x, (across, across, down, down), value=-1.0)
    picture = torch.arange(len(x), device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[picture, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def shifts(n: int, down: int, across: int, device: torch.device) -> Tensor:
    """Whole pixels from −down to down, and from −across to across: int64 [2,n,1]. Where these are the same, as of
    squares, all are one draw."""
    if down == across:
        return drawn(n, lambda n: torch.randint(-down, down + 1, (2, n, 1), device=device), axis=1)

    def one(most: int) -> Tensor:
        return drawn(n, lambda n: torch.randint(-most, most + 1, (n, 1), device=device))

    return torch.stack([one(down), one(across)])


def cutout(x: Tensor, share: float = 0.5) -> Tensor:
    """A grey rectangle of `share` of each side at a random place; a transparent one where there is alpha."""
    height, width = x.shape[-2:]
    high, wide = round(height * share), round(width * share)
    down, across = drawn(len(x), lambda n: torch.rand(2, n, 1, device=x.device), axis=1)
    rows = (torch.arange(height, device=x.device) - down * height).abs() < high / 2
    columns = (torch.arange(width, device=x.device) - across * width).abs() < wide / 2
    hidden = rows[:, :, None] & columns[:, None, :]
    return x.masked_fill(hidden[:, None], -1.0 if x.shape[1] == WITH_ALPHA else 0.0)


KINDS: dict[str, Callable[[Tensor], Tensor]] = {"color": colour, "translation": translation, "cutout": cutout}
EVERYTHING = ",".join(KINDS)


def resolve(asked: str, training: int) -> str:
    """`auto` becomes all kinds for few pictures and `none` for many; names are checked."""
    if asked == "auto":
        return EVERYTHING if training <= FEW else "none"
    for name in [] if asked == "none" else asked.split(","):
        if name not in KINDS:
            raise PoiseError(
                f"--augment {name} is unknown{nearest(name, KINDS, '.')} Use any of {','.join(KINDS)}, auto or none."
            )
    return asked


class Augmentation:
    """The named kinds in turn, each applied to each picture with a probability of its own draw.

        x ← kind(x) where u < p, x elsewhere, u ~ U(0, 1) for each picture and kind

    The expectation of what a kind does is (1 − p)·x + p·E kind(x). Without a probability every kind is applied always
    and nothing else is drawn.

    Args:
        kinds: names joined by commas, or none.
        probability: p at the beginning, which whoever steers or schedules it sets; None for always.

    Example:
        >>> view = Augmentation("cutout", 0.0)
        >>> view(torch.ones(2, 1, 16, 16)).min().item()
        1.0
        >>> view.probability = 1.0
        >>> view(torch.ones(2, 1, 16, 16)).min().item()
        0.0
    """

    def __init__(self, kinds: str, probability: float | None = None) -> None:
        self.steps = [KINDS[name] for name in ([] if kinds == "none" else kinds.split(","))]
        self.probability = probability

    def __call__(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x) if self.probability is None else self._perhaps(step, x)
        return x.contiguous(memory_format=torch.channels_last) if self.steps else x

    def _perhaps(self, step: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        draws = drawn(len(x), lambda n: torch.rand(n, 1, 1, 1, device=x.device))
        chosen = draws < number(lambda _: self.probability or 0.0, like=draws)
        return torch.where(chosen, step(x), x)
