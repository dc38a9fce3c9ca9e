"""The game with sentences: REINFORCE on a language that can be enumerated, and pads that never count."""

from __future__ import annotations

import pytest
import torch

from poise.core import Batch, DiscriminatorOutput
from poise.games.text import Reinforce, TextRound, returns
from poise.models.text import MultiRepresentation, counted
from poise.penalties import R1, R2
from poise.training.moves import move
from poise.training.precision import Execution
from tests.games.sentences import SENTENCES, V, every, game_of, played, probabilities, rewards, round_of

# REINFORCE.


def test_returns_by_hand():
    """R_t = r_t + γ·R_{t+1}."""
    r = torch.tensor([[1.0, 2.0, 4.0]])
    assert returns(r, 0.5).tolist() == [[3.0, 4.0, 4.0]]
    assert returns(r, 1.0).tolist() == [[7.0, 6.0, 4.0]]
    assert returns(r, 0.0).tolist() == [[1.0, 2.0, 4.0]]


@pytest.mark.parametrize("baseline", [0.0, 0.7])
@pytest.mark.parametrize("critic", ["reader", "whole"])
@pytest.mark.parametrize("ends", [True, False])
def test_the_estimators_expectation_is_the_exact_gradient(ends, critic, baseline, float64):
    """Over all sentences, each with its probability: that of −E[Σ_t r_t]/units at γ = 1, with any baseline."""
    game = game_of(ends, critic)
    ids = every(ends)
    assert len(ids) == (7 if ends else 9)
    term = Reinforce(discount=1.0, units=1.7)
    term.baseline.fill_(baseline)
    p = probabilities(game, ids)
    assert p.sum().item() == pytest.approx(1, rel=1e-12)
    parameters = list(game.generator.parameters())
    exact = torch.autograd.grad(-(p * rewards(game, ids)).sum() / 1.7, parameters, allow_unused=True)
    expected = (p.detach() * term(round_of(game, ids))).sum()
    found = torch.autograd.grad(expected, parameters, allow_unused=True)
    assert max(e.abs().max() for e in exact if e is not None) > 1e-3
    for e, f in zip(exact, found, strict=True):
        assert e is None or (e - f).abs().max() < 1e-10


def test_a_discount_below_one_looks_less_far(float64):
    """With γ = 0 each unit is moved by its own reward alone."""
    game, ids = game_of(False), every(False)
    term = Reinforce(discount=0.0)
    logs = game.generator.logits(ids).log_softmax(2).gather(2, ids.unsqueeze(2)).squeeze(2)
    own = (2 * game.discriminator(ids).logits[0].sigmoid() - 1).detach()
    assert (term(round_of(game, ids)) + (own * logs).sum(1)).abs().max() < 1e-14


def test_a_baseline_lowers_the_variance(float64):
    """Where every reward is nearly 1, the mean square of the estimate falls by more than five times."""
    game, ids = game_of(), every(True)
    with torch.no_grad():
        game.discriminator.logit.bias.fill_(6.0)
    p, size = probabilities(game, ids).detach(), []
    for baseline in (0.0, 1.3):
        term = Reinforce(discount=1.0)
        term.baseline.fill_(baseline)
        each = [torch.autograd.grad(x, game.generator.net.readout.bias, retain_graph=True)[0]
                for x in term(round_of(game, ids))]  # fmt: skip
        size.append(float((p * torch.stack(each).square().sum(1)).sum()))
    assert size[1] < 0.2 * size[0]


@pytest.mark.parametrize("where", ["opinion", "nothing"])
def test_what_comes_after_the_end_never_counts(where, float64):
    """Changing D's opinion of pads changes neither the term nor the baseline."""
    game = game_of(length=4)
    ids = torch.tensor([[2, 0, 0, 0], [1, 2, 1, 2], [0, 0, 0, 0]])
    pads = ~counted(ids)
    honest = game.discriminator

    def lying(x, cond=None):
        verdict = honest(x, cond)
        return verdict._replace(logits=(verdict.logits[0] + (5.0 * pads if where == "opinion" else 0.0),))

    found = []
    for d in (honest, lying):
        game.discriminator = d
        term = Reinforce(discount=0.9)
        value = term(round_of(game, ids))
        gradient = torch.autograd.grad(value.sum(), game.generator.net.readout.weight)[0]
        term.commit()
        found.append((value, gradient, term.baseline))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_the_baseline_is_a_running_mean_of_the_returns(float64):
    """b ← d·b + (1 − d)·mean R over units that count; two micro-batches move it as one batch does."""
    game = game_of(length=3)
    ids = torch.tensor([[2, 0, 0], [1, 2, 1], [0, 0, 0], [1, 0, 0]])
    own = ((2 * game.discriminator(ids).logits[0].sigmoid() - 1) * counted(ids)).detach()
    mean = (returns(own, 0.5) * counted(ids)).sum() / counted(ids).sum()
    for parts in (1, 2):
        term = Reinforce(discount=0.5, decay=0.75)
        term.baseline.fill_(0.1)
        for piece in ids.tensor_split(parts):
            term(round_of(game, piece))
        term.commit()
        assert term.baseline.item() == pytest.approx(0.75 * 0.1 + 0.25 * mean.item(), rel=1e-12)
        term.commit()
        assert term.baseline.item() == pytest.approx(0.75 * 0.1 + 0.25 * mean.item(), rel=1e-12), "nothing is new"


def test_what_a_broken_move_left_behind_is_forgotten(float64):
    """A run that goes back to a checkpoint equals one that begins there."""
    game, ids = game_of(), every(True)
    term = Reinforce()
    state = term.state_dict()
    term(round_of(game, ids))
    term.load_state_dict(state)
    term.commit()
    assert term.baseline.item() == 0
    assert set(state) == {"baseline"}


