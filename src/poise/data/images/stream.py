"""Draw number -> minibatch of pictures, as a pure function of (seed, draw).

So a resumed run sees what an uninterrupted one would have seen, and no random state needs saving. Bits come
straight from Philox (Salmon et al., 2011) and not through numpy's distributions, whose algorithms may change
between releases.
"""

from __future__ import annotations

import numpy as np
import torch

from poise.core import Batch
from poise.data.draws.order import SPLITS, Order, moved, present
from poise.data.images.images import ImageSet
from poise.errors import PoiseError
from poise.pixels.transparency import as_trained

_FLIP = 1


class ImageStream:
    """Minibatches of an `ImageSet`, each picture once per epoch, in an order that is new in each epoch.

    Draw d holds the positions d·B .. d·B + B − 1 of the endless row of epochs, so a batch may straddle two.
    `real` is float32 [B, C, H, W] = pixel / 127.5 − 1 in [−1, 1], in channels_last order on `device`, premultiplied
    where there is alpha (see `transparency.as_trained`); `cond` is int64 [B] if `labels`. `flip` mirrors each picture
    left to right with probability ½. Raises PoiseError for a batch larger than the split, labels that are not there, a
    split that is unknown or empty, or a device that is absent.
    """

    def __init__(
        self,
        images: ImageSet,
        batch: int,
        seed: int,
        device: str | torch.device = "cpu",
        labels: bool = False,
        split: str = "train",
        flip: bool = False,
    ) -> None:
        if split not in SPLITS:
            raise PoiseError(f"split '{split}' is not known: give train or heldout")
        rows = images.train if split == "train" else images.heldout
        what = "to train on" if split == "train" else "held out"
        if batch < 1 or batch > len(rows):
            raise PoiseError(
                f"--batch {batch} is not possible with the {len(rows):,} pictures of {images.name} that are "
                f"{what}: give a batch from 1 to {len(rows):,}"
                if len(rows)
                else f"{images.name} has no pictures that are {what}: give --heldout a share above 0, such as 0.1"
            )
        if labels and images.labels is None:
            raise PoiseError(f"{images.name} was opened without labels: use --labels folders or file")
        if seed < 0:
            raise PoiseError(f"--seed {seed} is not possible: give 0 or more")
        self.images, self.batch, self.seed, self.flip = images, batch, seed, flip
        self.device = present(device)
        self._order = Order(rows, batch, (seed, SPLITS.index(split)))
        self._pixels = np.asarray(images.images)  # the same memory map, without memmap's cost at each indexing
        self._labels = images.labels if labels else None

    def __call__(self, draw: int) -> Batch:
        """Draw number `draw` (0 or more)."""
        rows = self.rows(draw)
        ascending = np.argsort(rows)  # pages of the file in order; undone by the assignment
        pixels = np.empty((self.batch, *self._pixels.shape[1:]), np.uint8)
        pixels[ascending] = self._pixels[rows[ascending]]
        if self.flip:
            mirrored = (self._order.bits(_FLIP, draw).random_raw(self.batch) >> np.uint64(63)).astype(bool)
            pixels[mirrored] = pixels[mirrored, :, ::-1]
        real = self._moved(torch.from_numpy(pixels)).permute(0, 3, 1, 2)  # [B,H,W,C] -> [B,C,H,W], channels_last
        cond = None if self._labels is None else self._moved(torch.from_numpy(self._labels[rows]))
        return Batch(as_trained(real).contiguous(memory_format=torch.channels_last), cond)

    def rows(self, draw: int) -> np.ndarray:
        """The rows of `images.images` in draw number `draw`: int64 [B]."""
        return self._order.rows(draw)

    def _moved(self, tensor: torch.Tensor) -> torch.Tensor:
        return moved(tensor, self.device)
