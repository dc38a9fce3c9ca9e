"""Samples of a generator as items, so that they are read a chunk at a time like any others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from poise.data.items import Items, Rows

DRAW = 4096  # samples drawn from a generator at a time


class Drawn(Items):
    """Samples of a generator, drawn a block at a time; a block depends on the weights, the seed and its number.

    Args: name; weights: sha256 of their file; draw: (n, seed) -> uint8 [n,H,W,C]; n; seed. The first 4,096 are those
    that `poise sample` draws with this seed.
    """

    modality = "image"

    def __init__(
        self, name: str, weights: str, draw: Callable[[int, int], NDArray[np.uint8]], n: int, seed: int
    ) -> None:
        super().__init__(name, hashlib.sha256(f"{weights} {seed} {DRAW}".encode()).hexdigest())
        self._draw, self._n, self._seed = draw, n, seed
        self._block: tuple[int, NDArray[np.uint8]] | None = None

    def __len__(self) -> int:
        return self._n

    def take(self, rows: Rows) -> NDArray[np.uint8]:
        return np.concatenate(
            [self._of(int(block))[rows[rows // DRAW == block] % DRAW] for block in np.unique(rows // DRAW)]
        )

    def _of(self, block: int) -> NDArray[np.uint8]:
        if self._block is None or self._block[0] != block:
            text = f"{self._seed} {block}".encode()
            seed = self._seed if not block else int.from_bytes(hashlib.sha256(text).digest()[:7], "big")
            self._block = block, self._draw(min(DRAW, self._n - block * DRAW), seed)
        return self._block[1]

    def split(self, heldout: float = 0.0) -> tuple[Rows, Rows]:
        return np.arange(self._n), np.arange(0)
