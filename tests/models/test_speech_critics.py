"""Discriminators of log-mels, which know what should be said. Pads count nowhere."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from poise.errors import PoiseError
from poise.models.script import LengthRegulator
from poise.models.shared.layers import NORMS
from poise.models.speech import AcousticModel, MelCritic
from poise.penalties import L2
from poise.penalties.gradients import half_squared_slope
from poise.registry import names
from tests.speech_pieces import (
    LONG,
    PHONES,
    SECONDS,
    SHORT,
    TONES,
    VOICES,
    alone,
    both,
    condition,
    log_mel,
    mel_critic,
)

CRITICS = names("mel critic")
WHOLE = [False, True]


# Discriminators.


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("name", CRITICS)
def test_a_critic_says_something_of_every_fourth_frame(name, whole):
    verdict = mel_critic(whole, name)(log_mel(both(whole)), both(whole))
    (logits,), (weights,) = verdict.logits, verdict.weights
    assert logits.shape == weights.shape == (2, 4)
    assert weights.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]  # 7 and 14 frames
    assert all(len(layer) == 2 for layer in verdict.features[0])


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("name", CRITICS)
def test_a_critic_judges_an_item_as_if_it_were_alone(name, whole):
    """Whatever lies behind its end, and however long the batch is: opinions, features' means and slopes."""
    net, x = mel_critic(whole, name), log_mel(both(whole)).requires_grad_()
    verdict = net(x, both(whole))
    (slope,) = torch.autograd.grad((verdict.means() * torch.tensor([1.0, 2.0])).sum(), x)
    for i, count in ((0, 7), (1, 14)):
        one = net(x[i : i + 1, :, :count], alone(i, whole))
        assert (one.means() - verdict.means()[i]).abs().max() < 1e-5
        for a, b in zip(one.features[0], verdict.features[0], strict=True):
            assert (a.mean() - b[i].mean()).abs() < 1e-5
    assert not slope[0, :, 7:].any() and slope[0, :, :7].any()
    longer = net(nn.functional.pad(x, (0, 5), value=9.0), both(whole))
    assert (longer.means() - verdict.means()).abs().max() < 1e-5


@pytest.mark.parametrize("name", CRITICS)
def test_features_carry_a_gradient(name):
    net, x = mel_critic(name=name), log_mel(both()).requires_grad_()
    for layer in net(x, both()).features[0]:
        assert torch.autograd.grad(layer.square().sum(), x, retain_graph=True)[0].any()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", CRITICS)
def test_every_weight_of_a_critic_learns(name, norm):
    net = mel_critic(name=name, norm=norm)
    net(log_mel(both()), both()).means().square().sum().backward()
    assert not [key for key, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]


@pytest.mark.parametrize("name", CRITICS)
def test_a_critic_knows_what_should_be_said(name):
    net, x = mel_critic(name=name), log_mel(condition(LONG))
    first = net(x, condition(LONG)).means()
    for other in (condition(LONG, voice=1), condition([(1, 2, 5), *LONG[1:]]), condition([(3, 0, 5), *LONG[1:]])):
        assert (net(x, other).means() - first).abs() > 1e-4
    with pytest.raises(PoiseError, match="a critic of speech needs to know what should be said"):
        net(x, None)


@pytest.mark.parametrize("name", CRITICS)
def test_modes_precisions_and_slopes_of_a_critic(name):
    net, x = mel_critic(name=name), log_mel(both()).requires_grad_()
    full = net(x, both()).means()
    assert torch.equal(net.eval()(x, both()).means(), full)
    with torch.autocast("cpu", torch.bfloat16):
        assert (net(x, both()).means() - full).abs().max() < 0.05
    value = half_squared_slope(net(x, both()), x)
    value.sum().backward()
    assert (value > 0).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_the_opinion_is_a_projection_by_hand():
    """v·h + b + ⟨h, e⟩/√C, e the code of what is said in every fourth frame (Miyato & Koyama 2018)."""
    net, cond = mel_critic(), condition(LONG)
    x = log_mel(cond)
    seen = {}
    net.merge.register_forward_hook(lambda module, given, made: seen.update(h=made))
    logits = net(x, cond).logits[0][0]
    h = nn.functional.leaky_relu(seen["h"][0, :, 0], 0.2).T
    code = net.ask(net.script(cond))[0, ::4]
    wanted = net.logit(h)[:, 0] + (h * code).sum(1) / h.shape[1] ** 0.5
    assert (logits - wanted).abs().max() < 1e-6


@pytest.mark.parametrize("bands", [4, 8, 13, 80])
def test_bands_of_any_number_are_merged(bands):
    net = MelCritic(LengthRegulator(PHONES, TONES, VOICES, 8, SECONDS, False), bands, 2)
    assert net(torch.zeros(1, bands, 7), condition(SHORT)).logits[0].shape == (1, 2)
    speaks = AcousticModel(PHONES, TONES, VOICES, bands, SECONDS, False, 8, 1, 2)
    assert speaks(speaks.noise(1), condition(SHORT)).shape == (1, bands, 7)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", CRITICS)
def test_l2_of_a_critic_is_on_the_weights_that_are_used(name, norm):
    net, penalty = mel_critic(name=name, norm=norm), L2(0.3)
    net(log_mel(both()), both())
    layers = [m for m in net.eval().modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)]
    assert len(penalty.covered(net)) == len(layers)
    loss = 0.15 * sum(layer.weight.square().sum() for layer in layers)
    weights = list(net.parameters())
    wanted = torch.autograd.grad(loss, weights, allow_unused=True)
    penalty.add_gradient_(net.train())
    assert penalty(net).item() == pytest.approx(loss.item(), rel=1e-5)
    assert all((w.grad is None) == (g is None) for w, g in zip(weights, wanted, strict=True))
    assert all(torch.allclose(w.grad, g, atol=1e-5) for w, g in zip(weights, wanted, strict=True) if g is not None)
