"""What a generated wave owes to the real one: closed forms of scaled signals, features by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from poise.audio.spectrograms import FLOOR, Mel, stft
from poise.core import DiscriminatorOutput
from poise.losses.reconstruction import feature_matching, log_mel_l1, matched, multi_resolution

MEL = Mel(8000, 64, 16, 8)


def waves(batch=3, samples=320, seed=0, dtype=torch.float32):
    return 0.3 * torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("a", [0.5, 1.0, 3.0])
def test_a_scaled_signal_is_as_far_as_its_factor(a):
    """Log-mels are |ln a| apart; spectra |1 - a| relative to the first, and |ln a| in logs; 0 for the signal itself."""
    x = waves()
    assert torch.allclose(log_mel_l1(MEL)(x, a * x), torch.full((3,), abs(math.log(a))), atol=1e-5)
    wanted = abs(1 - a) + abs(math.log(a))
    assert torch.allclose(multi_resolution([64, 32, 16])(x, a * x), torch.full((3,), wanted), atol=1e-4)


def test_what_is_under_the_floor_counts_as_the_floor():
    silence = torch.zeros(2, 1, 320)
    assert not log_mel_l1(MEL)(silence, 1e-9 * waves(2)).any()
    loud = log_mel_l1(MEL)(silence, waves(2))
    assert torch.allclose(loud, (MEL(waves(2)) - math.log(FLOOR)).abs().mean((1, 2)), atol=1e-5)
    assert not multi_resolution([32])(silence, 1e-9 * waves(2)).any()


@pytest.mark.parametrize("windows", [[32], [64, 32, 8], [40]])
def test_spectra_by_the_definition(windows):
    """The mean over windows of the relative Frobenius distance and the mean distance of logs; each item by itself."""
    x, y = waves(2, 330), waves(2, 330, seed=1)
    wanted = torch.zeros(2)
    for i in range(2):
        for window in windows:
            hop = window // 4
            room = torch.zeros(1, -330 % hop)
            a, b = (stft(torch.cat([w[i], room], 1), window, hop).abs().clamp_min(1e-5) for w in (x, y))
            wanted[i] += ((a - b).norm() / a.norm() + (a.log() - b.log()).abs().mean()) / len(windows)
    assert torch.allclose(multi_resolution(windows)(x, y), wanted, atol=1e-5)


def test_log_mels_by_the_definition():
    x, y = waves(), waves(seed=1)
    assert torch.allclose(log_mel_l1(MEL)(x, y), (MEL(x) - MEL(y)).abs().mean((1, 2)), atol=1e-6)


@pytest.mark.parametrize("loss", [log_mel_l1(MEL), multi_resolution([64, 16])], ids=["mel", "stft"])
def test_the_real_wave_gets_no_gradient_and_equal_waves_a_finite_one(loss):
    x = waves().requires_grad_()
    y = waves(seed=1).requires_grad_()
    loss(x, y).sum().backward()
    assert x.grad is None and y.grad is not None and y.grad.any()
    same = waves().requires_grad_()
    loss(waves(), same).sum().backward()
    assert torch.isfinite(same.grad).all()


def test_losses_are_in_float32_under_autocast():
    x, y = waves(), waves(seed=1)
    wanted = [loss(x, y) for loss in (log_mel_l1(MEL), multi_resolution([32]))]
    with torch.autocast("cpu", torch.bfloat16):
        found = [loss(x, y) for loss in (log_mel_l1(MEL), multi_resolution([32]))]
    assert all(torch.equal(a, b) and a.dtype == torch.float32 for a, b in zip(wanted, found, strict=True))


def test_features_are_matched_by_hand():
    """The mean over all layers of all heads of the mean distance: [B]; the real ones get no gradient."""
    real = DiscriminatorOutput((), (([[1.0, 2.0], [0.0, 0.0]], [[5.0], [1.0]]), ([[[1.0, 1.0]], [[0.0, 2.0]]],)))
    fake = DiscriminatorOutput((), (([[2.0, 5.0], [0.0, 1.0]], [[3.0], [1.0]]), ([[[1.0, 0.0]], [[4.0, 2.0]]],)))
    real, fake = (
        DiscriminatorOutput(
            (), tuple(tuple(torch.tensor(layer, requires_grad=True) for layer in head) for head in v.features)
        )
        for v in (real, fake)
    )
    found = feature_matching(real, fake)
    assert found.tolist() == pytest.approx([(2 + 2 + 0.5) / 3, (0.5 + 0 + 2) / 3])
    assert matched(SimpleNamespace(on_real=real, on_fake=fake)).tolist() == found.tolist()
    found.sum().backward()
    assert all(layer.grad is None for head in real.features for layer in head)
    assert fake.features[0][0].grad.flatten().tolist() == pytest.approx([1 / 6, 1 / 6, 0, 1 / 6])


def test_features_of_other_heads_are_a_mistake():
    one = DiscriminatorOutput((), ((torch.zeros(1, 2),),))
    two = DiscriminatorOutput((), ((torch.zeros(1, 2), torch.zeros(1, 2)),))
    with pytest.raises(ValueError, match="argument 2 is longer"):
        feature_matching(one, two)
