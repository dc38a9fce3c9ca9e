"""Metrics of pairs on sounds whose distance is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from poise.audio.spectrograms import Mel
from poise.data.speech.speech import Wave
from poise.metrics.speech.align import align
from poise.metrics.speech.features import cepstra, log_mel, matched, same_length
from poise.metrics.speech.members import DECIBELS, log_mel_l1, mcd, mr_stft, stft_distance
from poise.metrics.speech.metric import Context, Pair, measure_pairs
from poise.metrics.speech.pitch_members import (
    contour,
    correlation,
    f0_rmse,
    pooled_correlation,
    tone_contour,
    voicing_error,
)
from tests.metrics.sounds import RATE, harmonics, noise, spoken

REAL = spoken()


def scaled(wave: Wave, factor: float) -> Wave:
    return Wave(wave.samples * np.float32(factor), wave.rate)


def test_a_gain_moves_log_mels_by_its_logarithm() -> None:
    """Noise is far above the floor in every band."""
    clip = noise(0.5)
    assert log_mel_l1.of_pair(clip, scaled(clip, 0.5), Context())["log-mel L1"] == pytest.approx(math.log(2), rel=1e-5)
    assert mcd.of_pair(clip, scaled(clip, 0.5), Context())["MCD"] == pytest.approx(0, abs=1e-4)


def test_a_gain_in_the_spectrum() -> None:
    """|A - gA| / |A| = |1 - g|, and |ln A - ln gA| = |ln g|."""
    clip = noise(0.5)
    for factor in (0.25, 1.5):
        found = mr_stft.of_pair(clip, scaled(clip, factor), Context())
        assert found["spectral convergence"] == pytest.approx(abs(1 - factor), rel=1e-5)
        assert found["log-magnitude L1"] == pytest.approx(abs(math.log(factor)), rel=1e-5)
        assert found["MR-STFT"] == found["spectral convergence"] + found["log-magnitude L1"]


def test_silence_for_speech_has_spectral_convergence_one() -> None:
    clip = noise(0.5).samples
    assert stft_distance(clip, np.zeros_like(clip))[0] == pytest.approx(1, abs=1e-4)


def test_cepstra_are_a_cosine_transform() -> None:
    rng = np.random.default_rng(0)
    mels = rng.normal(size=(3, 80))
    whole = cepstra(mels, order=79)
    k, middle = np.arange(1, 80), (np.arange(80) + 0.5) / 80
    np.testing.assert_allclose(mels.mean(1, keepdims=True) + whole @ np.cos(np.pi * k[:, None] * middle), mels)
    np.testing.assert_allclose(cepstra(mels), whole[:, :13])


@pytest.mark.parametrize("k", [1, 7, 13])
def test_mel_cepstral_distortion_of_one_cosine(k: int) -> None:
    """Log-mels that differ by d cos(pi k (m + 1/2) / M) are d / sqrt(2) nepers apart, or 20/ln 10 as many dB."""
    mels = np.random.default_rng(1).normal(size=(1, 80))
    other = mels + 0.3 * np.cos(np.pi * k * (np.arange(80) + 0.5) / 80)
    distance = DECIBELS * align(cepstra(mels), cepstra(other)).cost
    assert distance == pytest.approx(10 / math.log(10) * math.sqrt(2 * 0.3**2))
    assert distance == pytest.approx(20 / math.log(10) * np.sqrt(np.square(other - mels).mean()))


def test_slower_speech_is_near_in_cepstra_and_has_no_distance_by_frames() -> None:
    """The same syllables in 1.5 s instead of 1.2 s, against other syllables in 1.5 s."""
    slower = Wave(np.interp(np.arange(24_000) * 0.8, np.arange(19_200), REAL.samples).astype(np.float32), RATE)
    other = spoken(140, 1.5, 3, slope=-2)
    assert mcd.of_pair(REAL, slower, Context())["MCD"] < 0.6 * mcd.of_pair(REAL, noise(1.5), Context())["MCD"]
    assert mcd.of_pair(REAL, other, Context())["MCD"] > 0
    assert log_mel_l1.of_pair(REAL, slower, Context()) == mr_stft.of_pair(REAL, slower, Context()) == {}


def test_lengths_may_differ_by_a_hop() -> None:
    longer, more = (Wave(np.pad(REAL.samples, (0, by)), RATE) for by in (128, 129))
    cut = same_length(REAL, longer, Context())
    assert cut is not None
    assert len(cut.real) == len(cut.made) == len(REAL.samples)
    assert same_length(REAL, more, Context()) is None
    frames = matched(REAL, longer, Context())
    assert frames is not None
    np.testing.assert_array_equal(frames[:, 0], frames[:, 1])
    assert len(frames) == len(REAL.samples) // 128
    assert log_mel_l1.of_pair(REAL, longer, Context())["log-mel L1"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(("semitones", "length"), [(1.0, 0.5), (-3.0, 0.5), (2.0, 0.7)])
def test_a_higher_voice_is_as_far_off_as_it_is_higher(semitones: float, length: float) -> None:
    """In any length: frames match by dynamic time warping where lengths differ."""
    pair = harmonics(200, 0.5), harmonics(200 * 2 ** (semitones / 12), length)
    assert f0_rmse.of_pair(*pair, Context())["F0 RMSE"] == pytest.approx(abs(semitones), abs=0.02)
    assert voicing_error.of_pair(*pair, Context())["V/UV error"] == 0


def test_noise_for_a_voice_is_a_voicing_error_of_one() -> None:
    pair = harmonics(200), noise(0.5)
    assert voicing_error.of_pair(*pair, Context())["V/UV error"] == 1
    assert f0_rmse.of_pair(*pair, Context()) == {}


def test_a_contour_spans_the_voiced_stretch() -> None:
    f0 = np.zeros(60)
    f0[3] = 400  # one frame alone does not count
    f0[10:20] = 100
    f0[30:50] = 200
    found = contour(f0)
    assert found is not None
    assert len(found) == 20
    assert found[0] == pytest.approx(12 * np.log2(100))
    assert found[-1] == pytest.approx(12 * np.log2(200))
    assert (np.diff(found) >= 0).all()
    assert contour(np.where(np.arange(60) < 4, 100.0, 0.0)) is None
    assert f0[3] == 400


def test_correlations_in_closed_form() -> None:
    """Of any one-to-one line 1, of its mirror -1, of what does not move 0, with what does not move none."""
    a = np.array([0.0, 1.0, 3.0, 2.0])
    assert correlation(a, 5 * a + 40) == pytest.approx(1)
    assert correlation(a, 7 - a) == pytest.approx(-1)
    assert correlation(a, np.full(4, 3.0)) == 0
    assert math.isnan(correlation(np.full(4, 3.0), a))
    assert correlation(np.array([0.0, 0, 1, 1]), np.array([0.0, 1, 0, 1])) == pytest.approx(0)


def test_pooled_correlation_takes_each_voice_by_itself() -> None:
    rng = np.random.default_rng(2)
    real = rng.normal(size=(30, 20)) + rng.normal(size=(30, 1)) * 4
    voices = np.arange(30) % 3
    height = np.array([0.0, 12.0, -7.0])[voices][:, None]
    shifted = np.stack([real + height, real + 5 * height + 2], 1)
    assert pooled_correlation(shifted, voices) == pytest.approx(1)
    assert pooled_correlation(np.stack([real + height, 3 - real], 1), voices) == pytest.approx(-1)
    assert pooled_correlation(shifted, np.zeros(30, np.int64)) < 0.999
    levels = np.repeat(np.array([[0.0], [5.0], [10.0]]), 20, axis=1)  # level tones at their heights
    assert pooled_correlation(np.stack([levels, levels], 1), np.zeros(3, np.int64)) == pytest.approx(1)
    assert pooled_correlation(np.stack([levels, levels[::-1]], 1), np.zeros(3, np.int64)) == pytest.approx(-1)


def tone_pair(start: float, end: float, made_start: float, made_end: float) -> Pair:
    real, made = (
        harmonics(lambda t, a=a, b=b: a * (b / a) ** (t / 0.4), 0.4) for a, b in ((start, end), (made_start, made_end))
    )
    return Pair(real, made)


@pytest.mark.slow
def test_right_and_wrong_tones() -> None:
    """A level, a rising and a falling tone; then the falling one for the rising one and the reverse."""
    right = [tone_pair(200, 200, 300, 300), tone_pair(150, 200, 225, 300), tone_pair(220, 130, 330, 195)]
    wrong = [right[0], tone_pair(150, 200, 330, 195), tone_pair(220, 130, 225, 300)]
    found, mixed = (measure_pairs(pairs, metrics=["tone contour"]).found["tone contour"] for pairs in (right, wrong))
    assert found["tone contour"].value > 0.999
    assert found["tone contour"].n == 3
    assert found["tone contour by clip"].n == 2  # the level one has no correlation of its own
    assert found["tone contour by clip"].value > 0.999
    assert mixed["tone contour"].value < 0.1
    assert mixed["tone contour by clip"].value < -0.9
    flat = tone_contour.of_pair(right[1].real, harmonics(200), Context())
    assert flat["tone contour by clip"] == pytest.approx(0, abs=0.5)


def test_the_mel_of_the_context_is_used() -> None:
    mel = Mel(rate=22_050, window=1024, hop=256)
    pair = Wave(noise(0.5).samples, 22_050), Wave(noise(0.5, 1).samples, 22_050)
    expected = np.abs(log_mel(pair[0].samples, mel) - log_mel(pair[1].samples, mel)).mean()
    assert log_mel_l1.of_pair(*pair, Context(mel))["log-mel L1"] == pytest.approx(expected)
    whole = mel(torch.from_numpy(pair[0].samples)[None])[0].T
    np.testing.assert_allclose(log_mel(pair[0].samples, mel), whole.numpy())


def test_beside_silence_there_is_no_spectral_convergence() -> None:
    """|A − B| / |A| of nothing is no distance: the pair is counted as left out, as by STOI."""
    silent = Wave(np.zeros_like(REAL.samples), REAL.rate)
    assert mr_stft.of_pair(silent, REAL, Context()) == {}
    assert mr_stft.of_pair(REAL, silent, Context())["spectral convergence"] == pytest.approx(1.0, abs=0.01)
