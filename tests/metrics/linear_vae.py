"""Auto-encoders with closed forms: x = W z + b + σ·noise, z ~ N(0, I)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from poise.models.vae import AutoEncoder, Posterior


class Isotropic(nn.Module):
    """N(x; raw, σ²), and the decoder's output as the picture."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        away = ((x - raw) / self.sigma).square().flatten(1).sum(1) / 2
        return away + x[0].numel() * (math.log(self.sigma) + math.log(2 * math.pi) / 2)

    def picture(self, raw: Tensor) -> Tensor:
        return raw


class Decoder(nn.Module):
    def __init__(self, w: Tensor, b: Tensor, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.w, self.b, self.shape = nn.Parameter(w), nn.Parameter(b), shape

    def forward(self, z: Tensor) -> Tensor:
        return (z @ self.w.T + self.b).view(-1, *self.shape)


class Encoder(nn.Module):
    """Mean `gain` (x − b) + `shift`, constant log-variances."""

    def __init__(self, gain: Tensor, b: Tensor, log_variance: Tensor, shift: float = 0.0) -> None:
        super().__init__()
        self.gain, self.b, self.log_variance, self.shift = gain, b, log_variance, shift

    def forward(self, x: Tensor) -> Tensor:
        mean = (x.flatten(1) - self.b) @ self.gain.T + self.shift
        return torch.cat([mean, self.log_variance.expand_as(mean)], 1)


class Linear:
    """A linear model with orthogonal columns of W, so that its true posterior is diagonal; all of it in closed form.

    M = WᵀW + σ²I is diagonal; q(z|x) = N(M⁻¹Wᵀ(x − b), σ²M⁻¹); x ~ N(b, C), C = WWᵀ + σ²I.
    """

    def __init__(self, n: int = 40, seed: int = 0, sigma: float = 0.5) -> None:
        rng = torch.Generator().manual_seed(seed)
        scales = torch.tensor([1.5, 1.0, 0.3])
        self.shape, self.sigma = (1, 2, 3), sigma
        self.w = torch.linalg.qr(torch.randn(6, 3, generator=rng))[0] * scales
        self.b = torch.randn(6, generator=rng) / 4
        self.m = scales.square() + sigma**2
        z = torch.randn(n, 3, generator=rng)
        self.flat = z @ self.w.T + self.b + sigma * torch.randn(n, 6, generator=rng)
        self.x = self.flat.view(n, *self.shape)

    def model(self, gain: float = 1.0, log_variance: float = 0.0, shift: float = 0.0) -> AutoEncoder:
        """Its true posterior, or one that is wrong: means times `gain` plus `shift`, log-variances raised."""
        spread = (self.sigma**2 / self.m).log() + log_variance
        encoder = Encoder(gain * (self.w / self.m).T, self.b, spread, shift)
        return AutoEncoder(encoder, Decoder(self.w, self.b, self.shape), Isotropic(self.sigma), 3)

    @property
    def nll(self) -> Tensor:
        """−log N(x; b, C): [N]."""
        c = self.w @ self.w.T + self.sigma**2 * torch.eye(6)
        return -torch.distributions.MultivariateNormal(self.b, c).log_prob(self.flat)

    @property
    def posterior(self) -> Posterior:
        mean = (self.flat - self.b) @ (self.w / self.m)
        return Posterior(mean, (self.sigma**2 / self.m).log().expand_as(mean))


class Given(nn.Module):
    """An encoder that gives what it was told for picture i, which is read off its first pixel, i/100."""

    def __init__(self, outputs: Tensor) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        return self.outputs[(x[:, 0, 0, 0] * 100).round().long()]


def given(mean: Tensor, log_variance: Tensor | None) -> tuple[AutoEncoder, Tensor]:
    """A model with these posteriors, and its pictures."""
    n, size = mean.shape
    outputs = mean if log_variance is None else torch.cat([mean, log_variance], 1)
    decoder = Decoder(torch.zeros(4, size), torch.zeros(4), (1, 2, 2))
    model = AutoEncoder(Given(outputs), decoder, Isotropic(1.0), size, deterministic=log_variance is None)
    return model, (torch.arange(n) / 100).view(n, 1, 1, 1).expand(n, 1, 2, 2)
