"""Scores of a generator of text against held-out sentences, beside what real sentences score against each other.

judge = TextJudge(Texts(heldout_ids, heldout), Texts(train_ids, train), len(units), "words", units.encode)
floor = judge.floor()               # real training sentences against held-out ones
scores = judge.score(sample)        # generated sentences against the same held-out ones

Read the perplexities first: KID and FD on sentence features hardly see the order of words, so that shuffled real
sentences score nearly as real ones do (docs/text-metrics.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poise.core import Timed
from poise.data.text.text import Sentences
from poise.errors import PoiseError
from poise.metrics.core.feature_metric import FeatureMetric, share_pass
from poise.metrics.core.metric import find_metrics, fitting
from poise.metrics.core.sets import Compared, Features
from poise.metrics.core.statistics import Estimate
from poise.metrics.features.feature_files import kept_features
from poise.metrics.features.features import Extractor, MissingFeatures, features
from poise.metrics.features.text_features import USE, check_sentences
from poise.metrics.text.grams import Sentence
from poise.metrics.text.metric import TextMetric, Texts, TextSets

LEAST = 4  # sentences that a score needs on either side
SCORES = (
    *("reverse perplexity", "forward perplexity", "BLEU-4", "self-BLEU-4", "distinct-2", "distinct sentences"),
    *("memorised", "memorised runs", "form", "rhyme", "tones"),
)


class TextJudge(Timed):
    """Scores generated sentences against the held-out part of a text.

    Args:
        heldout, train: sentences as ids (without the end) and as text.
        vocabulary: V, the number of ids; units: what they are called, such as "words".
        encode: a sentence -> its ids; 1 for what is unknown.
        n: generated sentences in a score, default 1,000; at most half of the training sentences, because the floor is
            made of as many, and the others are what they are compared with. As many held-out sentences are the
            reference, or all there are.
        seed: decides which sentences are drawn.
        scores: names of the numbers that are reported; those that the text has no use for are left out.
        extractors: default USE, or none and a sentence in `missing` where it is not installed.

    Attributes: `noun`; `n` and `m`, generated and held-out sentences in a score; `missing`, sentences for the user:
    what cannot be scored, and why; `extractors`; `seconds` spent in all, and `last_seconds` in the last `score`.

    With fewer than 4 of either there are no scores but a sentence in `missing`. Errors: `PoiseError` for n below 4.

    Example:
        >>> texts = Texts([[2, 3], [2, 4]] * 4, ["the cat", "the dog"] * 4)
        >>> judge = TextJudge(texts, texts, 5, "words", encode=lambda text: [2, 3], n=4, extractors=[])
        >>> judge.score(lambda n, seed: ["the cat"] * n)["distinct sentences"]  # one of four
        0.25
    """

    noun = "sentences"

    def __init__(
        self,
        heldout: Texts,
        train: Texts,
        vocabulary: int,
        units: str,
        encode: Callable[[str], Sentence],
        *,
        n: int = 1000,
        seed: int = 0,
        scores: Sequence[str] = SCORES,
        extractors: Sequence[Extractor] | None = None,
    ) -> None:
        if n < LEAST:
            raise PoiseError(f"scores need at least {LEAST} sentences, not {n}")
        self.last_seconds = 0.0
        self.extractors: list[Extractor] = []
        self._vocabulary, self._units, self._encode = vocabulary, units, encode
        self._seed, self._wanted = seed, tuple(scores)
        self._floor: dict[str, float] | None = None
        self._kept: dict[str, Features] = {}
        with self.timed():
            self.n = min(n, len(train) // 2)
            order = np.random.default_rng((seed, 1)).permutation(len(train))
            self._train = train
            self._drawn, self._others = (train.pick(np.sort(part)) for part in (order[: self.n], order[self.n :]))
            self._heldout = heldout.at_most(n, seed)
            self.m = len(self._heldout)
            self._able = min(self.n, self.m) >= LEAST
            every = find_metrics(TextMetric)
            self._metrics, notes = fitting(every, self._sets(self._drawn)) if self._able else ([], [])
            self.missing = [str(note) for note in notes]
            self._by_features = find_metrics(FeatureMetric, ("KID", "FD"))
            self._say(extractors)

    def floor(self) -> dict[str, float]:
        """`n` real training sentences against the `m` held-out ones; the keys are those of `score`.

        The n-gram model of the training sentences is fitted on the other ones, for floor and scores alike. Copies are
        looked for in the other training sentences here, and in all of them in `score`.
        """
        with self.timed():
            if self._floor is None:
                self._floor = self._values(self._drawn, self._others) if self._able else {}
            return dict(self._floor)

    def score(self, sample: Callable[[int, int], Sequence[str]], seed: int = 0) -> dict[str, float]:
        """`n` generated sentences, `sample(n, seed)`, against the `m` held-out ones.

        Keys for every number: "name", its 95 % interval "name.low" and "name.high", and what it was made of, "name.n"
        and "name.m"; see the metrics for formulas. For every extractor E: "KID-E", "FD-E" with intervals, "E.n", "E.m".

        Errors: `PoiseError` where there are not n sentences, or something is no text.
        """
        if not self._able:
            return {}
        start = self.seconds
        with self.timed():
            texts = check_sentences(sample(self.n, seed))
            if len(texts) != self.n:
                raise PoiseError(f"the generator was asked for {self.n:,} sentences and made {len(texts):,}")
            made = Texts([self._encode(text) for text in texts], texts)
            values = self._values(made, self._train)
        self.last_seconds = self.seconds - start
        return values

    def _values(self, made: Texts, copied_from: Texts) -> dict[str, float]:
        sets = self._sets(made)
        found: dict[str, Estimate] = {}
        for metric in self._metrics:
            try:
                read = replace(sets, train=copied_from) if metric.copies else sets
                found |= metric.measure(read, self._seed)
            except PoiseError:  # such as no sample that is long enough: the others go on
                continue
        values: dict[str, float] = {}
        for name in (name for name in self._wanted if name in found):
            values |= _flat(name, found[name]) | {f"{name}.n": found[name].n, f"{name}.m": found[name].m}
        for extractor in self.extractors:
            values |= self._feature_values(extractor, made)
        return values

    def _sets(self, made: Texts) -> TextSets:
        return TextSets(made, self._heldout, self._others, self._vocabulary, self._units)

    def _feature_values(self, extractor: Extractor, made: Texts) -> dict[str, float]:
        real = made is self._drawn
        rows = self._real(extractor, made) if real else features(extractor, made.texts)
        if extractor.name not in self._kept:
            self._kept[extractor.name] = Features(self._real(extractor, self._heldout), "held-out features")
        sets = Compared(self._kept[extractor.name], Features(rows, "generated features"), None)
        share_pass(sets, self._by_features, self._seed)
        values = {f"{extractor.name}.n": float(len(rows)), f"{extractor.name}.m": float(self.m)}
        for metric in self._by_features:
            values |= _flat(f"{metric.name}-{extractor.name}", metric.estimate(sets, self._seed))
        return values

    def _real(self, extractor: Extractor, texts: Texts) -> NDArray[np.float32]:
        """Features of real sentences, kept in the cache by their content."""
        items = Sentences("real sentences", list(texts.texts))
        try:
            return kept_features(extractor, items, np.arange(len(items)))
        except PoiseError as error:  # a full disk only costs time
            self.missing.append(f"features of real sentences are not kept: {error}")
            return features(extractor, texts.texts)

    def _say(self, extractors: Sequence[Extractor] | None) -> None:
        """What is missing, in sentences; and the extractors."""
        if not self._able:
            self.missing.append(
                f"no scores: they need at least {2 * LEAST} training and {LEAST} held-out sentences, and there are "
                f"{len(self._train)} and {self.m}"
            )
            return
        try:
            self.extractors = [USE()] if extractors is None else list(extractors)
        except MissingFeatures as error:
            self.missing.append(str(error))


def _flat(name: str, found: Estimate) -> dict[str, float]:
    if not (math.isfinite(found.low) and math.isfinite(found.high)):  # of too few: nothing is known of how sure it is
        return {name: found.value}
    return {name: found.value, f"{name}.low": found.low, f"{name}.high": found.high}
