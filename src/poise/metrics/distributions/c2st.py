"""C2ST: can a fresh classifier tell generated from held-out features?"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from poise.intervals import wilson
from poise.metrics.core.feature_metric import FeatureMetric
from poise.metrics.core.sets import Compared
from poise.metrics.core.statistics import Estimate, upper_tail

FOLDS = 5
SHARED = 1 + FOLDS / (FOLDS - 1)  # variance of the accuracy over that of independent trials, at most
PENALTY = 1.0  # of |w|^2 / 2, beside the summed loss; C = 1 in scikit-learn
GRADIENT = 1e-4  # the fit stops where no derivative of the summed loss is larger


def fit_logistic(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [d] and intercept [] that minimise sum_i log(1 + exp(-(2 y_i - 1)(x_i.w + b))) + |w|^2 / 2.

    x float64 [n,d], y 0 or 1 [n]. Strictly convex in w; the intercept is not penalised. LBFGS with a strong Wolfe line
    search.

    Example:
        >>> w, b = fit_logistic(torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0.0, 1.0]).double())
        >>> round(w.item(), 3), abs(round(b.item(), 3))  # w solves w = 2 / (1 + e^w)
        (0.675, 0.0)
    """
    w = torch.zeros(x.shape[1] + 1, dtype=x.dtype, requires_grad=True)
    optim = torch.optim.LBFGS(
        [w], max_iter=500, tolerance_grad=GRADIENT, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> float:
        with torch.no_grad():
            logits = x @ w[:-1] + w[-1]
            loss = F.binary_cross_entropy_with_logits(logits, y, reduction="sum") + PENALTY / 2 * w[:-1].square().sum()
            rest = logits.sigmoid() - y
            w.grad = torch.cat([x.T @ rest + PENALTY * w[:-1], rest.sum()[None]])
        return float(loss)

    with torch.enable_grad():
        optim.step(closure)
    fitted = w.detach()
    return fitted[:-1], fitted[-1]


def held_out_accuracy(x: Tensor, y: Tensor, folds: Tensor) -> float:
    """Share of rows classified rightly by a fit to the other folds, features standardised by those others.

    Example:
        >>> x = torch.tensor([[-2.0], [2.0]] * 10).double()
        >>> held_out_accuracy(x, (x[:, 0] > 0).double(), torch.arange(20) // 4)
        1.0
    """
    right = 0
    for fold in range(FOLDS):
        fit, test = folds != fold, folds == fold
        mean, scale = x[fit].mean(0), x[fit].std(0)
        scale = torch.where(scale > 0, scale, 1.0)
        w, b = fit_logistic((x[fit] - mean) / scale, y[fit])
        right += int((((x[test] - mean) / scale @ w + b > 0) == (y[test] > 0.5)).sum())
    return right / len(x)


def divide(n: int, seed: int) -> Tensor:
    """A fold 0..4 for each of n generated and n held-out rows, [2n]: random, of one size in both up to one row.

    Example:
        >>> divide(10, seed=0).bincount().tolist()  # 2 of 10 generated and 2 of 10 held-out rows in each
        [4, 4, 4, 4, 4]
    """
    draw = np.random.default_rng((seed, n))
    return torch.from_numpy(np.concatenate([draw.permutation(np.arange(n) % FOLDS) for _ in range(2)]))


@FeatureMetric.define(
    "C2ST",
    "Accuracy of a fresh linear classifier that tells generated from held-out features; 0.5 if it cannot.",
    "target",
    target="0.5",
    least=10,
    largest=5_000,
)
def c2st(compared: Compared, seed: int) -> Estimate:
    """Classifier two-sample test (Lopez-Paz & Oquab 2017): 5-fold cross-validated accuracy of a logistic regression.

    Equally many rows of both sets, cut by the seed; folds by the seed, half and half. L2 on the weights, |w|^2 / 2
    beside the summed loss. A linear classifier sees differences of means along some direction and little else: 0.5 does
    not prove that the laws agree. More rows and more features find more.

    The interval (Wilson's) and p, of accuracy at most 0.5, are those of 2 n / 2.25 independent trials: as the folds
    share their training rows, the variance is 1.35 to 1.73 times (simulated, 100 to 600 rows, 2 to 128 features) and at
    most about 1 + 5/4 times (Nadeau & Bengio 2003) that of independent ones.

    Example:
        >>> from poise.metrics.core.sets import compare
        >>> rows = np.random.default_rng(0).normal(size=(50, 2))
        >>> c2st.estimate(compare(rows, rows + 20)).value, 0.3 < c2st.estimate(compare(rows, -rows)).value < 0.7
        (1.0, True)
    """
    n = min(len(compared.made), len(compared.heldout))
    made, heldout = compared.made.take(n, 3 * seed + 1), compared.heldout.take(n, 3 * seed)
    x = torch.cat([made.values, heldout.values])
    y = torch.cat([torch.ones(n), torch.zeros(n)]).double()
    value = held_out_accuracy(x, y, divide(n, seed))
    trials = 2 * n / SHARED
    return Estimate(value, *wilson(value, trials), n, n, upper_tail((value - 0.5) * 2 * math.sqrt(trials)))
