"""Metrics of sets of features: generated against held-out ones, some with the training set beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from poise.errors import PoiseError
from poise.metrics.core.metric import Metric
from poise.metrics.core.sets import Compared
from poise.metrics.core.statistics import Estimate, Reads

PAIRS = 10_000  # rows of each set that metrics over all pairs use at most


@dataclass(frozen=True)
class FeatureMetric(Metric[Compared]):
    """One number about generated features; `function(compared, seed)` gives its estimate.

    Attributes beside those of `Metric`: `least_per_feature`, times as many rows every set must have as there are
    features; `asks` says what it reads of the products of held-out and generated features, so that several metrics can
    share one pass. Of a set larger than `largest` as many rows are chosen by the seed, from the rows in their order,
    and the `n` and `m` of the estimate say so.

    Example:
        >>> import numpy as np
        >>> from poise.metrics.core.sets import compare
        >>> def apart(sets, seed):
        ...     value = float((sets.made.moments.mean - sets.heldout.moments.mean).norm())
        ...     return Estimate(value, value, value, len(sets.made), len(sets.heldout))
        >>> metric = FeatureMetric("apart", "Distance of the means.", "lower", apart)
        >>> round(metric.estimate(compare(np.zeros((4, 2)), np.full((4, 2), 3.0))).value, 4)  # sqrt(3² + 3²)
        4.2426
    """

    reads = "features"

    largest: int | None = PAIRS
    least_per_feature: float = 0.0
    asks: Callable[[Compared, int], Reads] | None = None

    def needs(self, d: int) -> int:
        """Rows of each set without which it says nothing of d features."""
        return max(self.least, math.ceil(self.least_per_feature * d))

    def unfit(self, read: Compared) -> str | None:
        if self.needs_train and read.train is None:
            return "it compares with the training set, which was not given"
        sizes = [len(part) for part in read if part is not None]
        needed, d = self.needs(read.made.d), read.made.d
        if min(sizes if self.needs_train else sizes[:2]) < needed:
            return f"it needs {needed:,} rows of each set for {d:,} features, and the smallest has {min(sizes):,}"
        return None

    def estimate(self, compared: Compared, seed: int = 0) -> Estimate:
        """Its one number. Errors: `PoiseError` for fewer than `needs` rows, and without a training set it needs."""
        if self.needs_train and compared.train is None:
            raise PoiseError(f"{self.name} compares with the training set: give its features as well")
        sets = compared if self.needs_train else compared._replace(train=None)
        for part in (p for p in sets if p is not None):
            if len(part) < (needed := self.needs(part.d)):
                raise PoiseError(f"{self.name} needs at least {needed:,} rows of {part.what}, not {len(part):,}")
        found: Estimate = self.function(sets.limited(self.largest, seed), seed)
        return found

    def measure(self, read: Compared, seed: int = 0) -> dict[str, Estimate]:
        return {self.name: self.estimate(read, seed)}


def share_pass(compared: Compared, metrics: Sequence[FeatureMetric], seed: int = 0) -> None:
    """Read what several metrics want of the products of held-out and generated features in as few passes as possible.

    Afterwards `measure` of these metrics finds its answers kept. It changes no number.

    Example:
        >>> import numpy as np
        >>> from poise.metrics import compare, find_metrics
        >>> sets, metrics = compare(np.eye(4), 2 * np.eye(4)), find_metrics(FeatureMetric, ["KID", "MMD"])
        >>> share_pass(sets, metrics)
        >>> metrics[0].estimate(sets) == metrics[0].estimate(compare(np.eye(4), 2 * np.eye(4)))
        True
    """
    for largest in dict.fromkeys(m.largest for m in metrics if m.asks):
        sets = compared.limited(largest, seed)
        wanted = [m.asks(sets, seed) for m in metrics if m.asks and m.largest == largest]
        sets.heldout.within(*(ask for reads in wanted for ask in reads.heldout))
        sets.made.within(*(ask for reads in wanted for ask in reads.made))
        sets.heldout.against(sets.made, *(ask for reads in wanted for ask in reads.between))
