"""Weight penalties: closed forms, what they cover, and that every way of applying them gives the same numbers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from poise.core import Batch, Player, Term
from poise.errors import PoiseError
from poise.games.adversarial import Adversarial
from poise.penalties import L2, L2Towards, Penalty, WeightDecay
from poise.penalties.covers import covered
from poise.registry import find, names
from poise.training.loop import train

WEIGHT_PENALTIES = [n for n in names("penalty") if find("penalty", n)().weight_penalties()]
COUPLED = [n for n in WEIGHT_PENALTIES if not find("penalty", n)().decoupled]
pytestmark = pytest.mark.usefixtures("float64")


class Net(nn.Module):
    """One layer of each kind that matters for what is covered."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.conv = nn.Conv2d(1, 3, 3)
        self.up = nn.ConvTranspose2d(3, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.rnn = nn.LSTM(4, 5, num_layers=2)
        self.attention = nn.MultiheadAttention(4, 2)
        self.head = nn.Linear(4, 1)
        self.loose = nn.Parameter(torch.randn(3))


def shaken(module):
    """Every parameter away from its special initial value."""
    with torch.no_grad():
        for p in module.parameters():
            p.normal_()
    return module


def test_default_covers_weights_and_nothing_else():
    found = {w.name for w in covered(Net())}
    rnn = {f"rnn.weight_{kind}_l{layer}" for kind in ("ih", "hh") for layer in (0, 1)}
    attention = {"attention.in_proj_weight", "attention.out_proj.weight"}
    assert found == {"conv.weight", "up.weight", "head.weight"} | rnn | attention


@pytest.mark.parametrize(
    ("covers", "expected"),
    [
        ("head.*", {"head.weight", "head.bias"}),
        ("*.weight_hh_l?", {"rnn.weight_hh_l0", "rnn.weight_hh_l1"}),
        (nn.Embedding, {"embed.weight"}),
        (lambda name, layer: name == "loose", {"loose"}),
    ],
)
def test_covers_takes_a_pattern_a_type_or_a_function(covers, expected):
    net = shaken(Net())
    assert {w.name for w in covered(net, covers)} == expected
    parameters = dict(net.named_parameters())
    by_hand = 0.5 * 0.3 * sum(parameters[name].square().sum() for name in expected)
    assert L2(0.3, covers)(net).item() == pytest.approx(by_hand.item(), rel=1e-14)


def test_tied_weights_count_once():
    a, b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    b.weight = a.weight
    assert L2(1.0)(nn.Sequential(a, b)).item() == pytest.approx(0.5 * a.weight.square().sum().item(), rel=1e-15)


def test_a_penalty_that_reaches_nothing_is_an_error():
    with pytest.raises(PoiseError, match=r"covers no weight.*did you mean 'head.weight'"):
        L2(0.1, covers="heat.weight").add_gradient_(Net())


def test_l2_gradient_is_strength_times_weight():
    """∇(λ/2)Σ‖w‖² = λw, and nothing on biases, gains and embeddings."""
    net = shaken(Net())
    L2(0.3).add_gradient_(net)
    mine = {w.name for w in covered(net)}
    for name, p in net.named_parameters():
        if name in mine:
            assert torch.equal(p.grad, 0.3 * p.detach())
        else:
            assert p.grad is None


@pytest.mark.slow
@pytest.mark.parametrize("name", COUPLED)
@pytest.mark.parametrize("wrap", ["plain", "spectral", "weight", "old spectral", "old weight"])
def test_fast_path_equals_autograd_of_the_scalar(name, wrap):
    """`add_gradient_` adds exactly the gradient of `penalty(module)`, also through a re-parametrisation."""
    net = nn.Sequential(nn.Linear(4, 3), nn.Conv1d(3, 2, 2), nn.Embedding(3, 2))
    wrapped(net, wrap)
    penalty = find("penalty", name)(strength=0.3)
    penalty(net)  # a reference, where there is one, is taken here ...
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn_like(p))  # ... and left behind here
    start = {n: torch.randn_like(p) for n, p in net.named_parameters()}
    for n, p in net.named_parameters():
        p.grad = start[n].clone()
    before = copy.deepcopy(net.state_dict())
    penalty.add_gradient_(net)
    after = net.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before), "a penalty must not move power-iteration vectors"
    parameters = dict(net.named_parameters())
    expected = torch.autograd.grad(penalty(net), list(parameters.values()), allow_unused=True)
    reached = 0
    for (n, p), gradient in zip(parameters.items(), expected, strict=True):
        reached += gradient is not None
        assert torch.allclose(p.grad - start[n], torch.zeros_like(p) if gradient is None else gradient, atol=1e-13)
    assert reached >= 2


