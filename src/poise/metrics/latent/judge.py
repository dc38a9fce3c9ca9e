"""Scores of an auto-encoder on pictures that it was not trained on, for a run that is training.

found = heldout_scores(model, pictures, seed=0)    # {"NLL": 98.2, "NLL.low": 96.9, ...}

What they are of: `poise.metrics.latent.look`; each by itself: `poise.metrics.latent.members`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from poise.metrics.core.metric import find_metrics
from poise.metrics.latent.look import SAMPLES, Looked, look
from poise.metrics.latent.metric import LatentMetric

if TYPE_CHECKING:
    from poise.models.vae import AutoEncoder

__all__ = ["SAMPLES", "Looked", "heldout_scores", "look"]


def _chosen(x: Any, most: int, seed: int) -> Any:
    """At most so many pictures, by the seed, in their order."""
    if len(x) <= most:
        return x
    rows = np.sort(np.random.default_rng((seed, len(x))).permutation(len(x))[:most])
    return x[torch.from_numpy(rows)]


def heldout_scores(
    model: AutoEncoder, x: Tensor, seed: int, samples: int = SAMPLES, most: int = 500
) -> dict[str, float]:
    """Scores of at most `most` held-out pictures, for a run that is training.

    Args: x, uint8 [N,C,H,W] or floats in [-1, 1]; `samples` of z for each picture (the K of the NLL). A pure function
    of the weights, the pictures and the seed.

    Keys, in nats per picture: "NLL" with "NLL.low" and "NLL.high" (95 %, over the pictures), "rate", "distortion",
    "mutual information"; also "bits per dimension", "active units" and "squared error" (per pixel, pictures in
    [-1, 1]). A deterministic encoder has "distortion" and "squared error" alone.

    Example:
        >>> from poise.models.likelihoods import GaussianLikelihood
        >>> from poise.models.vae import AutoEncoder
        >>> encoder, decoder = torch.nn.Flatten(), torch.nn.Unflatten(1, (1, 2, 2))  # each of the 4 pixels is a latent
        >>> likelihood = GaussianLikelihood(1.0, squash=torch.nn.Identity())
        >>> found = heldout_scores(AutoEncoder(encoder, decoder, likelihood, 4, True), torch.zeros(3, 1, 2, 2), seed=0)
        >>> {name: round(value, 3) for name, value in found.items()}
        {'distortion': 3.676, 'squared error': 0.0}
    """
    looked = look(model, _chosen(x, most, seed), seed, samples)
    found: dict[str, float] = {}
    for member in find_metrics(LatentMetric):
        if member.scores and member.applies(looked):
            for name, estimate in member.measure(looked).items():
                found[name] = estimate.value
                if name == "NLL":
                    found |= {"NLL.low": estimate.low, "NLL.high": estimate.high}
    return found
