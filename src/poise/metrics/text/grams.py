"""Sentences of integer ids laid end to end, and the n-grams in them as numbers: what every metric of text starts from.

Ids: 0 ends a sentence and is never inside one, 1 stands for unknown units, 2 .. V-1 are units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.core.statistics import Floats

Ints = NDArray[np.int64]
Sentence = Sequence[int] | NDArray[Any]


class Flat(NamedTuple):
    """n sentences laid end to end, T units in all."""

    tokens: Ints  # [T]
    sentence: Ints  # [T] which sentence a unit is in
    place: Ints  # [T] its place there, from 0
    lengths: Ints  # [n]


def flat(sentences: Sequence[Sentence]) -> Flat:
    """Lay sentences end to end; a sentence may be empty.

    Example:
        >>> found = flat([[5, 6], [], [7]])
        >>> found.tokens.tolist(), found.sentence.tolist(), found.place.tolist(), found.lengths.tolist()
        ([5, 6, 7], [0, 0, 2], [0, 1, 0], [2, 0, 1])
    """
    lengths = np.fromiter((len(s) for s in sentences), np.int64, len(sentences))
    parts = [np.asarray(s, np.int64) for s in sentences if len(s)]
    tokens = np.concatenate(parts) if parts else np.empty(0, np.int64)
    sentence = np.repeat(np.arange(len(sentences)), lengths)
    place = np.arange(len(tokens)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return Flat(tokens, sentence, place, lengths)


def check_ids(found: Flat, vocabulary: int, what: str) -> None:
    """PoiseError where an id is outside 1 .. V-1.

    Example:
        >>> check_ids(flat([[2, 3]]), vocabulary=4, what="samples")
        >>> check_ids(flat([[2, 9]]), vocabulary=4, what="samples")
        Traceback (most recent call last):
            ...
        poise.errors.PoiseError: samples hold the id 9: with a vocabulary of 4 ids go from 1 to 3, and 0 (the end)
            is left out
    """
    if len(found.tokens) and not (found.tokens.min() >= 1 and found.tokens.max() < vocabulary):
        wrong = found.tokens[(found.tokens < 1) | (found.tokens >= vocabulary)][0]
        raise PoiseError(
            f"{what} hold the id {wrong}: with a vocabulary of {vocabulary:,} ids go from 1 to {vocabulary - 1:,}, "
            "and 0 (the end) is left out"
        )


def grams(found: Flat, n: int) -> tuple[Ints, Ints]:
    """All runs of n units within a sentence: a number for each [G], equal for equal runs, and its sentence [G].

    Numbers are 0, 1, ... in lexicographic order of the runs; exact, with no hashing.

    Example:
        >>> number, sentence = grams(flat([[5, 6, 5], [5, 6]]), n=2)
        >>> number.tolist(), sentence.tolist()  # 56, 65 and 56 again
        ([0, 1, 0], [0, 0, 1])
    """
    base = int(found.tokens.max(initial=0)) + 1
    node = np.zeros(len(found.tokens) + 1, np.int64)  # number of the run of k units that ends before a place
    for k in range(n):
        inside = found.place >= k
        _, numbers = np.unique((node[:-1] * base + found.tokens)[inside], return_inverse=True)
        node[1:][inside] = numbers
    inside = found.place >= n - 1
    return node[1:][inside], found.sentence[inside]


def sums(where: Ints, values: NDArray[Any], size: int) -> Floats:
    """Sums of `values` by the number in `where`: float64 [size].

    Example:
        >>> sums(np.array([0, 0, 2]), np.array([1.0, 2.0, 5.0]), size=3).tolist()
        [3.0, 0.0, 5.0]
    """
    return np.bincount(where, values, size).astype(np.float64, copy=False)
