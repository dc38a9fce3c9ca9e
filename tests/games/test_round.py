"""A round computes what is read, once, and gradients reach only the mover."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from poise.core import Batch, Player, Term
from poise.games.adversarial import Adversarial, Round, adversarial_terms, joint_allowed
from poise.penalties import R1, R2
from poise.registry import find, names
from poise.training.moves import move
from poise.training.precision import Execution
from tests.conftest import TinyDiscriminator, TinyGenerator


def game_of(loss="nonsaturating", extra=(), joint=True):
    torch.manual_seed(0)
    g, d = TinyGenerator(), TinyDiscriminator()
    to_discriminate, to_generate = adversarial_terms(find("loss", loss))
    sgd = torch.optim.SGD
    players = (
        Player("discriminator", d, sgd(d.parameters(), 0.1), [to_discriminate, *extra]),
        Player("generator", g, sgd(g.parameters(), 0.1), [to_generate]),
    )
    return Adversarial(g, d, players, joint=joint)


BATCH = Batch(torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(1)))


def read_by(game, player, due=None, monkeypatch=None):
    """Names of the attributes that a turn of `player` computed."""
    kept = []
    original = game.round

    def watching(*arguments):
        kept.append(original(*arguments))
        return kept[-1]

    game.round = watching
    move(game, player, BATCH, 0)
    return set(kept[0].__dict__) & {"z", "fake", "on_real", "on_fake", "on_both"}


@pytest.mark.parametrize("loss", names("loss"))
def test_a_turn_computes_only_what_its_terms_read(loss):
    game = game_of(loss)
    assert read_by(game, game.players[1]) == {"z", "fake", "on_fake"} | (
        {"on_real"} if find("loss", loss).paired else set()
    )
    game = game_of(loss)
    assert read_by(game, game.players[0]) == {"z", "fake", "on_real", "on_fake", "on_both"}


def test_a_discriminator_that_reads_only_real_samples_never_generates():
    game = game_of()
    game.generator.noise = lambda n: pytest.fail("nobody reads generated samples")
    only_real = Term("real", lambda round: round.on_real.logits[0])
    game.players[0].terms = [only_real]
    assert read_by(game, game.players[0]) == {"on_real"}


@pytest.mark.parametrize("loss", names("loss"))
@pytest.mark.parametrize("mover", [0, 1])
def test_gradient_reaches_only_the_mover(loss, mover):
    game = game_of(loss)
    before = [[p.detach().clone() for p in player.module.parameters()] for player in game.players]
    move(game, game.players[mover], BATCH, 0)
    for i, player in enumerate(game.players):
        changed = any(not torch.equal(p, b) for p, b in zip(player.module.parameters(), before[i], strict=True))
        assert changed == (i == mover)
        assert all(p.requires_grad for p in player.module.parameters()), "weights must be unfrozen again"
        assert i == mover or all(p.grad is None for p in player.module.parameters())


@pytest.mark.parametrize("loss", names("loss"))
def test_one_joint_pass_equals_two(loss, float64):
    after = []
    for joint in (True, False):
        game = game_of(loss, joint=joint)
        torch.manual_seed(5)
        move(game, game.players[0], Batch(BATCH.real.double()), 0)
        after.append(torch.cat([p.detach().flatten() for p in game.discriminator.parameters()]))
    assert (after[0] - after[1]).abs().max() < 1e-14


def test_batch_normalisation_forbids_the_joint_pass():
    assert joint_allowed(TinyDiscriminator())
    assert not joint_allowed(torch.nn.Sequential(torch.nn.BatchNorm2d(3)))


@pytest.mark.parametrize("penalty", [R1, R2])
def test_gradient_penalty_of_a_linear_critic_is_half_gamma_squared_norm(penalty, float64):
    """D(x) = ⟨w, x⟩: ½‖∇_x D‖² = ½‖w‖² for every sample."""
    w = torch.randn(16)

    def critic(x, cond=None):
        from poise.core import DiscriminatorOutput

        return DiscriminatorOutput((x.flatten(1) @ w,))

    (term,) = penalty(gamma=3.0, every=4).terms()
    round = Round(Adversarial(TinyGenerator(), critic), False, Batch(torch.randn(5, 1, 4, 4)), [term])
    assert torch.allclose(term.value(round), 0.5 * w.square().sum().expand(5))
    assert term.scale(0) == 12.0


@pytest.mark.parametrize("penalty", [R1, R2])
def test_gradient_penalty_changes_the_weights_as_finite_differences_say(penalty, float64):
    """d/dw of the penalty by double backward equals the central difference along a random direction."""
    game = game_of()
    (term,) = penalty(gamma=1.0, every=1).terms()

    def value():
        torch.manual_seed(2)
        return term.value(Round(game, False, Batch(BATCH.real.double()), [term])).mean()

    parameters = list(game.discriminator.parameters())
    gradients = torch.autograd.grad(value(), parameters, allow_unused=True)
    directions = [torch.randn_like(p) for p in parameters]
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True) if g is not None)
    eps, values = 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            for p, d in zip(parameters, directions, strict=True):
                p.add_(sign * eps * d)
        values.append(value().item())
        with torch.no_grad():
            for p, d in zip(parameters, directions, strict=True):
                p.sub_(sign * eps * d)
    assert slope.item() == pytest.approx((values[0] - values[1]) / (2 * eps), rel=1e-5)


def test_real_samples_need_a_gradient_only_when_a_term_differentiates():
    (r1,) = R1(every=4).terms()
    game = game_of(extra=[r1])
    rounds = []
    original = game.round
    game.round = lambda *a: rounds.append(original(*a)) or rounds[-1]
    for step in range(5):
        move(game, game.players[0], BATCH, step)
    assert [r.real.requires_grad for r in rounds] == [True, False, False, False, True]


@pytest.mark.parametrize("micro", [1, 4])
def test_the_gradient_at_the_generators_output_is_that_of_each_samples_own_loss(micro, float64):
    """Mean over samples of ‖∂ℓ_i/∂G(z_i)‖, whatever the micro-batches; by autograd on each sample alone."""
    game = game_of()
    noise = torch.randn(8, 4)
    pieces = iter(noise.tensor_split(micro))
    game.generator.noise = lambda n: next(pieces)
    batch = Batch(BATCH.real.double()[:8])
    expected = []
    for z in noise:
        fake = game.generator(z[None]).detach().requires_grad_()
        loss = torch.nn.functional.softplus(-game.discriminator(fake).logits[0]).sum()
        (gradient,) = torch.autograd.grad(loss, fake)
        expected.append(gradient.norm().item())
    row = move(game, game.players[1], batch, 0, Execution(micro_batches=micro))
    assert float(row["output_gradient"]) == pytest.approx(sum(expected) / 8, rel=1e-12)
    game.generator.noise = lambda n: noise[:n]
    assert "output_gradient" not in move(game, game.players[0], batch, 0)


def test_a_round_is_freed_when_its_turn_is_over():
    """Without the collector: a hook on the generated samples must not keep the round, and all its graph, alive."""
    game = game_of()
    seen = []
    original = game.round
    game.round = lambda *a: seen.append(weakref.ref(made := original(*a))) or made
    gc.disable()
    try:
        for player in game.players:
            move(game, player, BATCH, 0)
        assert [reference() for reference in seen] == [None, None]
    finally:
        gc.enable()
