"""What is to be said, frame by frame, and generators of log-mels. Pads count nowhere."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from poise.audio.spectrograms import LOWEST
from poise.audio.speech_conditions import mask_of, with_frames
from poise.errors import PoiseError
from poise.models.script import LengthRegulator, places
from poise.models.shared.layers import ConvNeXt, renormalised, weight_normalised
from poise.penalties import L2
from poise.registry import names
from tests.speech_pieces import (
    BANDS,
    LONG,
    PHONES,
    SECONDS,
    TONES,
    VOICES,
    alone,
    both,
    condition,
    speaker,
)

SPEAKERS = names("speech")
WHOLE = [False, True]


def script(whole=False):
    torch.manual_seed(0)
    return LengthRegulator(PHONES, TONES, VOICES, 12, SECONDS, whole)


# Scripts.


def test_places_by_hand():
    """sin and cos of πkp, p, seconds since the beginning and to the end over 0.4, and ln of the length in seconds."""
    found = places(torch.tensor([[0.25, 0.75]]), torch.tensor([2]), 0.1)
    for p, since, until, row in zip((0.25, 0.75), (0.0, 0.1), (0.2, 0.1), found[0].tolist(), strict=True):
        waves = [f(math.pi * k * p) for f in (math.sin, math.cos) for k in (1, 2, 3, 4)]
        assert row == pytest.approx([*waves, p, since / 0.4, until / 0.4, math.log(0.2)], abs=1e-6)
    long = places(torch.full((1, 100), 0.5), torch.tensor([100]), 0.1)
    assert long[0, 10, 9] == 1 and long[0, 10, 10] == 1, "no farther than 0.4 s"


@pytest.mark.parametrize("whole", WHOLE)
def test_a_script_of_an_item_is_that_of_it_alone(whole):
    net = script(whole)
    together, units = net(both(whole)), net.units(both(whole))
    assert together.shape == (2, 14, 12) and units.shape == (2, 4, 12)
    for i, count in ((0, 7), (1, 14)):
        assert (net(alone(i, whole))[0] - together[i, :count]).abs().max() < 1e-5
    assert not units[0, 2:].any()
    assert (net.units(alone(0, whole))[0] - units[0, :2]).abs().max() < 1e-5
    assert (net.units(alone(0, whole)).sum(1)[0] - net.units(both(whole)).sum(1)[0]).abs().max() < 1e-5


def test_a_frame_knows_its_unit_its_place_and_the_voice():
    net = script()
    first = net(condition(LONG))
    assert not torch.equal(first, net(condition(LONG, voice=1)))
    other = [(3, 2, 5), (4, 0, 2), (5, 0, 1), (2, 2, 6)]  # another tone of the third unit
    change = (net(condition(other)) - first)[0].abs().sum(1)
    assert (change > 1e-4).all(), "neighbours hear of it"
    longer = net(condition([(3, 2, 7), *LONG[1:]]))
    assert not torch.allclose(longer[0, :5], first[0, :5])
    assert (first[0].diff(dim=0).abs().sum(1) > 1e-4).all(), "no two frames are alike"


def test_a_whole_item_is_read_without_frames_of_units():
    """The first unit has all frames; where they are told does not matter, only how many there are."""
    net, told = script(True), condition(LONG, whole=True)
    moved = with_frames(told, torch.tensor([[2, 5, 3, 4]]))
    assert torch.equal(net(told), net(moved))


# Generators.


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("name", SPEAKERS)
def test_a_speaker_makes_the_bands_of_each_frame(name, whole):
    net = speaker(whole, name)
    z = net.noise(2)
    mel = net(z, both(whole))
    assert z.shape == (2, net.noise_size) == (2, 3) and mel.shape == (2, BANDS, 14)
    assert mel.dtype == torch.float32 and torch.isfinite(mel).all() and mel.min() >= LOWEST
    assert (mel[0, :, 7:] == LOWEST).all() and (mel[0, :, :7] > LOWEST).any()


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("name", SPEAKERS)
def test_a_speaker_says_an_item_as_if_it_were_alone(name, whole):
    net = speaker(whole, name)
    z = net.noise(2)
    mel, means, logs = (f(both(whole)) for f in (lambda c: net(z, c), net.unit_means, net.log_frames))
    for i, (count, units) in enumerate(((7, 2), (14, 4))):
        one = alone(i, whole)
        assert (net(z[i : i + 1], one)[0] - mel[i, :, :count]).abs().max() < 1e-4
        assert (net.unit_means(one)[0] - means[i, :units]).abs().max() < 1e-4
        assert (net.log_frames(one)[0] - logs[i, : 1 if whole else units]).abs().max() < 1e-5
        assert torch.equal(net.planned(one)[0], net.planned(both(whole))[i, : 1 + units])


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("name", SPEAKERS)
def test_every_weight_of_a_speaker_learns(name, whole):
    net = speaker(whole, name)
    value = net(net.noise(2), both(whole)).square().mean() + net.log_frames(both(whole)).square().mean()
    (value + net.unit_means(both(whole)).square().mean()).backward()
    assert not [key for key, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]


@pytest.mark.parametrize("name", SPEAKERS)
def test_noise_and_mode_of_a_speaker(name):
    """Another noise is another sound; evaluation is not another network."""
    net = speaker(name=name)
    z = net.noise(2)
    assert torch.equal(net(z, both()), net.eval()(z, both()))
    assert not torch.allclose(net(z, both()), net(-z, both()))
    with torch.autocast("cpu", torch.bfloat16):
        half = net(z, both())
    assert half.dtype == torch.float32 and (half - net(z, both())).abs().max() < 0.5


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("name", SPEAKERS)
def test_planned_frames_by_hand(name, speed):
    """round(e^x / speed), at least 1 and at most 2,000, none for what is no unit."""
    net = speaker(name=name)
    logs = net.log_frames(both()).detach()
    found = net.planned(both(), speed)
    wanted = [[max(1, round(math.exp(x) / speed)) for x in row] for row in logs.tolist()]
    assert found[0, 1:, 2].tolist() == [*wanted[0][:2], 0, 0] and found[1, 1:, 2].tolist() == wanted[1]
    assert found[:, 0, 1].tolist() == found[:, 1:, 2].sum(1).tolist()
    assert torch.equal(found[:, :, :2][:, 1:], both()[:, 1:, :2])
    with torch.no_grad():
        net.length[2].bias.fill_(50.0)
    assert net.planned(both())[:, 1:, 2].max() == 2000
    with torch.no_grad():
        net.length[2].bias.fill_(-50.0)
    assert net.planned(both())[0, 1:, 2].tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("name", SPEAKERS)
def test_a_whole_item_is_planned_at_once(name):
    net = speaker(True, name)
    found, logs = net.planned(both(True)), net.log_frames(both(True))
    assert logs.shape == (2, 1)
    assert found[:, 1, 2].tolist() == [max(1, round(math.exp(x))) for x in logs[:, 0].tolist()]
    assert not found[:, 2:, 2].any() and torch.equal(found[:, 0, 1], found[:, 1, 2])


@pytest.mark.parametrize("name", SPEAKERS)
def test_a_speaker_is_told_what_to_say(name):
    with pytest.raises(PoiseError, match="a speaker needs noise, and to be told what to say"):
        speaker(name=name)(torch.zeros(1, 3), None)


@pytest.mark.parametrize("name", SPEAKERS)
def test_l2_of_a_speaker_spares_embeddings_and_counts_layers_once(name):
    net, penalty = speaker(name=name), L2(0.3)
    layers = [m for m in net.modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)]
    covered = penalty.covered(net)
    assert len(covered) == len(layers) and not any("phone" in key or "voice" in key for key in covered)
    penalty.add_gradient_(net)
    for layer in layers:
        assert torch.allclose(layer.weight.grad, 0.3 * layer.weight)
    assert net.script.phone.weight.grad is None
    squares = sum(layer.weight.detach().square().sum().item() for layer in layers)
    assert penalty(net).item() == pytest.approx(0.15 * squares, rel=1e-5)


# Layers.


def test_a_block_by_the_definition():
    """x + γ·W₂ GELU(W₁ LayerNorm(depthwise convolution)), and only the kernel's reach."""
    torch.manual_seed(0)
    block, x = ConvNeXt(6, 2, 0.5, 5), torch.randn(2, 9, 6)
    conv = nn.functional.conv1d(x.transpose(1, 2), block.depthwise.weight[:, :, 0], block.depthwise.bias, 1, 2, 1, 6)
    inner = nn.functional.gelu(block.wide(block.norm(conv.transpose(1, 2))))
    assert (block(x) - (x + 0.5 * block.narrow(inner))).abs().max() < 1e-6
    assert block.wide.out_features == 12 and (block.scale == 0.5).all()
    other = x.clone()
    other[:, 6:] = 0
    assert torch.equal(block(x)[:, :4], block(other)[:, :4]) and not torch.equal(block(x)[:, 4], block(other)[:, 4])


