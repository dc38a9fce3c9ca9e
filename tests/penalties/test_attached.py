"""`attach`: closed forms, every optimiser, closures, scalers; what it refuses and what it says."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from poise.errors import PenaltyWarning, PoiseError
from poise.penalties import L2, R1, R2, L2Towards, WeightDecay, attach
from poise.penalties.callbacks import attach_parts

OPTIMISERS = [
    (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    (torch.optim.Adam, {"lr": 0.01}),
    (torch.optim.Adam, {"lr": 0.01, "fused": True}),
    (torch.optim.RMSprop, {"lr": 0.01}),
    (torch.optim.Adagrad, {"lr": 0.05}),
    (torch.optim.NAdam, {"lr": 0.01}),
]
X = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Tanh(), nn.Linear(7, 1))


def groups(net: nn.Module, decay: float = 0.0) -> list[dict]:
    weights, others = [net[0].weight, net[3].weight], [net[0].bias, net[3].bias, *net[1].parameters()]
    return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def trained(make, decay: float = 0.0, penalty=None, closure: bool = False, steps: int = 8, scaler=None) -> torch.Tensor:
    net = network()
    optimizer = make(groups(net, decay))
    if penalty is not None:
        attach(optimizer, net, penalty)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = (net(X) - X.sum(1, keepdim=True)).square().mean()
        (value if scaler is None else scaler.scale(value)).backward()
        return value

    for _ in range(steps):
        if closure:
            optimizer.step(loss)
        elif scaler is not None:
            loss()
            scaler.step(optimizer)
            scaler.update()
        else:
            loss()
            optimizer.step()
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.slow
@pytest.mark.parametrize("closure", [False, True], ids=["", "closure"])
@pytest.mark.parametrize(("optimiser", "options"), OPTIMISERS)
def test_attached_l2_is_weight_decay_of_every_coupled_optimiser(optimiser, options, closure):
    def make(parts: list[dict]) -> torch.optim.Optimizer:
        return optimiser(parts, **options)

    right = trained(make, decay=0.1)
    assert (trained(make, penalty=L2(0.1), closure=closure) - right).abs().max() <= 1e-6
    assert (trained(make) - right).abs().max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("fused", [False, True], ids=["unscaled before", "divides by itself"])
def test_under_a_scaler_it_is_weight_decay_as_well(fused):
    def make(parts: list[dict]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parts, lr=0.01, fused=fused)

    right = trained(make, decay=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    assert (trained(make, penalty=L2(0.1), scaler=scaler) - right).abs().max() <= 2e-6


@pytest.mark.parametrize("closure", [False, True])
def test_attached_decay_is_adamw(closure):
    right = trained(lambda parts: torch.optim.AdamW(parts, lr=0.01), decay=0.3)
    plain = trained(lambda parts: torch.optim.Adam(parts, lr=0.01), penalty=WeightDecay(0.3), closure=closure)
    none = trained(lambda parts: torch.optim.AdamW(parts, lr=0.01, weight_decay=0.0))
    assert (plain - right).abs().max() <= 1e-6 < (none - right).abs().max()


@pytest.mark.slow
def test_lbfgs_minimises_the_sum():
    """½(w − 1)² + (λ/2)w² has its minimum at 1/(1 + λ)."""
    net = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.LBFGS(net.parameters(), line_search_fn="strong_wolfe")
    attach(optimizer, net, L2(0.25))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = 0.5 * (net.weight - 1).square().sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert net.weight.item() == pytest.approx(0.8, abs=1e-5)


def test_a_step_that_overflows_adds_nothing_and_is_not_counted():
    net = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    attached, scaler = attach(optimizer, net, L2(0.5)), torch.amp.GradScaler("cpu")
    before = net.weight.detach().clone()
    scaler.scale(net(torch.full((1, 2), torch.inf)).sum()).backward()
    scaler.step(optimizer)
    assert torch.equal(net.weight, before) and attached.steps == 0


def test_a_schedule_follows_its_steps_and_goes_on_from_a_checkpoint():
    def factor(step: int) -> float:
        return [0.0, 0.5, 1.0][step]

    net = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    first = attach(optimizer, net, L2(factor))
    nn.init.ones_(net.weight)
    for expected in (1.0, 0.95):
        net.weight.grad = torch.zeros_like(net.weight)
        optimizer.step()
        assert net.weight.item() == pytest.approx(expected)
    first.detach()
    optimizer.step()
    assert net.weight.item() == pytest.approx(0.95 - 0.1 * net.weight.grad.item())
    second = attach(optimizer, net, L2(factor))
    second.load_state_dict(first.state_dict())
    nn.init.ones_(net.weight)
    net.weight.grad = torch.zeros_like(net.weight)
    optimizer.step()
    assert net.weight.item() == pytest.approx(0.9)


@pytest.mark.slow
def test_a_moving_reference_follows_and_is_kept():
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    attached = attach(optimizer, net, L2Towards(0.0, reference="average", rate=0.5))
    net.weight.grad = torch.tensor([[-1.0]])  # moves the weight to 1
    attached.penalties[0].references(attached.penalties[0].weights(net))
    optimizer.step()
    assert attached.state_dict()["penalties"]["l2_towards"]["weight"].item() == pytest.approx(0.5)


@pytest.mark.slow
def test_only_weights_of_this_optimiser_are_penalised_and_it_says_so():
    net = network()
    optimizer = torch.optim.SGD(net[0].parameters(), lr=0.1)
    with pytest.warns(PenaltyWarning, match="moves 1 of the 2 weights"):
        attach(optimizer, net, L2(0.5))
    net(X).sum().backward()
    before = net[3].weight.grad.clone()
    optimizer.step()
    assert torch.equal(net[3].weight.grad, before)


def test_what_cannot_be_attached_is_refused():
    net, other = network(), network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    attach(optimizer, net, L2(0.1))
    with pytest.raises(PoiseError, match="already"):
        attach(optimizer, net, L2(0.2))
    attach(optimizer, net, L2(0.2, name="second"))
    with pytest.raises(PoiseError, match="moves none"):
        attach(optimizer, other, L2(0.1))
    with pytest.raises(PoiseError, match="not Sequential"):
        attach(net, optimizer, L2(0.1))


def test_parts_find_their_optimisers():
    gan = nn.ModuleDict({"generator": network(), "discriminator": network()})
    optims = [torch.optim.SGD(part.parameters(), lr=0.1) for part in gan.values()]
    found = attach_parts(optims, gan, {"generator": L2(0.1), "discriminator": [L2(0.2), WeightDecay(0.1)]})
    assert [(one.optimizer is optims[i], len(one.penalties)) for i, one in enumerate(found)] == [(True, 1), (True, 2)]
    both = attach_parts(optims, gan, L2(0.3, name="whole"))
    assert [one.optimizer for one in both] == optims
    with pytest.raises(PoiseError, match="no part 'critic'; its parts: generator, discriminator"):
        attach_parts(optims, gan, {"critic": L2(0.1)})
    with pytest.raises(PoiseError, match="no optimiser"):
        attach_parts(optims[:1], gan, {"discriminator": L2(0.1)})


def test_the_right_places_are_silent_even_where_weights_do_not_move():
    """A rate of 0, an optimiser that writes to `.data`, and gradients that are zeroed in place."""

    class Old(torch.optim.Optimizer):
        def __init__(self, parameters):
            super().__init__(parameters, {"lr": 0.1})

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.data.add_(p.grad.data, alpha=-group["lr"])

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for make, to_none in ((lambda p: torch.optim.SGD(p, lr=0.0), True), (Old, True), (Old, False)):
            net, penalty = network(), L2(0.1)
            optimizer = make(net.parameters())
            for _ in range(4):
                optimizer.zero_grad(set_to_none=to_none)
                net(X).square().mean().backward()
                before = net[0].weight.grad.clone()
                penalty.add_gradient_(net)
                assert torch.allclose(net[0].weight.grad, before + 0.1 * net[0].weight), "it acts all the same"
                optimizer.step()
    assert [str(warning.message) for warning in said] == []


@pytest.mark.slow
def test_watch_is_the_closed_form_before_and_after_it_was_added():
    net = nn.Linear(2, 1, bias=False)
    nn.init.ones_(net.weight)
    net(torch.tensor([[3.0, 4.0]])).sum().backward()
    penalty = L2(0.5)
    numbers = penalty.watch(net)
    ratio = 0.5 * 2**0.5 / 5
    expected = {"strength": 0.5, "value": 0.5, "norm": 2**0.5, "ratio": ratio, "share": ratio / (1 + ratio)}
    assert numbers == {f"l2.{name}": pytest.approx(number) for name, number in expected.items()}
    penalty.add_gradient_(net)
    assert penalty.watch(net) == pytest.approx(numbers, rel=1e-5)


@pytest.mark.parametrize("kind", [R1, R2])
def test_gradient_penalties_are_callable_with_closed_forms(kind):
    """D(x) = a·x with two heads: ∇ = a + b for each sample."""
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    x = torch.randn(6, 2)
    assert kind(10.0)(lambda x: x @ a, x).item() == pytest.approx(5 * 5.0)
    assert kind(10.0)(lambda x: (x @ a, x.sum(1)), x).item() == pytest.approx(5 * 13.0)
    assert kind("linear:0:10:10")(lambda x, scale: scale * (x @ a), x, 2.0, step=5).item() == pytest.approx(2.5 * 20)
    with torch.no_grad():
        value = kind(2.0)(lambda x: x @ a, x)
    value.backward()
    assert torch.allclose(a.grad, 2 * a.detach())
    with pytest.raises(PoiseError, match="logits as tensors, not str"):
        kind(1.0)(lambda x: "real", x)
    with pytest.raises(PoiseError, match="do not depend on x"):
        kind(1.0)(lambda x: torch.zeros(6), x)
