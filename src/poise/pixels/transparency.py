"""Pictures with transparency: as files hold them, as networks see them, and as they look over a colour.

Pixels uint8 [..., 4] are red, green, blue and straight alpha, as in PNG files: a pixel has its colour however
transparent it is. Networks see float [B,4,H,W] in [−1, 1], premultiplied: with colour c and alpha a in [0, 1], the
channels are 2·c·a − 1 and 2·a − 1. So

    what                  the three colours      alpha
    transparent           −1                     −1       whatever colour it had
    opaque black          −1                     +1
    opaque white          +1                     +1
    white, half of it      0                      0

and a colour is never above its alpha. What cannot be seen is not learnt, and what is averaged has no fringes.

Nothing here loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

WITH_ALPHA = 4  # channels of a picture with transparency; others have 1 or 3
Colour = tuple[int, int, int]  # red, green and blue, 0 to 255
LIGHT, DARK = 255, 204  # squares of the checkerboard


def as_trained(pixels: Tensor) -> Tensor:
    """Pixels uint8 [B,C,H,W] -> what networks see: float32 [B,C,H,W] in [−1, 1], v/127.5 − 1; with four channels
    premultiplied.

    Example:
        >>> import torch
        >>> half_white, black = torch.tensor([255, 255, 255, 51]), torch.tensor([0, 0, 0, 255])
        >>> as_trained(torch.stack([half_white, black]).byte()[:, :, None, None]).flatten(1)
        tensor([[-0.6000, -0.6000, -0.6000, -0.6000],
                [-1.0000, -1.0000, -1.0000,  1.0000]])
    """
    levels = pixels.float()
    if levels.shape[1] == WITH_ALPHA:
        levels[:, :3] *= levels[:, 3:] / 255
    return levels.div_(127.5).sub_(1.0)


def as_pixels(x: Tensor) -> NDArray[np.uint8]:
    """What networks make, [B,C,H,W] in [−1, 1] -> pixels uint8 [B,H,W,C]: `levels` as an array.

    Example:
        >>> import torch
        >>> as_pixels(torch.tensor([[-0.6, -0.9, 0.3, -0.6], [0.5, 0.5, 0.5, -1.0]])[:, :, None, None]).reshape(2, 4)
        array([[255,  64, 255,  51],
               [  0,   0,   0,   0]], dtype=uint8)
    """
    pixels: NDArray[np.uint8] = levels(x).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return pixels


def levels(x: Tensor) -> Tensor:
    """What networks make, [B,C,H,W] in [−1, 1] -> levels float [B,C,H,W] from 0 to 255: (x + 1)·127.5, clamped.

    With four channels the result has straight alpha. Alpha A is rounded like any channel, and of the colour
    p = (x + 1)·127.5 remains 255·min(p, A)/A: a colour above its alpha is cut off, and where A is 0 it is 0. Rounded
    and laid over black that is p again, with an error of at most A/510 of a level where p was not above A. Of what
    `as_trained` made, every pixel comes back as it was, but for the colour under A = 0.

    Example:
        >>> import torch
        >>> levels(torch.tensor([-0.6, -0.9, 0.3, -0.6])[None, :, None, None]).flatten()
        tensor([255.0000,  63.7500, 255.0000,  51.0000])
    """
    found = (x.float().clamp(-1, 1) + 1) * 127.5
    if found.shape[1] == WITH_ALPHA:
        alpha = found[:, 3:].round()
        found[:, :3] = found[:, :3].minimum(alpha) * 255 / alpha.clamp_min(1)
        found[:, 3:] = alpha
    return found


def over(pixels: NDArray[np.uint8], colour: Colour | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels uint8 [...,4] over a colour, or over opaque pixels uint8 [...,3]: uint8 [...,3].

    (c·a + b·(255 − a))/255 to the nearest whole number. Pixels without alpha are returned as they are.

    Example:
        >>> over(np.array([[200, 100, 0, 51], [9, 9, 9, 0]], np.uint8), (0, 128, 255)).tolist()
        [[40, 122, 204], [0, 128, 255]]
    """
    if pixels.shape[-1] != WITH_ALPHA:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = pixels[..., :3] * alpha + np.asarray(colour, np.uint16) * (255 - alpha)  # at most 255·255, which fits
    found: NDArray[np.uint8] = ((mixed + 127) // 255).astype(np.uint8)
    return found


def seen_over(x: Tensor, colour: Colour) -> Tensor:
    """What networks make, [B,4,H,W], over a colour b: [B,3,H,W] in [−1, 1].

    min(x_c, x_a) + (1 − x_a)·b/255 of x clamped. Pictures without alpha are returned as they are.

    Example:
        >>> import torch
        >>> seen_over(torch.tensor([-0.6, -0.8, 0.3, -0.6])[None, :, None, None], (255, 255, 0)).flatten()
        tensor([ 1.0000,  0.8000, -0.6000])
    """
    if x.shape[1] != WITH_ALPHA:
        return x
    x = x.clamp(-1, 1)
    below = x.new_tensor(colour).div(255)[:, None, None]
    return x[:, :3].minimum(x[:, 3:]) + (1 - x[:, 3:]) * below


def checkerboard(height: int, width: int) -> NDArray[np.uint8]:
    """White and light grey squares, eight to the height: uint8 [height,width,3]."""
    side = max(1, height // 8)
    dark = (np.arange(height)[:, None] // side + np.arange(width) // side) % 2
    found: NDArray[np.uint8] = np.where(dark[..., None] == 1, DARK, LIGHT).astype(np.uint8).repeat(3, -1)
    return found


class Flattened:
    """An array of pixels uint8 [N,H,W,4] over a colour: its `shape` is [N,H,W,3], and rows are laid over when they are
    taken. Arrays without alpha are as they are.

    Example:
        >>> pixels = np.zeros((5, 2, 2, 4), np.uint8)
        >>> seen = Flattened(pixels, (255, 255, 255))
        >>> len(seen), seen.shape, seen[np.arange(2)].shape, int(seen[0].min())
        (5, (5, 2, 2, 3), (2, 2, 2, 3), 255)
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, pixels: NDArray[np.uint8], colour: Colour) -> None:
        self._pixels, self._colour = pixels, colour
        self.shape = (*pixels.shape[:3], min(3, pixels.shape[3]))

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        return over(np.asarray(self._pixels[rows]), self._colour)
