"""AR and TAR on a sequence made by hand, L2 on the rows that are read, and their share of the gradient."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from poise.core import Batch, Player
from poise.errors import PoiseError
from poise.games.likelihood import Carried, LanguageModelGame, window_term
from poise.models.rnn import Dropouts, Recurrent
from poise.penalties import AR, L2, TAR, L2Rows
from poise.training.loop import train
from poise.training.moves import move
from poise.training.precision import Execution

# Two sequences of three places and two units.
RAW = torch.tensor([[[1.0, 2.0], [3.0, 2.0], [3.0, 5.0]], [[0.0, 0.0], [0.0, 1.0], [-2.0, 1.0]]])
DROPPED = 2 * RAW


def round_of(raw=RAW, dropped=DROPPED):
    return SimpleNamespace(read=SimpleNamespace(raw=raw, dropped=dropped))


def test_ar_by_hand():
    """α·mean(h̃²): of 4·(1+4+9+4+9+25) and 4·(1+4+1), over six numbers each."""
    (term,) = AR(0.5).terms()
    assert term.value(round_of()).tolist() == pytest.approx([4 * 52 / 6, 4 * 6 / 6])
    assert term.scale(0) == 0.5
    assert term.regularises and not term.second_order


def test_tar_by_hand():
    """β·mean((h_{t+1} − h_t)²): of 2² + 3² and 1² + 2², over four numbers each; it does not see the dropout."""
    (term,) = TAR(3.0).terms()
    assert term.value(round_of()).tolist() == pytest.approx([13 / 4, 5 / 4])
    assert term.scale(0) == 3.0


def test_their_gradients_by_hand(float64):
    """2α·h̃/n and 2β·(differences to both neighbours)/n."""
    exact, raw, dropped = RAW.double(), RAW.double().requires_grad_(), DROPPED.double().requires_grad_()
    (found,) = torch.autograd.grad(AR().value(round_of(raw, dropped)).sum(), dropped)
    assert (found - 4 * exact / 6).abs().max() < 1e-12
    (found,) = torch.autograd.grad(TAR().value(round_of(raw, dropped)).sum(), raw)
    steps = exact[:, 1:] - exact[:, :-1]
    expected = torch.zeros_like(exact)
    expected[:, 1:] += 2 * steps / 4
    expected[:, :-1] -= 2 * steps / 4
    assert (found - expected).abs().max() < 1e-12


def test_a_window_of_one_has_no_slowness():
    raw = RAW[:, :1].clone().requires_grad_()
    value = TAR().value(round_of(raw, raw))
    assert value.tolist() == [0, 0]
    value.sum().backward()
    assert not raw.grad.any()


def test_half_precision_is_widened():
    """The mean of 2,000 squares of 30 is 900 also where bfloat16 would round it to a multiple of four."""
    h = torch.full((1, 100, 20), 30.1).bfloat16()
    exact = float(h[0, 0, 0]) ** 2
    assert AR().value(round_of(h, h)).item() == pytest.approx(exact, rel=1e-6)
    assert AR().value(round_of(h, h)).dtype == torch.float32
    assert TAR().value(round_of(h, h)).dtype == torch.float32


@pytest.mark.parametrize("kind", [AR, TAR, L2Rows])
def test_strengths_are_checked_and_follow_schedules(kind):
    (term,) = kind("linear:1:0").over(10).terms()
    assert [term.scale(step) for step in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
    with pytest.raises(PoiseError, match=f"strength of {kind.__name__}"):
        kind(-1.0)


# Rows of an embedding.


def rows_of(ids, weight):
    return SimpleNamespace(read_ids=torch.tensor(ids), embedding=weight)


def test_rows_that_are_read_are_shrunk_once_and_others_not_at_all(float64):
    """Gradient λ·e_i, however often i is read."""
    weight = torch.randn(6, 3, requires_grad=True)
    (term,) = L2Rows(0.3).terms()
    value = term.scale(0) * term.value(rows_of([[1, 4, 4], [4, 4, 1]], weight))
    assert value.item() == pytest.approx(0.15 * float(weight[[1, 4]].detach().square().sum()), rel=1e-12)
    value.backward()
    assert (weight.grad[[1, 4]] - 0.3 * weight.detach()[[1, 4]]).abs().max() < 1e-12
    assert not weight.grad[[0, 2, 3, 5]].any()


# In the loop.

V = 6


def game_of(penalties=(), dropouts=None, seed=0, tied=True):
    torch.manual_seed(seed)
    model, carried = Recurrent(V, 4, 5, 1, tied=tied, dropouts=dropouts or Dropouts()), Carried()
    game = LanguageModelGame(model, carried)
    terms = [window_term(), *(term for penalty in penalties for term in penalty.terms())]
    rules = [rule for penalty in penalties for rule in penalty.weight_penalties()]
    optim = torch.optim.Adam(model.parameters(), 0.01)
    game.players = (Player("model", model, optim, terms, rules, clip=0.5, after=(carried,)),)
    return game


def batch_of(draw=0, highest=V):
    rng = torch.Generator().manual_seed(draw)
    return Batch(torch.randint(0, highest, (4, 9), generator=rng), torch.full((4,), draw == 0))


@pytest.mark.parametrize("parts", [1, 2])
def test_shares_are_what_each_term_has_of_the_whole_gradient(parts, float64):
    """‖∇ of AR alone‖ beside ‖∇ of the others‖, by hand, on a network with dropout, before L2 and clipping."""
    strengths = {"ar": 2.0, "tar": 1.0, "l2_rows": 0.4}
    penalties = [AR(2.0), TAR(1.0), L2Rows(0.4), L2(0.7)]
    drops = Dropouts(output=0.4, weight=0.3)
    game = game_of(penalties, drops)
    batch = batch_of()
    game.carried = SimpleNamespace(state=None, pending=None)  # pieces of a batch have no state of their own
    torch.manual_seed(5)
    row = move(game, game.players[0], batch, 0, Execution(micro_batches=parts), detail=True)

    other = game_of(penalties, drops)
    weights = list(other.model.parameters())
    alone = {name: [torch.zeros_like(w) for w in weights] for name in ("nll", *strengths)}
    torch.manual_seed(5)
    for real, cond in zip(batch.real.tensor_split(parts), batch.cond.tensor_split(parts), strict=True):
        other.carried.state = None
        made = other.round(other.players[0], Batch(real, cond), ())
        for term in other.players[0].terms:
            value = strengths.get(term.name, 1.0) * term.value(made).mean() / parts
            found = torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True)
            alone[term.name] = [a if g is None else a + g for a, g in zip(alone[term.name], found, strict=True)]

    def norm(gradients):
        return torch.cat([g.flatten() for g in gradients]).norm().item()

    whole = norm([sum(parts_) for parts_ in zip(*alone.values(), strict=True)])
    assert float(row["grad_norm"]) == pytest.approx(whole, rel=1e-9)
    for name, strength in strengths.items():
        others = norm([sum(parts_) for parts_ in zip(*(g for n, g in alone.items() if n != name), strict=True)])
        share = norm(alone[name]) / (norm(alone[name]) + others)
        assert float(row[f"{name}.share"]) == pytest.approx(share, rel=1e-9)
        assert row[f"{name}.strength"] == strength
        assert float(row[f"{name}.share"]) > 1e-4
    assert "nll.share" not in row


def test_recording_shares_changes_no_weight():
    """Bit for bit, with every dropout: looking costs a backward pass and nothing else."""
    found = []
    for every in (1, 1000):
        game = game_of([AR(2.0), TAR(1.0), L2Rows(0.1), L2(0.1)], Dropouts(0.2, 0.2, 0.0, 0.3, 0.3))
        train(game, batch_of, range(1, 9), seed=4, detail_every=every)
        found.append([p.detach() for p in game.model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_shares_are_recorded_on_the_steps_that_are_asked_for():
    game, rows = game_of([AR(2.0)]), []
    train(game, batch_of, 5, detail_every=2, watch=lambda step, row: rows.append("model/ar.share" in row))
    assert rows == [True, False, True, False, True]


@pytest.mark.parametrize("kind", [AR, TAR, L2Rows])
def test_a_strength_of_zero_changes_nothing(kind):
    found = []
    for penalties in ([kind(0.0)], []):
        game = game_of(penalties, Dropouts(output=0.4))
        train(game, batch_of, 6, seed=4)
        found.append([p.detach() for p in game.model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_rows_that_are_not_read_stay_where_they_are():
    """With a readout of its own and SGD: unit 5 never occurs, and its row keeps every bit while others shrink."""
    game = game_of([L2Rows(0.5)], tied=False)
    game.players[0].optim = torch.optim.SGD(game.model.parameters(), 0.1)
    before = game.model.embedding.weight.detach().clone()
    train(game, lambda draw: batch_of(draw, highest=5), 5)
    after = game.model.embedding.weight.detach()
    assert torch.equal(before[5], after[5])
    assert (after[:5].norm(dim=1) != before[:5].norm(dim=1)).all()
