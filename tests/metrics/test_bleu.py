"""BLEU against nltk, on fixed and random sentences."""

from __future__ import annotations

import time

import numpy as np
import pytest

from poise.errors import PoiseError
from poise.metrics.text.bleu import ORDERS, bleu, self_bleu

FIXED = [[5, 6, 7, 8, 9, 2], [5, 6], [], [5], [5, 5, 5, 5], [9, 8, 7, 6, 5], [5, 6, 7, 3, 9, 2, 4, 4], [5, 6]]


def oracle(references: list[list[int]], sample: list[int], order: int) -> float:
    """nltk's, smoothing method 1."""
    pytest.importorskip("nltk")
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    weights, method = (1 / order,) * order, SmoothingFunction(epsilon=0.1).method1
    return float(sentence_bleu(references, sample, weights, smoothing_function=method))


def drawn(rng: np.random.Generator, n: int) -> list[list[int]]:
    """Sentences of 0 to 8 of few units, so that runs repeat."""
    return [rng.integers(2, 6, rng.integers(0, 9)).tolist() for _ in range(n)]


def furthest(samples: list[list[int]], references: list[list[int]]) -> float:
    """The largest difference to nltk, of BLEU and self-BLEU, over samples and orders."""
    found, own = bleu(samples, references), self_bleu(samples)
    worst = 0.0
    for order in ORDERS:
        for ours, others in ((found, lambda _: references), (own, lambda i: samples[:i] + samples[i + 1 :])):
            theirs = [oracle(others(i), sample, order) for i, sample in enumerate(samples)]
            worst = max(worst, float(np.abs(ours[order] - theirs).max()))
    return worst


@pytest.mark.slow
def test_fixed_sentences_equal_nltk():
    assert furthest(FIXED, [[5, 6, 7, 2], [8, 9, 2, 5, 6, 6, 6], [5]]) < 1e-12
    assert furthest(FIXED[:2], [[]]) < 1e-12


@pytest.mark.slow
def test_random_sentences_equal_nltk():
    rng = np.random.default_rng(0)
    for _ in range(25):
        assert furthest(drawn(rng, int(rng.integers(2, 9))), drawn(rng, int(rng.integers(1, 7)))) < 1e-12


def test_by_hand():
    found = bleu([[2, 3, 4]], [[2, 3, 5, 6]], (1, 2))
    assert found[1][0] == pytest.approx(np.exp(1 - 4 / 3) * 2 / 3)
    assert found[2][0] == pytest.approx(np.exp(1 - 4 / 3) * np.sqrt(2 / 3 * 1 / 2))
    assert self_bleu([[2, 3, 4, 5, 6]] * 3)[5] == pytest.approx([1, 1, 1])
    assert self_bleu([[2, 3], [4, 5]])[2] == pytest.approx([0, 0])


def test_a_thousand_against_a_thousand_takes_seconds():
    rng = np.random.default_rng(1)
    samples, references = (list(rng.integers(2, 3000, (1000, 25))) for _ in range(2))
    began = time.perf_counter()
    bleu(samples, references)
    self_bleu(samples)
    assert time.perf_counter() - began < 4


def test_too_few_sentences_are_refused():
    with pytest.raises(PoiseError, match="at least 1"):
        bleu([[2]], [])
    with pytest.raises(PoiseError, match="at least 2"):
        self_bleu([[2]])
    with pytest.raises(PoiseError, match="not of 6"):
        self_bleu([[2], [3]], (6,))
