"""A small language with word order, for tests of metrics of text."""

from __future__ import annotations

from typing import Any

import numpy as np

from poise.metrics.text.metric import Texts, TextSets

WORDS = 60  # nouns, adjectives and verbs, of Zipf frequencies
VOCABULARY = 2 + 3 * WORDS + 4


def toy_ids(n: int, seed: int) -> list[list[int]]:
    """`the (adjective) noun verb the (adjective) noun (and the noun) .`, with repeating choices of words."""
    rng = np.random.default_rng(seed)
    p = 1 / np.arange(1, WORDS + 1)
    word = rng.choice(WORDS, (n, 6), p=p / p.sum()) + 2
    more = rng.random((n, 3)) < 0.5
    the, full_stop, and_ = VOCABULARY - 4, VOCABULARY - 3, VOCABULARY - 2
    out = []
    for w, has in zip(word.tolist(), more.tolist(), strict=True):
        first = [w[0] + WORDS] * has[0]
        second = [w[1] + WORDS] * has[1]
        last = [and_, the, w[5]] * has[2]
        out.append([the, *first, w[2], w[3] + 2 * WORDS, the, *second, w[4], *last, full_stop])
    return out


def toy_texts(ids: list[Any]) -> Texts:
    """The same as sentences "w5 w7 ...", as `toy_encode` reads them."""
    return Texts(ids, [" ".join(f"w{i}" for i in s) for s in ids])


def toy_encode(text: str) -> list[int]:
    return [int(word[1:]) for word in text.split()]


def toy_sets(samples: list[Any], n: int = 400) -> TextSets:
    return TextSets(toy_texts(samples), toy_texts(toy_ids(n, 1)), toy_texts(toy_ids(2 * n, 2)), VOCABULARY)