def test_probabilities_are_those_of_sampling_whatever_the_dropout(float64):
    """Sentences are sampled by the whole network, so their log p is of the whole network too."""
    game = game_of(dropout=0.5)
    game.generator.train()
    ids = every(True)
    found = round_of(game, ids).log_probability.sum(1).exp()
    game.generator.eval()
    assert (found - probabilities(game, ids)).abs().max() < 1e-14


def test_an_opinion_for_each_representation_is_no_opinion_for_each_unit(float64):
    """As many representations as units: still one reward, for the last unit that counts."""
    game = game_of(length=4)
    game.discriminator = MultiRepresentation(V, 4, 8, 4, 3, hidden=4, dropout=0.0)
    ids = torch.tensor([[2, 0, 0, 0], [1, 2, 1, 2]])
    assert game.discriminator(ids).logits[0].shape == (2, 4)
    found = round_of(game, ids)
    assert found.on_ids.shape == (2, 1)
    term = Reinforce(discount=1.0)
    reward = 2 * game.discriminator(ids).means().sigmoid() - 1
    expected = -(reward.unsqueeze(1) * found.log_probability).sum(1)
    assert (term(found) - expected).abs().max() < 1e-6


def test_reinforce_reaches_the_generator_alone():
    game = game_of()
    term = Reinforce()
    found = term(round_of(game, every(True))).sum()
    found.backward()
    assert all(p.grad is None for p in game.discriminator.parameters())
    assert any(p.grad is not None and p.grad.any() for p in game.generator.parameters())


@pytest.mark.parametrize("kind", [R1, R2])
def test_gradient_penalties_read_one_hot_rows(kind, float64):
    """½‖∂D/∂x‖² of a D that is linear in the rows, D_t = ⟨x_t, w⟩: ½‖w‖² for each place that counts."""
    w = torch.randn(V)
    game = game_of(length=6)
    (term,) = kind(gamma=1.0, every=1).terms()

    def critic(x, cond=None):
        return DiscriminatorOutput((x @ w,), (), (counted(x.argmax(2)).double(),))

    game.discriminator = critic
    made = TextRound(game, False, Batch(SENTENCES), [term])
    made.real = made.real.detach().double().requires_grad_()
    ids = (made.real if kind is R1 else made.fake).argmax(2)
    expected = 0.5 * w.square().sum() * counted(ids).sum(1)
    assert (term.value(made) - expected).abs().max() < 1e-12
    assert counted(ids).sum(1).unique().numel() > 1


def test_a_lazy_gradient_penalty_turns_rows_on_and_off():
    """On the steps on which R1 is due the batch is one-hot, on others ids; the adversarial loss is the same number."""
    values = []
    for every_ in (1, 2):
        game = played(extra=R1(gamma=1.0, every=every_).terms())
        seen = []
        original = game.round
        game.round = lambda *a, original=original, seen=seen: seen.append(original(*a)) or seen[-1]
        torch.manual_seed(3)
        row = move(game, game.players[0], Batch(SENTENCES), 1)
        values.append(float(row["adversarial"]))
        assert seen[0].real.is_floating_point() == (every_ == 1)
        assert ("r1" in row) == (every_ == 1)
    assert values[0] == pytest.approx(values[1], rel=1e-5)


# Four micro-batches of four are one batch of sixteen: the noise is drawn once, in pieces.


def pieces_of(game, n, parts):
    """Give the generator noise that does not depend on the split."""
    rng = torch.Generator().manual_seed(11)
    for name, shape in (("noise", (n, game.generator.length, V)), ("uniform", (n, game.generator.length))):
        noise = torch.rand(*shape, generator=rng, dtype=torch.float64)
        noise = -(-noise.log()).log() if name == "noise" else noise
        queue = iter(noise.tensor_split(parts))
        setattr(game.generator, name, lambda k, queue=queue: next(queue))


@pytest.mark.slow
@pytest.mark.parametrize("critic", ["reader", "whole"])
@pytest.mark.parametrize("estimator", ["gumbel", "reinforce"])
@pytest.mark.parametrize("mover", [0, 1])
def test_micro_batches_add_up_to_one_batch(mover, estimator, critic, float64):
    after = []
    for parts in (1, 4):
        game = played(estimator=estimator, critic=critic, likelihood=1.0, extra=R1(gamma=1.0, every=1).terms())
        pieces_of(game, 16, parts)
        row = move(game, game.players[mover], Batch(SENTENCES), 0, Execution(micro_batches=parts))
        weights = [p.detach().flatten() for p in game.players[mover].module.parameters()]
        state = getattr(game.players[1].terms[0].value, "baseline", torch.zeros(()))
        after.append((torch.cat([*weights, state.view(1)]), {k: float(v) for k, v in row.items()}))
    moved = after[0][0] - torch.cat([
        *(p.detach().flatten() for p in played(critic=critic).players[mover].module.parameters()), torch.zeros(1)
    ])  # fmt: skip
    assert moved.abs().max() > 1e-4
    assert (after[0][0] - after[1][0]).abs().max() < 1e-12
    assert after[0][1] == pytest.approx(after[1][1], rel=1e-9)


def test_what_a_turn_computes():
    """REINFORCE never relaxes a sample, and D's turn has no graph to the generator."""
    game = played(estimator="reinforce")
    game.generator.noise = lambda n: pytest.fail("no Gumbel noise is needed")
    for player in game.players:
        move(game, player, Batch(SENTENCES), 0)
    game = played()
    made = TextRound(game, False, Batch(SENTENCES), ())
    assert made.fake.dtype == torch.long and not made.real.is_floating_point()
    assert not made.noticed
