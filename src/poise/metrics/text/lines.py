"""What samples share verbatim with the training sentences: whole sentences, and runs of consecutive units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.metrics.text.grams import Ints, Sentence, flat

RUN = 8  # units from which on a shared run says something


def equal_to_any(samples: Sequence[Sentence], train: Sequence[Sentence]) -> NDArray[np.bool_]:
    """Which of n samples are a training sentence, unit for unit: [n].

    Example:
        >>> equal_to_any([[2, 3], [2, 4]], train=[[2, 3], [2]]).tolist()
        [True, False]
    """
    known = {np.asarray(s, np.int64).tobytes() for s in train}
    return np.fromiter((np.asarray(s, np.int64).tobytes() in known for s in samples), np.bool_, len(samples))


def longest_shared(samples: Sequence[Sentence], train: Sequence[Sentence]) -> Ints:
    """Units in the longest run of each of n samples that stands verbatim within one training sentence: [n].

    Exact. Run lengths 1, 2, 3 ... are tried in turn; a place in the training sentences is followed only as long as its
    run is in some sample, so that few are left after a few steps.

    Example:
        >>> longest_shared([[2, 3, 4, 9], [8]], train=[[7, 3, 4], [2, 3]]).tolist()  # 3 4; nothing
        [2, 0]
    """
    ours, theirs = flat(samples), flat(train)
    longest = np.zeros(len(samples), np.int64)
    if not len(theirs.tokens):
        return longest
    base = int(max(ours.tokens.max(initial=0), theirs.tokens.max())) + 1
    at, there = np.arange(len(ours.tokens)), np.arange(len(theirs.tokens))  # where the runs end
    node, other = np.zeros(len(at), np.int64), np.zeros(len(there), np.int64)  # numbers of the runs one unit shorter
    length = 0
    while len(at):
        key, other_key = node * base + ours.tokens[at], other * base + theirs.tokens[there]
        shared = np.intersect1d(key, other_key)
        kept, followed = np.isin(key, shared), np.isin(other_key, shared)
        at, node = at[kept], np.searchsorted(shared, key[kept])
        there, other = there[followed], np.searchsorted(shared, other_key[followed])
        length += 1
        longest[ours.sentence[at]] = length
        more, further = _goes_on(ours.place, at), _goes_on(theirs.place, there)
        at, node, there, other = at[more] + 1, node[more], there[further] + 1, other[further]
    return longest


def _goes_on(place: Ints, at: Ints) -> NDArray[Any]:
    """Whether a unit of the same sentence follows each."""
    return np.append(place[1:] > 0, False)[at]
