"""Rows of a batch in several processes: the sums are those of the whole batch, and draws are those of one process."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from poise.core import Batch, Player, Term
from poise.errors import PoiseError
from poise.games.adversarial import Adversarial, adversarial_terms
from poise.games.augment import EVERYTHING, Augmentation, shifts
from poise.penalties import L2, R1, LeCam
from poise.registry import find
from poise.rows.drawn import OfAll, Slice, computing, drawn
from poise.training.moves import backward, move
from poise.training.precision import Execution
from poise.training.ranks import Ranks
from poise.training.splitting import check_batch, check_device, check_games
from poise.training.torchrun import World, world
from tests.conftest import TinyDiscriminator, TinyGenerator

ADDRESS = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


class Summed(Ranks):
    """A rank whose sums over all processes are those of a list that the test fills."""

    def __init__(self, rank: int, count: int, others: list | None = None) -> None:
        super().__init__(rank, count)
        self.seen: list[torch.Tensor] = []
        self.others = others

    def sum_(self, tensors):
        self.seen = [tensor.detach().clone() for tensor in tensors]
        for i, tensor in enumerate(tensors if self.others else ()):
            tensor.detach().add_(sum(seen[i] for seen in self.others))


def game(penalised=True):
    torch.manual_seed(0)
    g, d = TinyGenerator(), TinyDiscriminator()
    to_discriminate, to_generate = adversarial_terms(find("loss", "nonsaturating"))
    terms = [to_discriminate, *(R1(0.3, every=1).terms() if penalised else ())]
    players = (
        Player("discriminator", d, torch.optim.SGD(d.parameters(), 0.1), terms, [L2(0.2)]),
        Player("generator", g, torch.optim.SGD(g.parameters(), 0.1), [to_generate]),
    )
    return Adversarial(g, d, players, view=Augmentation("cutout", 0.5))


def batch(n=7):
    return Batch(torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(3)))


def computed(execution, turn, shares=("r1",)):
    """Gradients and the row of one backward pass of a player, with the draws of one seed."""
    made = game()
    torch.manual_seed(5)
    row = backward(made, made.players[turn], batch(), 0, execution, shares)
    return [p.grad for p in made.players[turn].module.parameters()], row


@pytest.mark.slow
@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize(("count", "micro"), [(2, 1), (3, 1), (7, 1), (2, 2), (3, 2)])
def test_gradients_and_rows_of_unequal_slices_add_up_to_those_of_the_batch(count, micro, turn, float64):
    """Each rank's sum, once it has been told what the others had, is the gradient of one process."""
    wanted, row = computed(Execution(micro_batches=micro), turn)
    alone = [Summed(rank, count) for rank in range(count)]
    for ranks in alone:
        computed(Execution(micro_batches=micro, ranks=ranks), turn)
    others = [ranks.seen for ranks in alone[1:]]
    found, told = computed(Execution(micro_batches=micro, ranks=Summed(0, count, others)), turn)
    for ours, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-14)
    assert told.keys() == row.keys()
    assert all(float(told[name]) == pytest.approx(float(row[name]), abs=1e-13) for name in row)
    first = computed(Execution(micro_batches=micro, ranks=Summed(0, count)), turn)[0]
    assert max((a - b).abs().max() for a, b in zip(first, wanted, strict=True)) > 1e-6, "one slice is not the batch"


def test_slices_weigh_by_their_number_of_items(float64):
    """w of a line whose loss is w times the mean of x = 0 ... 6: two processes have 3 and 4 items, and the gradient is
    3 = 3/7 + 18/7, and not the mean of (0 + 1 + 2)/3 and (3 + 4 + 5 + 6)/4, which is 2.75."""
    net = nn.Linear(1, 1)
    term = Term("loss", lambda b: net(b.real)[:, 0])
    player = Player("net", net, torch.optim.SGD(net.parameters(), 0.1), [term])
    made = Adversarial(None, None, (player,))
    made.round = lambda player, batch, due: batch
    seen = []
    for rank in range(2):
        net.zero_grad(set_to_none=True)
        backward(made, player, Batch(torch.arange(7.0)[:, None]), 0, Execution(ranks=Summed(rank, 2)))
        seen.append(net.weight.grad.item())
    assert seen == pytest.approx([3 / 7, 18 / 7], abs=1e-15)


