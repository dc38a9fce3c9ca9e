"""Samples of a generator as items, so that they are read a chunk at a time like any others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from poise.data.files.items import Items, Rows
from poise.metrics.speech.comparison import Comparison

DRAW = 4096  # samples drawn from a generator at a time


class Drawn(Items):
    """Samples of a generator, drawn a block at a time; a block depends on the weights, the seed and its number.

    Args: name; modality; weights: sha256 of their file; draw: (n, seed) -> uint8 [n,H,W,C], or a list of n
    sentences or waves; n; seed. The first 4,096 are those that `poise sample` draws with this seed.
    """

    def __init__(
        self, name: str, modality: str, weights: str, draw: Callable[[int, int], Any], n: int, seed: int
    ) -> None:
        super().__init__(name, hashlib.sha256(f"{weights} {seed} {DRAW}".encode()).hexdigest())
        self.modality, self._draw, self._n, self._seed = modality, draw, n, seed
        self._block: tuple[int, Any] | None = None

    def __len__(self) -> int:
        return self._n

    def take(self, rows: Rows) -> Any:
        """The samples at ascending rows."""
        parts = []
        for block in np.unique(rows // DRAW):
            found, places = self._of(int(block)), rows[rows // DRAW == block] % DRAW
            parts.append(found[places] if isinstance(found, np.ndarray) else [found[i] for i in places.tolist()])
        return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else [x for part in parts for x in part]

    def _of(self, block: int) -> Any:
        if self._block is None or self._block[0] != block:
            text = f"{self._seed} {block}".encode()
            seed = self._seed if not block else int.from_bytes(hashlib.sha256(text).digest()[:7], "big")
            self._block = block, self._draw(min(DRAW, self._n - block * DRAW), seed)
        return self._block[1]

    def split(self, heldout: float = 0.0) -> tuple[Rows, Rows]:
        return np.arange(self._n), np.arange(0)


class Remade(Items):
    """What a run makes of its held-out recordings, in their order; each wave is made when it is asked for.

    Args: name; weights: sha256 of their files; comparison, of the run.
    """

    modality = "speech"
    chunk = 16

    def __init__(self, name: str, weights: str, comparison: Comparison) -> None:
        super().__init__(name, hashlib.sha256(f"{weights} {comparison.fingerprint}".encode()).hexdigest())
        self._comparison = comparison

    def __len__(self) -> int:
        return self._comparison.n

    def take(self, rows: Rows) -> Any:
        return [self._comparison.made(row) for row in np.asarray(rows).tolist()]

    def split(self, heldout: float = 0.0) -> tuple[Rows, Rows]:
        return np.arange(len(self)), np.arange(0)
