"""Auto-encoders of pictures: an encoder, a decoder, and a likelihood between the decoder and the pixels.

Encoders mirror the image discriminators and decoders are the image generators, both of family "network".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from poise.errors import PoiseError
from poise.installing import install
from poise.models.images import ImageDiscriminator, ImageGenerator
from poise.registry import register

COMPONENTS = 10  # of the mixture in latent space


class Posterior(NamedTuple):
    """q(z|x) = N(mean, diag exp(log_variance)); a deterministic encoder has no variance."""

    mean: Tensor  # [B,Z]
    log_variance: Tensor | None  # [B,Z]


class ImageEncoder(nn.Module):
    """Picture [B,C,H,W] -> [B,outputs]: the stages of an image discriminator and a linear layer.

    Args: discriminator, whose stages are taken over; outputs, Z, or 2Z with log-variances.
    """

    def __init__(self, discriminator: ImageDiscriminator, outputs: int) -> None:
        super().__init__()
        self.stages = discriminator.stages
        self.head = nn.Linear(discriminator.logit.linear.in_features, outputs)
        nn.init.normal_(self.head.weight, 0.0, 0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        found: Tensor = self.head(x.flatten(1))
        return found


class ImageDecoder(nn.Module):
    """z [B,Z] -> raw [B,C,H,W]: an image generator before its tanh."""

    def __init__(self, generator: ImageGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor) -> Tensor:
        return self.generator.raw(z)


class AutoEncoder(nn.Module):
    """Encoder, decoder and likelihood. To everybody who samples it is a generator: `model(z)` is a picture.

    Buffers `mixture_*` hold a Gaussian mixture over z that stands in for the prior (see `poise.recipes.vae.mixture`);
    `mixture_fitted` is 0 until it has been fitted to these weights.

    Args:
        encoder: x [B,C,H,W] -> [B,2Z] (means, then log-variances), or [B,Z] when `deterministic`.
        decoder: z [B,Z] -> raw [B,C,H,W].
        likelihood: with `nll(raw, x)` and `picture(raw)`; see `poise.models.likelihoods`.
        noise_size: Z.
        deterministic: the encoder gives z itself.
    """

    mixture_weights: Tensor  # [K]
    mixture_means: Tensor  # [K,Z]
    mixture_factors: Tensor  # [K,Z,Z], lower triangular L, covariance L Lᵀ
    mixture_fitted: Tensor  # 0 or 1

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: nn.Module,
        noise_size: int,
        deterministic: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.noise_size, self.deterministic = noise_size, deterministic
        self.register_buffer("mixture_weights", torch.full((COMPONENTS,), 1 / COMPONENTS))
        self.register_buffer("mixture_means", torch.zeros(COMPONENTS, noise_size))
        self.register_buffer("mixture_factors", torch.eye(noise_size).repeat(COMPONENTS, 1, 1))
        self.register_buffer("mixture_fitted", torch.zeros(()))

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """By torch.compile, in place: encoder and decoder, which are what the methods below call."""
        self.encoder.compile(*args, **kwargs)
        self.decoder.compile(*args, **kwargs)

    def encode(self, x: Tensor) -> Posterior:
        """x [B,C,H,W] in [−1, 1]."""
        out = self.encoder(x)
        out = out.float() if out.dtype in (torch.bfloat16, torch.float16) else out
        if self.deterministic:
            return Posterior(out, None)
        mean, log_variance = out.chunk(2, 1)
        return Posterior(mean, log_variance)

    def decode(self, z: Tensor) -> Tensor:
        """z [B,Z] -> raw [B,C,H,W], before any squashing."""
        found: Tensor = self.decoder(z)
        return found

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        """−log p(x|z) in nats, summed over pixels and channels, with all constants: [B]."""
        found: Tensor = self.likelihood.nll(raw, x)  # type: ignore[operator]
        return found

    def picture(self, raw: Tensor) -> Tensor:
        """The mean of p(x|z): [B,C,H,W] in [−1, 1]."""
        found: Tensor = self.likelihood.picture(raw)  # type: ignore[operator]
        return found

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        """The picture of z; there are no conditions."""
        return self.picture(self.decode(z))

    def noise(self, n: int) -> Tensor:
        """z from the prior N(0, 1): [n,Z]."""
        one = self.mixture_means
        return torch.randn(n, self.noise_size, device=one.device, dtype=one.dtype)


class FromMixture(nn.Module):
    """A generator whose z come from the mixture of an auto-encoder: noise N(0, 1) [B,Z+1] -> picture [B,C,H,W].

    The last number of the noise chooses the component k, by Φ(u) among the cumulated weights; z = mean_k + L_k·ε.
    """

    def __init__(self, model: AutoEncoder) -> None:
        super().__init__()
        self.model = model
        self.noise_size = model.noise_size + 1
        self.train(model.training)  # a new module would be training, and the model with it

    def latents(self, noise: Tensor) -> Tensor:
        """[B,Z]."""
        model, chance = self.model, torch.special.ndtr(noise[:, -1])
        upto = model.mixture_weights.cumsum(0)
        # Rounding may end the weights off 1: never a component of weight 0.
        k = (upto < (chance * upto[-1]).unsqueeze(1)).sum(1)
        return model.mixture_means[k] + (model.mixture_factors[k] @ noise[:, :-1, None]).squeeze(2)

    def forward(self, noise: Tensor, cond: Tensor | None = None) -> Tensor:
        found: Tensor = self.model(self.latents(noise))
        return found


register("latents", "prior")(lambda model: model)


@register("latents", "mixture")
def mixture(model: AutoEncoder) -> FromMixture:
    """Errors: PoiseError where none was fitted to these weights."""
    if not model.mixture_fitted:
        raise PoiseError(
            "no mixture was fitted to the latents of this checkpoint, which was made without scikit-learn: use "
            f"--latents prior, or {install('vae', 'scikit-learn')} and train again"
        )
    return FromMixture(model)
