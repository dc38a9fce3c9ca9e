"""A generator's scores beside those of a perfect generator and of one that plays its training set back.

e = evaluate("my GAN", made, heldout, train)     # features of one extractor: arrays or memory maps [N,d]
for row in e.rows:
    print(row.metric, row.made, row.perfect, row.copied)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.core.feature_metric import PAIRS, FeatureMetric, share_pass
from poise.metrics.core.metric import find_metrics, fitting, row_of
from poise.metrics.core.rows import Note, ScoreRow, StandIns
from poise.metrics.core.sets import Compared, Features, compare
from poise.metrics.core.statistics import Estimate, frechet_bias

LEAST = 20  # held-out rows
Progress = Callable[[int, int], object]  # done, total


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found. `n` generated rows against `m` reference rows, in all three comparisons.

    Example:
        >>> made, heldout = np.ones((40, 2)), np.random.default_rng(0).normal(size=(80, 2))
        >>> found = evaluate("ones", made, heldout, metrics=["KID"])
        >>> found.notes
        ['What copying would score is left out: the training set was not given.']
    """

    name: str
    n: int
    m: int
    d: int
    train: int | None  # rows of the training set
    seed: int
    rows: list[ScoreRow] = field(default_factory=list)
    remarks: list[Note] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """The remarks as sentences: what was left out and why, and what to keep in mind when reading the numbers."""
        return [str(note) for note in self.remarks]

    def remark(self, sentence: str) -> None:
        self.remarks.append(Note(sentence))

    def to_dict(self) -> dict[str, object]:
        """Plain dictionaries, lists, numbers and strings, for JSON."""
        sizes = {"name": self.name, "n": self.n, "m": self.m, "d": self.d, "train": self.train, "seed": self.seed}
        return {**sizes, "rows": [row.to_dict() for row in self.rows], "notes": self.notes}


def evaluate(
    name: str,
    made: NDArray[Any],
    heldout: NDArray[Any],
    train: NDArray[Any] | None = None,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a generator on features [N,d] of generated, held-out and training data, all of one extractor.

    Every metric is taken three times with the same reference and the same number n of rows in the generator's place:
    generated rows; fresh held-out rows, what a perfect generator would score; training rows, what copying would score.
    n is the smaller of the number of generated rows and half of the held-out ones; the m other held-out rows are the
    reference. Metrics over all pairs of rows use at most 10,000 of each set (FLD and C2ST 5,000, FD_inf 50,000, FD
    all); `n` and `m` of each estimate say what was used. Rows are chosen by the seed from the rows in their order.

    Args: name, for the report; metrics, names of metrics of features, default all; progress(done, total) is called
    with how many of the measurements are done.

    Memory: moments are streamed, the rest works on the rows just named, so memory maps of any length will do; for
    200,000 x 1,280 it stays below 2 GB beside the inputs.

    Errors: `PoiseError` for features that do not fit together or are not finite, fewer than 20 held-out rows, and
    unknown names.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> made, heldout = draw.normal(3.0, 1.0, (100, 2)), draw.normal(0.0, 1.0, (200, 2))
        >>> found = evaluate("shifted", made, heldout, metrics=["KID", "precision"])
        >>> [(row.metric, row.differs) for row in found.rows], found.n, found.m
        ([('KID', True), ('precision', True)], 100, 100)
    """
    chosen = find_metrics(FeatureMetric, metrics)
    sets = compare(heldout, made, train)
    if len(heldout) < LEAST:
        raise PoiseError(f"an evaluation needs at least {LEAST} held-out rows, not {len(heldout)}")
    places = _places(sets, seed)
    reference, n = places.reference, len(places.made)
    standing = places.by_name()
    known = None if sets.train is None else len(sets.train)
    result = Evaluation(name, n, len(reference), sets.made.d, known, seed)
    chosen, left_out = fitting(chosen, Compared(reference, places.made, sets.train))
    result.remarks.extend(left_out)
    _remarks(chosen, result)
    found: dict[str, dict[str, Estimate]] = {}
    taken, steps = 0, len(standing) * len(chosen)
    tell = progress or (lambda done, total: None)
    for place, rows in standing.items():
        tell(taken, steps)
        compared, found[place] = Compared(reference, rows, sets.train), {}
        share_pass(compared, chosen, seed)
        for metric in chosen:
            try:
                found[place][metric.name] = metric.estimate(compared, seed)
            except PoiseError as error:  # it refuses these rows
                result.remarks.append(Note(f"{error}.", f"{metric.name} ({place})"))
            taken += 1
            tell(taken, steps)
    if any(metric.name == "FD" for metric in chosen):
        result.remark(_bias(reference, n))
    for metric in chosen:
        of = {place: values.get(metric.name) for place, values in found.items()}
        row = row_of(metric, metric.name, of)
        if row is not None:
            result.rows.append(row)
    return result


def _places(sets: Compared, seed: int) -> StandIns[Features]:
    """The reference, and what stands in the generator's place."""
    draw = np.random.default_rng((seed, 0x5EED))
    n = min(len(sets.made), len(sets.heldout) // 2)
    order = draw.permutation(len(sets.heldout))
    reference, perfect = sets.heldout.pick(np.sort(order[n:])), sets.heldout.pick(np.sort(order[:n]))
    made = sets.made.pick(np.sort(draw.permutation(len(sets.made))[:n]))
    if sets.train is None:
        return StandIns(reference, made, perfect)
    size = len(sets.train)
    played = draw.permutation(size)[:n] if size >= n else draw.integers(0, size, n)
    return StandIns(reference, made, perfect, sets.train.pick(np.sort(played)))


def _remarks(metrics: Sequence[FeatureMetric], result: Evaluation) -> None:
    """Sentences that belong to the numbers."""
    names, n, m, d = [x.name for x in metrics], result.n, result.m, result.d
    if result.train is None:
        result.remark("What copying would score is left out: the training set was not given.")
    elif result.train < n:
        result.remark(f"Copying is {n:,} draws with replacement, as the training set has {result.train:,} rows.")
    if "FD" in names and min(n, m) < 2 * d:
        result.remark(f"{min(n, m):,} rows are fewer than twice the {d:,} features: FD says little, look at KID.")
    if "FD_inf" in names and min(n, m) < 20 * d:
        result.remark(f"FD_inf needs about {20 * d:,} rows for {d:,} features; with fewer it tends to be too high.")
    if any(x.largest and max(n, m, (result.train or 0) * x.needs_train) > x.largest for x in metrics):
        result.remark("Some metrics use fewer rows, chosen by the seed: n and m of each estimate say how many.")
    seen = min(m, PAIRS)
    if "copying" in names and result.train is not None and result.train > seen:
        result.remark(
            f"copying sees {seen:,} of the {result.train:,} training rows, as many as there are reference rows: "
            f"playing them all back gives about {0.5 + 0.5 * seen / result.train:.2f}, not 1."
        )


def _bias(reference: Features, n: int) -> str:
    """How large FD is at these sizes where there is nothing to find."""
    m, d = len(reference), reference.d
    if min(n, m) <= d:
        return (
            f"FD is biased upwards at {n:,} and {m:,} rows of {d:,} features: compare it with the perfect generator's."
        )
    bias = frechet_bias(np.linalg.svd(reference.moments.root.numpy(), compute_uv=False) ** 2, n, m)
    return f"FD: of two sets of {n:,} and {m:,} real rows it would be about {bias:.3g}, by its small-sample bias alone."
