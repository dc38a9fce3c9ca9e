"""Adversarial losses: exact values, exact gradients, one table for the family."""

from __future__ import annotations

import math

import pytest
import torch

from poise.registry import find, names

LOG2 = math.log(2)
R, F = 0.7, -0.4  # logits on real and on generated samples


def sigma(t):
    return 1 / (1 + math.exp(-t))


# name: (D at 0, G at 0, D at (R, F), G at (R, F), dD/dr, dD/df, dG/df)
VALUES = {
    "nonsaturating": (
        2 * LOG2,
        LOG2,
        -math.log(sigma(R)) - math.log(1 - sigma(F)),
        -math.log(sigma(F)),
        -sigma(-R),
        sigma(F),
        -sigma(-F),
    ),
    "minimax": (
        2 * LOG2,
        -LOG2,
        -math.log(sigma(R)) - math.log(1 - sigma(F)),
        math.log(1 - sigma(F)),
        -sigma(-R),
        sigma(F),
        -sigma(F),
    ),
    "hinge": (2.0, 0.0, 0.3 + 0.6, 0.4, -1.0, 1.0, -1.0),
    "least_squares": (1.0, 1.0, 0.09 + 0.16, 1.96, -0.6, -0.8, -2.8),
    "wasserstein": (0.0, 0.0, F - R, -F, -1.0, 1.0, -1.0),
    "relativistic": (
        LOG2,
        LOG2,
        -math.log(sigma(R - F)),
        -math.log(sigma(F - R)),
        -sigma(F - R),
        sigma(F - R),
        -sigma(R - F),
    ),
}


def test_the_table_names_every_loss():
    assert set(VALUES) == set(names("loss"))


@pytest.mark.parametrize("name", names("loss"))
def test_values_and_gradients(name, float64):
    loss = find("loss", name)
    d0, g0, d, g, d_r, d_f, g_f = VALUES[name]
    zero = torch.zeros(())

    def generator(fake, real):
        return loss.generator(fake, real) if loss.paired else loss.generator(fake)

    assert loss.discriminator(zero, zero).item() == pytest.approx(d0, abs=1e-14)
    assert generator(zero, zero).item() == pytest.approx(g0, abs=1e-14)
    real, fake = (torch.tensor(v, requires_grad=True) for v in (R, F))
    value = loss.discriminator(real, fake)
    assert value.item() == pytest.approx(d, rel=1e-13)
    assert torch.autograd.grad(value, (real, fake)) == pytest.approx((d_r, d_f), rel=1e-12)
    value = generator(fake, real.detach())
    assert value.item() == pytest.approx(g, rel=1e-13)
    assert torch.autograd.grad(value, fake)[0].item() == pytest.approx(g_f, rel=1e-12)


@pytest.mark.parametrize("name", names("loss"))
def test_extreme_logits_stay_finite(name):
    loss = find("loss", name)
    for real, fake in ((1e4, -1e4), (-1e4, 1e4)):
        r, f = torch.tensor(real), torch.tensor(fake)
        assert torch.isfinite(loss.discriminator(r, f))
        assert torch.isfinite(loss.generator(f, r) if loss.paired else loss.generator(f))
