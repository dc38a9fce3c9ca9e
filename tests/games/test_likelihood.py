"""Maximum likelihood of sentences: pads never count, and a linear predictor becomes ridge regression."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from poise.core import Batch, Player, Term
from poise.games.likelihood import (
    SentenceGame,
    SentenceRound,
    nats,
    sentence_term,
)
from poise.models.rnn import Recurrent
from poise.models.text import TextGenerator, counted
from poise.penalties import L2, L2Rows
from poise.recipes.text.outputs import heldout_nll
from poise.training.loop import train
from poise.training.precision import Execution

V = 6
SENTENCES = torch.tensor([[2, 3, 0, 0, 0], [4, 4, 4, 4, 0], [0, 0, 0, 0, 0], [5, 2, 3, 0, 0]])


def sentences_of(ends=True, penalties=(), extra=(), units=3.0):
    torch.manual_seed(0)
    generator = TextGenerator(Recurrent(V, 4, 5), 5, ends)
    game = SentenceGame(generator, lambda ids: counted(ids, ends))
    optim = torch.optim.Adam(generator.parameters(), 0.01)
    game.players = (Player("generator", generator, optim, [sentence_term(units), *extra], penalties),)
    return game


def nll_of(game, ids):
    return SentenceRound(game, Batch(ids)).nll


# SentenceGame.


def test_nats_are_minus_log_p(float64):
    logits = torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]]).log() + 3
    expected = [-math.log(0.25), -math.log(0.8)]
    assert nats(logits, torch.tensor([[2, 2]])).tolist()[0] == pytest.approx(expected)
    assert nats(logits.bfloat16(), torch.tensor([[2, 2]])).dtype == torch.float32


def test_a_sentences_likelihood_by_hand(float64):
    """Σ −log p over its units and its end, one step of the network after the other."""
    game = sentences_of()
    expected = []
    for row in SENTENCES:
        total, state, x = 0.0, game.generator.net.begin(1), torch.zeros(1, dtype=torch.long)
        for unit in row:
            logits, state = game.generator.net.step(x, state)
            total -= logits.log_softmax(1)[0, unit].item()
            x = unit.view(1)
            if unit == 0:
                break
        expected.append(total)
    assert nll_of(game, SENTENCES).tolist() == pytest.approx(expected, rel=1e-12)


def test_more_pads_change_neither_the_likelihood_nor_its_gradient(float64):
    game = sentences_of()
    parameters = list(game.generator.parameters())
    found = []
    for pads in (0, 4):
        value = nll_of(game, nn.functional.pad(SENTENCES, (0, pads)))
        found.append((value, torch.autograd.grad(value.sum(), parameters)))
    assert (found[0][0] - found[1][0]).abs().max() < 1e-13
    for a, b in zip(found[0][1], found[1][1], strict=True):
        assert (a - b).abs().max() < 1e-13


def test_where_nothing_ends_every_place_counts(float64):
    game = sentences_of(ends=False)
    whole = nats(game.generator.logits(SENTENCES), SENTENCES).sum(1)
    assert torch.equal(nll_of(game, SENTENCES), whole)
    assert (whole > nll_of(sentences_of(), SENTENCES))[[0, 2, 3]].all()


def test_heldout_likelihood_is_the_sum_over_units_divided_by_their_number(float64):
    """3 + 5 + 1 + 4 = 13 units, not 4·5 places; nor the mean of the sentences' means."""
    game = sentences_of()
    asked = SimpleNamespace(counted=game.counted)
    found = heldout_nll(game.generator, asked, SENTENCES.numpy(), torch.device("cpu"))
    own = nll_of(game, SENTENCES).detach()
    assert found == pytest.approx(float(own.sum()) / 13, rel=1e-12)
    assert found != pytest.approx(float((own / torch.tensor([3, 5, 1, 4])).mean()), rel=1e-3)
    many = np.tile(SENTENCES.numpy(), (200, 1))  # more than are read at once
    assert heldout_nll(game.generator, asked, many, torch.device("cpu")) == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize("clip", [None, 0.1])
