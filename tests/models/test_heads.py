"""Discriminators of waves: every member of the family "wave critic", and the shapes of its parts."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from poise.audio.spectrograms import magnitude
from poise.core import DiscriminatorOutput
from poise.models.heads import PERIODS, Heads, Period, Resolution
from poise.models.shared.layers import NORMS
from poise.penalties import L2, R1
from poise.penalties.gradients import half_squared_slope
from poise.recipes.vocoder.build import SHORTEST
from poise.registry import find, names
from tests.speech_pieces import options

MEMBERS = names("wave critic")
WINDOW = 64


def critic(name, **changes):
    torch.manual_seed(0)
    return find("wave critic", name)(WINDOW, options(**changes))


def waves(batch=2, samples=403, seed=0):
    return 0.3 * torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MEMBERS)
def test_a_critic_has_heads_of_logits_and_features(name):
    verdict = critic(name)(waves())
    assert len(verdict.logits) == len(verdict.features) == {"period": 3, "resolution": 3, "both": 6}.get(name, 1)
    assert all(logits.ndim == 2 and len(logits) == 2 and logits.shape[1] > 1 for logits in verdict.logits)
    assert all(len(head) >= 1 and all(len(layer) == 2 for layer in head) for head in verdict.features)
    assert not verdict.weights and torch.isfinite(verdict.means()).all()


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MEMBERS)
def test_every_weight_of_a_critic_learns(name, norm):
    net = critic(name, norm=norm)
    net(waves()).means().square().sum().backward()
    assert not [key for key, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]


@pytest.mark.parametrize("name", MEMBERS)
def test_features_carry_a_gradient(name):
    """To the wave and to the weights before them: feature matching is learnt from."""
    net, x = critic(name), waves().requires_grad_()
    for head in net(x).features:
        for layer in head:
            slope, *own = torch.autograd.grad(
                layer.square().sum(), [x, *net.parameters()], allow_unused=True, retain_graph=True
            )
            assert slope.any() and any(gradient is not None and gradient.any() for gradient in own)


@pytest.mark.parametrize("name", MEMBERS)
def test_an_item_does_not_depend_on_its_batch_nor_on_the_mode(name):
    net, x = critic(name), waves(3)
    together = net(x)
    for i in range(3):
        one = net(x[i : i + 1])
        for a, b in zip(one.logits, together.logits, strict=True):
            assert (a - b[i : i + 1]).abs().max() < 1e-5
        for a, b in zip(sum(one.features, ()), sum(together.features, ()), strict=True):
            assert (a - b[i : i + 1]).abs().max() < 1e-4
    assert torch.equal(net.eval()(x).means(), together.means())


@pytest.mark.parametrize("name", MEMBERS)
def test_a_critic_in_half_precision_is_near(name):
    net, x = critic(name), waves()
    with torch.autocast("cpu", torch.bfloat16):
        half = net(x).means()
    assert torch.isfinite(half).all() and (half - net(x).means()).abs().max() < 0.05


@pytest.mark.parametrize("samples", [SHORTEST, pytest.param(SHORTEST + 55, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", MEMBERS)
def test_gradients_in_half_precision_are_near_for_the_shortest_segment(name, samples):
    """A convolution that sees fewer places than its kernel reaches may leave parts of a gradient unset."""
    for seed in range(2):
        net, x = critic(name), waves(2, samples, seed)
        full = torch.autograd.grad(net(x).means().sum(), list(net.parameters()))
        junk = [torch.full((size,), 3e38) for size in (16, 80, 160, 320, 640, 1280)]
        del junk  # what is not set is seen
        with torch.autocast("cpu", torch.bfloat16):
            value = net(x).means().sum()
        half = torch.autograd.grad(value, list(net.parameters()))
        away = torch.cat([(a - b).flatten() for a, b in zip(half, full, strict=True)]).norm()
        assert away < 0.05 * torch.cat([a.flatten() for a in full]).norm()


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MEMBERS)
def test_l2_is_on_the_weights_that_are_used(name, norm):
    net, penalty = critic(name, norm=norm), L2(0.3)
    net(waves())  # one power iteration
    layers = [m for m in net.modules() if isinstance(m, nn.modules.conv._ConvNd)]
    assert len(penalty.covered(net)) == len(layers)
    loss = 0.15 * sum(layer.weight.square().sum() for layer in net.eval().modules() if layer in layers)
    assert penalty(net).item() == pytest.approx(loss.item(), rel=1e-5)
    weights = list(net.parameters())
    wanted = torch.autograd.grad(loss, weights, allow_unused=True)
    penalty.add_gradient_(net.train())
    assert all((w.grad is None) == (g is None) for w, g in zip(weights, wanted, strict=True))
    assert all(torch.allclose(w.grad, g, atol=1e-5) for w, g in zip(weights, wanted, strict=True) if g is not None)


def test_a_slope_penalty_can_be_differentiated():
    """Through the spectrograms, the periods and their padding."""
    net, x = critic("both"), waves().requires_grad_()
    value = half_squared_slope(net(x), x)
    assert value.shape == (2,) and (value > 0).all() and R1(1.0).terms()[0].second_order
    value.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters() if p.ndim > 1)


class Two(nn.Module):
    """Heads that say which one they are."""

    def __init__(self, name: float) -> None:
        super().__init__()
        self.name = name

    def forward(self, x, cond=None):
        a, b = x[:, 0] + self.name, x[:, 0] - self.name
        return DiscriminatorOutput((a, b), ((a, b), (b,)), (torch.ones_like(a) * self.name, torch.ones_like(b)))


def test_heads_are_joined_in_order():
    x = torch.zeros(3, 1, 4)
    found = Heads([Two(1.0), Two(2.0)])(x)
    assert [float(logits[0, 0]) for logits in found.logits] == [1, -1, 2, -2]
    assert [[float(layer[0, 0]) for layer in head] for head in found.features] == [[1, -1], [-1], [2, -2], [-2]]
    assert [float(weights[0, 0]) for weights in found.weights] == [1, 1, 2, 1]
    without = Heads([Period(2, 4)])(waves(1, 50))
    assert without.weights == () and len(without.logits) == 1


@pytest.mark.parametrize("period", [*PERIODS, 7])
@pytest.mark.parametrize("samples", [300, 301, 303])
def test_a_period_is_the_papers_convolution(period, samples):
    """A picture [S/p, p] under kernels (5,1) with strides (3,1), after padding by reflection (Kong et al. 2020)."""
    net, x = Period(period, 4), waves(2, samples)
    verdict = net(x)
    room = -samples % period
    picture = F.pad(x, (0, room), mode="reflect").view(2, 1, -1, period)
    for layer, feature in zip(net.layers, verdict.features[0], strict=True):
        flat = nn.Conv2d(layer.in_channels, layer.out_channels, (5, 1), (3, 1), (2, 0))
        flat.weight, flat.bias = nn.Parameter(layer.weight.unsqueeze(3)), layer.bias
        picture = F.leaky_relu(flat(picture), 0.1)
        assert (picture - feature.permute(0, 2, 3, 1)).abs().max() < 1e-6
    last = nn.Conv2d(net.last.in_channels, 1, (3, 1), 1, (1, 0))
    last.weight, last.bias = nn.Parameter(net.last.weight.unsqueeze(3)), net.last.bias
    assert (last(picture)[:, 0].transpose(1, 2).flatten(1) - verdict.logits[0]).abs().max() < 1e-6


def test_a_resolution_sees_magnitudes_a_quarter_of_a_window_apart():
    """In frames by frequencies, of which three layers see every second one."""
    net, x = Resolution(32, 4), waves(2, 80)
    verdict = net(x)
    seen = magnitude(x[:, 0], 32, 8).unsqueeze(1)
    assert seen.shape == (2, 1, 10, 17)
    first = F.leaky_relu(F.conv2d(seen, net.layers[0].weight, net.layers[0].bias, (1, 2), (1, 2)), 0.1)
    assert (first - verdict.features[0][0]).abs().max() < 1e-5
    assert [layer.shape[2:] for layer in verdict.features[0]] == [(10, 9), (10, 5), (10, 3), (10, 3)]
    assert verdict.logits[0].shape == (2, 30)
    longer = net(F.pad(x, (0, 5)))
    assert longer.logits[0].shape == (2, 33), "a part of a hop at the end is seen too"


def test_widths_are_those_that_were_asked_for():
    layers = [m for m in critic("both").modules() if isinstance(m, nn.Conv1d | nn.Conv2d)]
    first = [layer.out_channels for layer in layers if layer.in_channels == 1]
    assert first == [8, 8, 8, 4, 4, 4]
    windows = [part.window for part in critic("both").parts if isinstance(part, Resolution)]
    assert windows == [128, 64, 32]