@pytest.mark.parametrize("name", ["L2", "L2Towards"])
@pytest.mark.parametrize("wrap", ["plain", "spectral", "weight", "old spectral", "old weight"])
def test_what_is_watched_is_what_is_added(name, wrap):
    """The ratio of `watch` is that of gradients, also where a re-parametrisation changes what a pull does to them."""
    net = nn.Sequential(nn.Linear(4, 3), nn.Conv1d(3, 2, 2))
    wrapped(net, wrap)
    penalty = find("penalty", name)(strength=0.3)
    penalty(net)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn_like(p))
    loss = {n: torch.randn_like(p) for n, p in net.named_parameters()}
    for n, p in net.named_parameters():
        p.grad = loss[n].clone()
    ratio = penalty.watch(net)[f"{penalty.name}.ratio"]
    penalty.add_gradient_(net)
    added = torch.cat([(p.grad - loss[n]).flatten() for n, p in net.named_parameters()]).norm()
    assert ratio == pytest.approx(float(added / torch.cat([one.flatten() for one in loss.values()]).norm()), rel=1e-6)


def wrapped(net, wrap):
    for i in (0, 1):
        if wrap == "spectral":
            parametrizations.spectral_norm(net[i], n_power_iterations=20)
        elif wrap == "weight":
            parametrizations.weight_norm(net[i])
        elif wrap == "old spectral":
            torch.nn.utils.spectral_norm(net[i], n_power_iterations=20)
        elif wrap == "old weight":
            with pytest.warns(FutureWarning):
                torch.nn.utils.weight_norm(net[i])
    for i in (0, 1):  # the older hooks compute the weight in a forward pass
        net[i](torch.randn(2, 4) if i == 0 else torch.randn(2, 3, 5))


def test_under_spectral_norm_the_effective_weight_is_penalised():
    """For W/σ(W) with σ = uᵀWv: ∇_W (λ/2)‖W/σ‖² = λ W/σ² − λ (‖W‖²/σ³)·uvᵀ, by finite differences too."""
    layer = parametrizations.spectral_norm(nn.Linear(4, 3, bias=False), n_power_iterations=50)
    layer(torch.randn(2, 4))
    raw = layer.parametrizations.weight.original
    u, s, vh = torch.linalg.svd(raw.detach())
    expected = 0.7 * (raw / s[0] ** 2 - raw.square().sum() / s[0] ** 3 * torch.outer(u[:, 0], vh[0]))
    L2(0.7).add_gradient_(layer)
    assert torch.allclose(raw.grad, expected, atol=1e-6)
    assert L2(0.7)(layer).item() == pytest.approx(0.35 * (s / s[0]).square().sum().item(), rel=1e-9)
    direction, eps = torch.randn_like(raw), 1e-6
    values = []
    for sign in (1, -1):
        moved = nn.Linear(4, 3, bias=False)
        moved.weight.data = raw.detach() + sign * eps * direction
        values.append(0.35 * (moved.weight / torch.linalg.matrix_norm(moved.weight, 2)).square().sum().item())
    assert (values[0] - values[1]) / (2 * eps) == pytest.approx((raw.grad * direction).sum().item(), rel=1e-4)


# ---- the same trajectory by every route


class Regression(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))


def trajectory(optimiser, penalty=None, term=None, decay=0.0, steps=60, **arguments):
    """Weights after a regression through train(): by a penalty, a loss term, or the optimiser's own decay."""
    torch.manual_seed(3)
    net = Regression()
    weights = [layer.weight for layer in net.layers if isinstance(layer, nn.Linear)]
    groups = [
        {"params": weights, "weight_decay": decay},
        {"params": [l.bias for l in net.layers[::2]], "weight_decay": 0},
    ]

    def error(batch):
        return (net.layers(batch.real[:, :5]) - batch.real[:, 5:]).square().squeeze(1)

    terms = [Term("error", error)] + ([Term("l2", lambda _: term(net))] if term else [])
    player = Player("net", net, optimiser(groups, **arguments), terms, [penalty] if penalty else [])

    class Game:
        players = (player,)

        def round(self, player, batch, due):
            return batch

    data = torch.randn(80, 6, generator=torch.Generator().manual_seed(0))
    train(Game(), lambda draw: Batch(data[(draw * 8) % 80 :][:8]), steps, detail_every=7)
    return torch.cat([p.detach().flatten() for p in net.parameters()])