def test_four_micro_batches_equal_one_batch(clip, float64):
    """SentenceGame of unequal lengths: the term divides by a constant, not by the units of the piece."""
    after = []
    for parts in (1, 4):
        game = sentences_of(penalties=[L2(0.1)])
        game.players[0].clip = clip
        train(game, lambda draw: Batch(SENTENCES.repeat(4, 1)), 5, seed=1, execution=Execution(micro_batches=parts))
        after.append(torch.cat([p.detach().flatten() for p in game.generator.parameters()]))
    assert (after[0] - after[1]).abs().max() < 1e-12
    start = torch.cat([p.detach().flatten() for p in sentences_of().generator.parameters()])
    assert (after[0] - start).abs().max() > 1e-3


def test_l2_as_a_term_of_the_loss_is_the_fast_path(float64):
    """On an LSTM, its readout and nothing else: `loss + penalty(net)` against `add_gradient_` in the loop."""
    fast, slow = sentences_of(penalties=[L2(0.3)]), sentences_of()
    penalty = L2(0.3)
    slow.players[0].terms = [*slow.players[0].terms, Term("l2", lambda round: penalty(slow.generator))]
    covered = set(penalty.covered(slow.generator))
    assert covered == {"net.layers.0.weight_ih_l0", "net.layers.0.weight_hh_l0", "net.readout.weight"}
    for game in (fast, slow):
        train(game, lambda draw: Batch(SENTENCES), 8, seed=1)
    a, b = (torch.cat([p.detach().flatten() for p in game.generator.parameters()]) for game in (fast, slow))
    assert (a - b).abs().max() < 1e-12


@pytest.mark.parametrize("kind", [L2, L2Rows])
def test_a_strength_of_zero_is_no_penalty_bit_for_bit(kind):
    found = []
    for penalty in (kind(0.0), None):
        game = sentences_of(
            penalties=penalty.weight_penalties() if penalty else (), extra=penalty.terms() if penalty else ()
        )
        train(game, lambda draw: Batch(SENTENCES), 6, seed=1)
        found.append([p.detach() for p in game.generator.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_the_rows_that_are_read_include_the_beginning():
    """0 stands before the first unit, also where no sentence has a pad."""
    game = sentences_of()
    full = torch.tensor([[2, 3, 4, 5, 0], [4, 4, 4, 4, 0]])
    assert SentenceRound(game, Batch(full)).read_ids.unique().tolist() == [0, 2, 3, 4, 5]
    assert SentenceRound(game, Batch(full)).read_ids.shape == full.shape


# A linear predictor.


class Predictor(nn.Module):
    """x_{t+1} ≈ w·x_t: a network of one linear unit whose state is what it read."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)

    def forward(self, x):
        return self.layer(x)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.0, 0.3, 5.0])
def test_l2_makes_ridge_regression_of_a_linear_predictor(strength, float64):
    """min ½·mean (x_{t+1} − w·x_t)² + (λ/2)·w² has w = Σ x_t·x_{t+1}/(Σ x_t² + λ·n)."""
    rng = torch.Generator().manual_seed(3)
    x = [torch.ones(1)]
    for _ in range(200):
        x.append(0.8 * x[-1] + torch.randn(1, generator=rng))
    series = torch.stack(x)
    model = Predictor()

    class Series:
        def __init__(self):
            optim = torch.optim.SGD(model.parameters(), 0.1)
            term = Term("half_square", lambda batch: 0.5 * (batch.cond - model(batch.real)).square().mean(1))
            self.players = (Player("model", model, optim, [term], [L2(strength)]),)

        def round(self, player, batch, due):
            return batch

    train(Series(), lambda draw: Batch(series[:-1], series[1:]), 400)
    now, then = series[:-1, 0], series[1:, 0]
    expected = (now * then).sum() / (now.square().sum() + strength * len(now))
    assert model.layer.weight.item() == pytest.approx(expected.item(), rel=1e-10)
