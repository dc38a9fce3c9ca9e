"""Every registered metric of text: the same rules for all, and what each has to notice."""

from __future__ import annotations

import math

import numpy as np
import pytest

from poise.errors import PoiseError
from poise.metrics.core.metric import find_metrics
from poise.metrics.core.statistics import Estimate
from poise.metrics.text.metric import TextMetric, Texts, TextSets
from tests.metrics.toy_text import VOCABULARY, toy_ids, toy_sets, toy_texts

METRICS = find_metrics(TextMetric)
REAL = toy_ids(400, 3)
LONG = next(i for i, s in enumerate(REAL) if len(s) >= 8)


def measured(name: str, samples: list) -> dict[str, Estimate]:
    (metric,) = find_metrics(TextMetric, [name])
    return metric.measure(toy_sets(samples))


def sets_for(metric: TextMetric) -> TextSets:
    """Sentences that it is about."""
    return verses() if metric.name in ("form", "verse") else toy_sets(REAL)


def verses() -> TextSets:
    """Quatrains of 4 x 5 characters drawn from 40, some of them without the last full stop."""
    rng = np.random.default_rng(0)
    letters = "春眠不觉晓处闻啼鸟夜来风雨声花落知多少白日依山尽黄河入海流欲穷千里目更上一层楼床前明月光疑"
    ids = rng.integers(2, 42, (900, 20))
    text = ["，".join("".join(letters[i] for i in line) for line in poem.reshape(4, 5)) for poem in ids]
    text = [poem + "。" * (i % 4 > 0) for i, poem in enumerate(text)]
    parts = [Texts(list(ids[i : i + 300]), text[i : i + 300]) for i in (0, 300, 600)]
    return TextSets(*parts, 60, "characters")


def test_the_family_is_complete():
    expected = {
        *("forward perplexity", "reverse perplexity", "BLEU", "self-BLEU", "distinct", "memorised", "form", "verse")
    }
    assert {metric.name for metric in METRICS} >= expected


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_the_order_of_sentences_does_not_matter(metric):
    sets = sets_for(metric)
    first = metric.measure(sets, 1)
    rng = np.random.default_rng(0)
    mixed = TextSets(
        *(part.pick(rng.permutation(len(part))) for part in (sets.samples, sets.heldout, sets.train)), sets.vocabulary
    )
    assert metric.measure(mixed, 1) == first
    for found in first.values():
        assert all(map(math.isfinite, found[:3]))
        assert found.low <= found.value <= found.high
        assert 0 < found.n <= len(sets.samples)


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_too_few_sentences_are_one_sentence(metric):
    sets = sets_for(metric)
    few = TextSets(sets.samples.pick(range(metric.least - 1)), sets.heldout, sets.train, sets.vocabulary)
    with pytest.raises(
        PoiseError, match=f"{metric.name} needs at least {metric.least} samples, not {metric.least - 1}"
    ):
        metric.measure(few)
    least = TextSets(sets.samples.pick(range(metric.least)), sets.heldout, sets.train, sets.vocabulary)
    assert metric.measure(least)
    if metric.needs_train:
        with pytest.raises(PoiseError, match="training sentences: give them"):
            metric.measure(TextSets(sets.samples, sets.heldout, None, sets.vocabulary))


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_copies_of_one_sentence_and_empty_ones_are_no_trouble(metric):
    sets = sets_for(metric)
    assert metric.applies(sets)
    one = sets.samples.pick([LONG] * 50)
    for samples in (one, Texts([[]] * 30 + list(one.ids[:2]), [""] * 30 + list(one.texts[:2]))):
        for name, found in metric.measure(TextSets(samples, sets.heldout, sets.train, sets.vocabulary)).items():
            assert math.isfinite(found.value) and found.low <= found.value <= found.high
            endless = name == "longest shared run" and found.n < 6  # the median of two
            assert endless or all(map(math.isfinite, found[:3])), name


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_it_says_what_it_is(metric):
    assert metric.title.endswith(".")
    assert metric.better in ("lower", "higher", "target") and metric.target == "real"
    assert "nterval" in metric.function.__doc__


def test_ids_outside_the_vocabulary_are_refused():
    with pytest.raises(PoiseError, match=f"samples hold the id {VOCABULARY}"):
        toy_sets([[VOCABULARY]])
    with pytest.raises(PoiseError, match="2 sentences of ids come with 1 texts"):
        Texts([[2], [3]], ["a"])


@pytest.mark.slow
def test_real_sentences_look_real():
    real = {
        k: v for metric in METRICS if metric.applies(toy_sets(REAL)) for k, v in metric.measure(toy_sets(REAL)).items()
    }
    assert real["memorised"].value < 0.05
    assert real["distinct sentences"].value > 0.9
    assert 1 < real["forward perplexity"].value < real["reverse perplexity"].value < VOCABULARY / 4


@pytest.mark.slow
def test_shuffled_words_show_in_perplexity_and_bleu():
    rng = np.random.default_rng(0)
    shuffled = [rng.permutation(s).tolist() for s in REAL]
    for name in ("forward perplexity", "reverse perplexity"):
        assert measured(name, shuffled)[name].low > 1.5 * measured(name, REAL)[name].high
    assert measured("BLEU", shuffled)["BLEU-4"].high < measured("BLEU", REAL)["BLEU-4"].low


@pytest.mark.slow
def test_copies_of_one_sentence_show_in_diversity_and_reverse_perplexity():
    one = [REAL[7]] * 400
    assert measured("self-BLEU", one)["self-BLEU-5"].value == pytest.approx(1)
    assert measured("self-BLEU", REAL)["self-BLEU-5"].high < 0.9
    assert measured("distinct", one)["distinct-2"].high < measured("distinct", REAL)["distinct-2"].low
    assert measured("distinct", one)["distinct sentences"].value == 1 / 400
    assert measured("reverse perplexity", one)["reverse perplexity"].low > 30
    assert measured("forward perplexity", one)["forward perplexity"].value < 30


def test_training_sentences_show_as_memorised():
    copied = measured("memorised", toy_ids(800, 2)[:400])
    assert copied["memorised"].value == copied["memorised runs"].value == 1
    real = measured("memorised", REAL)
    assert real["memorised"].high < 0.1
    assert real["longest shared run"].high < copied["longest shared run"].low
    with pytest.raises(PoiseError, match="at least 8 words, and there is none"):
        measured("memorised", [[2, 3]] * 10)


@pytest.mark.slow
def test_the_intervals_of_reverse_perplexity_and_self_bleu_cover():
    """Over 60 draws of samples and held-out sentences, against the mean of all draws; 95 % are wanted."""
    found: dict[str, list[Estimate]] = {}
    for draw in range(60):
        part = TextSets(
            toy_texts(toy_ids(150, 100 + draw)),
            toy_texts(toy_ids(150, 300 + draw)),
            toy_texts(toy_ids(300, 2)),
            VOCABULARY,
        )
        for metric in find_metrics(
            TextMetric, ["reverse perplexity", "self-BLEU", "BLEU", "distinct", "forward perplexity"]
        ):
            for name, estimate in metric.measure(part).items():
                found.setdefault(name, []).append(estimate)
    covered = {}
    for name, estimates in found.items():
        middle = np.mean([e.value for e in estimates])
        covered[name] = sum(e.low <= middle <= e.high for e in estimates) / 60
    assert min(covered.values()) > 0.8, covered
