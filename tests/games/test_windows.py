"""The likelihood of one long text, in windows: the state is carried."""

from __future__ import annotations

import pytest
import torch

from poise.core import Batch, Player
from poise.games.likelihood import (
    Carried,
    LanguageModelGame,
    WindowRound,
    heldout_nats,
    nats,
    window_term,
)
from poise.models.rnn import Dropouts, Recurrent
from poise.training.checkpoint import load, save
from poise.training.loop import train
from poise.training.moves import move
from poise.training.precision import Execution

V = 6

# One long text in windows.

NONE = Dropouts()


def language_of(dropouts=NONE, lr=0.0, cell="lstm", penalties=()):
    torch.manual_seed(0)
    model, carried = Recurrent(V, 4, 5, 2, cell, dropouts=dropouts), Carried()
    game = LanguageModelGame(model, carried)
    optim = torch.optim.SGD(model.parameters(), lr)
    game.players = (Player("model", model, optim, [window_term()], penalties, after=(carried,)),)
    return game


def text_of(batch=3, length=65):
    return torch.randint(0, V, (batch, length), generator=torch.Generator().manual_seed(1))


def windows(text, size, anew=False):
    for start in range(0, text.shape[1] - 1, size):
        yield Batch(text[:, start : start + size + 1], torch.full((len(text),), anew or start == 0))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_eight_windows_of_8_read_as_one_of_64(cell, float64):
    text = text_of()
    game = language_of(cell=cell)
    whole = game.model(text[:, :-1], game.model.begin(3))
    logits, losses = [], []
    for batch in windows(text, 8):
        made = WindowRound(game, batch)
        logits.append(made.read.logits)
        losses.append(made.nll)
        game.carried()
    assert (torch.cat(logits, 1) - whole.logits).abs().max() < 1e-12
    mean = nats(whole.logits, text[:, 1:]).mean(1)
    assert (torch.stack(losses).mean(0) - mean).abs().max() < 1e-12


def test_the_loop_carries_the_state(float64):
    """By `train`, at learning rate 0: each window's loss is that of its stretch of the whole."""
    text, game = text_of(), language_of()
    rows = []
    parts = list(windows(text, 8))
    train(game, lambda draw: parts[draw], 8, watch=lambda step, row: rows.append(float(row["model/nll"])))
    whole = nats(game.model(text[:, :-1], game.model.begin(3)).logits, text[:, 1:]).detach()
    assert rows == pytest.approx([float(part.mean()) for part in whole.split(8, 1)], rel=1e-12)


def test_no_gradient_flows_from_one_window_to_the_one_before(float64):
    """The second window's gradient is that of a network that was given this state as a constant."""
    text, game = text_of(), language_of()
    first, second, *_ = windows(text, 8)
    parameters = list(game.model.parameters())
    WindowRound(game, first).nll.sum().backward()
    game.carried()
    assert all(not part.requires_grad for part in game.carried.state)
    constant = tuple(part.clone() for part in game.carried.state)
    made = WindowRound(game, second)
    found = torch.autograd.grad(made.nll.sum(), parameters)
    read = game.model(second.real[:, :-1], constant)
    expected = torch.autograd.grad(nats(read.logits, second.real[:, 1:]).mean(1).sum(), parameters)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_texts_that_begin_anew_forget(float64):
    text, game = text_of(), language_of()
    first, second, *_ = windows(text, 8)
    WindowRound(game, first).nll  # noqa: B018
    game.carried()
    mixed = WindowRound(game, Batch(second.real, torch.tensor([True, False, False]))).read.logits
    fresh = game.model(second.real[:, :-1], game.model.begin(3)).logits
    on = game.model(second.real[:, :-1], game.carried.state).logits
    assert torch.equal(mixed[0], fresh[0]) and torch.equal(mixed[1:], on[1:])
    assert not torch.equal(mixed[1:], fresh[1:])


def test_a_state_counts_only_after_its_move(float64):
    """A move that is broken off leaves the state of the one before."""
    text, game = text_of(), language_of()
    first, second, *_ = windows(text, 8)
    move(game, game.players[0], first, 0)
    kept = [part.clone() for part in game.carried.state]
    WindowRound(game, second).nll  # noqa: B018
    assert all(torch.equal(a, b) for a, b in zip(kept, game.carried.state, strict=True))


def test_the_state_survives_a_checkpoint(tmp_path):
    text, game = text_of(), language_of(lr=0.5)
    parts = list(windows(text, 8))
    train(game, lambda draw: parts[draw], 3, seed=1)
    execution = Execution()
    saved = save(tmp_path, 3, game, execution)
    other = language_of(lr=0.5)
    assert load(saved, other, execution) == 3
    assert all(torch.equal(a, b) for a, b in zip(game.carried.state, other.carried.state, strict=True))
    torch.manual_seed(99)
    for one in (game, other):
        train(one, lambda draw: parts[draw], range(3, 8), seed=1)
    assert all(torch.equal(a, b) for a, b in zip(game.model.parameters(), other.model.parameters(), strict=True))


def test_a_state_that_there_is_not_survives_too(tmp_path):
    execution, game = Execution(), language_of()
    saved = save(tmp_path, 0, game, execution)
    WindowRound(game, next(windows(text_of(), 8))).nll  # noqa: B018
    game.carried()
    load(saved, game, execution)
    assert game.carried.state is None


@pytest.mark.parametrize("window", [1, 7, 64, 1000])
def test_heldout_nats_are_those_of_one_long_pass(window, float64):
    """Without dropout, and the network is put back into the mode in which it was."""
    text = text_of(1)[0]
    game = language_of(Dropouts(input=0.5, hidden=0.5, output=0.5, weight=0.5))
    game.model.train()
    found = heldout_nats(game.model, text, window)
    assert game.model.training
    read = game.model.eval()(text[:-1].unsqueeze(0), game.model.begin(1))
    assert found.shape == (64,)
    assert (found - nats(read.logits, text[1:].unsqueeze(0))[0]).abs().max() < 1e-12


def test_samples_of_a_language_follow_the_network():
    """A network whose next unit is certain: the samples can be told beforehand."""

    class Next(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(4, 1)

        def begin(self, n):
            return ()

        def step(self, x, state):
            return 1e4 * torch.nn.functional.one_hot((x + 1) % 4, 4).float(), state

    game = LanguageModelGame(Next(), Carried(), length=6)
    assert game.sample(3).tolist() == [[1, 2, 3, 0, 1, 2]] * 3
