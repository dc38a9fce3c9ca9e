"""Captured moves are the computed ones, bit for bit, by a stand-in for CUDA graphs; what cannot be captured is said."""

from __future__ import annotations

import re
from functools import partial

import pytest
import torch
from torch import nn

from poise.core import Batch, ScheduledValue, Term
from poise.errors import PoiseError
from poise.penalties import L2, L2Towards, LeCam, WeightDecay
from poise.recipes.common.parts import _set_beta2, _set_rate
from poise.rows.numbers import Board, holding, number
from poise.training.capture.adam import adam_
from poise.training.capture.captures import COMPUTED, KINDS, Captures
from poise.training.capture.choice import captures_of
from poise.training.capture.optimisers import rates_held
from poise.training.capture.record import fetched
from poise.training.loop import train
from poise.training.precision import Execution
from tests.training.tape import Tape
from tests.training.test_loop import data, small_game, weights

ADAM = partial(torch.optim.Adam, fused=True)


def rules():
    return [
        L2("cosine:1e-2:1e-3:20"),
        WeightDecay("linear:1e-2:1e-3:20", name="decay"),
        L2Towards(1e-2, reference="average"),
    ]


def trained(captures, steps=30, game=None, dials=lambda game: [], **changes):
    """A small game after its steps, and its record."""
    game = game or small_game(rules(), optimiser=ADAM, r1=True, clip=0.5)
    rows = []
    execution = Execution(captures=captures, **changes)
    watch = lambda step, row: rows.extend(fetched([row]))  # noqa: E731
    train(game, data, steps, 1, dials(game), watch, execution, detail_every=4)
    return game, rows


def rates(game):
    return [ScheduledValue(f"{p.name}/lr", lambda step: 1e-2 / (1 + step), partial(_set_rate, p.optim))
            for p in game.players]  # fmt: skip


def told():
    lines: list[str] = []
    return lines, lines.append


@pytest.mark.slow
def test_repeated_moves_are_the_computed_ones_with_every_number_that_changes():
    lines, say = told()
    tape = Tape()
    captures = Captures(tape, say=say)
    game, rows = trained(captures, dials=rates)
    other, computed = trained(Captures(Tape(), capturing=False), dials=rates)
    assert rows == computed and torch.equal(weights(game), weights(other))
    kinds = len(captures.kinds)
    assert (kinds, lines) == (5, [])  # D with and without R1 and with detail, where R1 is due too; G with and without
    moves = 2 * 30
    assert tape.captured == kinds and tape.computed == (COMPUTED + 1) * kinds  # the last of them to compare with
    assert captures.repeated == moves - (COMPUTED + 2) * kinds


@pytest.mark.slow
def test_numbers_on_the_device_are_those_of_python_to_rounding():
    game, rows = trained(Captures(Tape(), capturing=False), dials=rates)
    other, plain = trained(None, dials=rates)
    assert (weights(game) - weights(other)).abs().max() < 1e-6
    assert [list(row) for row in rows] == [list(row) for row in plain]


def with_term(value, name="extra"):
    """The small game with one more term of the discriminator's."""
    game = small_game([L2(1e-2)], optimiser=ADAM)
    game.players[0].terms = [*game.players[0].terms, Term(name, value)]
    return game


class Looks:
    def __call__(self, round):
        return round.fake.square().mean() * (1.0 if float(round.fake.sum()) > 0 else 0.5)


class Counts:
    """Another number at each call, which no board knows of."""

    def __init__(self):
        self.calls = 0

    def __call__(self, round):
        self.calls += 1
        return round.on_fake.means() * self.calls


@pytest.mark.slow
@pytest.mark.parametrize(
    ("term", "reason"),
    [
        (Looks, "_local_scalar_dense needs the host, which no captured step has"),
        (Counts, r"a repeated step was not the same as a computed one \(.*\)"),
    ],
)
def test_what_cannot_be_captured_is_computed_with_a_line_and_comes_out_as_without(term, reason):
    lines, say = told()
    captures = Captures(Tape(), say=say)
    game, rows = trained(captures, game=with_term(term()))
    assert lines == [f"steps are not captured, but computed one by one: {captures.reason}"]
    assert re.fullmatch(reason, captures.reason), captures.reason
    if term is Looks:  # what counts its calls is called once more by every attempt
        other, computed = trained(Captures(Tape(), capturing=False), game=with_term(term()))
        assert rows == computed and torch.equal(weights(game), weights(other))


class Own(L2):
    """A penalty of a user's: it reads its strength as a number of Python."""

    __module__ = "mine"

    def add_to_(self, weights, step=0, scale=None):
        for weight in weights:
            weight.gradient().add_(weight.value.detach(), alpha=self.strength_at(step))


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "kinds"), [(0.01, 4), ("linear:1e-2:1e-3:40", None)])
def test_a_penalty_of_ones_own_is_captured_where_its_strength_stays(strength, kinds):
    lines, say = told()
    captures = Captures(Tape(), say=say)
    game, rows = trained(captures, 50, small_game([Own(strength)], optimiser=ADAM))
    other, computed = trained(Captures(Tape(), capturing=False), 50, small_game([Own(strength)], optimiser=ADAM))
    assert rows == computed and torch.equal(weights(game), weights(other))
    assert (len(captures.kinds) if not lines else None) == kinds


