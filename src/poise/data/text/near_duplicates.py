"""Sentences that are nearly the same: MinHash (Broder 1997) finds candidates, their true Jaccard index decides.

A sentence is the set of its runs of `width` characters (shingles); J(A, B) = |A ∩ B| / |A ∪ B|. With 16 bands of 5
hash minima, a pair of Jaccard index s is looked at with probability 1 - (1 - s^5)^16: 0.998 at 0.8, 0.15 at 0.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BANDS, PER_BAND = 16, 5
LEAST = 0.8  # Jaccard index of near-duplicates
LIKELY = 0.7  # share of equal minima below which a pair is not looked at: 2 standard deviations below LEAST
LOOK_BACK = 4  # sentences of one bucket that each is compared with: pairs of larger buckets are not all looked at
MISSES = 8  # comparisons in vain after which a sentence is left alone: bounds the time on text from a template
BLOCK = 1 << 16  # characters hashed at once: what fits into the fast memory of a processor
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hash

Pairs = NDArray[np.int64]
Marks = NDArray[np.bool_]


def near_copies(texts: Sequence[str], heldout: Marks | None = None, width: int = 5) -> tuple[Marks, Marks]:
    """Which texts are near an earlier one, and which held-out ones are near one that is not held out: bool [N] each.

    Every mark is verified (Jaccard index of at least 0.8); a few marks may be missing. Deterministic; memory is 320
    bytes a text and the texts.
    """
    side = np.zeros(len(texts), bool) if heldout is None else heldout
    copies, across = np.zeros(len(texts), bool), np.zeros(len(texts), bool)
    misses = np.zeros(len(texts), np.int64)

    @lru_cache(maxsize=1 << 14)
    def shingles(row: int) -> frozenset[str]:
        text = texts[row]
        return frozenset(text[i : i + width] for i in range(max(1, len(text) - width + 1)))

    for pairs in _candidates(_signatures(texts, width)):
        first, later = pairs.T
        out = np.where(side[first], first, later)
        apart = side[first] != side[later]
        new = (~copies[later] | (apart & ~across[out])) & (misses[later] < MISSES)  # what says nothing new is skipped
        for a, b in pairs[new].tolist():
            one, other = shingles(a), shingles(b)
            if len(one & other) >= LEAST * len(one | other):
                copies[b] = True
                if side[a] != side[b]:
                    across[a if side[a] else b] = True
            else:
                misses[b] += 1
    return copies, across


def _candidates(signatures: NDArray[np.uint32]) -> Iterator[Pairs]:
    """Pairs that share a band and whose signatures are alike."""
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[:, band * PER_BAND : (band + 1) * PER_BAND])
        key = np.zeros(len(part), np.uint64)  # of the five; where two bands have one key by chance, `alike` says no
        for column in part.T:
            key = (key ^ column) * _ODD
            key ^= key >> np.uint64(32)
        order = np.argsort(key, kind="stable")
        key = key[order]
        for back in range(1, LOOK_BACK + 1):
            same = np.flatnonzero(key[back:] == key[:-back])
            pairs = np.stack([order[same], order[same + back]], 1)  # the sort is stable, so the first is the earlier
            alike = (signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(1)
            yield pairs[alike >= LIKELY]


def _signatures(texts: Sequence[str], width: int) -> NDArray[np.uint32]:
    """The minima of 80 hash functions over each text's shingles: uint32 [N,80]."""
    random = np.random.default_rng(0)
    factors = random.integers(0, 1 << 63, BANDS * PER_BAND, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    out = np.empty((len(texts), len(factors)), np.uint32)
    start = 0
    while start < len(texts):
        end, size = start, 0
        while end < len(texts) and (end == start or size + len(texts[end]) < BLOCK):
            size += len(texts[end]) + 1
            end += 1
        hashes, starts = _hashes(texts[start:end], width)
        for k, factor in enumerate(factors):
            mixed = ((hashes ^ (hashes >> np.uint64(29))) * factor) >> np.uint64(32)
            out[start:end, k] = np.minimum.reduceat(mixed.astype(np.uint32), starts)
        start = end
    return out


def _hashes(texts: Sequence[str], width: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A 64-bit hash for each shingle of the texts, and where each text's begin. A short text is one shingle."""
    padded = [text if len(text) >= width else text.ljust(width, "\0") for text in texts]
    lengths = np.array([len(text) for text in padded], np.int64)
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    count = len(codes) - width + 1
    value = np.zeros(count, np.uint64)
    for i in range(width):
        value = (value ^ codes[i : i + count]) * _ODD
        value ^= value >> np.uint64(32)
    first = np.cumsum(lengths) - lengths
    inside = np.ones(count + width - 1, bool)
    for i in range(1, width):  # a shingle that would run over the end of its text
        inside[first + lengths - i] = False
    kept = np.cumsum(lengths - width + 1) - (lengths - width + 1)
    return value[inside[:count]], kept
