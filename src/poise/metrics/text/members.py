"""The metrics of sentences that hold for any text; `verse` has the one for Chinese quatrains."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from poise.errors import PoiseError
from poise.intervals import Z95, median_interval, wilson
from poise.metrics.core.statistics import Estimate, Floats
from poise.metrics.text.bleu import ORDERS, bleu, self_bleu
from poise.metrics.text.diversity import distinct, distinct_sentences
from poise.metrics.text.lines import RUN, equal_to_any, longest_shared
from poise.metrics.text.metric import (
    TextMetric,
    Texts,
    TextSets,
    around,
    group_jackknife,
    variance_of_mean,
)
from poise.metrics.text.ngrams import NGrams

ORDER = 3  # of the n-gram models
FITTED = 200_000  # training sentences that a model is fitted on at most
SAME = 1_000  # sentences on either side where the value depends on how many there are
DISTINCT = (1, 2, 3, 4)


def _rate(model: NGrams, texts: Texts) -> tuple[Floats, Floats]:
    """Nats and units (with the END) of each sentence."""
    return model.nll(texts.ids), np.array([len(s) + 1.0 for s in texts.ids])


def _log_rate(nats: Floats, units: Floats) -> tuple[float, float]:
    """Nats per unit, and the variance of that ratio by the delete-one jackknife over sentences."""
    n, s, t = len(nats), math.fsum(nats), math.fsum(units)
    left_out = (s - nats) / (t - units)
    return s / t, (n - 1) / n * float(np.square(left_out - left_out.mean()).sum())


def _perplexity(rate: float, variance: float, n: int, m: int) -> Estimate:
    half = Z95 * math.sqrt(variance)
    return Estimate(math.exp(rate), math.exp(rate - half), math.exp(rate + half), n, m)


def training_model(train: Texts, vocabulary: int, seed: int) -> NGrams:
    """The trigram model of the training sentences (at most 200,000), fitted once for as long as they live.

    Example:
        >>> train = Texts([[2, 3], [2, 4]], ["the cat", "the dog"])
        >>> model = training_model(train, vocabulary=5, seed=0)
        >>> model.order, model.n, training_model(train, 5, 0) is model
        (3, 2, True)
    """

    def make() -> NGrams:
        return NGrams(train.at_most(FITTED, seed).ids, vocabulary, ORDER)

    found: NGrams = train.keep(("model", vocabulary, seed), make)
    return found


@TextMetric.define(
    "forward perplexity",
    "How surprising the samples are to a trigram model of the training sentences; word salad is high, stock phrases "
    "fall below real sentences.",
    "target",
    needs_train=True,
    least=4,
)
def forward_perplexity(sets: TextSets, seed: int) -> dict[str, Estimate]:
    """exp(nats per unit, ENDs included) of the samples under a modified Kneser-Ney trigram model of the training
    sentences (at most 200,000 by the seed). n samples, m training sentences.

    Interval: delete-one jackknife of nats per unit over the samples, the model held fixed; exp of +- 1.96 s.e.

    Example:
        >>> train, made = Texts([[2, 3]] * 4, ["the cat"] * 4), Texts([[3, 2]] * 4, ["cat the"] * 4)
        >>> found = [forward_perplexity.measure(TextSets(texts, train, train, vocabulary=4)) for texts in (train, made)]
        >>> found[0]["forward perplexity"].value < found[1]["forward perplexity"].value
        True
    """
    assert sets.train is not None
    model = training_model(sets.train, sets.vocabulary, seed)
    rate, variance = _log_rate(*_rate(model, sets.samples))
    return {"forward perplexity": _perplexity(rate, variance, len(sets.samples), model.n)}


@TextMetric.define(
    "reverse perplexity",
    "How surprising real held-out sentences are to a trigram model of the samples; high for what samples lack, "
    "variety as well as order.",
    "lower",
)
def reverse_perplexity(sets: TextSets, seed: int) -> dict[str, Estimate]:
    """exp(nats per unit, ENDs included) of the m held-out sentences under a modified Kneser-Ney trigram model of the n
    samples. It falls with n, so only values of one n can be compared.

    Interval: the delete-one jackknife over held-out sentences plus the delete-a-group jackknife (20 groups) over the
    samples, both of nats per unit; exp of +- 1.96 s.e.

    Example:
        >>> made, other = Texts([[2, 3]] * 4, ["the cat"] * 4), Texts([[3, 2]] * 4, ["cat the"] * 4)
        >>> found = [reverse_perplexity.measure(TextSets(made, texts, None, vocabulary=4)) for texts in (made, other)]
        >>> found[0]["reverse perplexity"].value < found[1]["reverse perplexity"].value
        True
    """
    samples, heldout = sets.samples, sets.heldout
    rate, variance = _log_rate(*_rate(NGrams(samples.ids, sets.vocabulary, ORDER), heldout))

    def without(rows: np.ndarray) -> float:
        return _log_rate(*_rate(NGrams([samples.ids[i] for i in rows], sets.vocabulary, ORDER), heldout))[0]

    variance += group_jackknife(without, len(samples), seed)
    return {"reverse perplexity": _perplexity(rate, variance, len(samples), len(heldout))}


@TextMetric.define(
    "BLEU",
    "How much of a sample's n-grams stands in some held-out sentence; copies of few good sentences score high.",
    "higher",
    largest=SAME,
)
def bleu_against_heldout(sets: TextSets, seed: int) -> dict[str, Estimate]:
    """BLEU-2 to BLEU-5, the mean of sentence BLEU of n samples against m held-out references, at most 1,000 of each:
    it rises with m. See `bleu`.

    Interval: variance of the mean over samples plus the delete-a-group jackknife over references.

    Example:
        >>> made, heldout = Texts([[2, 3, 4]] * 4, ["the cat sat"] * 4), Texts([[2, 3, 5]] * 4, ["the cat ran"] * 4)
        >>> found = bleu_against_heldout.measure(TextSets(made, heldout, None, vocabulary=6))
        >>> round(found["BLEU-2"].value, 4)  # sqrt(2/3·1/2)
        0.5774
    """
    samples, references = sets.samples.verbatim, sets.heldout.verbatim
    whole = bleu(samples, references)
    without = _by_group(lambda rows: bleu(samples, [references[i] for i in rows]), len(references), seed)
    return {
        f"BLEU-{N}": around(
            float(whole[N].mean()), variance_of_mean(whole[N]) + without[N], len(samples), len(references)
        )
        for N in ORDERS
    }


@TextMetric.define(
    "self-BLEU",
    "How much of a sample's n-grams stands in some other sample; above real sentences the samples repeat each other.",
    "target",
    largest=SAME,
)
def self_bleu_of_samples(sets: TextSets, seed: int) -> dict[str, Estimate]:
    """Self-BLEU-2 to -5, the mean of sentence BLEU of each of n samples against the n-1 others, n at most 1,000: it
    rises with n. Held-out sentences are not read, m is 0. See `self_bleu`.

    Interval: delete-a-group jackknife over the samples (20 groups).

    Example:
        >>> made = Texts([[2, 3]] * 3 + [[4, 5]], ["the cat"] * 3 + ["a dog"])
        >>> self_bleu_of_samples.measure(TextSets(made, made, None, vocabulary=6))["self-BLEU-2"].value  # three of four
        0.75
    """
    samples = sets.samples.verbatim
    whole = self_bleu(samples)
    without = _by_group(lambda rows: self_bleu([samples[i] for i in rows]), len(samples), seed)
    return {f"self-BLEU-{N}": around(float(whole[N].mean()), without[N], len(samples), 0) for N in ORDERS}


def _by_group(scores: Callable[[np.ndarray], dict[int, Floats]], n: int, seed: int) -> dict[int, float]:
    """The delete-a-group variance of the mean score, for each order; the scores are computed once for all orders."""
    kept: dict[bytes, dict[int, Floats]] = {}

    def mean(rows: np.ndarray, order: int) -> float:
        key = rows.tobytes()
        if key not in kept:
            kept[key] = scores(rows)
        return float(kept[key][order].mean())

    return {N: group_jackknife(partial(mean, order=N), n, seed) for N in ORDERS}


@TextMetric.define(
    "distinct",
    "Share of n-grams, and of sentences, that are different ones; below real sentences the samples repeat themselves.",
    "target",
    largest=SAME,
)
def distinct_shares(sets: TextSets, seed: int) -> dict[str, Estimate]:
    """distinct-1 to -4, different n-grams over all n-grams of n samples (Li et al. 2016), and "distinct sentences",
    different sentences over n. n is at most 1,000, as all of them fall with n; m is 0.

    Intervals: delete-one jackknife over samples, in closed form (see `distinct`); Wilson for sentences.

    Example:
        >>> made = Texts([[2, 3]] * 3 + [[2, 5]], ["the cat"] * 3 + ["the dog"])
        >>> found = distinct_shares.measure(TextSets(made, made, None, vocabulary=6))
        >>> found["distinct-1"].value, found["distinct sentences"].value  # 3 words of 8, 2 sentences of 4
        (0.375, 0.5)
    """
    samples = sets.samples.verbatim
    found = {f"distinct-{k}": around(*distinct(samples, k), len(samples), 0) for k in DISTINCT}
    share = distinct_sentences(samples)
    return found | {"distinct sentences": Estimate(share, *wilson(share, len(samples)), len(samples), 0)}


@TextMetric.define(
    "memorised",
    "Samples of 8 units or more that are training sentences, or share a run of 8 units with one; compare with real "
    "held-out sentences.",
    "target",
    needs_train=True,
    copies=True,
)
def memorised(sets: TextSets, seed: int) -> dict[str, Estimate]:
    """Of the n samples of at least 8 units, against all m training sentences:
    "memorised", the share that equals a training sentence unit for unit; "memorised runs", the share that holds a run
    of 8 or more consecutive units that stands in one training sentence; "longest shared run", the median length in
    units of the longest such run. Real held-out sentences have shared runs too: compare with them.

    Intervals: Wilson for shares; order statistics for the median.
    Errors: `PoiseError` where no sample has 8 units.

    Example:
        >>> long, other = list(range(2, 10)), list(range(9, 1, -1))  # eight units
        >>> made, train = Texts([long, long, other, other], ["up"] * 2 + ["down"] * 2), Texts([long] * 4, ["up"] * 4)
        >>> memorised.measure(TextSets(made, made, train, vocabulary=10))["memorised"].value
        0.5
    """
    assert sets.train is not None
    long = [s for s in sets.samples.verbatim if len(s) >= RUN]
    if not long:
        raise PoiseError(f"memorised looks at samples of at least {RUN} {sets.units}, and there is none")
    n, m = len(long), len(sets.train)
    runs = longest_shared(long, sets.train.verbatim)
    shares = {"memorised": equal_to_any(long, sets.train.verbatim).mean(), "memorised runs": (runs >= RUN).mean()}
    found = {name: Estimate(float(p), *wilson(float(p), n), n, m) for name, p in shares.items()}
    return found | {"longest shared run": Estimate(*median_interval(runs), n, m)}
