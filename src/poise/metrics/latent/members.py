"""The family "latent metric": what is told of an auto-encoder by one look at pictures (`latent_look`).

In nats per picture where nothing else is said. The interval of a mean is Student's over the pictures, for these weights
and draws of z. NLLs and bits of two models can be compared where both have the same kind of likelihood: a density of
pixels and a probability of grey levels are two things.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from poise.intervals import mean_interval
from poise.metrics.core.metric import find_metrics
from poise.metrics.core.sets import compare
from poise.metrics.core.statistics import Estimate
from poise.metrics.latent.look import ACTIVE, Looked
from poise.registry import find, names, register

RESAMPLES = 200  # of the bootstrap over pictures
Measure = Callable[[Looked], dict[str, Estimate]]


@dataclass(frozen=True)
class LatentMetric:
    """One number about an auto-encoder; per extractor of the look, where it reads features.

    Attributes: `title`, one plain sentence; `better`, "low", "high" or "" where neither is; `density`, whether it reads
    the density of q(z|x), which a deterministic encoder does not have; `gap`, whether held-out less training says how
    much was learnt by heart; `scores`, whether it is taken while training; `features`, whether it reads those.
    """

    name: str
    title: str
    better: str
    measure: Measure
    density: bool = True
    gap: bool = False
    scores: bool = True
    features: bool = False
    each: Callable[[Looked], Tensor] | None = None  # its values of single pictures [N], of a mean

    def defined(self, looked: Looked) -> bool:
        return looked.stochastic or not self.density


def find_latent_metrics(wanted: Sequence[str] | None = None) -> list[LatentMetric]:
    """The metrics of these names, or all; an unknown name is an error with the nearest one."""
    return [find("latent metric", name) for name in (names("latent metric") if wanted is None else wanted)]


def latent_metric(name: str, title: str, better: str, **more: Any) -> Callable[[Measure], LatentMetric]:
    """Decorator: a function of a look becomes a `LatentMetric`, registered under its name."""

    def enter(measure: Measure) -> LatentMetric:
        return register("latent metric", name)(LatentMetric(name, title, better, measure, **more))

    return enter


def mean_of(
    name: str, title: str, better: str, **more: Any
) -> Callable[[Callable[[Looked], Tensor]], Callable[[Looked], Tensor]]:
    """Decorator: values of single pictures [N] become a metric, their mean with its interval."""

    def enter(each: Callable[[Looked], Tensor]) -> Callable[[Looked], Tensor]:
        def measure(looked: Looked) -> dict[str, Estimate]:
            values = each(looked).numpy()
            return {name: Estimate(*mean_interval(values), len(values), len(values))}

        latent_metric(name, title, better, each=each, **more)(measure)
        return each

    return enter


@mean_of(
    "NLL",
    "Nats per picture, -log p(x), by importance sampling: an upper bound on average, lower with more samples.",
    "low",
    gap=True,
)
def nll(looked: Looked) -> Tensor:
    """`Looked.nll`: Burda, Grosse & Salakhutdinov (2016), eq. 8, with K = `looked.samples`."""
    return looked.nll


@mean_of(
    "bits per dimension",
    "NLL / (C·H·W·ln 2); below 0 where a density of pixels in [-1, 1] is above 1.",
    "low",
)
def bits(looked: Looked) -> Tensor:
    return looked.nll / (looked.dimensions * math.log(2))


@mean_of("ELBO", "The evidence lower bound, -(rate + distortion), without any weight.", "high", scores=False)
def elbo(looked: Looked) -> Tensor:
    """E_q[log p(x|z)] - KL(q(z|x) || p(z)) (Kingma & Welling 2014); the KL in closed form."""
    return -(looked.kl.sum(1) + looked.distortion)


@mean_of("rate", "Mean KL of the posterior to the prior: nats that the latents tell of a picture.", "")
def rate(looked: Looked) -> Tensor:
    """E_x KL(q(z|x) || N(0, I)) (Alemi et al. 2018)."""
    return looked.kl.sum(1)


@mean_of("distortion", "Mean -log p(x|z), z from the encoder: nats that the latents leave open.", "low", density=False)
def distortion(looked: Looked) -> Tensor:
    return looked.distortion


@latent_metric("active units", f"Latent units whose posterior mean varies by more than {ACTIVE} over pictures.", "")
def active_units(looked: Looked) -> dict[str, Estimate]:
    """Units with Var_x(E_q[z|x]) > 0.01 (Burda et al. 2016). The interval is the 2.5 and 97.5 percentiles over 200
    resamples of the pictures, the value inside."""
    n, value = len(looked), float(looked.active.sum())
    draw = np.random.default_rng((looked.seed, n)).multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
    mean = looked.mean.numpy() - looked.mean.mean(0).numpy()
    variance = (draw @ mean**2 - (draw @ mean) ** 2) * n / (n - 1)
    low, high = np.percentile((variance > ACTIVE).sum(1), [2.5, 97.5])
    return {"active units": Estimate(value, min(float(low), value), max(float(high), value), n, n)}


@mean_of("mutual information", "Nats that z and the picture share, I_q(x;z): at most the rate, and at most log N.", "")
def mutual_information(looked: Looked) -> Tensor:
    """I_q(x;z) = E KL(q(z|x) || p) - KL(q(z) || p) = E[log q(z|x) - log q(z)] (Hoffman & Johnson 2016).

    q(z) = 1/N sum_j q(z|x_j) over the N pictures of the look, by the first 4 draws of each. As that mixture has each
    picture's own posterior in it, the estimate is at most log N and on average too low (van den Oord et al. 2018):
    near log N it only says "at least so much".
    """
    return looked.information


@mean_of(
    "aggregate KL",
    "KL of the aggregate posterior to the prior: how far codes are from the noise that samples are made of.",
    "low",
    scores=False,
)
def aggregate(looked: Looked) -> Tensor:
    """KL(q(z) || p(z)) = rate - I_q(x;z), so too high where the mutual information is too low."""
    return looked.kl.sum(1) - looked.information


@mean_of(
    "squared error",
    "Mean squared error of a pixel, pictures in [-1, 1], reconstructed from the posterior mean.",
    "low",
    density=False,
)
def squared_error(looked: Looked) -> Tensor:
    return looked.errors


@latent_metric(
    "rFD",
    "Fréchet distance between pictures and their reconstructions; 0 for perfect ones, says nothing of samples.",
    "low",
    density=False,
    scores=False,
    features=True,
)
def reconstruction_distance(looked: Looked) -> dict[str, Estimate]:
    """FD of the features of pictures and of what is made of the same pictures (from the posterior mean).

    The interval is that of FD for independent sets, wider than it need be, as each reconstruction goes with a picture.
    """
    (fd,) = find_metrics(["FD"])
    return {
        f"rFD-{name.partition('@')[0]}": fd.measure(compare(real, made), looked.seed)
        for name, (real, made) in looked.features.items()
    }
