"""What a user's code keeps between moves, wherever it keeps it, is found: it comes out as if nothing were captured."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from poise.core import ScheduledValue
from poise.penalties import LeCam
from poise.rows.numbers import Board, holding
from poise.training.capture import optimisers
from poise.training.capture.captures import Captures
from poise.training.capture.holdings import Holdings
from tests.training.tape import Tape
from tests.training.test_capture import ADAM, Looks, told, trained, weights, with_term
from tests.training.test_loop import small_game

LATE = 40  # calls, long after everything has been captured and compared


class Later:
    def __init__(self):
        self.calls = 0

    def value(self, round):
        self.calls += 1
        return round.on_fake.means() * (1.0 if self.calls < LATE else 3.0)

    __call__ = value


def enclosed():
    calls = 0

    def value(round):
        nonlocal calls
        calls += 1
        return round.on_fake.means() * (1.0 if calls < LATE else 3.0)

    return value


def on_itself():
    def value(round):
        value.calls = getattr(value, "calls", 0) + 1
        return round.on_fake.means() * (1.0 if value.calls < LATE else 3.0)

    return value


class Deep:
    """Replaces a tensor far inside, which nobody has looked at until the end."""

    def __init__(self):
        self.kept = {"a": {"b": {"c": [torch.zeros(())]}}}

    def __call__(self, round):
        box = self.kept["a"]["b"]["c"]
        box[0] = box[0] + 1
        return round.on_fake.means() + 0 * box[0]


class Layer(nn.Module):
    """Counts in a layer's plain attribute."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Identity())
        self.inner.calls = 0

    def forward(self, round):
        self.inner.calls += 1
        return round.on_fake.means() * (1.0 if self.inner.calls < LATE else 3.0)


class Lists:
    def __init__(self):
        self.seen = []

    def __call__(self, round):
        self.seen.append(len(self.seen))
        return round.on_fake.means() * (1.0 if len(self.seen) < LATE else 3.0)


OWN = {
    "attribute": Later,
    "method": lambda: Later().value,
    "partial": lambda: partial(Later.value, Later()),
    "closure": enclosed,
    "function": on_itself,
    "deep": Deep,
    "layer": Layer,
    "list": Lists,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_what_counts_or_replaces_is_not_captured_and_comes_out_as_without(name):
    lines, say = told()
    term, other = OWN[name](), OWN[name]()
    game, rows = trained(Captures(Tape(), say=say), 50, with_term(term))
    plain, computed = trained(Captures(Tape(), capturing=False), 50, with_term(other))
    assert rows == computed and torch.equal(weights(game), weights(plain))
    assert len(lines) == 1 and "a repeated step was not the same as a computed one" in lines[0]
    if hasattr(term, "calls"):
        assert term.calls == other.calls == 50
    if name == "deep":
        assert float(term.kept["a"]["b"]["c"][0]) == 50


def test_what_asks_for_a_number_is_heard_before_anything_is_captured():
    """A capture that breaks off may leave a GPU's random numbers unusable."""
    lines, say = told()
    tape = Tape()
    trained(Captures(tape, say=say), 10, with_term(Looks()))
    assert tape.captured == 0 and len(lines) == 1 and "_local_scalar_dense needs the host" in lines[0]


class Breaks(Tape):
    """Captures fail when all is told, as for want of memory."""

    def capture(self, work):
        work()
        raise RuntimeError("CUDA error: out of something")


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_a_capture_that_fails_leaves_everything_as_it_was(name):
    """Weights, averages, states of optimisers, random numbers, and what Python counts."""
    found = []
    lines, say = told()
    for graphs in (Breaks(), None):
        game = with_term(OWN[name]())
        (average,) = LeCam(0.3).terms()
        game.players[0].terms = [*game.players[0].terms, average]
        game.players[0].after = (average.value.commit,)
        _, rows = trained(Captures(graphs or Tape(), capturing=graphs is not None, say=say), 50, game)
        learns = [weight.requires_grad for player in game.players for weight in player.module.parameters()]
        found.append((rows, weights(game).tolist(), float(average.value.real), float(average.value.moves), learns))
    assert found[0] == found[1]
    assert lines == ["steps are not captured, but computed one by one: CUDA error: out of something"]


def freezes(game):
    (first, *_) = game.players[0].module.parameters()
    return [ScheduledValue("freeze", float, lambda step: first.requires_grad_(step < 20))]


def sleeps(game):
    return [ScheduledValue("mode", float, lambda step: game.players[0].module.train(step < 20))]


def decays(game):
    (group,) = game.players[0].optim.param_groups
    return [ScheduledValue("decay", float, lambda step: group.update(weight_decay=0.0 if step < 20 else 0.5))]


@pytest.mark.slow
@pytest.mark.parametrize("dial", [freezes, sleeps, decays])
def test_what_a_dial_of_ones_own_sets_makes_another_kind(dial):
    game, other = (small_game(optimiser=ADAM) for _ in range(2))
    for one in (game, other):
        net = one.players[0].module
        net.first = nn.Sequential(net.first, nn.Dropout(0.5))
    captures = Captures(Tape())
    _, rows = trained(captures, 40, game, dial)
    _, computed = trained(Captures(Tape(), capturing=False), 40, other, dial)
    assert rows == computed and torch.equal(weights(game), weights(other)) and captures.repeated


def test_an_object_that_is_met_deep_down_first_is_looked_into():
    shared = Later()
    shared.x = torch.zeros(2)
    box = {"a": {"b": {"c": {"d": {"e": {"f": shared}}}}}}
    held = Holdings([box, shared])
    assert list(held.tensors) == ["Later.x"]
    shared.calls = 7
    assert held.other(Holdings([box, shared])) == "Later.calls"
    held.back()
    assert shared.calls == 0


def test_adam_is_told_of_a_capture_only_inside_of_one(monkeypatch):
    """Elsewhere it would warn that it was never captured."""
    optim = ADAM([torch.zeros(1, requires_grad=True)])
    for inside in (False, True):
        monkeypatch.setattr(optimisers, "_is_captured", lambda inside=inside: inside)
        with holding(Board(torch.device("cpu"))), optimisers.rates_held(optim):
            assert optim.param_groups[0]["capturable"] is inside
        assert optim.param_groups[0]["capturable"] is False and optim.param_groups[0]["lr"] == 1e-3
