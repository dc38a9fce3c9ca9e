"""Generators of waves: every member of the family "vocoder", and what each promises of itself."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

import poise.models.vocoders as vocoders
from poise.audio.spectrograms import Mel
from poise.core import Player, Term
from poise.errors import PoiseError
from poise.models.shared.layers import NORMS, renormalised
from poise.penalties import L2
from poise.registry import find, names
from poise.training.ema import Ema
from poise.training.moves import memory, move
from poise.training.precision import Execution

MEMBERS = names("vocoder")
MELS = [Mel(8000, 64, 16, 8), Mel(16_000, 128, 30, 12), Mel(16_000, 80, 40, 10, 50.0, 7000.0)]
SMALL = MELS[0]


def vocoder(name, mel=SMALL, width=8, depth=2):
    torch.manual_seed(0)
    return find("vocoder", name)(mel, width, depth)


def mels(mel=SMALL, batch=2, frames=9, seed=0):
    return torch.randn(batch, mel.bands, frames, generator=torch.Generator().manual_seed(seed)) * 2 - 5


@pytest.mark.parametrize("name", MEMBERS)
def test_a_vocoder_makes_a_hop_of_samples_for_each_frame(name):
    for mel in MELS:
        for frames in (1, 2, 9):
            wave = vocoder(name, mel)(None, mels(mel, 3, frames))
            assert wave.shape == (3, 1, frames * mel.hop) and wave.dtype == torch.float32
            assert torch.isfinite(wave).all()
    assert vocoder(name).noise(5) is None and vocoder(name).noise_size == 0


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MEMBERS)
def test_every_weight_of_a_vocoder_learns(name, norm):
    net = renormalised(vocoder(name), norm)
    net(None, mels()).square().sum().backward()
    assert not [key for key, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]


@pytest.mark.parametrize("name", MEMBERS)
def test_an_item_does_not_depend_on_its_batch_nor_on_the_mode(name):
    net, x = vocoder(name), mels(batch=3)
    together = net(None, x)
    for i in range(3):
        assert (net(None, x[i : i + 1]) - together[i : i + 1]).abs().max() < 1e-5
    assert torch.equal(net.eval()(None, x), net(None, x)) and torch.equal(net(None, x), together)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_vocoder_in_half_precision_is_near(name):
    net, x = vocoder(name), mels()
    with torch.autocast("cpu", torch.bfloat16):
        half = net(None, x)
    assert half.dtype == torch.float32 and torch.isfinite(half).all()
    full = net(None, x)
    assert (half - full).abs().max() < 0.1 * full.abs().max()


def test_magnitudes_are_found_in_float32_under_autocast(monkeypatch):
    """Only the network is computed in half precision: with a head of zeros both waves are equal."""
    net = vocoder("vocos")
    torch.nn.init.zeros_(net.head.weight)
    full = net(None, mels())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(net(None, mels()), full)


def test_vocos_begins_with_the_magnitudes_of_the_mel():
    """With a head of zeros the spectrum is |pseudo-inverse · mel| with phase 0, at most 100; m adds to its log."""
    net = vocoder("vocos", SMALL)
    torch.nn.init.zeros_(net.head.weight)
    x = mels()
    seen = {}
    original = vocoders.inverse_stft

    def watching(spectrum, *sizes):
        seen["spectrum"] = spectrum
        return original(spectrum, *sizes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocoders, "inverse_stft", watching)
        net(None, x)
        known = (x.transpose(1, 2).exp() @ torch.linalg.pinv(SMALL.filters().double()).float().T).clamp_min(1e-5)
        assert known.min() == float(torch.tensor(1e-5)) and known.max() > 100
        assert (
            torch.allclose(seen["spectrum"].real, known.clamp(max=100), 1e-4, 1e-4) and not seen["spectrum"].imag.any()
        )
        with torch.no_grad():
            net.head.bias[:33] = math.log(2.0)
            net.head.bias[33:] = math.pi / 2
        net(None, x)
        assert torch.allclose(seen["spectrum"].imag, (2 * known).clamp(max=100), 1e-4, 1e-4)
        with torch.no_grad():
            net.head.bias[:33] = 30.0
        net(None, x)
        assert (seen["spectrum"].abs() / 100 - 1).abs().max() < 1e-5


def test_the_back_of_vocos_is_not_saved():
    assert set(vocoder("vocos").state_dict()) >= {"trained", "head.weight"}
    assert "back" not in vocoder("vocos").state_dict()


def test_what_is_far_away_changes_nothing():
    """A vocoder is local: vocos sees 7 frames at first and 7 in each of two blocks."""
    x = mels(frames=80)
    other = x.clone()
    other[..., 60:] += 1
    for name in MEMBERS:
        net = vocoder(name)
        near = 40 * SMALL.hop
        assert torch.allclose(net(None, x)[..., :near], net(None, other)[..., :near], atol=1e-6)
        assert not torch.allclose(net(None, x)[..., near:], net(None, other)[..., near:], atol=1e-3)


HOPS = {128: [8, 4, 4], 256: [8, 8, 4], 200: [8, 5, 5], 30: [6, 5], 8: [8], 14: [7, 2], 300: [6, 5, 5, 2], 64: [8, 8]}


@pytest.mark.parametrize("hop", HOPS)
def test_the_steps_of_hifigan_multiply_to_the_hop(hop):
    assert math.prod(vocoders.factors(hop)) == hop
    assert sorted(vocoders.factors(hop)) == sorted(HOPS[hop])


@pytest.mark.parametrize(("hop", "left"), [(22, 11), (26, 13), (136, 17)])
def test_a_hop_with_a_large_prime_is_told(hop, left):
    with pytest.raises(PoiseError, match=rf"--hop {hop}: hifigan .* and {left} is no product .*--network vocos"):
        vocoders.factors(hop)


@pytest.mark.parametrize("hop", range(8, 130, 2))
def test_every_hop_that_hifigan_takes_gives_its_samples(hop):
    """Odd steps too: 3, 5 and 7 need another padding than even ones."""
    try:
        steps = vocoders.factors(hop)
    except PoiseError:
        assert any(hop % prime == 0 for prime in range(11, 64) if all(prime % f for f in range(2, 8)))
        return
    up = find("vocoder", "hifigan")(Mel(8000, 2 * hop, hop, 4), 8, 1).up
    x = torch.zeros(1, 8, 5)
    for layer in up:
        x = layer(x)
    assert x.shape[-1] == 5 * hop == 5 * math.prod(steps)


def test_hifigan_by_hand():
    """Leaky ReLU and a transposed convolution, then the mean of residual blocks; at the end leaky ReLU and tanh."""
    net, x = vocoder("hifigan", Mel(8000, 64, 24, 8), 16, 2), mels()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)
        h = net.first((x + 5) / 3)
        for up, (first, second) in zip(net.up, net.parts, strict=True):
            h = up(F.leaky_relu(h, 0.1))
            each = []
            for block, kernel in ((first, 3), (second, 7)):
                y = h
                for layer, dilation in zip(block.layers, (1, 3), strict=True):
                    assert layer.kernel_size == (kernel,)
                    reach = kernel // 2 * dilation
                    y = y + F.conv1d(F.leaky_relu(y, 0.1), layer.weight, layer.bias, 1, reach, dilation)
                each.append(y)
            h = (each[0] + each[1]) / 2
        wanted = torch.tanh(F.conv1d(F.leaky_relu(h, 0.1), net.last.weight, net.last.bias, padding=3))
        assert wanted.std() > 0.05 and (net(None, x) - wanted).abs().max() < 1e-5


def test_hifigan_of_few_channels_and_kernels():
    """Never fewer than 8 channels, never more than three kernels."""
    for width in (1, 4, 8, 9):
        assert vocoder("hifigan", width=width)(None, mels()).shape == (2, 1, 9 * SMALL.hop)
    assert len(vocoder("hifigan", depth=5).parts[0]) == 3
    assert vocoder("hifigan")(None, 100 * mels()).abs().max() <= 1


@pytest.mark.parametrize("name", MEMBERS)
def test_passes_with_a_gradient_are_counted(name):
    """Not those of evaluation, nor those without a gradient; the average and a checkpoint carry the count."""
    net = vocoder(name)
    with torch.no_grad():
        net(None, mels())
    net.eval()(None, mels())
    assert net.trained == 0
    average = Ema(net.train(), 0.9)
    term = Term("square", lambda batch: net(None, batch.real).square().mean((1, 2)))
    player = Player("vocoder", net, torch.optim.SGD(net.parameters(), 1e-3), [term], after=(average,))
    game = type("Game", (), {"players": [player], "round": lambda self, player, batch, due: batch})()
    batch = type("Batch", (tuple,), {"real": mels(), "cond": None})()
    for step in range(3):
        move(game, player, batch, step, Execution())
    assert net.trained == 3 and average.module.trained == 3
    fresh = vocoder(name)
    fresh.load_state_dict(memory(game)["vocoder"].state_dict())
    assert fresh.trained == 3


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MEMBERS)
def test_l2_is_on_the_weights_that_are_used(name, norm):
    """The gradient that is added equals that of (λ/2)·Σ‖w‖² over effective weights, whatever they are made of."""
    net, penalty = renormalised(vocoder(name), norm), L2(0.3)
    net(None, mels())  # one power iteration
    weights = dict(net.named_parameters())
    layers = [m for m in net.modules() if isinstance(m, torch.nn.Linear | torch.nn.modules.conv._ConvNd)]
    assert len(penalty.covered(net)) == len(layers)
    net.eval()
    loss = 0.15 * sum(layer.weight.square().sum() for layer in layers)
    assert penalty(net).item() == pytest.approx(loss.item(), rel=1e-5)
    wanted = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    penalty.add_gradient_(net.train())
    assert any(gradient is not None and gradient.any() for gradient in wanted)
    for weight, gradient in zip(weights.values(), wanted, strict=True):
        assert (weight.grad is None) == (gradient is None)
        assert gradient is None or torch.allclose(weight.grad, gradient, atol=1e-5)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_vocoder_wants_a_mel(name):
    with pytest.raises(PoiseError, match="a vocoder needs the log-mel spectrogram that it is to make audible"):
        vocoder(name)(None, None)
