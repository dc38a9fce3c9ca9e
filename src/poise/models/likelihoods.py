"""Likelihoods p(x|z) of pictures: what a decoder's raw output [B,C,H,W] says about pixels in [−1, 1].

Each is an `nn.Module` with `nll(raw, x)`, −log p(x|z) in nats, SUMMED over pixels and channels with all constants:
[B] (the mean over the batch is the term's), and `picture(raw)`, the mean of p(x|z) in [−1, 1]. Names in the registry
(family "likelihood"): `gaussian` and `bernoulli`. A builder takes `sigma`: a number, "learned" or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.errors import PoiseError
from poise.registry import register

FLOOR = 1 / 255  # half a grey level where levels are 2/255 apart
FIRST = 0.5  # a learned σ begins here
HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


@register("likelihood", "gaussian")
class GaussianLikelihood(nn.Module):
    """N(x; squash(raw), σ²) on every pixel alone:

        −log p(x|z) = Σ_pixels [ (x − squash(raw))²/(2σ²) + log σ + ½ log 2π ]

    A density of pixels in [−1, 1], not a probability: it may be negative. σ is a number, or "learned": one for all
    pixels (σ-VAE, Rybkin et al. 2021), with which the balance of reconstruction and KL needs no tuning; at the
    optimum σ² is the mean squared error. Pixels come in 256 levels, so where pictures can be fitted exactly (a flat
    background) a continuous density is unbounded as σ falls: log σ = log f + softplus(s − log f), s the parameter,
    keeps σ above f = 1/255, half a grey level.

    Args:
        sigma: above 0, or "learned" (also for None).
        squash: raw -> mean; tanh for pixels.
    """

    spread = True  # it has a σ

    def __init__(self, sigma: float | str | None = "learned", squash: Callable[[Tensor], Tensor] = torch.tanh) -> None:
        super().__init__()
        self.squash, self.fixed, self.free = squash, 0.0, None
        if sigma is None or sigma == "learned":
            self.free = nn.Parameter(torch.tensor(math.log(FLOOR) + _softplus_inverse(math.log(FIRST / FLOOR))))
            return
        try:
            number = float(sigma)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise PoiseError(f"--sigma must be a number above 0, learned or auto, not {sigma}")
        self.fixed = math.log(number)

    @property
    def log_sigma(self) -> Tensor | float:
        return self.fixed if self.free is None else math.log(FLOOR) + F.softplus(self.free - math.log(FLOOR))

    @property
    def sigma(self) -> float:
        found = self.log_sigma
        return math.exp(found.item() if isinstance(found, Tensor) else found)

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        log_sigma = self.log_sigma
        scale = log_sigma.exp() if isinstance(log_sigma, Tensor) else math.exp(log_sigma)
        away = _wide(x) - self.squash(_wide(raw))
        return 0.5 * (away / scale).square().flatten(1).sum(1) + x[0].numel() * (log_sigma + HALF_LOG_TAU)

    def picture(self, raw: Tensor) -> Tensor:
        return self.squash(raw)


@register("likelihood", "bernoulli")
class BernoulliLikelihood(nn.Module):
    """Pixels that are black or white, white with probability p = (1 + tanh(raw))/2 = sigmoid(2·raw):

        −log p(x|z) = Σ_pixels [ −t log p − (1 − t) log(1 − p) ],   t = (x + 1)/2

    A likelihood only for t in {0, 1}. For grey pixels this is a cross-entropy whose constant is missing (Loaiza-Ganem
    & Cunningham 2019): fine as a loss, and no number of nats to compare with another model's.
    """

    spread = False

    def __init__(self, sigma: float | str | None = None) -> None:
        super().__init__()
        if sigma is not None:
            raise PoiseError(
                f"--sigma {sigma} does nothing for --likelihood bernoulli, which has no spread: leave it out"
            )

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        target = 0.5 * (_wide(x) + 1)
        return F.binary_cross_entropy_with_logits(2 * _wide(raw), target, reduction="none").flatten(1).sum(1)

    def picture(self, raw: Tensor) -> Tensor:
        return torch.tanh(raw)


def _wide(x: Tensor) -> Tensor:
    """A sum over thousands of pixels is taken in single precision at least."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _softplus_inverse(y: float) -> float:
    return y + math.log(-math.expm1(-y))
