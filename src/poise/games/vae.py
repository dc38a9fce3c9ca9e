"""The variational auto-encoder's game: one player, and a round that computes only what its terms read.

All numbers are nats per picture: sums over pixels and latents, means over the batch. The KL is positive.

    nll      −log p(x|z), z ~ q(z|x) by one reparameterised draw (Kingma & Welling 2014)
    kl       KL(q(z|x) ‖ N(0, 1)) = ½ Σ_j (μ_j² + exp(lv_j) − 1 − lv_j), lv the log-variance
    latent   ½‖z‖², of a deterministic encoder (RAE, Ghosh et al. 2020)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from poise.core import Batch, Player, Schedule, Term
from poise.rows.drawn import drawn


class VaeRound:
    """What one turn may look at. Each attribute is computed when first read and kept for the turn."""

    def __init__(self, model: Any, real: Tensor, rng: torch.Generator | None = None) -> None:
        self.model, self.real, self.rng = model, real, rng

    @cached_property
    def posterior(self) -> Any:
        """`Posterior` of the pictures."""
        return self.model.encode(self.real)

    @cached_property
    def z(self) -> Tensor:
        """μ + exp(lv/2)·ε, with gradients; μ where the encoder is deterministic: [B,Z]."""
        mean, log_variance = self.posterior
        found: Tensor = mean
        if log_variance is None:
            return found
        sizes = mean.shape[1:]
        if self.rng is None:
            noise = drawn(len(mean), lambda n: torch.randn_like(mean if n == len(mean) else mean.new_empty(n, *sizes)))
        else:
            noise = torch.randn(mean.shape, generator=self.rng).to(mean)
        found = mean + (0.5 * log_variance).exp() * noise
        return found

    @cached_property
    def raw(self) -> Tensor:
        """The decoder's output before any squashing: [B,C,H,W]."""
        found: Tensor = self.model.decode(self.z)
        return found

    @cached_property
    def nll(self) -> Tensor:
        """−log p(x|z), summed over pixels: [B]."""
        found: Tensor = self.model.nll(self.raw, self.real)
        return found

    @cached_property
    def kl_units(self) -> Tensor:
        """The KL of each latent: [B,Z]."""
        mean, log_variance = self.posterior
        found: Tensor = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        return found

    @cached_property
    def kl(self) -> Tensor:
        return self.kl_units.sum(1)

    @cached_property
    def latent(self) -> Tensor:
        """½‖z‖²: [B]."""
        return 0.5 * self.z.square().sum(1)


@dataclass
class Vae:
    """An auto-encoder alone with pictures."""

    model: Any
    players: Sequence[Player[Any]] = ()

    @property
    def generator(self) -> Any:
        return self.model

    def round(self, player: Player[Any], batch: Batch, due: Sequence[Term[Any]]) -> VaeRound:
        return VaeRound(self.model, batch.real)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        found: Tensor = self.model(self.model.noise(n), cond)
        return found


def nll_term(weight: float | Schedule = 1.0, name: str = "nll") -> Term[VaeRound]:
    """−log p(x|z): [B]."""
    return Term(name, lambda round: round.nll, weight)


def kl_term(beta: float | Schedule = 1.0, free_bits: float = 0.0, name: str = "kl") -> Term[VaeRound]:
    """β·KL(q(z|x) ‖ p(z)): [B]; β is the term's weight (β-VAE, Higgins et al. 2017; a schedule warms it up).

    With free bits λ > 0 it is the scalar Σ_j max(λ, mean over the batch of KL_j), in nats: a latent below λ is not
    pressed further (Kingma et al. 2016). Then the batch is one whole: micro-batches would take their own means.
    """

    def value(round: VaeRound) -> Tensor:
        return round.kl_units.mean(0).clamp_min(free_bits).sum() if free_bits else round.kl

    return Term(name, value, beta, whole=free_bits > 0)


def latent_term(weight: float | Schedule, name: str = "latent") -> Term[VaeRound]:
    """½‖z‖² of a deterministic encoder: [B]."""
    return Term(name, lambda round: round.latent, weight)


def weighed(terms: Sequence[Term[Any]], round: Any, step: int = 0) -> dict[str, Tensor]:
    """The mean of each term over the batch, and "objective": their sum with the weights that they have at `step`."""
    values = {term.name: term.value(round).mean() for term in terms}
    return values | {"objective": torch.stack([term.scale(step) * values[term.name] for term in terms]).sum()}


@torch.no_grad()
def objective(
    model: Any, x: Tensor, beta: float = 1.0, free_bits: float = 0.0, seed: int = 0, latent: float = 0.0
) -> dict[str, float]:
    """What training minimises, on pictures x [B,C,H,W] in [−1, 1]: means "nll", "kl" (or "latent") and "objective".

    The same terms as in training, with the weights that are passed: β of this step, and for a deterministic encoder
    `latent`. One draw of z, a function of the seed.
    """
    round = VaeRound(model, x, torch.Generator().manual_seed(seed))
    second = latent_term(latent) if round.posterior.log_variance is None else kl_term(beta, free_bits)
    return {name: float(value) for name, value in weighed([nll_term(), second], round).items()}
