"""The cost of words outside a vocabulary: a distribution over all words, and bits that can be compared."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from poise.metrics.text.spelling import CODE_POINTS, END, ORDER, Spelling

SENTENCE = "the quick brown fox jumps over a lazy dog while many young foxes and dogs are watching them jump"
WORDS = SENTENCE.split()


@pytest.mark.parametrize("history", ["", "t", "th", "the", "xyz", "jump", "the quick"])
def test_what_follows_sums_to_one(history: str) -> None:
    model = Spelling(WORDS)
    letters = sorted(set("".join(WORDS)))
    known = sum(model.probability(letter, history) for letter in [*letters, END])
    strange = model.probability("ж", history)
    assert known + (CODE_POINTS - len(letters) - 1) * strange == pytest.approx(1, abs=1e-12)
    assert strange > 0


def test_words_of_a_closed_form() -> None:
    """One training word, "a": anywhere there were one "a" and one end; behind the start one "a", behind it the end."""
    anywhere = (1 + 2 / CODE_POINTS) / 4
    first = (1 + anywhere) / 2
    end = (1 + (1 + anywhere) / 2) / 2
    assert Spelling(["a"]).nats("a") == pytest.approx(-math.log(first) - math.log(end), abs=1e-12)
    assert Spelling(["a", "a"]).nats("a") == Spelling(["a"]).nats("a")
    assert Spelling([]).nats("ab") == pytest.approx(3 * math.log(CODE_POINTS))


def test_likely_words_cost_less_and_long_ones_more() -> None:
    model = Spelling(WORDS)
    assert model.nats("foxes") < model.nats("sexof") < model.nats("ξδψχω")
    assert model.nats("dogdogdog") > model.nats("dog")
    assert ORDER > 1


def test_bits_of_one_text_do_not_fall_as_its_vocabulary_is_made_coarse() -> None:
    """A unigram model of the training words, on held-out words of the same made-up language: without the spelling the
    smallest vocabulary looks best, with it every smaller one is worse."""
    draw = random.Random(0)
    syllables = ["ba", "ne", "ro", "ti", "ku", "sol", "mar", "vin", "dal", "pe"]
    language = ["".join(draw.choices(syllables, k=1 + i % 4)) for i in range(3000)]
    weights = [1 / (rank + 1) for rank in range(len(language))]
    text = draw.choices(language, weights, k=40_000)
    training, heldout = text[:30_000], text[30_000:]
    model, counts = Spelling(training), Counter(training)
    characters = sum(len(word) + 1 for word in heldout)
    bare, spelt = [], []
    for size in (2000, 1000, 300, 100, 30, 10, 3):
        known = {word for word, _ in counts.most_common(size)}
        unknown = 1 + sum(n for word, n in counts.items() if word not in known)
        total = sum(counts[word] for word in known) + unknown
        units = sum(-math.log((counts[word] if word in known else unknown) / total) for word in heldout)
        spelling = sum(model.nats(word) for word in heldout if word not in known)
        bare.append(units / math.log(2) / characters)
        spelt.append((units + spelling) / math.log(2) / characters)
    assert (np.diff(bare) < 0).all()
    assert (np.diff(spelt) > 0).all()
    assert bare[-1] < 0.5 * bare[0]