def test_weight_norm_by_hand():
    """w = g·v/‖v‖, so the weights are at first as they were, and their norms are g."""
    layer = nn.Sequential(nn.Linear(3, 2), nn.Conv1d(2, 4, 3))
    before = [m.weight.detach().clone() for m in layer]
    weight_normalised(layer)
    for module, weight in zip(layer, before, strict=True):
        assert torch.allclose(module.weight, weight, atol=1e-6)
        g, v = module.parametrizations.weight.original0, module.parametrizations.weight.original1
        with torch.no_grad():
            g.fill_(2.0), v.mul_(7.0)
        assert torch.allclose(module.weight.flatten(1).norm(dim=1), torch.tensor(2.0), atol=1e-5)


def test_spectral_norm_has_no_direction_longer_than_1():
    layer = renormalised(nn.Linear(5, 4), "spectral")
    for _ in range(50):
        layer(torch.zeros(1, 5))
    assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-3)
    assert renormalised(plain := nn.Linear(2, 2), "none") is plain
    with pytest.raises(PoiseError, match="--norm batch is unknown; use none, weight, spectral"):
        renormalised(nn.Linear(2, 2), "batch")


def test_masks_are_those_of_the_frames():
    assert mask_of(both()).sum(1).tolist() == [7, 14] == mask_of(both(True)).sum(1).tolist()
