"""Dynamic time warping of two sequences of features. Numpy, all cells of an anti-diagonal at once, in float64.

Letters: n and m frames, d features, B sequences at once, P steps of a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.core.statistics import Floats

CELLS = 4_000_000  # of the tables that are filled at once
STEPS = ((1, 1), (0, 1), (1, 0))  # back along the path, by what it came


class Alignment(NamedTuple):
    """A path through two sequences, and the mean distance along it."""

    path: NDArray[np.int64]  # [P,2] rows of either
    cost: float


def align(a: NDArray[Any], b: NDArray[Any]) -> Alignment:
    """The path of least summed Euclidean distance from the first frames of both to the last (Sakoe & Chiba 1978).

    Each step goes on by one frame in a, in b, or in both; all steps weigh the same, and of equal sums the one that goes
    on in both is taken. `cost` is the sum over the number of steps.

    Args: a [n,d], b [m,d]. Errors: PoiseError for sequences that are empty, not finite, or of different features.

    Example:
        >>> found = align(np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [2.0]]))
        >>> found.path.tolist(), round(found.cost, 4)  # 1 is one away from 0 or 2, the other two steps cost nothing
        ([[0, 0], [1, 0], [2, 1]], 0.3333)
    """
    _check(a)
    distances = _distances(a, [b])
    came = np.zeros((len(a) + len(b) - 1, len(a)), np.uint8)
    cost = float(_sweep(distances, np.array([len(b)]), came)[0])
    at = [len(a) - 1, len(b) - 1]
    path = [tuple(at)]
    while any(at):
        down, right = STEPS[came[sum(at), at[0]]]
        at = [at[0] - down, at[1] - right]
        path.append(tuple(at))
    return Alignment(np.array(path[::-1], np.int64), cost)


def aligned_costs(a: NDArray[Any], others: Sequence[NDArray[Any]]) -> Floats:
    """[N]: the `cost` of `align(a, b)` for each b of others, many at once.

    Example:
        >>> others = [np.array([[0.0], [0.0], [2.0]]), np.array([[1.0], [3.0]])]
        >>> aligned_costs(np.array([[0.0], [2.0]]), others).tolist()
        [0.0, 1.0]
    """
    _check(a)
    costs = np.empty(len(others))
    order = np.argsort([len(b) for b in others], kind="stable")
    start = 0
    while start < len(order):
        size = max(1, CELLS // (len(a) * (len(a) + len(others[order[min(start + 64, len(order) - 1)]]))))
        rows = order[start : start + min(size, 64)]
        chosen = [others[row] for row in rows]
        costs[rows] = _sweep(_distances(a, chosen), np.array([len(b) for b in chosen]))
        start += len(rows)
    return costs


def _check(x: NDArray[Any], d: int | None = None) -> None:
    if x.ndim != 2 or not x.size or not np.isfinite(x).all() or x.shape[1] != (d or x.shape[1]):
        raise PoiseError(f"sequences to align are finite features [frames,d], not empty and of one d, not {x.shape}")


def _distances(a: NDArray[Any], others: Sequence[NDArray[Any]]) -> Floats:
    """[B, n, the longest m], 0 behind the end of a shorter one: exactly 0 for equal frames."""
    for b in others:
        _check(b, a.shape[1])
    first = torch.from_numpy(np.asarray(a, np.float64))
    joined = torch.from_numpy(np.concatenate(others).astype(np.float64))
    found = torch.cdist(first, joined, compute_mode="donot_use_mm_for_euclid_dist").numpy()
    lengths = [len(b) for b in others]
    table = np.zeros((len(others), len(a), max(lengths)))
    for row, part in enumerate(np.split(found, np.cumsum(lengths)[:-1], axis=1)):
        table[row, :, : lengths[row]] = part
    return table


def _sweep(distances: Floats, lengths: NDArray[np.int64], came: NDArray[np.uint8] | None = None) -> Floats:
    """The cost [B] at the last frame of each b; `came` [n+m-1, n] takes the step by which each cell was reached.

    What lies behind the end of a shorter b is filled as well, and never leads back into it.
    """
    batch, n, m = distances.shape
    flat = np.pad(distances, ((0, 0), (0, 0), (0, n)), constant_values=np.inf).reshape(batch, -1)
    skewed = flat[:, : n * (n + m - 1)].reshape(batch, n, n + m - 1).transpose(2, 0, 1)  # [k,B,i] is (i, k - i)
    last, before = np.full((batch, n + 1), np.inf), np.full((batch, n + 1), np.inf)  # sums, one column to the left
    steps, steps_before = np.zeros((batch, n + 1)), np.zeros((batch, n + 1))
    costs = np.empty(batch)
    before[:, 0] = 0.0  # so that the first cell comes from outside
    for k in range(n + m - 1):
        sums, counts, which = before[:, :-1], steps_before[:, :-1], np.zeros((batch, n), np.uint8)
        for number, part in ((1, slice(1, None)), (2, slice(None, -1))):
            nearer = last[:, part] < sums
            sums, counts = np.where(nearer, last[:, part], sums), np.where(nearer, steps[:, part], counts)
            which[nearer] = number
        before, steps_before = last, steps
        last, steps = np.full((batch, n + 1), np.inf), np.zeros((batch, n + 1))
        last[:, 1:], steps[:, 1:] = sums + skewed[k], counts + 1
        if came is not None:
            came[k] = which[0]
        ended = lengths + n - 2 == k
        costs[ended] = last[ended, n] / steps[ended, n]
    return costs
