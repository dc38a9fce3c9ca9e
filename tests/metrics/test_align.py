"""Dynamic time warping: constructed cases, and the definition cell by cell."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.speech.align import align, aligned_costs

Array = NDArray[np.float64]


def naive(a: Array, b: Array) -> float:
    """Least sum over its number of steps, by the recursion."""
    sums = np.full((len(a) + 1, len(b) + 1), np.inf)
    steps = np.zeros_like(sums)
    sums[0, 0] = 0
    for i in range(len(a)):
        for j in range(len(b)):
            came = min(((i, j), (i + 1, j), (i, j + 1)), key=lambda cell: sums[cell])
            sums[i + 1, j + 1] = sums[came] + np.linalg.norm(a[i] - b[j])
            steps[i + 1, j + 1] = steps[came] + 1
    return float(sums[-1, -1] / steps[-1, -1])


def test_a_repeated_sequence_costs_nothing() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(12, 4))
    times = rng.integers(1, 4, 12)
    found = align(a, np.repeat(a, times, axis=0))
    assert found.cost == 0
    np.testing.assert_array_equal(found.path[:, 0], np.repeat(np.arange(12), times))
    np.testing.assert_array_equal(found.path[:, 1], np.arange(times.sum()))


def test_a_constructed_path() -> None:
    """0 1 5 against 0 0 1 4: two frames stand for the first, and the last is 1 off; four steps."""
    found = align(np.array([[0.0], [1.0], [5.0]]), np.array([[0.0], [0.0], [1.0], [4.0]]))
    assert found.path.tolist() == [[0, 0], [0, 1], [1, 2], [2, 3]]
    assert found.cost == 0.25


def test_many_at_once_are_the_definition() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(9, 3))
    others = [rng.normal(size=(n, 3)) for n in rng.integers(1, 20, 90)]
    costs = aligned_costs(a, others)
    np.testing.assert_allclose(costs, [naive(a, b) for b in others], rtol=1e-12)
    for b, cost in list(zip(others, costs, strict=True))[:20]:
        path = align(a, b).path
        assert path[0].tolist() == [0, 0]
        assert path[-1].tolist() == [8, len(b) - 1]
        assert {tuple(step) for step in np.diff(path, axis=0).tolist()} <= {(0, 1), (1, 0), (1, 1)}
        assert np.linalg.norm(a[path[:, 0]] - b[path[:, 1]], axis=1).mean() == pytest.approx(cost)


def test_swapping_the_two_swaps_the_path() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(14, 5)), rng.normal(size=(10, 5))
    one, other = align(a, b), align(b, a)
    assert one.cost == pytest.approx(other.cost)
    np.testing.assert_array_equal(one.path, other.path[:, ::-1])


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), np.zeros((4, 2)), np.full((4, 3), np.nan), np.zeros(3)])
def test_what_cannot_be_aligned_is_refused(bad: Array) -> None:
    with pytest.raises(PoiseError, match="sequences to align are finite features"):
        align(np.zeros((5, 3)), bad)
    with pytest.raises(PoiseError, match="sequences to align are finite features"):
        aligned_costs(np.zeros((5, 3)), [np.zeros((5, 3)), bad])