def test_weights_pay_once_and_one_process_is_as_before(float64):
    """A move of the first rank, told what the second has, is that of one process, its penalty on weights included."""

    def moved(ranks):
        made = game()
        torch.manual_seed(5)
        return made, move(made, made.players[0], batch(), 0, Execution(ranks=ranks), detail=True)

    plain, row = moved(Ranks())
    second = Summed(1, 2)
    moved(second)
    split, told = moved(Summed(0, 2, [second.seen]))
    for ours, theirs in zip(split.discriminator.parameters(), plain.discriminator.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-14)
    assert {name: float(value) for name, value in told.items()} == pytest.approx(
        {name: float(value) for name, value in row.items()}, abs=1e-12
    )


def test_an_overflow_in_one_process_is_one_in_all():
    """The sum is taken before unscaling: the first rank, whose own gradients are finite, skips the step as well."""

    def moved(ranks):
        made, execution = game(penalised=False), Execution(precision="fp16", ranks=ranks)
        torch.manual_seed(5)
        move(made, made.players[0], batch(), 0, execution)
        return [p.detach().clone() for p in made.discriminator.parameters()], execution.scaler("discriminator")

    fresh = list(game(penalised=False).discriminator.parameters())
    second = Summed(1, 2)
    moved(second)
    after, scaler = moved(Summed(0, 2, [second.seen]))
    assert scaler.get_scale() == 2.0**13 and not torch.equal(after[0], fresh[0])
    second.seen[1].view(-1)[0] = torch.inf  # of its first gradient; what stands before it says which there are
    after, scaler = moved(Summed(0, 2, [second.seen]))
    assert scaler.get_scale() == 2.0**12
    assert all(torch.equal(new, old) for new, old in zip(after, fresh, strict=True))


def test_a_parameter_without_gradient_everywhere_stays_without():
    net = nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(3))
    net[0].weight.grad = torch.ones(1, 1)
    net[0].weight.grad.mul_(2)
    others = [[torch.tensor([1.0, 1.0, 0.0]), torch.ones(1, 1), torch.full((1, 1), 5.0), torch.zeros(1, 1)]]
    row = Summed(0, 2, others).combined(net, {}, {})
    assert row == {}
    assert [None if one.weight.grad is None else one.weight.grad.item() for one in net] == [3.0, 5.0, None]


def test_alone_nothing_is_touched():
    net, row = nn.Linear(1, 1), {"a": torch.ones(())}
    ranks = Ranks()
    assert ranks.alone and ranks.first and ranks.rows(1) is None
    assert ranks.combined(net, row, {})["a"] is row["a"] and net.weight.grad is None
    whole = batch()
    assert ranks.part(whole, None) is whole


def pieces(count, n=7):
    return [Ranks(rank, count).rows(n) for rank in range(count)]


@pytest.mark.parametrize("count", [2, 3, 7])
def test_slices_cover_a_batch_once(count):
    cond = torch.arange(7) * 10
    parts = [Ranks(i, count).part(Batch(torch.arange(7), cond), rows) for i, rows in enumerate(pieces(count))]
    assert torch.cat([part.real for part in parts]).tolist() == list(range(7))
    assert torch.cat([part.cond for part in parts]).tolist() == cond.tolist()
    assert max(len(part.real) for part in parts) - min(len(part.real) for part in parts) <= 1


AXES = {
    "noise": lambda n: drawn(n, lambda k: torch.randn(k, 3)),
    "augmented": lambda n: Augmentation(EVERYTHING, 0.5)(torch.ones(n, 3, 16, 16)),
    "always": lambda n: Augmentation(EVERYTHING)(torch.ones(n, 3, 16, 16)),
    "rectangles": lambda n: Augmentation(EVERYTHING)(torch.ones(n, 4, 16, 24)),
    "shifts of rectangles": lambda n: shifts(n, 2, 3, torch.device("cpu")).transpose(0, 1),
}


