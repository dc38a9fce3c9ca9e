"""VAE-GAN (Larsen et al. 2016): an auto-encoder, and a discriminator of its reconstructions and of its samples.

    discriminator   ½[ℓ_D(real, decoded from the prior) + ℓ_D(real, reconstructions)]
    autoencoder     pixels·nll + features·matching + β·KL + adversarial·½[ℓ_G(from the prior) + ℓ_G(reconstructions)]

The adversarial gradient moves the decoder alone: the reconstructions that it reads are decoded from z without its
gradient. Feature matching, mean|D_l(x) − D_l(x̂)| over D's layers, reaches the encoder. (The paper's is a Gaussian
likelihood in one layer of D, and it has no pixel term.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from poise.core import Batch, DiscriminatorOutput, Player, Term
from poise.games.adversarial import LossPair, adversarial_terms, notice_slopes, take
from poise.games.vae import Vae, VaeRound
from poise.rows.drawn import drawn


class VaeGanRound(VaeRound):
    """What one turn may look at: a `VaeRound`, and what D says of real, generated and reconstructed pictures.

    It has what penalties on D read: `real`, `fake` [2B] (from the prior, then reconstructions), `on_real`, `on_fake`,
    `on_both`. On D's turn nothing carries a gradient to the auto-encoder; on the auto-encoder's D is frozen by the
    loop. `noticed["output_gradient"]` is as in `poise.games.adversarial.Round`.
    """

    def __init__(self, game: VaeGan, generates: bool, batch: Batch, due: Sequence[Term[Any]]) -> None:
        self.slopes = any(term.second_order for term in due)
        super().__init__(game.model, batch.real.detach().requires_grad_() if self.slopes else batch.real)
        self.game, self.generates = game, generates
        self.noticed: dict[str, Tensor] = {}

    @cached_property
    def fake(self) -> Tensor:
        """Decoded from the prior, and from z without its gradient: [2B,C,H,W]."""
        prior = drawn(len(self.real), self.model.noise)
        if self.generates:
            fake: Tensor = self.model(torch.cat([prior, self.z.detach()]))
            if fake.requires_grad:
                fake.register_hook(partial(notice_slopes, self.noticed))
            return fake
        with torch.no_grad():
            fake = self.model(torch.cat([prior, self.z]))
        return fake.to(self.real.dtype).requires_grad_(self.slopes)

    @cached_property
    def on_real(self) -> DiscriminatorOutput:
        found: DiscriminatorOutput = self.game.discriminator(self.real, None)
        return found

    @cached_property
    def on_fake(self) -> DiscriminatorOutput:
        found: DiscriminatorOutput = self.game.discriminator(self.fake, None)
        return found

    @cached_property
    def on_reconstruction(self) -> DiscriminatorOutput:
        """D's opinion on reconstructions that carry a gradient to decoder and encoder."""
        found: DiscriminatorOutput = self.game.discriminator(self.model.picture(self.raw), None)
        return found

    @property
    def on_both(self) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        """Real pictures twice, beside those from the prior and the reconstructions: [2B] each."""
        rows = torch.arange(len(self.real), device=self.real.device)
        return take(self.on_real, rows.repeat(2)), self.on_fake

    @property
    def against(self) -> tuple[Against, Against]:
        """Real pictures against those from the prior, and against reconstructions."""
        n = len(self.real)
        return (
            Against(self.on_real, take(self.on_fake, slice(n))),
            Against(self.on_real, take(self.on_fake, slice(n, None))),
        )


class Against(NamedTuple):
    """As much of an adversarial round as its terms read."""

    on_real: DiscriminatorOutput
    on_fake: DiscriminatorOutput

    @property
    def on_both(self) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        return self.on_real, self.on_fake


@dataclass(kw_only=True)
class VaeGan(Vae):
    """An auto-encoder against a discriminator, called D."""

    discriminator: Any

    def round(self, player: Player[Any], batch: Batch, due: Sequence[Term[Any]]) -> VaeGanRound:
        return VaeGanRound(self, player.module is self.model, batch, due)


def vae_gan_terms(loss: LossPair) -> tuple[Term[VaeGanRound], Callable[[VaeGanRound], Tensor]]:
    """The discriminator's term, and the value [B] of the auto-encoder's adversarial one."""
    terms: tuple[Term[Any], Term[Any]] = adversarial_terms(loss)
    judging, making = (partial(_halves, term.value) for term in terms)
    return Term(terms[0].name, judging), making


def _halves(value: Callable[[Any], Tensor], round: VaeGanRound) -> Tensor:
    prior, reconstruction = round.against
    return 0.5 * (value(prior) + value(reconstruction))
