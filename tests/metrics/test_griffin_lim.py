"""Waves from mels: magnitudes that have these mels, phases that agree with each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from poise.audio.griffin_lim import griffin_lim, magnitudes, phases_found
from poise.audio.spectrograms import Mel, magnitude
from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.metrics.speech.members import stft_distance
from poise.metrics.speech.pitch import pitch
from tests.metrics.sounds import RATE, harmonics, noise, spoken

MEL = Mel()


def batch(*clips: Wave) -> Tensor:
    return torch.from_numpy(np.stack([clip.samples for clip in clips]))


def test_magnitudes_have_the_mels_and_are_not_negative() -> None:
    log_mel = MEL(batch(spoken(seconds=0.4), noise(0.4)))
    found = magnitudes(log_mel, MEL)
    assert found.min() >= 0
    torch.testing.assert_close(found @ MEL.filters().T, log_mel.exp().transpose(1, 2), rtol=1e-3, atol=1e-5)


def test_magnitudes_of_mels_that_no_wave_has_are_finite() -> None:
    log_mel = torch.randn(1, 80, 10, generator=torch.Generator().manual_seed(0)) * 5
    assert torch.isfinite(magnitudes(log_mel, MEL)).all()


def test_phases_agree_more_with_more_iterations_and_with_momentum() -> None:
    target = magnitude(batch(spoken(seconds=0.5)), 512, 128)

    def inconsistency(iterations: int, momentum: float = 0.99) -> float:
        found = magnitude(phases_found(target, 512, 128, iterations, momentum), 512, 128)
        return float((found - target).norm() / target.norm())

    first, plain, fast = inconsistency(1), inconsistency(60, 0.0), inconsistency(60)
    assert fast < 0.8 * plain < 0.6 * first
    assert fast < 0.1


def test_a_voice_comes_back_with_its_pitch_and_length() -> None:
    clip = harmonics(180, 0.48)
    found = griffin_lim(MEL(batch(clip))[0], MEL)
    assert found.shape == (len(clip.samples),)
    assert found.dtype == torch.float32
    f0 = pitch(Wave(found.numpy(), RATE)).f0[3:-3]
    np.testing.assert_allclose(f0, 180, rtol=0.02)
    convergence, _ = stft_distance(clip.samples, found.numpy())
    assert convergence < 0.35


def test_a_batch_is_its_clips_and_the_seed_decides() -> None:
    log_mel = MEL(batch(spoken(seconds=0.2), noise(0.2)))
    whole = griffin_lim(log_mel, MEL, iterations=5)
    torch.testing.assert_close(griffin_lim(log_mel[1], MEL, iterations=5), whole[1], rtol=1e-3, atol=1e-4)
    assert torch.equal(griffin_lim(log_mel, MEL, iterations=5), whole)
    assert not torch.equal(griffin_lim(log_mel, MEL, iterations=5, seed=1), whole)


def test_silence_stays_still() -> None:
    assert float(griffin_lim(MEL(torch.zeros(1, 2048)), MEL, iterations=3).abs().max()) < 1e-4


@pytest.mark.parametrize("bad", [torch.zeros(40, 9), torch.full((80, 9), float("nan")), torch.zeros(80)])
def test_what_is_no_mel_is_refused(bad: Tensor) -> None:
    with pytest.raises(PoiseError, match=r"finite log-mels \[B,80,F\]"):
        griffin_lim(bad, MEL)
    with pytest.raises(PoiseError, match="at least 1 iteration"):
        griffin_lim(torch.zeros(80, 9), MEL, iterations=0)