def second_betas(game):
    return [ScheduledValue(f"{p.name}/beta2", lambda step: 0.9 + step / 1000, partial(_set_beta2, p.optim))
            for p in game.players]  # fmt: skip


def scheduled(game):
    for player in game.players:
        player.optim.second_beta_varies = True
    return second_betas(game)


@pytest.mark.slow
def test_a_scheduled_second_beta_is_read_on_the_device():
    """Captured as computed, bit for bit; and to rounding as by torch's own Adam, whose weights and state it has."""
    captures = Captures(Tape())
    game, rows = trained(captures, dials=scheduled)
    other, computed = trained(Captures(Tape(), capturing=False), dials=scheduled)
    assert rows == computed and torch.equal(weights(game), weights(other)) and captures.repeated
    plain, _ = trained(None, dials=scheduled)
    assert (weights(game) - weights(plain)).abs().max() < 1e-6
    for mine, theirs in zip(game.players, plain.players, strict=True):
        for a, b in zip(mine.optim.state.values(), theirs.optim.state.values(), strict=True):
            assert {name: x.shape for name, x in a.items()} == {name: x.shape for name, x in b.items()}
            assert all(torch.allclose(a[name], b[name], atol=1e-6) and a[name].dtype == b[name].dtype for name in a)


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_that_adam_is_torchs_in_double_precision(beta, float64):
    net, twin = nn.Linear(3, 2), nn.Linear(3, 2)
    twin.load_state_dict(net.state_dict())
    mine, theirs = (torch.optim.Adam(x.parameters(), 0.1, betas=(beta, 0.5)) for x in (net, twin))
    for step in range(5):
        for x, optim in ((net, mine), (twin, theirs)):
            optim.zero_grad()
            x(torch.ones(1, 3) * (step + 1)).square().sum().backward()
            optim.param_groups[0]["betas"] = (beta, 0.5 + step / 10)
        theirs.step()
        with holding(Board(torch.device("cpu"))), rates_held(mine):
            adam_(mine)
    assert (net.weight - twin.weight).abs().max() < 1e-14


def test_a_second_beta_that_nobody_told_of_makes_every_step_another_one():
    lines, say = told()
    captures = Captures(Tape(), say=say)
    trained(captures, dials=second_betas)
    assert lines == [
        f"steps are not captured, but computed one by one: there are more than {KINDS} kinds of them, as with shapes "
        f"that change all the time"
    ]


@pytest.mark.parametrize(
    ("changes", "game", "reason"),
    [
        ({"precision": "fp16"}, None, "fp16 looks at every step whether a gradient was too large for it; use bf16"),
        ({}, small_game, "the optimiser of the discriminator is no fused Adam"),
    ],
)
def test_what_is_known_beforehand_is_said_before(changes, game, reason):
    lines, say = told()
    tape = Tape()
    captures = Captures(tape, say=say)
    trained(captures, 3, game and game(), **changes)
    assert lines == [f"steps are not captured, but computed one by one: {reason}"] and tape.captured == 0


@pytest.mark.slow
def test_averages_of_outputs_and_batches_of_two_shapes():
    """LeCam's averages move at every repeated step, and each shape is a kind of its own."""

    def shapes(draw):
        return Batch(data(draw).real[: 64 if draw // 2 % 2 else 48])

    found = []
    for capturing in (True, False):
        game = small_game(optimiser=ADAM)
        (term,) = LeCam(0.3).terms()
        game.players[0].terms = [*game.players[0].terms, term]
        game.players[0].after = (term.value.commit,)
        captures = Captures(Tape(), capturing)
        train(game, shapes, 20, 1, execution=Execution(captures=captures), detail_every=100)
        found.append((weights(game), term.value.real, term.value.fake, term.value.moves))
        assert bool(captures.repeated) == capturing
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True)) and float(found[0][3]) == 20


def test_a_board_that_is_asked_for_more_than_before_says_so():
    board = Board(torch.device("cpu"))
    with holding(board):
        number(lambda step: 1.0)
    board.fixed()
    with pytest.raises(RuntimeError, match="more numbers"), holding(board):
        number(lambda step: 1.0), number(lambda step: 2.0)


def test_capturing_is_refused_where_there_are_no_graphs_and_off_by_default():
    cpu = torch.device("cpu")
    assert captures_of("auto", cpu) is None and captures_of("off", cpu) is None
    with pytest.raises(PoiseError, match="--capture on: cpu has no graphs to capture steps in"):
        captures_of("on", cpu)


def test_one_move_by_itself_is_not_changed_by_the_board_of_another():
    net = nn.Linear(2, 1)
    net.weight.data.fill_(1.0)
    with holding(Board(torch.device("cpu"))):
        inside = L2(0.5)(net)
    assert inside.item() == L2(0.5)(net).item() == 0.5
