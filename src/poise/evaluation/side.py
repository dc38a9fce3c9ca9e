"""Some rows of some items: what an evaluation compares."""

from __future__ import annotations

from dataclasses import dataclass

from poise.data.files.items import Items, Rows, drawn


@dataclass(frozen=True)
class Side:
    """Some rows of some items."""

    items: Items
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def at_most(self, count: int, seed: int) -> Side:
        """A draw of that many rows by the seed, in the order in which they stand; all where there are no more."""
        if len(self.rows) <= count:
            return self
        return Side(self.items, drawn(self.rows, count, seed))
