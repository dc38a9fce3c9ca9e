"""What a metric of an auto-encoder is; they are in `members`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from poise.metrics.core.metric import Metric
from poise.metrics.core.statistics import Estimate
from poise.metrics.latent.look import Looked


def has_density(looked: Looked) -> bool:
    """Whether q(z|x) has a density, as that of a deterministic encoder has not.

    Example:
        >>> has_density(Looked(*[None] * 6, dimensions=4, seed=0))  # no log variance
        False
    """
    return looked.stochastic


@dataclass(frozen=True)
class LatentMetric(Metric[Looked]):
    """One number about an auto-encoder, `function(looked)`; per extractor of the look, where it reads features.

    Attributes beside those of `Metric`: `gap`, whether held-out less training says how much was learnt by heart;
    `scores`, whether it is taken while training; `features`, whether it reads those; `each`, its values of single
    pictures [N], of a mean. `applies`, unless told otherwise, where q(z|x) has a density, as that of a deterministic
    encoder has not.

    Example:
        >>> from poise.metrics.core.metric import find_metrics
        >>> [metric.name for metric in find_metrics(LatentMetric) if not metric.scores]
        ['ELBO', 'aggregate KL', 'rFD']
    """

    reads, modality = "autoencoder", "image"

    applies: Callable[[Any], bool] = has_density
    gap: bool = False
    scores: bool = True
    features: bool = False
    each: Callable[[Looked], Tensor] | None = None

    def measure(self, read: Looked, seed: int = 0) -> dict[str, Estimate]:
        """As `Metric.measure`; the seed is that of the look."""
        found: dict[str, Estimate] = self.function(read)
        return found
