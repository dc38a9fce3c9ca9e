"""An n-gram language model: interpolated modified Kneser-Ney (Chen & Goodman 1999), in numpy, exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poise.errors import PoiseError
from poise.metrics.core.statistics import Floats
from poise.metrics.text.grams import Flat, Ints, Sentence, check_ids, flat, sums

ORDERS = range(1, 6)
FALLBACK = (0.5, 1.0, 1.5)  # discounts where the counts of counts give none, as in KenLM


class _Level(NamedTuple):
    """The j-grams of the training sentences, sorted by `keys`: number of the first j-1 units, times V+1, plus the last.

    Beside them by number of the history (the (j-1)-gram): the sum of counts, and the mass that discounting freed.
    """

    keys: Ints  # [G]
    kept: Floats  # [G] count less discount
    total: Floats  # [H]
    freed: Floats  # [H]
    discounts: tuple[float, float, float]


class NGrams:
    """p(w | h) for all V ids w, END (0) and UNKNOWN (1) among them, after any history h.

        p_j(w | h) = (c(hw) - D(c(hw))) / c(h.) + [sum_u D(c(hu))] / c(h.) * p_{j-1}(w | h less its first unit)
        p_0(w) = 1 / V,     p_j = p_{j-1} where h was never seen

    h is the last j-1 units; the beginning of a sentence counts as one unit, once, so that histories there are shorter.
    c is the number of times at the highest level j = order and for runs that begin with the beginning of a sentence;
    else the number of different units in front (Kneser & Ney 1995). D(1), D(2), D(3 and more) are, for each level, with
    n_k runs of count k and Y = n_1 / (n_1 + 2 n_2)

        D_k = k - (k + 1) Y n_{k+1} / n_k

    or 0.5, 1, 1.5 where an n_k vanishes or a D_k is not in (0, k]. So every p > 0 and sum_w p(w | h) = 1.

    Args: sequences, ids without the end (see `grams`), at least one; vocabulary V >= 2; order 1 to 5.
    Errors: `PoiseError` for ids outside 1 .. V-1, no sentence, or another order.

    Example:
        >>> model = NGrams([[2, 3], [2, 4]], vocabulary=5, order=2)
        >>> p = model.after([2])  # of the end, unknown, and what 2, 3 and 4 stand for
        >>> int(p.argmax()), bool(p[3] == p[4]), round(float(p.sum()), 4)
        (3, True, 1.0)
    """

    def __init__(self, sequences: Sequence[Sentence], vocabulary: int, order: int = 3) -> None:
        if order not in ORDERS:
            raise PoiseError(f"an n-gram model has an order of 1 to {ORDERS[-1]}, not {order}")
        if vocabulary < 2 or not len(sequences):
            raise PoiseError(
                f"an n-gram model needs a sentence and a vocabulary of 2 or more, not {len(sequences)} and {vocabulary}"
            )
        self.vocabulary, self.order, self.n = vocabulary, order, len(sequences)
        self._begin = vocabulary  # the id of the beginning of a sentence
        self._levels = self._fitted(self._stream(sequences, "training sentences"))

    def nll(self, sequences: Sequence[Sentence]) -> Floats:
        """-sum log p of each sentence's units and its END, in nats: float64 [n]."""
        stream = self._stream(sequences, "sentences to score")
        asked = np.flatnonzero(stream.place > 0)
        nodes = self._nodes(stream)
        before = [node[asked - 1] for node in nodes[: self.order]]
        p = self._probability(before, stream.tokens[asked])
        return sums(stream.sentence[asked], -np.log(p), len(sequences))

    def perplexity(self, sequences: Sequence[Sentence]) -> float:
        """exp(sum of nll / sum of (units + 1)): the END counts as a unit."""
        units = sum(len(s) + 1 for s in sequences)
        return math.exp(math.fsum(self.nll(sequences)) / units) if units else math.nan

    def after(self, history: Sentence) -> Floats:
        """p(w | history) [V]; `history` is a whole sentence so far, empty at its beginning."""
        stream = self._stream([history], "histories")
        nodes = self._nodes(stream)[: self.order]
        words = np.arange(self.vocabulary)
        return self._probability([np.full(len(words), node[-2]) for node in nodes], words)

    @property
    def discounts(self) -> list[tuple[float, float, float]]:
        """D(1), D(2), D(3 and more) of each level, from the shortest runs to the longest."""
        return [level.discounts for level in self._levels]

    def _stream(self, sequences: Sequence[Sentence], what: str) -> Flat:
        """begin, units, END of each sentence."""
        found = flat(sequences)
        check_ids(found, self.vocabulary, what)
        lengths = found.lengths + 2
        first = np.cumsum(lengths) - lengths
        tokens = np.zeros(int(lengths.sum()), np.int64)
        tokens[first] = self._begin
        tokens[first[found.sentence] + 1 + found.place] = found.tokens
        place = np.arange(len(tokens)) - np.repeat(first, lengths)
        return Flat(tokens, np.repeat(np.arange(len(lengths)), lengths), place, lengths)

    def _fitted(self, stream: Flat) -> list[_Level]:
        """One level after the other; the numbers of the runs that end at a place are those of one level below."""
        counts: list[Ints] = []
        suffixes: list[Ints] = []
        begins: list[Any] = []
        keys: list[Ints] = []
        below = np.zeros(len(stream.tokens), np.int64)  # number of the run of j-1 units that ends at a place
        for j in range(1, self.order + 1):
            inside = np.flatnonzero(stream.place >= j - 1)
            before = below[inside - 1] if j > 1 else 0
            found, number, count = np.unique(
                before * (self.vocabulary + 1) + stream.tokens[inside], return_inverse=True, return_counts=True
            )
            suffix = np.zeros(len(found), np.int64)
            suffix[number] = below[inside]
            prefix, last = np.divmod(found, self.vocabulary + 1)
            keys.append(found)
            counts.append(count)
            suffixes.append(suffix)
            begins.append(begins[-1][prefix] if j > 1 else last == self._begin)
            below = np.full(len(stream.tokens), -1)
            below[inside] = number
        levels = []
        for j in range(self.order):
            count = counts[j]
            if j + 1 < self.order:
                different = np.bincount(suffixes[j + 1], minlength=len(count))
                count = np.where(begins[j], count, different)
            levels.append(self._level(keys[j], count, len(keys[j - 1]) if j else 1))
        return levels

    def _level(self, keys: Ints, count: Ints, histories: int) -> _Level:
        prefix, last = np.divmod(keys, self.vocabulary + 1)
        count = np.where(last == self._begin, 0, count)  # the beginning is never predicted
        discounts = _discounts(count)
        less = np.array((0.0, *discounts))[np.minimum(count, 3)]
        total = sums(prefix, count, histories)
        keys, kept = np.append(keys, np.iinfo(np.int64).max), np.append(count - less, 0.0)  # so that none is empty
        return _Level(keys, kept, total, sums(prefix, less, histories), discounts)

    def _nodes(self, stream: Flat) -> list[Ints]:
        """For j = 0, 1, .. order: the number of the j-gram that ends at each place, -1 where there is none."""
        nodes = [np.zeros(len(stream.tokens), np.int64)]
        for j, level in enumerate(self._levels):
            before = np.concatenate([[-1], nodes[-1][:-1]]) if j else nodes[0]
            node = self._find(level, before, stream.tokens)
            node[stream.place < j] = -1
            nodes.append(node)
        return nodes

    def _find(self, level: _Level, before: Ints, words: Ints) -> Ints:
        key = before * (self.vocabulary + 1) + words
        at = np.searchsorted(level.keys, key)
        return np.where((before >= 0) & (level.keys[at] == key), at, -1)

    def _probability(self, before: list[Ints], words: Ints) -> Floats:
        """p of each word after its history, given as its runs of 0, 1, .. order-1 units."""
        p = np.full(len(words), 1 / self.vocabulary)
        for level, history in zip(self._levels, before, strict=True):
            seen = (history >= 0) & (level.total[history] > 0)
            node = self._find(level, history, words)
            found = np.where(node >= 0, level.kept[node], 0.0)
            total = np.where(seen, level.total[history], 1.0)
            p = np.where(seen, (found + level.freed[history] * p) / total, p)
        return p


def _discounts(count: Ints) -> tuple[float, float, float]:
    n = np.bincount(np.minimum(count, 5), minlength=6)[1:5].astype(float)
    if n.min() == 0:
        return FALLBACK
    y = n[0] / (n[0] + 2 * n[1])
    found = tuple(float(k - (k + 1) * y * n[k] / n[k - 1]) for k in (1, 2, 3))
    return (found[0], found[1], found[2]) if all(0 < d <= k for k, d in enumerate(found, 1)) else FALLBACK