OPTIMISERS = [
    (torch.optim.SGD, {"lr": 0.02}),
    (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    (torch.optim.Adam, {"lr": 0.01}),
    (torch.optim.Adam, {"lr": 0.01, "fused": True}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("optimiser", "arguments"), OPTIMISERS)
def test_loss_term_fast_path_and_coupled_weight_decay_are_one(optimiser, arguments):
    fast = trajectory(optimiser, penalty=L2(0.1), **arguments)
    for other in (trajectory(optimiser, term=L2(0.1), **arguments), trajectory(optimiser, decay=0.1, **arguments)):
        assert (fast - other).abs().max() <= 1e-12
    assert (fast - trajectory(optimiser, **arguments)).abs().max() > 1e-3


@pytest.mark.slow
def test_decoupled_is_adamw_and_not_the_coupled_form():
    decoupled = trajectory(torch.optim.Adam, penalty=WeightDecay(0.1), lr=0.01)
    assert (decoupled - trajectory(torch.optim.AdamW, decay=0.1, lr=0.01)).abs().max() <= 1e-12
    assert (decoupled - trajectory(torch.optim.Adam, penalty=L2(0.1), lr=0.01)).abs().max() > 1e-2


@pytest.mark.slow
def test_decoupled_equals_coupled_only_for_plain_sgd():
    same = [trajectory(torch.optim.SGD, penalty=p(0.1), lr=0.02) for p in (L2, WeightDecay)]
    assert (same[0] - same[1]).abs().max() <= 1e-12
    apart = [trajectory(torch.optim.SGD, penalty=p(0.1), lr=0.02, momentum=0.9) for p in (L2, WeightDecay)]
    assert (apart[0] - apart[1]).abs().max() > 1e-4


def test_decoupled_shrinks_each_group_by_its_own_rate():
    net = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    before = [layer.weight.detach().clone() for layer in net]
    groups = [{"params": net[0].parameters(), "lr": 0.1}, {"params": net[1].parameters(), "lr": 0.2}]
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    WeightDecay(0.5).before_step_(net, torch.optim.SGD(groups))
    assert torch.allclose(net[0].weight, before[0] * (1 - 0.05)) and torch.allclose(
        net[1].weight, before[1] * (1 - 0.1)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHT_PENALTIES)
def test_strength_zero_is_bit_identical_to_no_penalty(name):
    none = trajectory(torch.optim.Adam, lr=0.01)
    assert torch.equal(none, trajectory(torch.optim.Adam, penalty=find("penalty", name)(strength=0.0), lr=0.01))


# ---- towards a reference


def test_towards_the_start_pulls_back_to_the_start():
    net = nn.Linear(3, 2)
    start = net.weight.detach().clone()
    penalty = L2Towards(0.4)
    assert penalty(net).item() == 0.0
    with torch.no_grad():
        net.weight.add_(1.0)
    penalty.add_gradient_(net)
    assert torch.allclose(net.weight.grad, torch.full_like(start, 0.4))
    assert penalty(net).item() == pytest.approx(0.2 * start.numel())


def test_towards_the_average_follows_the_recursion():
    """ref_t = ref + κ(w − ref), gradient λ(w − ref)."""
    net = nn.Linear(2, 1, bias=False)
    penalty = L2Towards(0.5, reference="average", rate=0.1)
    penalty(net)
    reference = net.weight.detach().clone()
    for _ in range(5):
        with torch.no_grad():
            net.weight.add_(0.3)
        net.weight.grad = None
        penalty.add_gradient_(net)
        assert torch.allclose(net.weight.grad, 0.5 * (net.weight - reference), atol=1e-15)
        penalty.after_step_(net)
        reference = reference + 0.1 * (net.weight.detach() - reference)


def test_one_reference_serves_one_module():
    penalty = L2Towards(0.5)
    penalty(nn.Linear(2, 1))
    with pytest.raises(PoiseError, match="first used on another module"):
        penalty(nn.Linear(3, 1))


# ---- arguments


@pytest.mark.parametrize("name", names("penalty"))
@pytest.mark.parametrize("bad", [-1e-4, float("nan"), float("inf"), "much", "linear:1", "cosin:1:2", None])
def test_bad_strengths_are_refused(name, bad):
    with pytest.raises(PoiseError):
        find("penalty", name)(bad)


@pytest.mark.parametrize("name", WEIGHT_PENALTIES)
def test_strength_follows_its_schedule(name):
    penalty = find("penalty", name)("linear:1e-2:0").over(10)
    assert [penalty.strength_at(t) for t in (0, 5, 10, 20)] == pytest.approx([1e-2, 5e-3, 0, 0])
    assert isinstance(penalty, Penalty)


def test_decoupled_has_no_scalar_and_refuses_reparametrised_weights():
    with pytest.raises(PoiseError, match="no loss term"):
        WeightDecay(0.1)(nn.Linear(2, 2))
    layer = parametrizations.weight_norm(nn.Linear(2, 2))
    with pytest.raises(PoiseError, match="would only change the step size"):
        WeightDecay(0.1).before_step_(layer, torch.optim.SGD(layer.parameters(), lr=0.1))


def test_recorded_share_strength_and_spent():
    """share = ‖λw‖/(‖λw‖ + ‖∇loss‖); spent = Σ lr·λ; both from the loop's own record."""
    rows = []
    torch.manual_seed(0)
    net = nn.Linear(3, 1, bias=False)
    term = Term("loss", lambda batch: net(batch.real).squeeze(1))  # gradient of the loss: the mean input
    player = Player("net", net, torch.optim.SGD(net.parameters(), lr=0.1), [term], [L2(0.2)])

    class Game(Adversarial):
        def round(self, player, batch, due):
            return batch

    x = torch.randn(8, 3)
    before = net.weight.detach().clone()
    train(Game(None, None, (player,)), lambda draw: Batch(x), 3, watch=lambda step, row: rows.append(dict(row)))
    first = rows[0]
    pull, loss = 0.2 * before.norm().item(), x.mean(0).norm().item()
    assert float(first["net/l2.share"]) == pytest.approx(pull / (pull + loss), rel=1e-6)
    assert float(first["net/l2.value"]) == pytest.approx(0.1 * before.square().sum().item())
    assert rows[-1]["net/l2.spent"] == pytest.approx(3 * 0.1 * 0.2)
