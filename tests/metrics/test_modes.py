"""Modes of classes and of toy data with known centres."""

from __future__ import annotations

import numpy as np
import pytest

from poise.errors import PoiseError
from poise.metrics.distributions.modes import centre_modes, class_modes

ANGLES = np.arange(8) * np.pi / 4
RING = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)


def test_perfect_sampler_of_the_ring_scores_98_89() -> None:
    draw = np.random.default_rng(0)
    points = RING[draw.integers(0, 8, 200_000)] + 0.02 * draw.normal(size=(200_000, 2))
    found = centre_modes(points, RING, 0.02)
    assert found.quality.value == pytest.approx(1 - np.exp(-4.5), abs=4 * np.sqrt(0.0111 * 0.989 / 200_000))
    assert found.quality.low <= 1 - np.exp(-4.5) <= found.quality.high
    assert found.hit == 8
    assert found.kl < 1e-3


def test_collapse_and_noise_are_seen() -> None:
    draw = np.random.default_rng(1)
    one = centre_modes(RING[:1] + 0.02 * draw.normal(size=(500, 2)), RING, 0.02)
    assert one.hit == 1
    assert one.kl == pytest.approx(np.log(8))
    noise = centre_modes(draw.normal(size=(500, 2)) + 9, RING, 0.02)
    assert (noise.quality.value, noise.hit, noise.kl) == (0, 0, 0)


def test_classes_are_counted() -> None:
    found = class_modes(np.array([0, 0, 1, 3]), np.full(4, 5.0))
    assert (found.seen, found.smallest) == (3, 0)
    assert found.kl == pytest.approx(0.5 * np.log(2))
    assert class_modes(np.arange(4), np.full(4, 0.25)) == (4, 0.25, 0)


def test_divergence_of_fair_draws_is_the_formula() -> None:
    draw = np.random.default_rng(2)
    found = [class_modes(draw.integers(0, 25, 2500), np.full(25, 0.04)).kl for _ in range(200)]
    assert np.mean(found) == pytest.approx(24 / 5000, rel=0.1)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(PoiseError, match="from 0 to 3"):
        class_modes(np.array([4]), np.full(4, 0.25))
    with pytest.raises(PoiseError, match="positive"):
        class_modes(np.array([0]), np.array([1.0, 0.0]))
    with pytest.raises(PoiseError, match="one d"):
        centre_modes(np.zeros((4, 3)), RING, 0.02)
    with pytest.raises(PoiseError, match="finite"):
        centre_modes(np.full((4, 2), np.nan), RING, 0.02)
