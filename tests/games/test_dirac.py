"""The Dirac-GAN (Mescheder et al. 2018) through the real loop, against its closed forms.

D(x) = ψx, G = θ, data at 0, plain SGD of step h. Our D ascends on −ψθ, so the ψ of the closed form is minus ours.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise.core import Batch, Player
from poise.games.adversarial import Adversarial, adversarial_terms
from poise.penalties import L2, R1
from poise.registry import find
from poise.training.loop import train
from tests.conftest import Line, Point

pytestmark = pytest.mark.usefixtures("float64")
DATA_AT_ZERO = Batch(torch.zeros(1, 1, dtype=torch.float64))


def dirac(loss, psi, theta=1.0, h=0.1, on_generator=(), on_discriminator=(), turns=1, h_d=None):
    g, d = Point(theta), Line(*psi)
    to_discriminate, to_generate = adversarial_terms(find("loss", loss))
    own = [p for p in on_discriminator if p.weight_penalties()]
    extra = [term for p in on_discriminator for term in p.terms()]
    players = (
        Player("generator", g, torch.optim.SGD(g.parameters(), h), [to_generate], list(on_generator)),
        Player(
            "discriminator", d, torch.optim.SGD(d.parameters(), h_d or h), [to_discriminate, *extra], own, turns=turns
        ),
    )
    return Adversarial(g, d, players)


def matrix(h, lambda_d, lambda_g=0.0):
    """One step of the Wasserstein Dirac-GAN, G before D: z ← M z with z = (θ, ψ)."""
    return np.array([[1, 0], [h, 1 - h * lambda_d]]) @ np.array([[1 - h * lambda_g, -h], [0, 1]])


class Rewarding(L2):
    """The penalty with the sign of the article's formula read literally: D is rewarded for large weights."""

    def strength_at(self, step=0):
        return -super().strength_at(step)


@pytest.mark.slow
def test_wasserstein_follows_its_matrix_to_rounding():
    """train() gives Mᵗz₀ for h = .1, λ_D = .3, λ_G = .05, z₀ = (1, .5) over 300 steps."""
    game = dirac("wasserstein", [-0.5], on_generator=[L2(0.05)], on_discriminator=[L2(0.3)])
    z, worst = np.array([1.0, 0.5]), []

    def watch(step, row):
        nonlocal z
        z = matrix(0.1, 0.3, 0.05) @ z
        worst.append(max(abs(z[0] - game.generator.theta), abs(z[1] + game.discriminator.slope)))

    train(game, lambda draw: DATA_AT_ZERO, 300, watch=watch)
    assert len(worst) == 300
    assert max(worst) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.0, 0.02, 1.0, 5.0, 19.8, 20.1])
def test_wasserstein_converges_exactly_where_the_closed_form_says(strength):
    """Alternating, a = 1: stable iff 0 < λ < 2/h − h/2, here 19.95; never at λ = 0, where |z| is conserved in kind."""
    h, steps = 0.1, 600
    game = dirac("wasserstein", [-0.5], h=h, on_discriminator=[L2(strength)] if strength else [])
    train(game, lambda draw: DATA_AT_ZERO, steps, detail_every=steps)
    size = np.hypot(game.generator.theta, game.discriminator.slope)
    radius = max(abs(np.linalg.eigvals(matrix(h, strength))))
    assert (radius < 1 - 1e-9) == (0 < strength < 2 / h - h / 2)
    if 0 < strength < 2 / h - h / 2:
        assert size < 2 * radius**steps * np.hypot(1, 0.5) + 1e-12
    else:
        assert size > 0.5


@pytest.mark.slow
def test_literal_sign_diverges():
    """Negative control: eigenvalues +λ/2 ± √(λ²/4 − a²) have a positive real part."""
    game = dirac("wasserstein", [-0.5], on_discriminator=[Rewarding(0.3)])
    train(game, lambda draw: DATA_AT_ZERO, 400, detail_every=1000)
    assert np.hypot(game.generator.theta, game.discriminator.slope) > 50


@pytest.mark.parametrize("strength", [0.1, 0.25])
@pytest.mark.slow
def test_two_layer_discriminator_has_a_dead_zone_under_l2(strength):
    """D = ψ₂ψ₁x solved to its optimum between generator steps: with L2 the optimum is 0 for |θ| ≤ 2λ, G stops there."""
    game = dirac("minimax", [-0.9, 0.9], theta=1.5, h=0.05, on_discriminator=[L2(strength)], turns=80, h_d=0.5)
    train(game, lambda draw: DATA_AT_ZERO, 250, detail_every=1000)
    assert game.generator.theta == pytest.approx(2 * strength, abs=0.03)
    assert abs(game.discriminator.slope) < 0.05


@pytest.mark.slow
def test_two_layer_discriminator_has_no_dead_zone_under_r1():
    """The same D with R1 of the same strength brings the generator to the data."""
    game = dirac("minimax", [-0.9, 0.9], theta=1.5, h=0.05, on_discriminator=[R1(0.25, every=1)], turns=40, h_d=0.5)
    train(game, lambda draw: DATA_AT_ZERO, 400, detail_every=1000)
    assert abs(game.generator.theta) < 0.05


@pytest.mark.slow
def test_r1_is_l2_on_a_linear_discriminator():
    """D = ψx: ∇_x D = ψ, so (γ/2)‖∇D‖² = (γ/2)ψ² and both runs are the same to rounding."""
    games = [dirac("nonsaturating", [-0.5], on_discriminator=[penalty]) for penalty in (L2(0.3), R1(0.3, every=1))]
    for game in games:
        train(game, lambda draw: DATA_AT_ZERO, 200, detail_every=1000)
    assert games[0].generator.theta == pytest.approx(games[1].generator.theta, abs=1e-13)
    assert games[0].discriminator.slope == pytest.approx(games[1].discriminator.slope, abs=1e-13)
