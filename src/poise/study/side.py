"""Some rows of some items: what an evaluation compares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.data.items import Items, Rows


@dataclass(frozen=True)
class Side:
    """Some rows of some items."""

    items: Items
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def at_most(self, count: int, seed: int) -> Side:
        """A draw of that many rows by the seed, ascending; all where there are no more."""
        if len(self.rows) <= count:
            return self
        return Side(self.items, np.sort(np.random.default_rng(seed).permutation(self.rows)[:count]))
