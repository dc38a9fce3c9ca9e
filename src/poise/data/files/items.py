"""Any collection of things of one kind - pictures, sentences, clips of speech - read a chunk at a time.

`plain.open_items` opens one; `text` and `speech` hold the two kinds that are not pictures. Nothing here loads torch.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError

CHUNK = 256  # items in memory at once, where they are small
SHARE = 0.1  # held out where nobody says otherwise, as in training
ORDERS = ("content", "names")  # what the order of items goes by: see `by_content`
Rows = NDArray[np.int64]
Progress = Callable[[int, int], object]  # done, total
NOUNS = {"image": "pictures", "text": "sentences", "speech": "clips"}


def noun_of(modality: str) -> str:
    """What items of a modality are called: "pictures" of "image"; of one that somebody brought, its own name."""
    return NOUNS.get(modality, modality)


class Items(ABC):
    """Items of one modality, in a fixed order; a chunk of them is what an extractor takes.

    Attributes: `name` to show; `modality` "image", "text" or "speech"; `fingerprint`, hex sha256 of the content in
    order; `left_out`, (where, reason) of what could not be read; `said`, what else a user should know; `own_test`,
    whether the set brings a test split.
    """

    modality: str
    own_test = False
    chunk = CHUNK

    def __init__(self, name: str, fingerprint: str, left_out: Sequence[tuple[str, str]] = ()) -> None:
        self.name, self.fingerprint, self.left_out = name, fingerprint, list(left_out)
        self.notes: list[str] = []

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, rows: Rows) -> Any:
        """The items at `rows`: uint8 [B,H,W,C], or a list of str, or a list of `Wave`."""

    @abstractmethod
    def split(self, heldout: float = SHARE) -> tuple[Rows, Rows]:
        """Rows to train on and rows held out, in the order of `rows`; equal items are on one side."""

    def rows(self) -> Rows:
        """All rows, in an order that does not depend on how files are called."""
        return np.arange(len(self))

    @property
    def noun(self) -> str:
        return noun_of(self.modality)

    def chunks(self, rows: Rows | None = None) -> Iterator[Any]:
        """The items at `rows` (default: all), in order, at most `chunk` at a time."""
        rows = np.arange(len(self)) if rows is None else rows
        for start in range(0, len(rows), self.chunk):
            yield self.take(rows[start : start + self.chunk])

    def describe(self) -> str:
        """One line: "poems.txt: 1,234 sentences, 2 left out"."""
        out = f", {len(self.left_out):,} left out" if self.left_out else ""
        return f"{self.name}: {len(self):,} {self.noun}{out}"


class Hashed(Items):
    """Items whose content hashes are known, from which follow the fingerprint and the split.

    Args: name; hashes uint8 [N,32], the sha256 of each item; what was left out; keys uint8 [N,32], what the split goes
    by (default: the hashes).
    """

    def __init__(
        self,
        name: str,
        hashes: NDArray[np.uint8],
        left_out: Sequence[tuple[str, str]] = (),
        keys: NDArray[np.uint8] | None = None,
    ) -> None:
        content = hashlib.sha256(f"{self.modality} {len(hashes)}".encode() + hashes.tobytes()).hexdigest()
        super().__init__(name, content, left_out)
        self.hashes = hashes
        self.keys = hashes if keys is None else keys

    def __len__(self) -> int:
        return len(self.hashes)

    def split(self, heldout: float = SHARE) -> tuple[Rows, Rows]:
        """Held out is an item whose first 64 bits of its key, over 2^64, lie below `heldout`, as for pictures.

        So copies are on one side, and adding items never moves another one. PoiseError for a share outside [0, 1).
        """
        if not 0 <= heldout < 1:
            raise PoiseError(f"a share of {heldout} cannot be held out: give one from 0 to below 1, such as 0.1")
        out = unit_interval(self.keys) < heldout
        order = self.rows()
        return order[~out[order]], order[out[order]]


def hashes_of(contents: Sequence[bytes]) -> NDArray[np.uint8]:
    """The sha256 of each: uint8 [N,32]."""
    return np.frombuffer(b"".join(hashlib.sha256(c).digest() for c in contents), np.uint8).reshape(-1, 32)


def by_content(hashes: NDArray[np.uint8]) -> Rows:
    """All rows in the order of their hashes, whatever their files are called; equal items as they come."""
    if not len(hashes):
        return np.empty(0, np.int64)
    return np.lexsort(np.ascontiguousarray(hashes).view(">u8").T[::-1]).astype(np.int64)


def among(order: Rows, rows: Rows) -> Rows:
    """These rows, in the order in which they stand in `order`."""
    return order[np.isin(order, rows)]


def drawn(rows: Rows, n: int, key: int | tuple[int, ...]) -> Rows:
    """At most n of the rows, drawn by the key, in the order in which they stand: the same places for equal numbers."""
    return rows[np.sort(np.random.default_rng(key).permutation(len(rows))[:n])]


def unit_interval(hashes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The first 64 bits of each hash, over 2^64: float64 [N] in [0, 1]."""
    first = hashes[:, :8].copy().view(">u8")[:, 0] if len(hashes) else np.empty(0, np.uint64)
    return first / 2.0**64


def larger_share(places: NDArray[np.float64], heldout: float) -> str:
    """Which share would hold out how many items of these places in [0, 1], but not all, where `heldout` holds out none.

    Example:
        >>> larger_share(np.array([0.25, 0.25, 0.7]), 0.1)
        '--heldout 0.3 would hold out 2 of 3'
    """
    for share in (0.1, 0.2, 0.3, 0.5, 0.7, 0.9):
        held = int((places < share).sum())
        if share > heldout and 0 < held < len(places):
            return f"--heldout {share:g} would hold out {held:,} of {len(places):,}"
    least = np.unique(places)[:2]
    for digits in range(2, 7):
        share = (math.floor(10**digits * least[0]) + 1) / 10**digits
        if len(least) > 1 and share <= least[1]:
            return f"--heldout {share:g} would hold out {int((places < share).sum()):,} of {len(places):,}"
    return "no share would hold out some and leave some: give more"
