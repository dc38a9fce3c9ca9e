"""Memorised sentences and runs, distinct n-grams and their jackknife, against slow versions."""

from __future__ import annotations

import time

import numpy as np
import pytest

from poise.intervals import median_interval
from poise.metrics.text.diversity import distinct, distinct_sentences, jackknife
from poise.metrics.text.lines import equal_to_any, longest_shared

SENTENCES = [[2, 3, 4], [2, 3], [], [4, 4, 5], [2, 3], [9]]


def drawn(rng: np.random.Generator, n: int) -> list[list[int]]:
    return [rng.integers(2, 5, rng.integers(0, 12)).tolist() for _ in range(n)]


def slow_longest(sample: list[int], train: list[list[int]]) -> int:
    runs = {tuple(t[i:j]) for t in train for i in range(len(t)) for j in range(i + 1, len(t) + 1)}
    return max(
        (j - i for i in range(len(sample)) for j in range(i, len(sample) + 1) if tuple(sample[i:j]) in runs), default=0
    )


def slow_distinct(sentences: list[list[int]], n: int) -> float:
    runs = [tuple(s[i : i + n]) for s in sentences for i in range(len(s) - n + 1)]
    return len(set(runs)) / len(runs)


def test_the_longest_shared_run_is_that_of_a_slow_search():
    rng = np.random.default_rng(0)
    for _ in range(30):
        samples, train = drawn(rng, 5), drawn(rng, int(rng.integers(0, 5)))
        assert longest_shared(samples, train).tolist() == [slow_longest(s, train) for s in samples]


def test_runs_end_with_their_sentence():
    assert longest_shared([[2, 3, 4, 5]], [[2, 3], [4, 5]]).tolist() == [2]
    assert longest_shared([[2, 3], [4, 5]], [[9, 2, 3, 4, 5]]).tolist() == [2, 2]


def test_equal_sentences_are_found_whatever_holds_them():
    assert equal_to_any([[2, 3], np.array([4], np.int32), [], [3, 2]], [np.array([2, 3]), [4], []]).tolist() == [
        *(True, True, True, False)
    ]


@pytest.mark.slow
def test_a_large_training_set_is_no_trouble():
    rng = np.random.default_rng(1)
    train = list(rng.zipf(1.3, (50_000, 20)).clip(2, 9000))
    began = time.perf_counter()
    assert longest_shared(train[:1000], train).tolist() == [20] * 1000
    assert time.perf_counter() - began < 6


@pytest.mark.parametrize("n", [1, 2])
def test_distinct_and_its_jackknife(n):
    value, variance = distinct(SENTENCES, n)
    assert value == pytest.approx(slow_distinct(SENTENCES, n))
    left_out = [slow_distinct(SENTENCES[:i] + SENTENCES[i + 1 :], n) for i in range(len(SENTENCES))]
    assert variance == pytest.approx(jackknife(np.array(left_out)))


def test_distinct_of_nothing_is_zero():
    assert distinct([[2], [3]], 2) == (0.0, 0.0)
    assert distinct([[2, 3, 4], [2]], 2)[0] == 1
    assert distinct_sentences([]) == 0


def test_distinct_sentences():
    assert distinct_sentences(SENTENCES) == pytest.approx(5 / 6)


def test_the_interval_of_a_median():
    assert median_interval(np.arange(101)) == (50, 40, 61)
    assert median_interval(np.full(6, 3)) == (3, 3, 3)
    for few in range(1, 6):
        assert median_interval(np.full(few, 3)) == (3, -np.inf, np.inf), "no two of them hold the median in 95 %"
    draw = np.random.default_rng(0).normal(size=(2_000, 20))
    for n in range(6, 21):
        low, high = np.array([median_interval(row[:n])[1:] for row in draw]).T
        assert ((low <= 0) & (high >= 0)).mean() > 0.93
    covered = 0
    for seed in range(400):
        _, low, high = median_interval(np.random.default_rng(seed).normal(size=60))
        covered += low <= 0 <= high
    assert covered > 370
