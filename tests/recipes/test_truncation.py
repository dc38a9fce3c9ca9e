"""Noise that is cut off: the truncated normal law, from the same noise, in the same order."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from poise.errors import PoiseError
from poise.recipes.images.drawing import truncated

Z = torch.special.ndtri((torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000)  # the quantiles of N(0, 1)


@pytest.mark.parametrize("limit", [0.3, 0.5, 1.0, 2.0, 3.5])
def test_moments_are_those_of_the_law(limit):
    """Mean 0, variance 1 − 2tφ(t)/(2Φ(t) − 1), the fourth moment by scipy; nothing beyond the limit."""
    found = truncated(Z, limit)
    density, below = math.exp(-(limit**2) / 2) / math.sqrt(2 * math.pi), stats.norm.cdf(limit)
    assert found.abs().max() <= limit
    assert found.mean().abs() < 1e-6
    assert found.square().mean().item() == pytest.approx(1 - 2 * limit * density / (2 * below - 1), rel=1e-4)
    assert found.pow(4).mean().item() == pytest.approx(stats.truncnorm.moment(4, -limit, limit), rel=1e-3)


@pytest.mark.parametrize("limit", [0.1, 1.0, 2.0])
def test_it_keeps_order_and_signs(limit):
    found = truncated(Z, limit)
    assert (found.diff() > 0).all() and torch.equal(found.sign(), Z.sign())
    assert (found.abs() <= Z.abs()).all(), "nearer to the mean"


def test_far_out_it_changes_nothing():
    z = torch.randn(1000, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(truncated(z, 12.0), z, atol=1e-6)
    assert truncated(z, 1.0).dtype == z.dtype


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
def test_bad_limits_are_refused(limit):
    with pytest.raises(PoiseError, match="--truncation must be above 0 and finite"):
        truncated(Z, limit)
