"""A small k-means, and principal components: what the C_T test divides the feature space with."""

from __future__ import annotations

import torch
from torch import Tensor

from poise.metrics.core.moments import Moments

STARTS = 10
ROUNDS = 100


def principal(moments: Moments, components: int) -> Tensor:
    """The leading directions of the covariance as columns [d, components].

    Example:
        >>> from poise.metrics.core.moments import moments
        >>> rows = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, 0.1]]).double()
        >>> principal(moments([rows], 2), 1).abs().round(decimals=4).tolist()  # the first axis
        [[1.0], [0.0]]
    """
    directions: Tensor = torch.linalg.svd(moments.root, full_matrices=False)[2]
    return directions[:components].T


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """[n,d], [m,d] -> [n,m].

    Example:
        >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [1.0, 0.0]])).tolist()
        [[25.0, 1.0]]
    """
    return torch.addmm(x.square().sum(1)[:, None] + y.square().sum(1), x, y.T, alpha=-2.0).clamp_(min=0.0)


def kmeans(x: Tensor, k: int, seed: int) -> Tensor:
    """Centres [k,d] of the best of 10 runs of Lloyd's algorithm from k-means++ starts (Arthur & Vassilvitskii 2007).

    x is float64 [n,d] with n >= k. The same rows in the same order and the same seed give the same centres; the global
    random state is not touched.

    Example:
        >>> x = torch.tensor([[0.0], [2.0], [10.0], [12.0]]).double()
        >>> kmeans(x, 2, seed=0).sort(0).values.tolist()
        [[1.0], [11.0]]
    """
    draw = torch.Generator().manual_seed(seed)
    best, least = x[:k], float("inf")
    for _ in range(STARTS):
        centres = _spread_out(x, k, draw)
        for _ in range(ROUNDS):
            cell = squared_distances(x, centres).argmin(1)
            one_hot = torch.nn.functional.one_hot(cell, k).to(x.dtype)
            sizes = one_hot.sum(0)
            moved = torch.where(sizes[:, None] > 0, one_hot.T @ x / sizes.clamp(min=1)[:, None], centres)
            if torch.equal(moved, centres):
                break
            centres = moved
        total = float(squared_distances(x, centres).amin(1).sum())
        if total < least:
            best, least = centres, total
    return best


def _spread_out(x: Tensor, k: int, draw: torch.Generator) -> Tensor:
    """k rows, each after the first drawn in proportion to the squared distance to the nearest one before."""
    chosen = [int(torch.randint(len(x), (1,), generator=draw))]
    for _ in range(k - 1):
        weights = squared_distances(x, x[chosen]).amin(1)
        weights = weights if float(weights.sum()) > 0 else torch.ones_like(weights)
        chosen.append(int(torch.multinomial(weights, 1, generator=draw)))
    return x[chosen]
