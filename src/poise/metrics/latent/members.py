"""Metrics of an auto-encoder: what is told of it by one look at pictures (`look`).

In nats per picture where nothing else is said. The interval of a mean is Student's over the pictures, for these weights
and draws of z. NLLs and bits of two models can be compared where both have the same kind of likelihood: a density of
pixels and a probability of grey levels are two things.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from poise.direction import Direction
from poise.intervals import mean_interval
from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.metric import always, find_metrics
from poise.metrics.core.sets import compare
from poise.metrics.core.statistics import Estimate
from poise.metrics.latent.look import ACTIVE, Looked
from poise.metrics.latent.metric import LatentMetric

RESAMPLES = 200  # of the bootstrap over pictures


def mean_of(
    name: str, title: str, better: Direction, **more: Any
) -> Callable[[Callable[[Looked], Tensor]], Callable[[Looked], Tensor]]:
    """Decorator: values of single pictures [N] become a metric, their mean with its interval."""

    def enter(each: Callable[[Looked], Tensor]) -> Callable[[Looked], Tensor]:
        def measure(looked: Looked) -> dict[str, Estimate]:
            values = each(looked).numpy()
            return {name: Estimate(*mean_interval(values), len(values), len(values))}

        LatentMetric.define(name, title, better, each=each, **more)(measure)
        return each

    return enter


@mean_of(
    "NLL",
    "Nats per picture, -log p(x), by importance sampling: an upper bound on average, lower with more samples.",
    "lower",
    gap=True,
)
def nll(looked: Looked) -> Tensor:
    """`Looked.nll`: Burda, Grosse & Salakhutdinov (2016), eq. 8, with K = `looked.samples`.

    Example:
        >>> import torch, types
        >>> nll(types.SimpleNamespace(nll=torch.tensor([3.0, 5.0]))).tolist()
        [3.0, 5.0]
    """
    return looked.nll


@mean_of(
    "bits per dimension",
    "NLL / (C·H·W·ln 2); below 0 where a density of pixels in [-1, 1] is above 1.",
    "lower",
)
def bits(looked: Looked) -> Tensor:
    """NLL / (C·H·W·ln 2) of each picture.

    Example:
        >>> import torch, types
        >>> bits(types.SimpleNamespace(nll=torch.tensor([4 * math.log(2)]), dimensions=4)).tolist()
        [1.0]
    """
    return looked.nll / (looked.dimensions * math.log(2))


@mean_of("ELBO", "The evidence lower bound, -(rate + distortion), without any weight.", "higher", scores=False)
def elbo(looked: Looked) -> Tensor:
    """E_q[log p(x|z)] - KL(q(z|x) || p(z)) (Kingma & Welling 2014); the KL in closed form.

    Example:
        >>> import torch, types
        >>> elbo(types.SimpleNamespace(kl=torch.tensor([[0.5, 1.0]]), distortion=torch.tensor([3.0]))).tolist()
        [-4.5]
    """
    return -(looked.kl.sum(1) + looked.distortion)


@mean_of("rate", "Mean KL of the posterior to the prior: nats that the latents tell of a picture.", "none")
def rate(looked: Looked) -> Tensor:
    """E_x KL(q(z|x) || N(0, I)) (Alemi et al. 2018).

    Example:
        >>> import torch, types
        >>> rate(types.SimpleNamespace(kl=torch.tensor([[0.5, 1.0]]))).tolist()
        [1.5]
    """
    return looked.kl.sum(1)


@mean_of(
    "distortion", "Mean -log p(x|z), z from the encoder: nats that the latents leave open.", "lower", applies=always
)
def distortion(looked: Looked) -> Tensor:
    """E_q[-log p(x|z)] of each picture: `Looked.distortion`.

    Example:
        >>> import torch, types
        >>> distortion(types.SimpleNamespace(distortion=torch.tensor([3.0]))).tolist()
        [3.0]
    """
    return looked.distortion


@LatentMetric.define(
    "active units", f"Latent units whose posterior mean varies by more than {ACTIVE} over pictures.", "none"
)
def active_units(looked: Looked) -> dict[str, Estimate]:
    """Units with Var_x(E_q[z|x]) > 0.01 (Burda et al. 2016). The interval is the 2.5 and 97.5 percentiles over 200
    resamples of the pictures, the value inside.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0, 0.5], [-1.0, 0.5]]).double()
        >>> active_units.measure(Looked(x, 0 * x, x, x, x, x, dimensions=4, seed=0))["active units"].value  # of two
        1.0
    """
    n, value = len(looked), float(looked.active.sum())
    draw = np.random.default_rng((looked.seed, n)).multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
    mean = looked.mean.numpy() - looked.mean.mean(0).numpy()
    variance = (draw @ mean**2 - (draw @ mean) ** 2) * n / (n - 1)
    low, high = np.percentile((variance > ACTIVE).sum(1), [2.5, 97.5])
    return {"active units": Estimate(value, min(float(low), value), max(float(high), value), n, n)}


@mean_of(
    "mutual information", "Nats that z and the picture share, I_q(x;z): at most the rate, and at most log N.", "none"
)
def mutual_information(looked: Looked) -> Tensor:
    """I_q(x;z) = E KL(q(z|x) || p) - KL(q(z) || p) = E[log q(z|x) - log q(z)] (Hoffman & Johnson 2016).

    q(z) = 1/N sum_j q(z|x_j) over the N pictures of the look, by the first 4 draws of each. As that mixture has each
    picture's own posterior in it, the estimate is at most log N and on average too low (van den Oord et al. 2018):
    near log N it only says "at least so much".

    Example:
        >>> import torch, types
        >>> mutual_information(types.SimpleNamespace(information=torch.tensor([0.5]))).tolist()
        [0.5]
    """
    return looked.information


@mean_of(
    "aggregate KL",
    "KL of the aggregate posterior to the prior: how far codes are from the noise that samples are made of.",
    "lower",
    scores=False,
)
def aggregate(looked: Looked) -> Tensor:
    """KL(q(z) || p(z)) = rate - I_q(x;z), so too high where the mutual information is too low.

    Example:
        >>> import torch, types
        >>> aggregate(types.SimpleNamespace(kl=torch.tensor([[0.5, 1.0]]), information=torch.tensor([0.5]))).tolist()
        [1.0]
    """
    return looked.kl.sum(1) - looked.information


@mean_of(
    "squared error",
    "Mean squared error of a pixel, pictures in [-1, 1], reconstructed from the posterior mean.",
    "lower",
    applies=always,
)
def squared_error(looked: Looked) -> Tensor:
    """Mean over the pixels of each picture: `Looked.errors`.

    Example:
        >>> import torch, types
        >>> squared_error(types.SimpleNamespace(errors=torch.tensor([0.25]))).tolist()
        [0.25]
    """
    return looked.errors


@LatentMetric.define(
    "rFD",
    "Fréchet distance between pictures and their reconstructions; 0 for perfect ones, says nothing of samples.",
    "lower",
    applies=always,
    scores=False,
    features=True,
)
def reconstruction_distance(looked: Looked) -> dict[str, Estimate]:
    """FD of the features of pictures and of what is made of the same pictures (from the posterior mean).

    The interval is that of FD for independent sets, wider than it need be, as each reconstruction goes with a picture.

    Example:
        >>> import types
        >>> looked = types.SimpleNamespace(features={"EffLite0@64": (np.zeros((8, 1)), np.ones((8, 1)))}, seed=0)
        >>> reconstruction_distance.measure(looked)["rFD-EffLite0"].value  # 1²
        1.0
    """
    (fd,) = find_metrics(FeatureMetric, ["FD"])
    return {
        f"rFD-{name.partition('@')[0]}": fd.estimate(compare(real, made), looked.seed)
        for name, (real, made) in looked.features.items()
    }
