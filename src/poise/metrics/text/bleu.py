"""BLEU of each sample against many references, and of each sample against all the others, exact and in numpy.

For a sentence s of l units and n up to N (Papineni et al. 2002):

    p_n = sum_g min(c_s(g), max_r c_r(g)) / max(1, number of n-grams of s)      over the n-grams g of s, references r
    BLEU-N = BP exp(1/N sum_n log p_n),    BP = 1 for l > r, else exp(1 - r / l)

with r the length of the reference nearest in length (the shorter of two). A numerator of 0 is taken as 0.1 (method 1 of
Chen & Cherry 2014, as in nltk); without a common unit BLEU is 0. Self-BLEU is Zhu et al. 2018 (Texygen).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from poise.errors import PoiseError
from poise.metrics.core.statistics import Floats
from poise.metrics.text.grams import Ints, Sentence, flat, grams, sums

EPSILON = 0.1
LARGEST = 5
ORDERS = (2, 3, 4, 5)


class _Counts(NamedTuple):
    """How often each run is in each sentence, for the pairs where it is at all."""

    sentence: Ints
    gram: Ints
    times: Ints


def bleu(
    samples: Sequence[Sentence], references: Sequence[Sentence], orders: Sequence[int] = ORDERS
) -> dict[int, Floats]:
    """BLEU-N of each of n samples against the same m references: N -> float64 [n].

    Samples and references are sequences of ids. Errors: `PoiseError` without references, or for N outside 1 to 5.

    Example:
        >>> found = bleu([[2, 3, 4]], references=[[2, 3, 5]], orders=(1, 2))  # "the cat sat" against "the cat ran"
        >>> found[1].round(4).tolist(), found[2].round(4).tolist()  # 2/3 of the words, 1/2 of the pairs: sqrt(2/3·1/2)
        ([0.6667], [0.5774])
    """
    _check(orders, len(references), 1)
    n = len(samples)
    lengths = np.fromiter((len(s) for s in (*samples, *references)), np.int64)
    nearest = _nearest(lengths[:n], np.sort(lengths[n:]))
    clipped = []
    for counts, size in _counts([*samples, *references], max(orders)):
        made = counts.sentence < n
        most = np.zeros(size, np.int64)
        np.maximum.at(most, counts.gram[~made], counts.times[~made])
        kept = np.minimum(counts.times[made], most[counts.gram[made]])
        clipped.append(sums(counts.sentence[made], kept, n))
    return _scores(clipped, lengths[:n], nearest, orders)


def self_bleu(samples: Sequence[Sentence], orders: Sequence[int] = ORDERS) -> dict[int, Floats]:
    """BLEU-N of each of n samples with the n-1 others as references: N -> float64 [n].

    High where samples repeat each other; copies of a sentence score 1. Errors: `PoiseError` for fewer than 2 samples.

    Example:
        >>> self_bleu([[2, 3], [2, 3], [4, 5]], orders=(2,))[2].tolist()  # two copies, and one that shares no word
        [1.0, 1.0, 0.0]
    """
    _check(orders, len(samples), 2)
    n = len(samples)
    lengths = np.fromiter((len(s) for s in samples), np.int64, n)
    clipped = []
    for counts, size in _counts(samples, max(orders)):
        first, second, whose = _two_most(counts, size)
        most = np.where(whose[counts.gram] == counts.sentence, second[counts.gram], first[counts.gram])
        clipped.append(sums(counts.sentence, np.minimum(counts.times, most), n))
    return _scores(clipped, lengths, _nearest_other(lengths), orders)


def _check(orders: Sequence[int], there: int, least: int) -> None:
    if not orders or min(orders) < 1 or max(orders) > LARGEST:
        raise PoiseError(f"BLEU goes up to n-grams of 1 to {LARGEST} units, not of {', '.join(map(str, orders))}")
    if there < least:
        raise PoiseError(f"BLEU needs at least {least} sentences to compare with, not {there}")


def _counts(sentences: Sequence[Sentence], largest: int) -> list[tuple[_Counts, int]]:
    """For n = 1 .. largest, the counts and how many different runs of n units there are."""
    found, out = flat(sentences), []
    for n in range(1, largest + 1):
        gram, sentence = grams(found, n)
        size = int(gram.max(initial=-1)) + 1
        pairs, count = np.unique(sentence * max(size, 1) + gram, return_counts=True)
        out.append((_Counts(*np.divmod(pairs, max(size, 1)), count), size))
    return out


def _two_most(counts: _Counts, size: int) -> tuple[Ints, Ints, Ints]:
    """For each run its largest and second-largest count over the sentences, and a sentence with the largest."""
    order = np.lexsort((counts.times, counts.gram))
    gram, count = counts.gram[order], counts.times[order]
    last = np.flatnonzero(np.append(gram[1:] != gram[:-1], True)) if len(gram) else np.empty(0, np.int64)
    second = np.zeros(size, np.int64)
    has_two = np.diff(last, prepend=-1) > 1
    second[gram[last][has_two]] = count[last[has_two] - 1]
    first, whose = np.zeros(size, np.int64), np.zeros(size, np.int64)
    first[gram[last]], whose[gram[last]] = count[last], counts.sentence[order][last]
    return first, second, whose


def _nearest(lengths: Ints, others: Ints) -> Ints:
    """For each length the nearest of the sorted `others`, the shorter of two."""
    at = np.searchsorted(others, lengths)
    below, above = others[np.maximum(at - 1, 0)], others[np.minimum(at, len(others) - 1)]
    return np.where(np.abs(below - lengths) <= np.abs(above - lengths), below, above)


def _nearest_other(lengths: Ints) -> Ints:
    """For each length the nearest among all others, one of its own value being left out."""
    values, where, times = np.unique(lengths, return_inverse=True, return_counts=True)
    before, after = values[np.maximum(where - 1, 0)], values[np.minimum(where + 1, len(values) - 1)]
    to_before = np.where(where > 0, lengths - before, np.iinfo(np.int64).max)
    to_after = np.where(where < len(values) - 1, after - lengths, np.iinfo(np.int64).max)
    return np.where(times[where] > 1, lengths, np.where(to_before <= to_after, before, after))


def _scores(clipped: list[Floats], lengths: Ints, nearest: Ints, orders: Sequence[int]) -> dict[int, Floats]:
    safe = np.maximum(lengths, 1)
    penalty = np.where(lengths > nearest, 1.0, np.exp(1 - nearest / safe))
    logs = []
    for n, hits in enumerate(clipped, 1):
        there = np.maximum(lengths - n + 1, 1)
        logs.append(np.log(np.where(hits > 0, hits, EPSILON) / there))
    some = (clipped[0] > 0) & (lengths > 0)
    return {N: np.where(some, penalty * np.exp(sum(logs[:N]) / N), 0.0) for N in orders}