@pytest.mark.parametrize("made", AXES.values(), ids=AXES)
def test_each_process_draws_what_one_process_draws_for_its_items(made):
    torch.manual_seed(1)
    wanted, after = made(7), torch.rand(1)
    found = []
    for rows in pieces(3):
        torch.manual_seed(1)
        with computing(rows):
            found.append(made(rows.stop - rows.start))
        assert torch.equal(torch.rand(1), after), "all processes are in step afterwards"
    assert torch.equal(torch.cat(found), wanted)


def test_draws_for_other_items_than_ones_own_are_refused():
    with computing(Slice(0, 2, 5)), pytest.raises(PoiseError, match=r"for 3 items .* computes 2 of 5"):
        drawn(3, torch.rand)
    assert len(drawn(3, torch.rand)) == 3, "and the batch is nobody's any more"


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, None),
        ({"WORLD_SIZE": "2", "RANK": "0"}, None),
        ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", **ADDRESS}, None),
        ({"RANK": "2", "WORLD_SIZE": "3", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", **ADDRESS}, World(2, 3, 0, 1)),
    ],
)
def test_who_a_process_is(told, found):
    assert world(told) == found


@pytest.mark.parametrize("wrong", [{"RANK": "x"}, {"RANK": "2"}, {"LOCAL_RANK": "-1"}, {"WORLD_SIZE": "0"}])
def test_an_environment_that_makes_no_sense_is_told(wrong):
    with pytest.raises(PoiseError, match="start them by torchrun"):
        world({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", **ADDRESS, **wrong})


def refused(network=None, term=None):
    made = game(penalised=False)
    if network is not None:
        made.players[0].module = network
    if term is not None:
        made.players[0].terms = [*made.players[0].terms, term]
    check_games([made])


def test_what_mixes_a_batch_is_refused_by_name():
    refused()
    refused(nn.Sequential(nn.InstanceNorm2d(2), nn.Dropout(0.0), nn.LSTM(2, 2)))
    for network, said in (
        (nn.BatchNorm2d(2), "--discriminator.norm none"),
        (nn.Dropout(0.1), "dropout"),
        (nn.LSTM(2, 2, 2, dropout=0.1), "dropout"),
    ):
        with pytest.raises(PoiseError, match=said):
            refused(nn.Sequential(network))
    for term in (*LeCam().terms(), Term("kl", torch.mean, whole=True)):
        with pytest.raises(PoiseError, match=f"the term '{term.name}' of the discriminator"):
            refused(term=term)


def test_a_term_that_is_one_number_is_told_by_the_first_process_alone():
    term = Term("own", torch.mean)
    for value in (torch.ones(()), torch.ones(3), torch.ones(1)):
        with pytest.raises(OfAll, match="the term 'own' is one number"):
            Ranks(1, 2).of_items(term, value, 4)
    assert Ranks(1, 2).of_items(term, torch.ones(8, 3), 4).shape == (8, 3), "two for each item"
    assert Ranks().of_items(term, torch.ones(()), 4).ndim == 0


def test_batches_and_devices_that_cannot_be_shared_are_refused():
    check_batch(Ranks(0, 2), 4, 2)
    with pytest.raises(PoiseError, match="1 items at a time cannot be split among 2"):
        check_batch(Ranks(0, 2), 3, 2)
    check_device(Ranks(0, 2, 2), Execution(torch.device("cpu")))
    for device, said in (("mps", "on CPUs or CUDA"), ("cuda:1", "device of its own number")):
        with pytest.raises(PoiseError, match=said):
            check_device(Ranks(0, 2, 2), Execution(torch.device(device)))
    with pytest.raises(PoiseError, match="99 processes and"):
        check_device(Ranks(0, 99, 99), Execution(torch.device("cuda")))
