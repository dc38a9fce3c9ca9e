"""Mean and covariance of any number of rows, read in blocks and never squared.

The covariance is kept as a root R with RᵀR = S. Rows are fed as [1 | row] through a QR decomposition whose triangle is
carried from block to block; its first row gives the mean, the rest the root of the centred rows. So a set is read
once, in any number of blocks, and small eigenvalues keep their digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    """First and second moments of n rows of d features.

    Example:
        >>> found = moments([torch.tensor([[0.0], [2.0]]).double()], d=1)
        >>> found.n, round(found.mean.item(), 4), round((found.root.T @ found.root).item(), 4)  # variance 2, over n−1
        (2, 1.0, 2.0)
    """

    n: int
    mean: Tensor  # [d]
    root: Tensor  # [r,d], r <= min(n,d); rootᵀ root is the covariance, n-1 in the denominator


class Gathered:
    """Moments that grow with each block of rows.

    Example:
        >>> gathered = Gathered(1)
        >>> for rows in ([[0.0], [2.0]], [[4.0]]):
        ...     gathered.add(torch.tensor(rows).double())
        >>> gathered.n, round(gathered.moments().mean.item(), 4)
        (3, 2.0)
    """

    def __init__(self, d: int) -> None:
        self.n, self._triangle = 0, torch.zeros(0, d + 1, dtype=torch.float64)

    def add(self, rows: Tensor) -> None:
        """Take in rows float64 [n,d]."""
        tall = torch.empty(len(self._triangle) + len(rows), rows.shape[1] + 1, dtype=torch.float64)
        tall[: len(self._triangle)] = self._triangle
        tall[len(self._triangle) :, 0] = 1.0
        tall[len(self._triangle) :, 1:] = rows
        self._triangle = torch.linalg.qr(tall, mode="r")[1]
        self.n += len(rows)

    def moments(self) -> Moments:
        """What has been taken in so far, at least 2 rows."""
        mean = self._triangle[0, 1:] / self._triangle[0, 0]
        return Moments(self.n, mean, self._triangle[1:, 1:] / math.sqrt(self.n - 1))


def moments(blocks: Iterable[Tensor], d: int) -> Moments:
    """Moments of all rows of the blocks, each float64 [n,d]; at least 2 rows in all.

    Example:
        >>> blocks = [torch.tensor([[0.0, 0.0], [2.0, 2.0]]).double(), torch.tensor([[4.0, 4.0]]).double()]
        >>> found = moments(blocks, d=2)
        >>> found.mean.round(decimals=4).tolist(), (found.root.T @ found.root).round(decimals=4).tolist()
        ([2.0, 2.0], [[4.0, 4.0], [4.0, 4.0]])
    """
    gathered = Gathered(d)
    for block in blocks:
        gathered.add(block)
    return gathered.moments()
