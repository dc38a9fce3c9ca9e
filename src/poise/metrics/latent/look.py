"""What an auto-encoder says of pictures: one look at some of them.

looked = look(model, pictures, seed=0, samples=64)    # pictures uint8 [N,C,H,W] or floats in [-1, 1]
looked.nll.mean()                                     # nats per picture, by importance sampling

With prior p(z) = N(0, I), encoder q(z|x) = N(mean, exp(log_variance)) and decoder p(x|z), everything is in nats per
picture, constants included. The metrics in `poise.metrics.latent.members` turn a look into estimates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from poise.data.files.items import Progress
from poise.errors import NothingToMeasure, PoiseError
from poise.metrics.features.features import Extractor, features, to_uint8
from poise.training.loop import fold_seed

if TYPE_CHECKING:
    from poise.models.vae import AutoEncoder

LEAST = 2  # pictures
SAMPLES = 64  # z drawn for each picture
KEPT = 4  # of them, from which the mutual information is estimated
ENCODED = 64  # pictures encoded at once
NUMBERS = 1 << 20  # of decoded pictures in memory at once
AT_ONCE = 512  # z compared with all posteriors at once
ACTIVE = 0.01  # variance of the posterior mean from which on a unit is active


@dataclass(frozen=True, eq=False)
class Looked:
    """What was found of N pictures with Z latent units; float64, on the CPU.

    `mean` and `log_variance` [N,Z] of q(z|x); the latter None for a deterministic encoder, which has no density: then
    z = mean, there is one draw, and what reads q is not defined. `costs` [N,K]: -log p(x|z_k), z_k ~ q(z|x).
    `log_weights` [N,K]: log p(z_k) - log q(z_k|x). `drawn` [N,S,Z]: the first S <= 4 of the z_k. `errors` [N]: mean
    over the pixels of (x - reconstruction)^2 on the scale [-1, 1], reconstructed from the posterior mean. `dimensions`
    C·H·W. `features`: extractor -> features of the pictures and of their reconstructions.

    Example:
        >>> mean, log_variance = torch.tensor([[1.0], [-1.0]]), torch.zeros(2, 1)
        >>> costs, drawn = torch.tensor([[3.0], [5.0]]), torch.zeros(2, 1, 1)
        >>> looked = Looked(mean, log_variance, costs, torch.zeros(2, 1), drawn, torch.zeros(2), dimensions=4, seed=0)
        >>> looked.nll.tolist(), looked.kl.tolist()  # the costs, where p(z)/q(z|x) is 1; (1² + 1 − 1 − 0) / 2
        ([3.0, 5.0], [[0.5], [0.5]])
    """

    mean: Tensor
    log_variance: Tensor | None
    costs: Tensor
    log_weights: Tensor | None
    drawn: Tensor
    errors: Tensor
    dimensions: int
    seed: int
    features: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def samples(self) -> int:
        """K."""
        return self.costs.shape[1]

    @property
    def stochastic(self) -> bool:
        return self.log_variance is not None

    @cached_property
    def nll(self) -> Tensor:
        """-log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x): [N] (Burda, Grosse & Salakhutdinov 2016).

        On average over the draws at least -log p(x), and never larger for more samples; equal to it where q is the true
        posterior, whatever K. With K = 1 it is the negative ELBO.
        """
        assert self.log_weights is not None, "a deterministic encoder has no likelihood"
        return math.log(self.samples) - torch.logsumexp(self.log_weights - self.costs, 1)

    @cached_property
    def kl(self) -> Tensor:
        """KL(q(z|x) || N(0, I)) of each unit, in closed form: [N,Z]."""
        assert self.log_variance is not None, "a deterministic encoder has no rate"
        return (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance) / 2

    @property
    def distortion(self) -> Tensor:
        """E_q[-log p(x|z)], the mean over the draws: [N]."""
        return self.costs.mean(1)

    @cached_property
    def information(self) -> Tensor:
        """log q(z|x) - log 1/N sum_j q(z|x_j), the mean over the kept draws: [N]. See `latent_members`."""
        assert self.log_variance is not None, "a deterministic encoder has no density"
        n, kept, _ = self.drawn.shape
        precision = (-self.log_variance).exp()
        scaled = self.mean * precision
        constant = (self.mean * scaled + self.log_variance).sum(1)
        own = torch.arange(n).repeat_interleave(kept)
        found = []
        for z, row in zip(self.drawn.flatten(0, 1).split(AT_ONCE), own.split(AT_ONCE), strict=True):
            density = z @ scaled.T - (z.square() @ precision.T + constant) / 2
            mine = density.gather(1, row[:, None]).squeeze(1)
            found.append(mine - torch.logsumexp(density, 1) + math.log(n))
        return torch.cat(found).view(n, kept).mean(1)

    @property
    def active(self) -> Tensor:
        """Whether the variance over pictures of a unit's posterior mean is above 0.01 (Burda et al.): [Z]."""
        return self.mean.var(0) > ACTIVE


