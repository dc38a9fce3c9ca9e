"""The loop: micro-batches, clipping, schedules, moving average, bad numbers, precision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from poise.core import Batch, Player, ScheduledValue, Term
from poise.errors import NonFinite, PoiseError
from poise.games.adversarial import Adversarial, adversarial_terms
from poise.penalties import L2, R1, L2Towards, WeightDecay
from poise.registry import find
from poise.training.ema import Ema
from poise.training.loop import fold_seed, train
from poise.training.moves import memory, move, split
from poise.training.precision import Execution, pick_device, pick_precision
from tests.conftest import TinyDiscriminator, TinyGenerator


def small_game(penalties=(), clip=None, optimiser=torch.optim.Adam, turns=1, r1=False):
    torch.manual_seed(0)
    g, d = TinyGenerator(), TinyDiscriminator()
    to_discriminate, to_generate = adversarial_terms(find("loss", "nonsaturating"))
    ema = Ema(g, 0.9)
    extra = R1(0.1, every=2).terms() if r1 else ()
    players = (
        Player(
            "discriminator",
            d,
            optimiser(d.parameters(), 1e-2),
            [to_discriminate, *extra],
            list(penalties),
            clip=clip,
            turns=turns,
        ),
        Player("generator", g, optimiser(g.parameters(), 1e-2), [to_generate], [L2(1e-2)], after=(ema,)),
    )
    return Adversarial(g, d, players)


def weights(game):
    return torch.cat([p.detach().flatten() for player in game.players for p in player.module.parameters()])


def data(draw):
    rng = torch.Generator().manual_seed(draw)
    return Batch(torch.randn(64, 1, 4, 4, generator=rng, dtype=torch.get_default_dtype()))


@pytest.mark.slow
@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("penalty", [L2, WeightDecay, L2Towards])
def test_four_micro_batches_of_16_equal_one_batch_of_64(penalty, clip, float64):
    """Equal to rounding, so the penalty counted once; counted four times it would be far away."""
    after = {}
    for micro, strength in ((1, 0.3), (4, 0.3), (1, 1.2)):
        game = small_game([penalty(strength)], clip, r1=True)
        train(game, data, 6, seed=1, execution=Execution(micro_batches=micro))
        after[micro, strength] = weights(game)
    assert (after[1, 0.3] - after[4, 0.3]).abs().max() < 1e-12
    assert (after[1, 1.2] - after[1, 0.3]).abs().max() > 1e-4


def test_split_keeps_order_and_drops_empty_pieces():
    batch = Batch(torch.arange(5.0), torch.arange(5))
    pieces = split(batch, 8)
    assert torch.equal(torch.cat([p.real for p in pieces]), batch.real)
    assert torch.equal(torch.cat([p.cond for p in pieces]), batch.cond)
    assert all(len(p.real) for p in pieces)


def test_uneven_micro_batches_weigh_by_their_size(float64):
    after = []
    for micro in (1, 3):
        net = nn.Linear(1, 1)
        nn.init.ones_(net.weight), nn.init.zeros_(net.bias)
        term = Term("loss", lambda b, net=net: net(b.real)[:, 0])
        player = Player("net", net, torch.optim.SGD(net.parameters(), 0.1), [term])
        game = Adversarial(None, None, (player,))
        game.round = lambda player, batch, due: batch
        move(game, player, Batch(torch.arange(7.0)[:, None]), 0, Execution(micro_batches=micro))
        after.append(net.weight.item())
    assert after[0] == pytest.approx(after[1], abs=1e-15) == pytest.approx(1 - 0.1 * 3.0)


def test_the_penalty_comes_before_clipping(float64):
    """The clipped gradient is that of loss + penalty: with clip c its norm is c whatever the penalty."""
    game = small_game([L2(100.0)], clip=0.5, optimiser=torch.optim.SGD)
    d = game.discriminator
    before = [p.detach().clone() for p in d.parameters()]
    move(game, game.players[0], data(0), 0)
    step = torch.cat([(p - b).flatten() for p, b in zip(d.parameters(), before, strict=True)])
    assert step.norm().item() == pytest.approx(1e-2 * 0.5, rel=1e-5)


def test_turns_take_draws_of_their_own():
    drawn = []
    game = small_game(turns=3)
    train(game, lambda draw: drawn.append(draw) or data(draw), 2)
    assert drawn == list(range(8))


def test_two_halves_make_one_run(float64):
    """steps 0..9 = steps 0..4, then 5..9: randomness is a function of (seed, step)."""
    whole, halves = (
        small_game([L2Towards(0.1, reference="average")], r1=True),
        small_game([L2Towards(0.1, reference="average")], r1=True),
    )
    train(whole, data, 10, seed=3)
    train(halves, data, range(5), seed=3)
    torch.manual_seed(999)
    train(halves, data, range(5, 10), seed=3)
    assert torch.equal(weights(whole), weights(halves))


def test_seeds_differ_and_the_global_generator_is_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    a, b = small_game(), small_game()
    torch.manual_seed(7)
    train(a, data, 3, seed=0)
    assert torch.equal(torch.rand(3), expected)
    train(b, data, 3, seed=1)
    assert not torch.equal(weights(a), weights(b))
    assert len({fold_seed(s, t) for s in range(30) for t in range(300)}) == 9000


def test_dials_are_set_before_each_step_and_recorded():
    game, seen = small_game(), []
    optim = game.players[0].optim

    def apply(value):
        optim.param_groups[0]["lr"] = value

    train(
        game,
        data,
        3,
        dials=[ScheduledValue("lr", lambda t: 0.1 / (t + 1), apply)],
        watch=lambda step, row: seen.append((row["lr"], optim.param_groups[0]["lr"])),
    )
    assert seen == [(0.1 / (t + 1),) * 2 for t in range(3)]


def test_moving_average_follows_its_recursion(float64):
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    ema = Ema(net, 0.9)
    expected = 0.0
    for t in range(40):
        nn.init.constant_(net.weight, float(t))
        ema()
        beta = min(0.9, (1 + t) / (10 + t))
        expected = expected + (1 - beta) * (t - expected)
        assert ema.module.weight.item() == pytest.approx(expected, rel=1e-12)
    assert not ema.module.weight.requires_grad


def test_moving_average_copies_buffers_that_are_no_statistics():
    net = nn.Linear(2, 2)
    net.register_buffer("count", torch.zeros(()))
    ema = Ema(net)
    net.count += 3
    ema()
    assert ema.module.count == 3


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["value", "gradient"])
def test_a_bad_number_stops_the_run_before_any_weight_moves(bad, where):
    """The error names step, player and term; nothing is replaced by zero."""
    game = small_game([L2(0.1)])

    class Poison(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone() if where == "gradient" else x * bad

        @staticmethod
        def backward(ctx, g):
            return g * bad

    step_now = [0]
    fine = game.players[0].terms[0]
    spoiled = Term("spoiled", lambda r: Poison.apply(fine.value(r)) if step_now[0] == 4 else fine.value(r))
    game.players[0].terms = [fine, spoiled]
    kept = []

    def watch(step, row):
        step_now[0] = step + 1
        kept.append(weights(game))

    with pytest.raises(NonFinite, match=r"step 4: discriminator/(spoiled|grad_norm) became") as caught:
        train(game, data, 9, watch=watch)
    assert (caught.value.step, caught.value.player) == (4, "discriminator")
    assert caught.value.what == ("spoiled" if where == "value" else "grad_norm")
    assert torch.equal(kept[-1], weights(game))


def test_memory_names_everything_that_must_survive():
    game = small_game([L2Towards(0.1)])
    assert set(memory(game)) == {
        "discriminator",
        "discriminator.optim",
        "discriminator.l2_towards",
        "generator",
        "generator.optim",
        "generator.ema",
    }


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_follows_full_precision(precision):
    """Same run within the rounding of the format; penalties are added after unscaling, so they are not scaled."""
    after = {}
    for name in ("fp32", precision):
        game = small_game([L2(0.3)], r1=True, optimiser=torch.optim.SGD)
        train(game, data, 8, seed=2, execution=Execution(precision=name))
        after[name] = weights(game)
    start = weights(small_game())
    moved = (after["fp32"] - start).norm()
    assert (after["fp32"] - after[precision]).norm() < 0.05 * moved
    assert after[precision].dtype == torch.float32


@pytest.mark.parametrize("detail", [False, True])
@pytest.mark.parametrize(
    "penalty",
    [None, L2(0.1), WeightDecay(0.5), L2Towards(0.1, reference="average")],
    ids=["none", "L2", "WeightDecay", "L2Towards"],
)
def test_fp16_skips_a_step_whose_gradient_overflows_and_lowers_the_scale(penalty, detail):
    """The whole step: a decoupled decay shrinks nothing, a reference does not follow, and neither is counted."""
    game = small_game([] if penalty is None else [penalty])
    execution = Execution(precision="fp16")
    execution.scalers["discriminator"] = torch.amp.GradScaler("cpu", init_scale=2.0**60)
    before = [p.detach().clone() for p in game.discriminator.parameters()]
    kept = penalty.state_dict() if isinstance(penalty, L2Towards) else {}
    move(game, game.players[0], data(0), 0, execution, detail)
    assert all(torch.equal(tensor, penalty.state_dict()[name]) for name, tensor in kept.items())
    assert all(spent == 0 for spent in game.players[0].cumulative_decay.values())
    assert all(torch.equal(p, b) for p, b in zip(game.discriminator.parameters(), before, strict=True))
    assert execution.scalers["discriminator"].get_scale() == 2.0**59


def test_fp16_overflow_is_no_divergence():
    """The skipped step's gradients are not recorded, so nothing that is not finite is; the terms' values are."""
    game, rows = small_game([L2(0.1)]), []
    execution = Execution(precision="fp16")
    execution.scalers["discriminator"] = torch.amp.GradScaler("cpu", init_scale=2.0**60)
    train(game, data, 3, execution=execution, watch=lambda step, row: rows.append(dict(row)))
    assert "discriminator/grad_norm" not in rows[0] and math.isfinite(rows[0]["discriminator/adversarial"])
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())


def test_devices_and_precisions_are_checked():
    assert pick_device("cpu").type == "cpu"
    assert pick_precision("fp32", torch.device("cpu")) == "fp32"
    for bad in ("tpu9", "cuda" if not torch.cuda.is_available() else "cuda:99x"):
        with pytest.raises(PoiseError):
            pick_device(bad)
    with pytest.raises(PoiseError):
        pick_precision("int4", torch.device("cpu"))
    with pytest.raises(PoiseError):
        Execution(micro_batches=0)


def test_a_player_needs_a_term_that_is_always_due_and_names_that_differ():
    net = nn.Linear(1, 1)
    optim = torch.optim.SGD(net.parameters(), 0.1)
    lazy, term = Term("a", lambda r: r, every=2), Term("a", lambda r: r)
    with pytest.raises(PoiseError, match="due at every step"):
        Player("p", net, optim, [lazy])
    with pytest.raises(PoiseError, match="two parts called 'a'"):
        Player("p", net, optim, [term, lazy])
