"""The games of speech: every term is of what lies inside an item, and the joint game is its parts, one by one."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from poise.audio.spectrograms import LOWEST, Mel
from poise.audio.speech_conditions import with_frames
from poise.core import Batch, Player, Term
from poise.games.adversarial import adversarial_terms, joint_allowed, over_heads
from poise.games.speech import (
    JointGame,
    JointRound,
    SpeechGame,
    SpeechRound,
    completed,
    cut,
    duration_error,
    mean_inside,
    mel_l1,
    unit_error,
)
from poise.losses.reconstruction import feature_matching, log_mel_l1, matched
from poise.penalties import L2, R1
from poise.registry import find, names
from poise.training.moves import move
from poise.training.precision import Execution
from tests.speech_pieces import BANDS, LONG, SHORT, alone, both, condition, log_mel, mel_critic, options, speaker

WHOLE = [False, True]
MEL = Mel(4000, 64, 16, BANDS)


def game_of(whole=False, loss="least_squares", extra=()):
    """Plain gradient descent, so that weights follow their gradients; the noise is always the same."""
    g, d = speaker(whole), mel_critic(whole)
    g.noise = lambda n: torch.full((n, 3), 0.5)
    to_discriminate, to_generate = adversarial_terms(find("loss", loss))
    own = [Term("mel", mel_l1, 2.0), Term("duration", duration_error), *([] if whole else [Term("units", unit_error)])]
    descent = torch.optim.SGD
    game = SpeechGame(g, d, joint=joint_allowed(d))
    game.players = (
        Player("discriminator", d, descent(d.parameters(), 0.01), [to_discriminate, *extra], [L2(0.01)]),
        Player("generator", g, descent(g.parameters(), 0.01),
               [to_generate, *own, Term("features", matched)], [L2(1e-3)]),
    )  # fmt: skip
    return game


def batch_of(whole=False):
    return Batch(log_mel(both(whole)), both(whole))


def weights(game):
    return torch.cat([p.detach().flatten() for player in game.players for p in player.module.parameters()])


TERMS = {"mel": mel_l1, "duration": duration_error, "units": unit_error, "features": matched}


@pytest.mark.parametrize(("whole", "term"), [(w, term) for w in WHOLE for term in TERMS if not (w and term == "units")])
def test_a_term_of_an_item_is_that_of_it_alone(whole, term):
    """Whatever lies behind its end in the recording, and however long the others are."""
    game = game_of(whole)
    batch = batch_of(whole)
    value = TERMS[term](game.round(game.players[1], batch, ()))
    assert value.shape == (2,) and (value > 0).all()
    for i, count in ((0, 7), (1, 14)):
        one = Batch(batch.real[i : i + 1, :, :count], alone(i, whole))
        assert TERMS[term](game.round(game.players[1], one, ()))[0].item() == pytest.approx(value[i].item(), rel=1e-4)


QUICK = ("hinge", "relativistic")  # of each kind one: apart, and paired


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names("loss")]
)
def test_losses_of_an_item_are_those_of_it_alone(name):
    game, batch = game_of(loss=name), batch_of()
    for player in game.players:
        value = player.terms[0].value(game.round(player, batch, ()))
        for i, count in ((0, 7), (1, 14)):
            one = game.round(player, Batch(batch.real[i : i + 1, :, :count], alone(i)), ())
            assert player.terms[0].value(one)[0].item() == pytest.approx(value[i].item(), rel=1e-3, abs=1e-5)


def test_terms_by_hand():
    game = game_of()
    round = game.round(game.players[1], batch_of(), ())
    means, logs = game.generator.unit_means(round.cond), game.generator.log_frames(round.cond)
    for i, count in ((0, 7), (1, 14)):
        apart = (round.real[i, :, :count] - round.fake[i, :, :count]).abs().mean()
        assert mel_l1(round)[i].item() == pytest.approx(apart.item(), rel=1e-5)
        frames = round.cond[i, 1:, 2]
        sounds = means[i].repeat_interleave(frames, 0).T
        squares = (round.real[i, :, :count] - sounds).square().mean() / 2
        assert unit_error(round)[i].item() == pytest.approx(squares.item(), rel=1e-5)
        units = int((frames > 0).sum())
        away = (logs[i, :units] - frames[:units].log()).square().mean()
        assert duration_error(round)[i].item() == pytest.approx(away.item(), rel=1e-5)
    game = game_of(True)
    round = game.round(game.players[1], batch_of(True), ())
    wanted = (game.generator.log_frames(round.cond)[:, 0] - torch.tensor([7.0, 14.0]).log()).square()
    assert torch.allclose(duration_error(round), wanted)


def test_a_mean_is_over_bands_and_frames_inside():
    x = torch.tensor([[[1.0, 2, 9], [3, 4, 9]], [[1, 1, 1], [1, 1, 4]]])
    inside = torch.tensor([[[1, 1, 0]], [[1, 1, 1]]]).bool()
    assert mean_inside(x, inside).tolist() == [2.5, 1.5]


@pytest.mark.slow
@pytest.mark.parametrize("player", [0, 1])
@pytest.mark.parametrize("whole", WHOLE)
def test_micro_batches_equal_one_batch(whole, player):
    """A piece is shorter than the batch that it was cut from: its longest item may be in another piece."""
    after = {}
    for pieces in (1, 2):
        game = game_of(whole)
        row = move(game, game.players[player], batch_of(whole), 0, Execution(micro_batches=pieces))
        after[pieces] = weights(game), {name: float(value) for name, value in row.items()}
    fresh = weights(game_of(whole))
    assert (after[1][0] - fresh).abs().max() > 1e-4
    assert (after[1][0] - after[2][0]).abs().max() < 1e-6
    assert after[1][1] == pytest.approx(after[2][1], rel=1e-4)


def test_a_slope_penalty_of_a_padded_batch():
    game = game_of(extra=R1(1.0, every=1).terms())
    assert "r1" in move(game, game.players[0], batch_of(), 0)


def test_alignment_is_of_what_the_generator_knows_now_and_moves_nothing():
    """Every term reads the same frames; no gradient goes through them."""
    game = game_of()
    round = game.round(game.players[1], batch_of(), ())
    assert torch.equal(round.cond, completed(game.generator, batch_of()).cond)
    assert round.mels is round and round.cond.dtype == torch.int64
    with torch.no_grad():
        game.generator.prior.weight.mul_(-3)
    assert not torch.equal(round.cond, game.round(game.players[1], batch_of(), ()).cond)


# Text to wave.


def joint_game(whole=True, segment=8):
    g, d = speaker(whole), find("wave critic", "both")(MEL.window, options(width=2))
    torch.manual_seed(3)
    v = find("vocoder", "vocos")(MEL, 8, 1)
    g.noise = lambda n: torch.full((n, 3), 0.5)
    to_discriminate, to_generate = adversarial_terms(find("loss", "hinge"))
    of_d = [to_generate, Term("features", matched, 3.0)]
    game = JointGame(g, d, joint=True, vocoder=v, mel=MEL, segment=segment, speech=SpeechGame(g, None))
    wave_l1 = Term("mel", lambda round: log_mel_l1(MEL)(round.real, round.fake), 2.0)
    descent = torch.optim.SGD
    game.players = (
        Player("vocoder_discriminator", d, descent(d.parameters(), 0.1), [to_discriminate]),
        Player("vocoder", v, descent(v.parameters(), 0.1), [to_generate, of_d[1], wave_l1]),
        Player("generator", g, descent(g.parameters(), 0.1),
               [*of_d, Term("mel", mel_l1), Term("duration", duration_error)]),
    )  # fmt: skip
    return game


def waves_of(starts=(0, 4), whole=True):
    cond = both(whole)
    cond[:, 0, 2] = torch.tensor(starts)
    real = torch.randn(2, 1, 14 * MEL.hop, generator=torch.Generator().manual_seed(0)) * 0.3
    real[0, :, 7 * MEL.hop :] = 0
    return Batch(real, cond)


def test_a_segment_by_hand():
    """It begins where row 0 says; behind the longest item there is silence, as there is behind the others."""
    cond = condition(SHORT, LONG)
    cond[:, 0, 2] = torch.tensor([0, 3])
    x = torch.arange(2 * 14.0).view(2, 1, 14)
    assert cut(x, cond, 4, 1, -9.0)[:, 0].tolist() == [[0, 1, 2, 3], [17, 18, 19, 20]]
    assert cut(x, cond, 12, 1, -9.0)[1, 0].tolist() == [*range(17, 28), -9.0]
    wide = torch.arange(2 * 28.0).view(1, 2, 28)
    assert cut(wide, cond[1:], 2, 2, 0.0).tolist() == [[[6, 7, 8, 9], [34, 35, 36, 37]]]


@pytest.mark.parametrize("whole", WHOLE)
def test_the_joint_round_is_its_parts_by_hand(whole):
    game, batch = joint_game(whole), waves_of(whole=whole)
    g, d, v = game.generator, game.discriminator, game.vocoder
    mels = completed(g, Batch(MEL(batch.real), batch.cond))
    z = g.noise(2)
    mel = g(z, mels.cond)
    starts = batch.cond[:, 0, 2].tolist()
    pieces = torch.stack([
        torch.nn.functional.pad(m, (0, 8), value=LOWEST)[:, s : s + 8] for m, s in zip(mel, starts, strict=True)
    ])  # fmt: skip
    wave = v(None, pieces)
    real = torch.stack([
        torch.nn.functional.pad(w, (0, 8 * 16))[:, 16 * s : 16 * (s + 8)]
        for w, s in zip(batch.real, starts, strict=True)
    ])  # fmt: skip
    round = game.round(game.players[2], batch, ())
    assert isinstance(round, JointRound) and isinstance(round.mels, SpeechRound)
    assert torch.equal(round.real, real) and (round.fake - wave).abs().max() < 1e-6
    assert (round.mels.fake - mel).abs().max() < 1e-6
    on_fake, on_real = d(wave, None), d(real, None)
    hinge = find("loss", "hinge")
    wanted = {
        "adversarial": over_heads(hinge.generator, on_fake),
        "features": feature_matching(on_real, on_fake),
        "mel": mel_l1(round.mels),
        "duration": duration_error(round.mels),
    }
    found = {term.name: term.value(round) for term in game.players[2].terms}
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, atol=1e-5), name
    total = sum(term.scale(0) * found[term.name].mean() for term in game.players[2].terms)
    by_hand = sum(term.scale(0) * wanted[term.name].mean() for term in game.players[2].terms)
    parameters = [p for p in g.parameters() if p.requires_grad]
    ours = torch.autograd.grad(total, parameters, allow_unused=True, retain_graph=True)
    theirs = torch.autograd.grad(by_hand, parameters, allow_unused=True)
    assert all((a is None) == (b is None) for a, b in zip(ours, theirs, strict=True))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours, theirs, strict=True) if a is not None)


def changed(game, player):
    """Which networks a move of this player changes, and which have a gradient afterwards."""
    before = {p.name: torch.cat([w.detach().flatten() for w in p.module.parameters()]) for p in game.players}
    move(game, game.players[player], waves_of(), 0)
    moved = {
        p.name
        for p in game.players
        if not torch.equal(before[p.name], torch.cat([w.detach().flatten() for w in p.module.parameters()]))
    }
    return moved, {p.name for p in game.players if any(w.grad is not None for w in p.module.parameters())}  # fmt: skip


@pytest.mark.parametrize("player", [0, 1, 2])
def test_each_turn_of_the_joint_game_moves_one_network(player):
    game = joint_game()
    name = game.players[player].name
    assert changed(game, player) == ({name}, {name})
    assert all(w.requires_grad for p in game.players for w in p.module.parameters())


def test_the_generators_turn_goes_through_the_vocoder_and_the_vocoders_stops_at_the_mel():
    game = joint_game()
    only = [term for term in game.players[2].terms if term.name == "adversarial"]
    round = game.round(game.players[2], waves_of(), only)
    only[0].value(round).sum().backward()
    assert any(w.grad is not None and w.grad.any() for w in game.generator.script.parameters())
    game = joint_game()
    round = game.round(game.players[1], waves_of(), ())
    assert not round.mels.fake.requires_grad and round.fake.requires_grad
    round = game.round(game.players[0], waves_of(), ())
    assert not round.fake.requires_grad and "output_gradient" not in round.noticed
    assert game.vocoder.trained == 1, "the discriminator's turn does not train it"


@pytest.mark.slow
@pytest.mark.parametrize("player", [0, 1, 2])
def test_micro_batches_of_the_joint_game_equal_one_batch(player):
    after = []
    for pieces in (1, 2):
        game = joint_game(segment=10)  # longer than the short item
        move(game, game.players[player], waves_of((0, 4)), 0, Execution(micro_batches=pieces))
        after.append(weights(game))
    assert (after[0] - weights(joint_game(segment=10))).abs().max() > 1e-4
    assert (after[0] - after[1]).abs().max() < 1e-5


def test_a_segment_of_an_item_does_not_depend_on_its_batch():
    """Real and generated waves are silent behind the end, alone as in a batch."""
    game, batch = joint_game(segment=10), waves_of((0, 4))
    together = game.round(game.players[2], batch, ())
    one = game.round(game.players[2], Batch(batch.real[:1, :, : 7 * 16], alone_with(0)), ())
    assert torch.equal(one.real[0], together.real[0]) and not one.real[0, :, 7 * 16 :].any()
    assert (one.fake[0] - together.fake[0]).abs().max() < 1e-5


def alone_with(start):
    cond = alone(0, True)
    cond[:, 0, 2] = start
    return cond


def test_what_is_noticed_is_the_slope_at_the_wave():
    game = joint_game()
    row = move(game, game.players[2], waves_of(), 0)
    assert math.isfinite(float(row["output_gradient"])) and float(row["output_gradient"]) > 0


class Dtypes(TorchDispatchMode):
    """Keeps the types of all that is computed."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        self.seen |= {x.dtype for x in torch.utils._pytree.tree_leaves(found) if isinstance(x, torch.Tensor)}
        return found


@pytest.mark.slow
@pytest.mark.parametrize("player", [0, 1, 2])
def test_nothing_is_computed_in_float64(player):
    """Apple's GPU has none. Windows and filters are made once, on the CPU; alignment is a test of its own."""
    game = joint_game()
    move(game, game.players[player], waves_of(), 0)
    with Dtypes() as mode:
        move(game, game.players[player], waves_of(), 1)
    assert torch.float64 not in mode.seen and {torch.float32, torch.complex64} <= mode.seen


def test_other_frames_are_other_sounds():
    net, cond = speaker(), both()
    longer = with_frames(cond, cond[:, 1:, 2] * 2)
    assert net(net.noise(2), longer).shape[2] == 28
