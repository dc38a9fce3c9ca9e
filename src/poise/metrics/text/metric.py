"""Metrics of sentences, in `members` and `verse`: unlike those of features they see the order of the units."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from poise.errors import PoiseError
from poise.intervals import Z95
from poise.metrics.core.memory import Memory
from poise.metrics.core.metric import Metric
from poise.metrics.core.statistics import Estimate, Floats
from poise.metrics.text.grams import Sentence, check_ids, flat

GROUPS = 20  # of the delete-a-group jackknife


@dataclass(frozen=True, eq=False)
class Texts(Memory):
    """Sentences, each as ids (without the end) and as text.

    `exact`: ids that tell also units outside the vocabulary apart, from V on, where some are; what is about verbatim
    units reads `verbatim`, that is these, or else `ids`. `keep(key, make)` holds what is computed of them.

    Example:
        >>> texts = Texts([[3], [2, 3]], ["cat", "the cat"])
        >>> len(texts), texts.ordered().texts, len(texts.at_most(1, seed=0))
        (2, ['the cat', 'cat'], 1)
    """

    ids: Sequence[Sentence]
    texts: Sequence[str]
    exact: Sequence[Sentence] | None = None

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.texts):
            raise PoiseError(f"{len(self.ids):,} sentences of ids come with {len(self.texts):,} texts: give one each")

    @property
    def verbatim(self) -> Sequence[Sentence]:
        return self.ids if self.exact is None else self.exact

    def __len__(self) -> int:
        return len(self.ids)

    def pick(self, rows: Sequence[int] | np.ndarray) -> Texts:
        chosen = [int(row) for row in rows]
        exact = None if self.exact is None else [self.exact[i] for i in chosen]
        return Texts([self.ids[i] for i in chosen], [self.texts[i] for i in chosen], exact)

    def ordered(self) -> Texts:
        """The same sentences sorted, so that nothing depends on how they arrived."""

        def make() -> Texts:
            keys = [(np.asarray(s, np.int64).tolist(), text) for s, text in zip(self.ids, self.texts, strict=True)]
            return self.pick(sorted(range(len(keys)), key=keys.__getitem__))

        found: Texts = self.keep("ordered", make)
        return found

    def at_most(self, count: int | None, seed: int) -> Texts:
        """`count` of them drawn by the seed from their sorted order; all, sorted, where there are no more."""
        whole = self.ordered()
        if count is None or len(whole) <= count:
            return whole

        def make() -> Texts:
            return whole.pick(np.sort(np.random.default_rng((seed, len(whole), count)).permutation(len(whole))[:count]))

        found: Texts = self.keep((count, seed), make)
        return found


@dataclass(frozen=True, eq=False)
class TextSets:
    """Generated, held-out and training sentences in one vocabulary of V ids, and what its units are called.

    Example:
        >>> made = Texts([[2, 3]] * 4, ["the cat"] * 4)
        >>> TextSets(made, heldout=made, train=None, vocabulary=4).units
        'words'
        >>> TextSets(made, heldout=made, train=None, vocabulary=3)
        Traceback (most recent call last):
            ...
        poise.errors.PoiseError: samples hold the id 3: with a vocabulary of 3 ids go from 1 to 2, and 0 (the end)
            is left out
    """

    samples: Texts
    heldout: Texts
    train: Texts | None
    vocabulary: int
    units: str = "words"

    def __post_init__(self) -> None:
        for part, what in (
            (self.samples, "samples"),
            (self.heldout, "held-out sentences"),
            (self.train, "training sentences"),
        ):
            if part is not None:
                part.keep(("checked", self.vocabulary), partial(self._check, part, what))

    def _check(self, part: Texts, what: str) -> None:
        check_ids(flat(part.ids), self.vocabulary, what)


@dataclass(frozen=True)
class TextMetric(Metric[TextSets]):
    """One or several numbers about generated sentences; `function(sets, seed)` gives name -> estimate.

    Attributes beside those of `Metric`: `copies`, whether it looks for copies of training sentences, and so wants all
    of them. No more than `largest` samples and held-out sentences are used, drawn by the seed, because the numbers
    depend on how many there are; `applies` says whether the real sentences are of the form that it is about.

    Example:
        >>> from poise.metrics.core.metric import find_metrics
        >>> (metric,) = find_metrics(TextMetric, ["distinct"])
        >>> texts = Texts([[2, 3]] * 4, ["the cat"] * 4)
        >>> metric.measure(TextSets(texts, texts, None, vocabulary=4))["distinct sentences"].value
        0.25
    """

    reads, modality = "sentences", "text"

    largest: int | None = 10_000
    copies: bool = False

    def unfit(self, read: TextSets) -> str | None:
        alone = self.needs_train and read.train is None
        return "it compares with the training sentences, which were not given" if alone else None

    def measure(self, read: TextSets, seed: int = 0) -> dict[str, Estimate]:
        """As `Metric.measure`; the numbers do not depend on the order of the sentences."""
        if self.needs_train and read.train is None:
            raise PoiseError(f"{self.name} compares with the training sentences: give them as well")
        used = {"samples": read.samples, "held-out sentences": read.heldout}
        if self.needs_train and read.train is not None:
            used["training sentences"] = read.train
        for what, part in used.items():
            if len(part) < self.least:
                raise PoiseError(f"{self.name} needs at least {self.least} {what}, not {len(part)}")
        samples, heldout = (part.at_most(self.largest, seed) for part in (read.samples, read.heldout))
        train = None if read.train is None else read.train.ordered()
        found: dict[str, Estimate] = self.function(replace(read, samples=samples, heldout=heldout, train=train), seed)
        return found


def group_jackknife(statistic: Callable[[np.ndarray], float], n: int, seed: int) -> float:
    """Variance (G-1)/G sum (t_g - mean)^2 of a statistic of n sentences by leaving out one of G = 20 groups at a time.

    `statistic(rows)` is called G times with ascending rows; groups are drawn by the seed, fewer where n is smaller.

    Example:
        >>> values = np.array([1.0, 2.0, 3.0, 4.0])
        >>> round(group_jackknife(lambda rows: values[rows].mean(), 4, seed=0), 4)  # that of the mean: 5/3 / 4
        0.4167
    """
    groups = np.array_split(np.random.default_rng((seed, n)).permutation(n), min(GROUPS, n))
    found = np.array([statistic(np.setdiff1d(np.arange(n), group)) for group in groups])
    return (len(groups) - 1) / len(groups) * float(np.square(found - found.mean()).sum())


def variance_of_mean(values: Floats) -> float:
    """Of n independent values; it is also their delete-one jackknife. Nothing is known of it where n is 1: inf.

    Example:
        >>> round(variance_of_mean(np.array([1.0, 2.0, 3.0, 4.0])), 4)  # 5/3 / 4
        0.4167
    """
    return float(np.var(values, ddof=1)) / len(values) if len(values) > 1 else math.inf


def around(value: float, variance: float, n: int, m: int, most: float = 1.0) -> Estimate:
    """value +- 1.96 standard errors, cut to [0, most].

    Example:
        >>> found = around(0.9, variance=0.01, n=10, m=0)
        >>> round(found.low, 3), found.high  # 0.9 ± 1.96·0.1, at most 1
        (0.704, 1.0)
    """
    half = Z95 * math.sqrt(max(variance, 0.0))
    return Estimate(value, max(value - half, min(0.0, value)), min(value + half, max(most, value)), n, m)
