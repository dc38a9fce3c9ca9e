"""What can be read off the products of two sets: kernel sums, nearest neighbours, neighbourhood balls.

An ask is a frozen dataclass. `start` gives an answer that gathers from tile to tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from poise.metrics.core.tiles import Kernel, RowSet, Tile

SLACK = 1e-13  # of squared norms: distances closer than this are equal, as rounding cannot tell them apart
PERMUTATIONS = 199


class KernelSums(NamedTuple):
    rows: Tensor  # [n] sum over the columns
    columns: Tensor  # [m] sum over the rows
    squares: float  # sum of the squared kernel


@dataclass(frozen=True)
class Sums:
    """Kernel sums, the diagonal of one set left out.

    Example:
        >>> from poise.metrics.core.sets import Features
        >>> from poise.metrics.core.tiles import CubicKernel
        >>> x, y = Features(np.array([[0.0], [1.0]])), Features(np.array([[1.0]]))
        >>> x.against(y, Sums(CubicKernel()))[0].rows.tolist()  # (0·1 + 1)³, (1·1 + 1)³
        [1.0, 8.0]
    """

    kernel: Kernel

    def start(self, x: RowSet, y: RowSet) -> _Sums:
        return _Sums(self.kernel, x, y)


class _Sums:
    def __init__(self, kernel: Kernel, x: RowSet, y: RowSet) -> None:
        self.kernel, self.total = kernel, 0.0
        self.rows = torch.zeros_like(x.squares)
        self.columns = self.rows if x is y else torch.zeros_like(y.squares)

    def add(self, tile: Tile) -> None:
        k = tile.kernel(self.kernel)
        self.rows[tile.rows] += k.sum(1)
        self.total += (2.0 if tile.mirrored else 1.0) * float(torch.vdot(k.view(-1), k.view(-1)))
        if not tile.diagonal:
            self.columns[tile.columns] += k.sum(0)

    def done(self) -> KernelSums:
        return KernelSums(self.rows, self.columns, self.total)


@lru_cache(maxsize=2)
def labels(n: int, m: int, seed: int) -> Tensor:
    """0/1 [n+m, 199]: in every column n ones at random.

    Example:
        >>> found = labels(2, 3, seed=0)
        >>> tuple(found.shape), found.sum(0).unique().tolist()
        ((5, 199), [2.0])
    """
    draw = np.random.default_rng((seed, n, m))
    found = torch.zeros(n + m, PERMUTATIONS, dtype=torch.float64)
    for column in range(PERMUTATIONS):
        found[torch.from_numpy(draw.permutation(n + m)[:n]), column] = 1.0
    return found


@dataclass(frozen=True)
class RelabelledSums:
    """Per random relabelling z of the pooled n + m rows the part of zᵀ K z that lies in these tiles."""

    kernel: Kernel
    n: int
    m: int
    seed: int
    first: tuple[int, int]  # where the rows of x and of y begin in the pooled set: 0 or n

    def start(self, x: RowSet, y: RowSet) -> _RelabelledSums:
        pooled = labels(self.n, self.m, self.seed)
        return _RelabelledSums(self.kernel, pooled[self.first[0] :], pooled[self.first[1] :])


class _RelabelledSums:
    def __init__(self, kernel: Kernel, zx: Tensor, zy: Tensor) -> None:
        self.kernel, self.zx, self.zy = kernel, zx, zy
        self.total = torch.zeros(PERMUTATIONS, dtype=torch.float64)

    def add(self, tile: Tile) -> None:
        part = (self.zx[tile.rows] * (tile.kernel(self.kernel) @ self.zy[tile.columns])).sum(0)
        self.total += part if tile.diagonal else 2 * part

    def done(self) -> Tensor:
        return self.total


class Neighbours(NamedTuple):
    """Squared distances, nearest first, and which rows these are."""

    squared: Tensor  # [n,k]
    which: Tensor  # [n,k]


class Nearest2(NamedTuple):
    rows: Neighbours  # of x among y; within one set: other rows of the same set
    columns: Neighbours  # of y among x


@dataclass(frozen=True)
class NearestRows:
    """The k nearest rows of the other set for each row of both; within one set, of the other rows.

    Example:
        >>> from poise.metrics.core.sets import Features
        >>> x, y = Features(np.array([[0.0], [5.0]])), Features(np.array([[4.0], [1.0]]))
        >>> found = x.against(y, NearestRows(1))[0]
        >>> found.rows.squared.tolist(), found.rows.which.tolist()
        ([[1.0], [1.0]], [[1], [0]])
    """

    k: int

    def start(self, x: RowSet, y: RowSet) -> _NearestRows:
        return _NearestRows(self.k, x, y)


class _NearestRows:
    def __init__(self, k: int, x: RowSet, y: RowSet) -> None:
        self.rows = _Best(len(x.squares), k)
        self.columns = self.rows if x is y else _Best(len(y.squares), k)

    def add(self, tile: Tile) -> None:
        self.rows.add(tile.rows, tile.columns.start, tile.distances)
        if not tile.diagonal:
            self.columns.add(tile.columns, tile.rows.start, tile.distances.T.contiguous())

    def done(self) -> Nearest2:
        return Nearest2(self.rows.done(), self.columns.done())


class _Best:
    """The k smallest distances so far of each row."""

    def __init__(self, n: int, k: int) -> None:
        self.k = k
        self.squared = torch.full((n, k), torch.inf, dtype=torch.float64)
        self.index = torch.zeros(n, k, dtype=torch.int64)

    def add(self, rows: slice, offset: int, distances: Tensor) -> None:
        near, where = _smallest(distances, min(self.k, distances.shape[1]))
        near, where = torch.cat([self.squared[rows], near], 1), torch.cat([self.index[rows], where + offset], 1)
        self.squared[rows], order = _smallest(near, self.k)
        self.index[rows] = where.gather(1, order)

    def done(self) -> Neighbours:
        return Neighbours(self.squared, self.index)


def _smallest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    if k == 1:
        least = values.min(1, keepdim=True)
        return least.values, least.indices
    top = values.topk(k, 1, largest=False)
    return top.values, top.indices


class HitCounts(NamedTuple):
    """How often rows lie inside the balls that reach to the k-th neighbour within a set."""

    columns_in_x: Tensor  # [m] balls around rows of x that hold the row of y
    x_holds: Tensor  # [n] rows of y inside the ball around the row of x
    x_would_hold: Tensor  # [n] the same for balls that reach to the neighbour after the k-th
    rows_in_y: Tensor  # [n] balls around rows of y that hold the row of x


@dataclass(frozen=True)
class Hits:
    """Counts of rows strictly inside k-nearest-neighbour balls, both ways.

    Example:
        >>> from poise.metrics.core.sets import Features
        >>> x, y = Features(np.array([[0.0], [1.0], [9.0]])), Features(np.array([[0.5], [20.0], [21.0]]))
        >>> x.against(y, Hits(1))[0].columns_in_x.tolist()  # the balls around 0 and 1 reach 1 far
        [2, 0, 0]
    """

    k: int

    def start(self, x: RowSet, y: RowSet) -> _Hits:
        return _Hits(_inside(x, self.k), _inside(x, self.k + 1), _inside(y, self.k))


def _inside(side: RowSet, k: int) -> Tensor:
    """Squared radii, less what rounding may add: a row exactly on the ball is outside.

    A row inside the ball of radius r around x has a squared norm of at most 2 |x|^2 + 2 r^2.
    """
    squared = side.radii(k)
    return squared - SLACK * (3 * side.squares + 2 * squared)


class _Hits:
    def __init__(self, x: Tensor, wider: Tensor, y: Tensor) -> None:
        self.x, self.wider, self.y = x, wider, y
        self.counts = HitCounts(*(torch.zeros(len(side), dtype=torch.int64) for side in (y, x, x, x)))

    def add(self, tile: Tile) -> None:
        in_x = tile.distances < self.x[tile.rows, None]
        self.counts.columns_in_x[tile.columns] += in_x.sum(0)
        self.counts.x_holds[tile.rows] += in_x.sum(1)
        self.counts.x_would_hold[tile.rows] += (tile.distances < self.wider[tile.rows, None]).sum(1)
        self.counts.rows_in_y[tile.rows] += (tile.distances < self.y[tile.columns]).sum(1)

    def done(self) -> HitCounts:
        return self.counts
