"""Attached penalties where a loop, an optimiser or a weight is an odd one: each was wrong once."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from poise.errors import PoiseError
from poise.penalties import L2, L2Towards, WeightDecay, attach
from poise.penalties.callbacks import attach_parts

ONE = torch.ones(1, 1)


def unit(**options) -> nn.Linear:
    net = nn.Linear(1, 1, bias=False, **options)
    nn.init.ones_(net.weight)
    return net


def stepped(net: nn.Module, *optims: torch.optim.Optimizer) -> None:
    """A step of each, of a loss without gradient."""
    (0 * net(ONE).sum()).backward()
    for optim in optims:
        optim.step()


def test_a_reparametrised_weight_is_the_business_of_its_own_optimiser():
    gan = nn.ModuleDict({"g": unit(), "d": weight_norm(unit())})
    optims = [torch.optim.SGD(part.parameters(), lr=0.1) for part in gan.values()]
    found = attach_parts(optims, gan, L2(0.5))
    assert [one.optimizer for one in found] == optims
    stepped(nn.Sequential(*gan.values()), *optims)
    assert gan["d"].weight.item() == pytest.approx(0.95) and gan["g"].weight.item() == pytest.approx(0.95)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_reparametrised_weight_that_is_frozen_or_a_step_without_gradients_is_no_error(frozen):
    net = nn.Sequential(weight_norm(unit()), unit())
    net[0].requires_grad_(not frozen)
    optim = torch.optim.SGD(net.parameters(), lr=0.1)
    attach(optim, net, L2(0.5))
    (0 * net(ONE).sum()).backward()
    with torch.no_grad():
        optim.step()
    assert net[0].weight.item() == pytest.approx(1.0 if frozen else 0.95)


def test_decay_leaves_frozen_and_unreached_weights_alone_as_adamw_does():
    net = nn.ModuleList([unit(), unit(), unit()])
    net[0].requires_grad_(False)
    optim = torch.optim.Adam(net.parameters(), lr=0.1)
    attach(optim, net, WeightDecay(0.5))
    stepped(net[1], optim)
    assert [layer.weight.item() for layer in net] == pytest.approx([1.0, 0.95, 1.0])


def test_decay_acts_once_however_often_a_closure_is_evaluated():
    net = unit()
    optim = torch.optim.LBFGS(net.parameters(), lr=1e-9, max_iter=5)
    attach(optim, net, WeightDecay(0.05 / 1e-9))

    def closure() -> torch.Tensor:
        optim.zero_grad()
        loss = (net.weight - 3).square().sum()
        loss.backward()
        return loss

    optim.step(closure)
    assert net.weight.item() == pytest.approx(0.95)


@pytest.mark.slow
def test_a_fused_step_that_overflows_decays_nothing_and_is_not_counted():
    net = unit()
    optim = torch.optim.Adam(net.parameters(), lr=0.1, fused=True)
    attached, scaler = attach(optim, net, [L2(0.5), WeightDecay(0.5)]), torch.amp.GradScaler("cpu")
    scaler.scale(net(ONE * torch.inf).sum()).backward()
    scaler.step(optim)
    assert net.weight.item() == 1.0 and attached.steps == 0


def test_an_optimiser_that_maximises_is_refused():
    net = unit()
    with pytest.raises(PoiseError, match="maximises"):
        attach(torch.optim.SGD(net.parameters(), lr=0.1, maximize=True), net, L2(0.5))


def test_a_step_that_calls_its_parents_is_one_step():
    class Mine(torch.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    torch.optim.SGD([nn.Parameter(ONE)], lr=1.0)  # from now on torch hooks the parent's step as well
    net = unit()
    optim = Mine(net.parameters(), lr=0.1)
    attached = attach(optim, net, L2(0.5))
    stepped(net, optim)
    assert net.weight.item() == pytest.approx(0.95) and attached.steps == 1


def test_a_moving_reference_of_a_part_of_the_weights():
    net = nn.Sequential(unit(), unit())
    optim = torch.optim.SGD(net[1].parameters(), lr=0.1)
    with pytest.warns(UserWarning, match="moves 1 of the 2"):
        attached = attach(optim, net, L2Towards(0.5, reference="average"))
    stepped(net, optim)
    assert list(attached.state_dict()["penalties"]["l2_towards"]) == ["1.weight"] and attached.watch()


def test_numbers_to_watch_are_right_in_each_loop():
    net, right = unit(), pytest.approx(0.5)
    optim = torch.optim.SGD(net.parameters(), lr=0.0)
    attached = attach(optim, net, L2(0.5))
    for _ in range(2):  # zeroed in place: the gradient is the same tensor and holds no penalty
        net(ONE).sum().backward()
        assert attached.watch()["l2.ratio"] == right
        optim.step()
        optim.zero_grad(set_to_none=False)
    net, penalty = unit(), L2(10.0)
    (net(ONE).sum() + penalty(net)).backward()
    assert penalty.watch(net)["l2.ratio"] == pytest.approx(10.0), "in the loss it is taken out of the gradient again"
    frozen = nn.Sequential(unit(), unit())
    nn.init.constant_(frozen[0].weight, 100.0)
    frozen[0].requires_grad_(False)
    frozen(ONE / 100).sum().backward()
    assert L2(0.5).watch(frozen)["l2.norm"] == pytest.approx(1.0)
    embedded = nn.ModuleDict({"e": nn.Embedding(3, 1, sparse=True), "l": unit()})
    embedded["l"](embedded["e"](torch.tensor([0]))).sum().backward()
    assert L2(0.5).watch(embedded)["l2.ratio"] > 0


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))


def normed() -> nn.Module:
    return nn.Sequential(weight_norm(nn.Linear(4, 3)), nn.Linear(3, 3))


def wholly_normed() -> nn.Module:
    return nn.Sequential(weight_norm(nn.Linear(4, 3)))


SEVERAL = {
    "one": [L2(5.0)],
    "of two parts": [L2(5.0, covers="0.*", name="first"), L2(0.01, covers="1.*", name="second")],
    "on the same": [L2(5.0), L2(0.3, name="more")],
    "scheduled, and towards": [L2("linear:5:1:10"), L2Towards(0.3, reference="start")],
}


@pytest.mark.parametrize("kind", SEVERAL)
@pytest.mark.parametrize("make", [plain, normed, wholly_normed])
def test_numbers_to_watch_are_the_same_before_and_after_the_penalties_are_added(make, kind):
    """The gradient of the loss is what the loss made, whatever else was added to it, and through whatever."""
    torch.manual_seed(0)
    net = make()
    penalties = [penalty for penalty in copy.deepcopy(SEVERAL[kind]) if penalty.covers != "1.*" or len(net) > 1]
    optim = torch.optim.SGD(net.parameters(), lr=0.0)
    attached = attach(optim, net, penalties)
    attached.watch()  # where the weights are now is what they are pulled towards
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    net(torch.randn(5, 4)).square().mean().backward()
    of_loss = torch.cat([parameter.grad.flatten() for parameter in net.parameters()]).norm().item()
    before = attached.watch()
    optim.step()
    attached.steps -= 1  # the same moment of a schedule
    assert attached.watch() == pytest.approx(before, rel=1e-4)
    for penalty in penalties:
        pull = before[f"{penalty.name}.ratio"] * of_loss
        assert before[f"{penalty.name}.share"] == pytest.approx(pull / (pull + of_loss), rel=1e-4)


@pytest.mark.parametrize("way", ["attached", "by hand"])
def test_a_sparse_gradient_is_refused_in_a_sentence(way):
    """It reaches the rows of a batch alone, and the penalty every row."""
    net = nn.ModuleDict({"e": nn.Embedding(5, 3, sparse=True)})
    penalty = L2(0.1, covers="Embedding")
    optim = torch.optim.SGD(net.parameters(), lr=0.1)
    if way == "attached":
        attach(optim, net, penalty)
    net["e"](torch.tensor([1, 2])).sum().backward()
    with pytest.raises(PoiseError, match=r"the gradient of e\.weight is sparse.*sparse=False"):
        optim.step() if way == "attached" else penalty.add_gradient_(net)


@pytest.mark.parametrize("by_hand", [True, False])
def test_right_loops_through_overflows_are_not_warned_of(by_hand):
    net, penalty, scaler = nn.Linear(4, 1), L2(1e-3), torch.amp.GradScaler("cpu")
    optim = torch.optim.SGD(net.parameters(), lr=0.01)
    before = net.weight.detach().clone()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for i in range(4):
            loss = net(torch.randn(8, 4)).square().mean() * (1e36 if i < 2 else 1)
            scaler.scale(loss if by_hand else loss + penalty(net)).backward()
            if by_hand:
                scaler.unscale_(optim)
                penalty.add_gradient_(net)
            scaler.step(optim)
            scaler.update()
            optim.zero_grad(set_to_none=not by_hand)
            assert torch.equal(net.weight, before) == (i < 2), "steps that overflow are left out, the others are made"
    assert [str(warning.message) for warning in said] == []


@pytest.mark.slow
def test_half_precision_does_not_overflow():
    net = nn.Linear(4, 1, bias=False).half()
    nn.init.constant_(net.weight, 2.0)
    optim = torch.optim.SGD(net.parameters(), lr=0.01, fused=True)
    attach(optim, net, L2(1e-4))
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(net(torch.ones(1, 4).half()).float().sum() * 1e-3).backward()
    scaler.step(optim)
    assert torch.isfinite(net.weight).all()
    large = nn.Linear(100, 1000, bias=False).half()
    nn.init.ones_(large.weight)
    assert L2(1.0)(large).item() == pytest.approx(50_000)


def test_complex_weights_count_by_their_lengths():
    net = unit(dtype=torch.complex64)
    with torch.no_grad():
        net.weight.fill_(3 + 4j)
    value = L2(2.0)(net)
    value.backward()
    assert value.item() == pytest.approx(25.0) and net.weight.grad.item() == pytest.approx(6 + 8j)


def test_a_copy_of_all_three_is_connected_as_well():
    net = unit()
    optim = torch.optim.SGD(net.parameters(), lr=0.1)
    attached = attach(optim, net, L2(0.5))
    net2, optim2, attached2 = copy.deepcopy((net, optim, attached))
    stepped(net2, optim2)
    assert net2.weight.item() == pytest.approx(0.95) and (attached2.steps, attached.steps) == (1, 0)
    assert net.weight.item() == 1.0


def test_a_network_without_shapes_is_told():
    with pytest.raises(PoiseError, match="has no shape yet: run the network once"):
        L2(0.1).covers_of(nn.LazyLinear(2))


def test_a_part_whose_name_sounds_like_a_parametrisation():
    net = nn.Module()
    net.my_parametrizations = nn.Linear(2, 2)
    assert L2(0.1).covers_of(net).share == pytest.approx(2 / 3)
