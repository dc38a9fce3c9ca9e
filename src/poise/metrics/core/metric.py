"""What a metric is: a name in the registry's family "metric", and a way from sets of features to an estimate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from poise.errors import PoiseError
from poise.metrics.core.sets import Compared
from poise.metrics.core.statistics import Estimate, Reads
from poise.registry import find, names, register

PAIRS = 10_000  # rows of each set that metrics over all pairs use at most
Measured = Callable[[Compared, int], Estimate]


@dataclass(frozen=True)
class Metric:
    """One number about generated features, with an interval.

    Attributes: `title`, one plain sentence; `better`, "low", "high", or "at" the value of a perfect generator;
    `needs_train`, whether it reads the training set; `least` rows that every set must have,
    and `least_per_feature` times as many as there are features; `largest` rows of a set
    that are used: above it as many are chosen by the seed, from the rows in their order, and the `n` and `m` of the
    estimate say so; None means all. `reads` says what it reads of the products of held-out and generated features, so
    that several metrics can share one pass.
    """

    name: str
    title: str
    better: str
    measured: Measured
    needs_train: bool = False
    least: int = 4
    least_per_feature: float = 0.0
    largest: int | None = PAIRS
    reads: Callable[[Compared, int], Reads] | None = None

    def needs(self, d: int) -> int:
        """Rows of each set without which it says nothing of d features."""
        return max(self.least, math.ceil(self.least_per_feature * d))

    def measure(self, compared: Compared, seed: int = 0) -> Estimate:
        """The estimate; the same sets and seed give the same numbers.

        Errors: `PoiseError` for fewer than `needs` rows, and for a missing training set where it is needed.
        """
        if self.needs_train and compared.train is None:
            raise PoiseError(f"{self.name} compares with the training set: give its features as well")
        sets = compared if self.needs_train else compared._replace(train=None)
        for part in (p for p in sets if p is not None):
            if len(part) < (needed := self.needs(part.d)):
                raise PoiseError(f"{self.name} needs at least {needed:,} rows of {part.what}, not {len(part):,}")
        return self.measured(sets.limited(self.largest, seed), seed)


def metric(name: str, title: str, better: str, **more: Any) -> Callable[[Measured], Metric]:
    """Decorator: a function of sets and seed becomes a `Metric`, registered under its name."""

    def enter(measured: Measured) -> Metric:
        return register("metric", name)(Metric(name, title, better, measured, **more))

    return enter


def find_metrics(wanted: Sequence[str] | None = None) -> list[Metric]:
    """The metrics of these names, or all; an unknown name is an error with the nearest one."""
    return [find("metric", name) for name in (names("metric") if wanted is None else wanted)]


def share_pass(compared: Compared, metrics: Sequence[Metric], seed: int = 0) -> None:
    """Read what several metrics want of the products of held-out and generated features in as few passes as possible.

    Afterwards `measure` of these metrics finds its answers kept. It changes no number.
    """
    for largest in dict.fromkeys(m.largest for m in metrics if m.reads):
        sets = compared.limited(largest, seed)
        wanted = [m.reads(sets, seed) for m in metrics if m.reads and m.largest == largest]
        sets.heldout.within(*(ask for reads in wanted for ask in reads.heldout))
        sets.made.within(*(ask for reads in wanted for ask in reads.made))
        sets.heldout.against(sets.made, *(ask for reads in wanted for ask in reads.between))
