"""Networks as engineers bring them: tied under a rule, frozen in part, complex; strengths that change or are wrong."""

from __future__ import annotations

import copy
import pickle
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from poise.core import Term
from poise.errors import PenaltyWarning, PoiseError
from poise.penalties import L2, R1, L2Towards, LeCam, attach
from poise.penalties.base import OnRound, Penalty
from poise.penalties.covers import covered


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT


def symmetric(layer: nn.Module) -> nn.Module:
    return parametrize.register_parametrization(layer, "weight", Symmetric())


def two(norm) -> nn.Module:
    """Two layers with one weight, each under the same rule."""
    first, second = (nn.Linear(4, 4, bias=False).double() for _ in range(2))
    second.weight = first.weight
    return nn.Sequential(norm(first), norm(second))


def old_weight_norm(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(layer)


def old_and_tied() -> nn.Module:
    net = nn.Sequential(*(old_weight_norm(nn.Linear(4, 4, bias=False).double()) for _ in range(2)))
    net[1].weight_g, net[1].weight_v = net[0].weight_g, net[0].weight_v
    return net


TIED = {
    "spectral norm": lambda: two(parametrizations.spectral_norm),
    "a rule of one's own": lambda: two(
        lambda layer: parametrize.register_parametrization(layer, "weight", Symmetric())
    ),
    "the older weight norm": old_and_tied,
}


@pytest.mark.parametrize("kind", TIED)
def test_a_tied_weight_under_a_rule_is_penalised_once(kind):
    torch.manual_seed(0)
    net = TIED[kind]().eval()
    (weight,) = covered(net)
    assert L2(2.0)(net).item() == pytest.approx(net[0].weight.square().sum().item(), rel=1e-12)
    net.zero_grad()
    L2(2.0).add_gradient_(net)
    (source, *_) = weight.sources
    wanted = torch.autograd.grad(net[0].weight.square().sum(), source)[0]
    torch.testing.assert_close(source.grad, wanted)


def test_one_parameter_under_two_rules_is_two_weights():
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    symmetric(first)
    parametrizations.spectral_norm(second)
    assert len(list(covered(nn.Sequential(first, second)))) == 2


@pytest.mark.parametrize("penalty", [L2(2.0), L2Towards(2.0)], ids=["L2", "L2Towards"])
def test_what_does_not_learn_is_not_counted(penalty):
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2)).double()
    net[0].requires_grad_(False)
    penalty(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 1
    wanted = net[1].weight.square().sum() if isinstance(penalty, L2) and type(penalty) is L2 else torch.tensor(6.0)
    assert penalty(net).item() == pytest.approx(wanted.item())
    assert list(penalty.covered(net)) == ["1.weight"]
    net.requires_grad_(False)
    assert set(L2(1.0).covered(net)) == {"0.weight", "1.weight"}, "a network that is switched off is what it is"


def test_a_penalty_that_nothing_lets_act_is_told():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    net[1].requires_grad_(False)
    optim = torch.optim.SGD(net.parameters(), lr=0.1)
    with pytest.warns(PenaltyWarning, match="nothing that 'l2' covers learns"):
        attach(optim, net, L2(0.5, covers="1.weight"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attach(optim, net, L2(0.5, covers="0.weight", name="other"))


@pytest.mark.parametrize("wrong", [-0.5, float("nan"), float("inf")])
def test_a_function_of_the_step_gives_no_wrong_strength(wrong):
    net = nn.Linear(3, 2)
    with pytest.raises(PoiseError, match=r"strength of 'l2' is (-0\.5|nan|inf) at step 7: it must be a number of at"):
        L2(lambda step: wrong)(net, step=7)
    with pytest.raises(PoiseError, match="strength of 'l2'"):
        L2(lambda step: wrong).add_gradient_(net)
    with pytest.raises(PoiseError, match=r"gamma is .* at step 0"):
        R1(lambda step: wrong)(lambda x: x.sum(1), torch.ones(2, 3))
    term = Term("mine", lambda round: round, lambda step: wrong, regularises=True)
    with pytest.raises(PoiseError, match=r"strength of 'mine' is .* at step 3"):
        term.scale(3)
    assert Term("loss", lambda round: round, lambda step: -0.5).scale(3) == -0.5, "a weight of a loss may be negative"

    with pytest.raises(PoiseError, match="strength of 'lecam'"):
        LeCam(lambda step: wrong)(torch.ones(2), torch.zeros(2))


class Focal(OnRound):
    """With options that are called as those of others are."""

    gamma: float | None = None

    def value(self, round):
        return round


class OfTheClass(OnRound):
    strength = 0.5

    def __init__(self):
        self.name, self.gamma = "of the class", -1.0
        self.__post_init__()

    def value(self, round):
        return round


class Computed(OfTheClass):
    @property
    def strength(self):
        return 0.1


class Plain(Penalty):
    def __init__(self):
        self.name, self.strength, self.gamma = "plain", {"a": 1}, [-1.0]


def test_penalties_of_ones_own_call_their_options_as_they_like():
    focal = Focal(0.2)
    focal.gamma = None
    assert focal.terms()[0].weight == 0.2
    assert (OfTheClass().terms()[0].weight, Computed().terms()[0].weight) == (0.5, 0.1)
    assert Plain().strength == {"a": 1}
    for penalty in (L2(0.1), R1(2.0), LeCam(0.3), focal):
        for again in (copy.deepcopy(penalty), pickle.loads(pickle.dumps(penalty))):
            assert vars(again) == vars(penalty)


class Scaled(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def test_one_weight_under_two_scales_is_two():
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    parametrize.register_parametrization(first, "weight", Scaled(1.0))
    parametrize.register_parametrization(second, "weight", Scaled(10.0))
    second.parametrizations.weight.original = first.parametrizations.weight.original
    assert len(L2(1.0).weights(nn.Sequential(first, second))) == 2


class Level(OnRound):
    def value(self, round):
        return round


def test_a_strength_that_is_set_anew_is_the_one_that_acts():
    net = nn.Linear(3, 2)
    penalty = L2(0.1)
    before = penalty(net).item()
    penalty.strength = 100.0
    assert penalty(net).item() == pytest.approx(1000 * before) and copy.deepcopy(penalty).strength_at() == 100.0
    penalty.strength = "cosine:1e-3:1e-5:100"
    assert penalty.strength_at(0) == pytest.approx(1e-3)
    slopes = R1(1.0)
    slopes.gamma = 10.0
    assert slopes(lambda x: 3 * x.sum(1), torch.zeros(5, 2)).item() == 90.0
    for changed in (L2(0.1), LeCam(0.1), Level(0.1)):
        changed.strength = "nonsense"
        with pytest.raises(PoiseError, match="strength of"):
            changed.parsed("strength")
    level = Level(0.1)
    level.strength = 0.7
    assert level.terms()[0].weight == 0.7


def test_the_slope_at_complex_inputs_has_both_parts():
    torch.manual_seed(0)
    x = torch.randn(3, 4, dtype=torch.complex128)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = R1(2.0)(lambda x: (x.abs() ** 2).flatten(1).sum(1), x)
    assert found.item() == pytest.approx(4 * x.abs().square().sum(1).mean().item(), rel=1e-12)