def look(
    model: AutoEncoder,
    x: Tensor,
    seed: int,
    samples: int = SAMPLES,
    *,
    rows: int | None = None,
    extractors: Sequence[Extractor] = (),
    progress: Progress | None = None,
) -> Looked:
    """Encode pictures, draw `samples` z for each, and decode them, in evaluation mode and full precision.

    Args: x, uint8 [N,C,H,W] or floats in [-1, 1]; `rows` decoded at once, by default so many that they hold 2^20
    numbers; `extractors` for features of the pictures and of their reconstructions; `progress(pictures done, N)`.

    The draws of picture i depend on (seed, i) alone, so up to rounding the result does not depend on `rows`.
    Errors: `PoiseError` for fewer than 2 pictures, other shapes or values, and a likelihood that is NaN.

    Example:
        >>> from poise.models.likelihoods import GaussianLikelihood
        >>> from poise.models.vae import AutoEncoder
        >>> encoder, decoder = nn.Flatten(), nn.Unflatten(1, (1, 2, 2))  # each of the 4 pixels is a latent
        >>> model = AutoEncoder(encoder, decoder, GaussianLikelihood(1.0, squash=nn.Identity()), 4, deterministic=True)
        >>> looked = look(model, torch.full((3, 1, 2, 2), 0.5), seed=0)
        >>> looked.errors.tolist(), looked.costs.squeeze(1).round(decimals=3).tolist()  # 4·½·log 2π
        ([0.0, 0.0, 0.0], [3.676, 3.676, 3.676])
    """
    _check(x, samples)
    dimensions = int(np.prod(x.shape[1:]))
    rows = rows or max(8, min(256, NUMBERS // dimensions))
    parts: list[tuple[Tensor | None, ...]] = []
    real: dict[str, list[NDArray[np.float32]]] = {e.name: [] for e in extractors}
    made: dict[str, list[NDArray[np.float32]]] = {e.name: [] for e in extractors}
    with _evaluated(model):
        for start in range(0, len(x), ENCODED):
            block = floats(x[start : start + ENCODED], model)
            found, picture = _of_block(model, block, seed, start, samples, rows)
            parts.append(found)
            for extractor in extractors:
                real[extractor.name].append(features(extractor, to_uint8(block)))
                made[extractor.name].append(features(extractor, to_uint8(picture)))
            if progress:
                progress(start + len(block), len(x))
    mean, log_variance, costs, log_weights, drawn, errors = (_joined(column) for column in zip(*parts, strict=True))
    assert mean is not None and costs is not None and drawn is not None and errors is not None
    if bool(torch.isnan(costs).any()):
        raise NothingToMeasure(
            "the auto-encoder's likelihood is NaN, so there is nothing to measure (a lower rate may help)"
        )
    of = {name: (np.concatenate(real[name]), np.concatenate(made[name])) for name in real}
    return Looked(mean, log_variance, costs, log_weights, drawn, errors, dimensions, seed, of)


def _of_block(
    model: AutoEncoder, x: Tensor, seed: int, first: int, samples: int, rows: int
) -> tuple[tuple[Tensor | None, ...], Tensor]:
    """The columns of `Looked` for a block of pictures that begins at number `first`, and the reconstructions."""
    mean, log_variance = model.encode(x)
    wide, size = mean.cpu().double(), mean.shape[1]  # not every GPU has doubles
    if log_variance is None:
        z, log_weights = wide[:, None], None
    else:
        noise = torch.stack([_noise(seed, first + i, samples, size) for i in range(len(x))])
        spread = log_variance.cpu().double()
        z = wide[:, None] + (spread / 2).exp()[:, None] * noise
        log_weights = (noise.square().sum(2) - z.square().sum(2) + spread.sum(1)[:, None]) / 2
    flat, count = z.flatten(0, 1).to(mean), z.shape[1]
    owner = torch.arange(len(x), device=x.device).repeat_interleave(count)
    pieces = zip(flat.split(rows), owner.split(rows), strict=True)
    costs = torch.cat([model.nll(model.decode(some), x[of]).cpu().double() for some, of in pieces]).view(len(x), count)
    picture = torch.cat([model.picture(model.decode(some)) for some in mean.split(rows)])
    errors = (picture - x).cpu().double().square().flatten(1).mean(1)
    return (mean, log_variance, costs, log_weights, z[:, :KEPT], errors), picture


def _noise(seed: int, number: int, samples: int, size: int) -> Tensor:
    """Standard normal numbers [samples,size] of picture `number`."""
    return torch.randn(
        samples, size, generator=torch.Generator().manual_seed(fold_seed(seed, number)), dtype=torch.float64
    )


def _joined(column: Sequence[Tensor | None]) -> Tensor | None:
    known = [part.cpu().double() for part in column if part is not None]
    return torch.cat(known) if known else None


def _check(x: Tensor, samples: int) -> None:
    if samples < 1:
        raise PoiseError(f"importance sampling needs at least 1 sample for each picture, not {samples}")
    if not isinstance(x, Tensor) or x.ndim != 4 or not (x.dtype == torch.uint8 or x.is_floating_point()):
        found = f"{str(x.dtype).removeprefix('torch.')} {list(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise PoiseError(f"an auto-encoder is measured on pictures [N,C,H,W], uint8 or floats in [-1, 1], not {found}")
    if len(x) < LEAST:
        raise PoiseError(f"an auto-encoder is measured on at least {LEAST} pictures, not {len(x)}")
    if x.is_floating_point() and not bool(torch.isfinite(x).all()):
        raise PoiseError("the pictures hold NaN or infinite pixels: there is nothing to measure")


def floats(x: Tensor, model: nn.Module) -> Tensor:
    """Pictures as floats in [-1, 1], where the model is and in its precision.

    Example:
        >>> floats(torch.tensor([0, 255], dtype=torch.uint8), nn.Linear(1, 1)).tolist()
        [-1.0, 1.0]
    """
    like = next(iter(model.parameters()), torch.zeros(()))
    return x.to(like) / 127.5 - 1 if x.dtype == torch.uint8 else x.to(like)


@contextmanager
def _evaluated(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients, no autocast; the mode is put back."""
    was_training, device = model.training, next(iter(model.parameters()), torch.zeros(())).device
    model.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            yield
    finally:
        model.train(was_training)
