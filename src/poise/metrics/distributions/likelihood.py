"""FLD and its gap: how likely held-out features are under small Gaussians around the generated ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from poise.errors import PoiseError
from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.kmeans import squared_distances
from poise.metrics.core.sets import Compared
from poise.metrics.core.statistics import Estimate, symmetric

LARGEST = 5_000
EPOCHS, RATE, FLOOR = 50, 0.5, 1e-3
TOWARDS_MEAN = 0.1  # rows are moved this share of the way to the mean of all before the broad Gaussian sees them
BLOCK = 512  # rows at once
CLAMP = (-40.0, 20.0)


class IsotropicMixture:
    """Equal isotropic Gaussians around given centres [n,d], their widths fitted to other rows by maximum likelihood.

    The fit follows Jiralerspong et al. (2023) and their package: log variances start at that of the nearest row, plus a
    broad Gaussian at the mean of all rows so that every row has some likelihood; 50 full-batch steps of Adam at a rate
    of 0.5; log variances are kept in [-40, 20]. In float32, on squared distances computed in float64.

    Example:
        >>> draw = torch.Generator().manual_seed(0)
        >>> centres, rows = torch.zeros(1, 2).double(), torch.randn(2000, 2, generator=draw).double()
        >>> mixture = IsotropicMixture(centres, rows)
        >>> near, far = mixture.nll(torch.tensor([[0.0, 0.0], [3.0, 4.0]]).double()).tolist()
        >>> near < far
        True
    """

    def __init__(self, centres: Tensor, rows: Tensor) -> None:
        self.centres, self.d = centres, centres.shape[1]
        squared = torch.empty(len(rows), len(centres) + 1)
        for part, into in zip(rows.split(BLOCK), squared.split(BLOCK), strict=True):
            into[:, :-1] = squared_distances(part, centres)
            into[:, -1] = (1 - TOWARDS_MEAN) ** 2 * (part - rows.mean(0)).square().sum(1)
        logs = ((squared.amin(0) + FLOOR) / self.d).log()
        logs[-1] = 0.0
        self.log_variances = self._fit(squared, logs)[:-1].double()

    def _fit(self, squared: Tensor, logs: Tensor) -> Tensor:
        """Log variances [n+1] after the fit; squared distances [rows, n+1], the broad Gaussian last."""
        weight = torch.full_like(logs, -math.log(len(logs) - 1))
        weight[-1] = 0.0
        logs = logs.requires_grad_(True)
        optim = torch.optim.Adam([logs], lr=RATE)
        for _ in range(EPOCHS):
            with torch.no_grad():
                logs.grad = torch.zeros_like(logs)
                offset, scale = weight - self.d / 2 * logs, -0.5 * (-logs).exp()
                for part in squared.split(BLOCK):
                    halved = part * scale
                    share = (halved + offset).softmax(1)
                    logs.grad += halved.add_(self.d / 2).mul_(share).sum(0)
                logs.grad /= len(squared) * self.d
            optim.step()
            with torch.no_grad():
                logs[:-1].clamp_(*CLAMP)
        return logs.detach()

    def nll(self, rows: Tensor) -> Tensor:
        """-log p(row) / d in nats [rows], under the Gaussians around the centres alone."""
        offset = math.log(len(self.centres)) + self.d / 2 * (math.log(2 * math.pi) + self.log_variances)
        parts = [
            squared_distances(part, self.centres) * (-0.5 * (-self.log_variances).exp()) - offset
            for part in rows.split(BLOCK)
        ]
        return torch.cat([-part.logsumexp(1) / self.d for part in parts])


def _standardised(compared: Compared) -> tuple[Tensor, Tensor, Tensor]:
    """Train, held-out and generated rows by mean and s.d. of the held-out; constant columns are dropped."""
    if compared.train is None:
        raise PoiseError("FLD fits its widths to the training set: give its features as well")
    heldout = compared.heldout.values
    scale = heldout.std(0)
    used = scale > 1e-12 * heldout.abs().amax(0).clamp(min=1e-300)
    if not bool(used.any()):
        raise PoiseError("FLD needs features that vary, and all held-out rows are equal: check the extractor")
    mean, scale = heldout[:, used].mean(0), scale[used]
    train, held, made = ((s.values[:, used] - mean) / scale for s in (compared.train, compared.heldout, compared.made))
    return train, held, made


def _likelihoods(compared: Compared) -> tuple[Tensor, Tensor]:
    """-log p_made / d of the training and of the held-out rows; fitted once for FLD and its gap."""

    def fit() -> tuple[Tensor, Tensor]:
        train, heldout, made = _standardised(compared)
        mixture = IsotropicMixture(made, train)
        return mixture.nll(train), mixture.nll(heldout)

    return compared.made.memo(("FLD", compared.train, compared.heldout), fit)


@FeatureMetric.define(
    "FLD",
    "Cost in likelihood of held-out features near generated instead of real ones; high for poor, missing or copied "
    "samples.",
    "lower",
    needs_train=True,
    least=20,
    largest=LARGEST,
)
def fld(compared: Compared, seed: int) -> Estimate:
    """Feature likelihood divergence (Jiralerspong et al. 2023).

        FLD = 100/d [ -mean log p_made(held-out) + mean log p_half(held-out) ]

    p_made: Gaussians around the generated rows, widths fitted to the training rows; p_half, the baseline: around one
    half of the training rows (at most as many as there are generated ones), fitted to the rest, halves by the seed. All
    by the mean and s.d. of the held-out features. Unit: hundredths of a nat per feature. Copies get tiny widths, as the
    training rows lie on them, and make held-out rows unlikely: it rises by powers of ten, to 1e15 for exact copies.

    The interval is +- 1.96 s.e. over the held-out rows, for these generated and training rows.

    Example:
        >>> import numpy as np
        >>> from poise.metrics.core.sets import compare
        >>> train, heldout, made = np.random.default_rng(0).normal(size=(3, 60, 2))
        >>> fld.estimate(compare(heldout, made, train)).value < fld.estimate(compare(heldout, made + 5, train)).value
        True
    """
    train, heldout, _ = _standardised(compared)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    half = min(len(compared.made), len(train) // 2)
    base = IsotropicMixture(train[order[:half]], train[order[half:]]).nll(heldout)
    lost = 100 * (_likelihoods(compared)[1] - base)
    return symmetric(float(lost.mean()), float(lost.var()) / len(lost), len(compared.made), len(heldout))


@FeatureMetric.define(
    "FLD_gap",
    "How much likelier training than held-out features are near generated ones; far below 0 means copying.",
    "target",
    target="0",
    needs_train=True,
    least=20,
    largest=LARGEST,
)
def fld_gap(compared: Compared, seed: int) -> Estimate:
    """100/d [ -mean log p_made(train) + mean log p_made(held-out) ], as `FLD`.

    Below 0 for a perfect generator as well, since the widths are fitted to the training rows: by 10 for 300 rows of 5
    features, by nothing to speak of in 100 dimensions. The interval is +- 1.96 s.e. over the training and held-out
    rows.

    Example:
        >>> import numpy as np
        >>> from poise.metrics.core.sets import compare
        >>> train, heldout, made = np.random.default_rng(0).normal(size=(3, 60, 2))
        >>> fld_gap.estimate(compare(heldout, train + 1e-4, train)).value < -100  # copies
        True
    """
    seen, fresh = (100 * nll for nll in _likelihoods(compared))
    variance = float(seen.var()) / len(seen) + float(fresh.var()) / len(fresh)
    return symmetric(float(seen.mean() - fresh.mean()), variance, len(compared.made), len(fresh))
