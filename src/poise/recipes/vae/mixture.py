"""A Gaussian mixture over latents, and what keeps it fitted to the averaged weights of an auto-encoder.

Samples of an auto-encoder whose latents are not N(0, 1) come from such a mixture (ex-post density estimation, Ghosh
et al. 2020: 10 components, full covariances), which scikit-learn fits. A checkpoint must not hold the mixture of other
weights than its own.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from poise.errors import PoiseError
from poise.installing import install

ROUNDS = 100  # of EM at most; one that gains less than 0.001 nats per item ends it
TRIES = 2  # from other centres; the likelier mixture stays
RIDGE = 1e-6  # added to the variances, in units of the mean variance of the items
MISSING = f"mixtures over latents are fitted by scikit-learn, which is not installed: {install('vae', 'scikit-learn')}"


class LatentMixture(NamedTuple):
    """K Gaussians over z [Z], in float64. Those that items were too few for have the weight 0."""

    weights: Tensor  # [K], sum 1
    means: Tensor  # [K,Z]
    factors: Tensor  # [K,Z,Z], lower triangular L, covariance L Lᵀ


def installed() -> bool:
    """Whether mixtures can be fitted."""
    return importlib.util.find_spec("sklearn") is not None


def fit(z: Tensor, components: int, seed: int) -> LatentMixture:
    """Maximum likelihood by EM from items [N,Z], N at least 1: a function of (z, seed).

    Errors: PoiseError where scikit-learn is not installed.
    """
    if not installed():
        raise PoiseError(MISSING)
    from sklearn.mixture import GaussianMixture

    z = z.cpu().double()
    kinds = min(components, len(torch.unique(z, dim=0)))
    found = LatentMixture(
        z.new_zeros(components),
        z.new_zeros(components, z.shape[1]),
        torch.eye(z.shape[1]).to(z).repeat(components, 1, 1),
    )
    ridge = RIDGE * max(float(z.var(0, correction=0).mean()), 1e-12)
    rule = GaussianMixture(
        kinds, reg_covar=ridge, max_iter=ROUNDS, n_init=TRIES, init_params="k-means++", random_state=seed % 2**32
    )
    if len(z) < 2:  # scikit-learn wants two
        z = z.repeat(2, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged after so many rounds: near enough to draw from
        rule.fit(z.numpy())
    found.weights[:kinds] = torch.from_numpy(rule.weights_)
    found.means[:kinds] = torch.from_numpy(rule.means_)
    found.factors[:kinds] = torch.linalg.cholesky(torch.from_numpy(rule.covariances_))
    return found


class Fitted:
    """Keeps the mixture of an averaged auto-encoder fitted to its weights, by need.

    `Ema` copies the buffers of the network that is trained after each move, whose mixture is never fitted; so the flag
    `mixture_fitted` falls with each move, and a checkpoint that is read brings the mixture of its own weights with it.
    The mixture is fitted when the module's state is taken, for a checkpoint, and when this object is called. Latents
    that are not finite leave it as it is, and so does a missing scikit-learn.

    Args:
        module: the averaged `AutoEncoder`.
        latents: z [N,Z] of training items by that module: a function of its weights.
        seed: of the first centres.
    """

    def __init__(self, module: Any, latents: Callable[[], Tensor], seed: int) -> None:
        self.module, self.latents, self.seed = module, latents, seed
        module.register_state_dict_pre_hook(lambda *_: self())

    @torch.no_grad()
    def __call__(self) -> Any:
        """The module, its mixture fitted."""
        module = self.module
        if not module.mixture_fitted and installed() and (z := self.latents()).isfinite().all():
            found = fit(z, len(module.mixture_weights), self.seed)
            for name, value in zip(LatentMixture._fields, found, strict=True):
                getattr(module, f"mixture_{name}").copy_(value)
            module.mixture_fitted.fill_(1.0)
        return module
