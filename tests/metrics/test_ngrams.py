"""The n-gram model: by hand, against a slow one written from the formulas, and that it is a distribution everywhere."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict

import numpy as np
import pytest

from poise.errors import PoiseError
from poise.metrics.text.ngrams import FALLBACK, NGrams


def sentences(n: int, vocabulary: int, seed: int, longest: int = 9) -> list[list[int]]:
    """Zipf draws of 0 to `longest` units, with ids from 1 on."""
    rng = np.random.default_rng(seed)
    p = 1 / np.arange(1, vocabulary)
    return [
        rng.choice(np.arange(1, vocabulary), rng.integers(0, longest + 1), p=p / p.sum()).tolist() for _ in range(n)
    ]


def slow(train: list[list[int]], vocabulary: int, order: int, word: int, history: list[int]) -> float:
    """p(word | history) from the formulas, with dictionaries."""
    begin = "begin"
    raw: Counter[tuple] = Counter()
    for s in train:
        x = [begin, *s, 0]
        for i in range(len(x)):
            for j in range(1, min(order, i + 1) + 1):
                raw[tuple(x[i - j + 1 : i + 1])] += 1
    left = defaultdict(set)
    for g in raw:
        left[g[1:]].add(g[0])
    p = 1 / vocabulary
    past = [begin, *history]
    for j in range(1, order + 1):
        count = {
            g: c if j == order or g[0] == begin else len(left[g])
            for g, c in raw.items()
            if len(g) == j and g != ("begin",)
        }
        of = Counter(count.values())
        d = FALLBACK
        if all(of[k] for k in (1, 2, 3, 4)):
            y = of[1] / (of[1] + 2 * of[2])
            tried = tuple(k - (k + 1) * y * of[k + 1] / of[k] for k in (1, 2, 3))
            d = tried if all(0 < t <= k for k, t in enumerate(tried, 1)) else FALLBACK
        if j - 1 > len(past):
            break
        h = tuple(past[len(past) - (j - 1) :])
        total = sum(c for g, c in count.items() if g[:-1] == h)
        if not total:
            continue
        freed = sum(d[min(c, 3) - 1] for g, c in count.items() if g[:-1] == h)
        c = count.get((*h, word), 0)
        p = (c - (d[min(c, 3) - 1] if c else 0) + freed * p) / total
    return p


def test_one_sentence_by_hand():
    model = NGrams([[2, 3]], 4, 2)  # pairs begin-2, 2-3, 3-end; every count of counts but the first vanishes
    assert model.discounts == [FALLBACK, FALLBACK]
    below = 0.5 / 3 + 1.5 / 3 / 4  # p_1 of 2, 3 and the end
    seen = 0.5 + 0.5 * below
    assert model.nll([[2, 3]])[0] == pytest.approx(-3 * math.log(seen), rel=1e-14)
    assert model.after([2]) == pytest.approx([0.5 * below, 0.5 * 1.5 / 3 / 4, 0.5 * below, seen], rel=1e-14)
    assert model.perplexity([[2, 3]]) == pytest.approx(1 / seen, rel=1e-14)


def test_order_one_is_discounted_frequencies():
    model = NGrams([[2, 2, 2]], 4, 1)
    assert model.after([2]) == pytest.approx([0.5 / 4 + 2 / 4 / 4, 2 / 16, 1.5 / 4 + 2 / 16, 2 / 16], rel=1e-14)


def test_a_discount_by_hand():
    train = [[2] * 1, [3] * 2, [4] * 2, [5] * 3, [6] * 4, [7]]  # counts 1, 2, 2, 3, 4, 1 and six ends
    y = 2 / (2 + 2 * 2)
    d = (1 - 2 * y * 2 / 2, 2 - 3 * y * 1 / 2, 3 - 4 * y * 1 / 1)
    assert NGrams(train, 8, 1).discounts == [pytest.approx(d, rel=1e-14)]


@pytest.mark.slow
@pytest.mark.parametrize("order", range(1, 6))
def test_it_agrees_with_the_formulas(order):
    train, vocabulary = sentences(60, 9, order), 9
    model = NGrams(train, vocabulary, order)
    rng = np.random.default_rng(order)
    for history in sentences(12, vocabulary, 7, 6) + train[:4]:
        word = int(rng.integers(0, vocabulary))
        assert model.after(history)[word] == pytest.approx(slow(train, vocabulary, order, word, history), rel=1e-12)
    chain = [2, 3, 2]
    steps = [
        *(slow(train, vocabulary, order, w, chain[:i]) for i, w in enumerate(chain)),
        slow(train, vocabulary, order, 0, chain),
    ]
    assert model.nll([chain])[0] == pytest.approx(-sum(map(math.log, steps)), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("order", range(1, 6))
@pytest.mark.parametrize("size", [1, 7, 300])
def test_probabilities_are_positive_and_sum_to_one_after_every_history(order, size):
    vocabulary = 40
    train = sentences(size, vocabulary - 5, 1)  # five units are never seen
    model = NGrams(train, vocabulary, order)
    for history in [*sentences(30, vocabulary, 2), *train[:10], [], [39, 39, 39, 39, 39]]:
        p = model.after(history)
        assert p.shape == (vocabulary,)
        assert p.min() > 0
        assert p.sum() == pytest.approx(1, abs=1e-12)


def test_empty_sentences_teach_that_sentences_end():
    model = NGrams([[], []], 5)
    assert model.after([]).argmax() == 0
    assert model.after([3, 4]).sum() == pytest.approx(1, abs=1e-12)
    assert model.nll([]).shape == (0,)


def test_word_order_matters_and_the_order_of_sentences_does_not():
    rng = np.random.default_rng(0)
    train = [list(range(s, s + 8)) for s in rng.integers(2, 40, 400)]
    test = [list(range(s, s + 8)) for s in rng.integers(2, 40, 100)]
    model = NGrams(train, 60)
    assert model.perplexity([rng.permutation(s) for s in test]) > 10 * model.perplexity(test)
    assert NGrams(train[::-1], 60).perplexity(test) == model.perplexity(test)


@pytest.mark.slow
def test_it_is_fast():
    train = sentences(20_000, 8000, 0, 40)
    began = time.perf_counter()
    NGrams(train, 8000, 5).nll(train[:10_000])
    assert time.perf_counter() - began < 8


def test_wrong_input_is_one_sentence():
    with pytest.raises(PoiseError, match="order of 1 to 5, not 6"):
        NGrams([[2]], 4, 6)
    with pytest.raises(PoiseError, match="training sentences hold the id 9"):
        NGrams([[2, 9]], 4)
    with pytest.raises(PoiseError, match="hold the id 0"):
        NGrams([[2]], 4).nll([[2, 0]])
    with pytest.raises(PoiseError, match="needs a sentence"):
        NGrams([], 4)
