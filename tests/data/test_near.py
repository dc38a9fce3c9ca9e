"""Near-duplicates: against the definition, and at the size that is promised."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from poise.data.text.near_duplicates import LEAST, near_copies


def by_definition(texts: list[str], heldout: NDArray[np.bool_], width: int) -> tuple[list[int], list[int]]:
    sets = [{text[i : i + width] for i in range(max(1, len(text) - width + 1))} for text in texts]
    near = [[len(a & b) >= LEAST * len(a | b) for b in sets] for a in sets]
    copies = [j for j in range(len(texts)) if any(near[j][:j])]
    across = [j for j in np.flatnonzero(heldout) if any(near[j][i] for i in np.flatnonzero(~heldout))]
    return copies, across


def sentences(n: int, seed: int, words: int = 13) -> list[str]:
    chance = random.Random(seed)
    known = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(5000)]
    return [" ".join(chance.choices(known, k=words)) for _ in range(n)]


@pytest.mark.slow
@pytest.mark.parametrize("width", [2, 5])
def test_marks_are_those_of_the_definition(width: int) -> None:
    chance = random.Random(width)
    texts = sentences(150, 1)
    for i in range(0, 100, 2):  # half of them far enough from their model, half not
        at = chance.randrange(20, len(texts[i]) - 20)
        cut = chance.choice([1, 2, 25, 30])
        texts.append(texts[i][:at] + "x" + texts[i][at + cut :])
    texts += ["", "", "ab", "ab", texts[0]]
    chance.shuffle(texts)
    heldout = np.random.default_rng(0).random(len(texts)) < 0.3
    copies, across = near_copies(texts, heldout, width)
    expected = by_definition(texts, heldout, width)
    assert 20 < len(expected[0]) < 55
    assert 5 < len(expected[1])
    assert (np.flatnonzero(copies).tolist(), np.flatnonzero(across).tolist()) == expected


@pytest.mark.slow
def test_every_mark_is_true_on_text_from_a_template() -> None:
    chance = random.Random(0)
    texts = [f"the dog number {chance.randrange(100)} is not a cat but {chance.randrange(100)}" for _ in range(400)]
    heldout = np.random.default_rng(0).random(400) < 0.1
    copies, across = near_copies(texts, heldout)
    expected = by_definition(texts, heldout, 5)
    assert set(np.flatnonzero(copies)) <= set(expected[0])
    assert set(np.flatnonzero(across)) <= set(expected[1])
    assert copies.sum() > 0.95 * len(expected[0])


def test_no_texts_and_one() -> None:
    assert [len(marks) for marks in near_copies([])] == [0, 0]
    assert near_copies(["a"])[0].tolist() == [False]
    assert near_copies(["a", "a"])[0].tolist() == [False, True]
    assert near_copies(["a", "a"])[1].tolist() == [False, False]
    assert near_copies(["a", "a"], np.array([True, False]))[1].tolist() == [True, False]


@pytest.mark.slow
def test_fifty_thousand_sentences_in_seconds() -> None:
    texts = sentences(50_000, 0)
    assert 75 < np.mean([len(text) for text in texts]) < 90
    chance = random.Random(1)
    planted = chance.sample(range(25_000, 50_000), 500)
    for row in planted:
        model = texts[chance.randrange(25_000)]
        texts[row] = model[:30] + "x" + model[31:]
    begin = time.process_time()
    copies, _ = near_copies(texts)
    assert time.process_time() - begin < 15
    assert set(np.flatnonzero(copies)) <= set(planted)
    assert copies.sum() >= 495
