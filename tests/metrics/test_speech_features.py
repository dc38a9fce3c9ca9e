"""Encoders of speech: mel bands in closed form, networks that load, scores that order clean and noisy speech."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from poise.audio.spectrograms import mel_filters
from poise.data.catalogue import fetch
from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.installing import install
from poise.metrics.features.features import MissingFeatures
from poise.metrics.features.speech_features import (
    BANDS,
    DNSMOS,
    LOUDNESS,
    RATE,
    WINDOW,
    Resemblyzer,
    check_waves,
    mel_power,
    partial_utterances,
)


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def voice(pitch: float, seconds: float = 2.0, seed: int = 0) -> Wave:
    """Harmonics under three formants, opened and closed four times a second: not speech, but like it."""
    t = np.arange(int(seconds * RATE)) / RATE
    shape = sum(
        np.exp(-(((pitch * k - f) / 300) ** 2)) * np.sin(2 * np.pi * pitch * k * t)
        for k in range(1, 40)
        for f in (500, 1500, 2500)
    )
    rng = np.random.default_rng(seed)
    x = shape * (1 + np.sin(2 * np.pi * 4 * t)) / 2 + 0.005 * rng.standard_normal(len(t))
    return Wave((0.3 * x / np.abs(x).max()).astype(np.float32), RATE)


def test_mel_bands_are_triangles_of_area_one() -> None:
    filters = mel_filters(RATE, WINDOW, BANDS).double()
    assert filters.shape == (BANDS, 201)
    assert (filters >= 0).all()
    sums = filters.sum(1) * RATE / 400  # an integral over hertz; narrow triangles are sampled coarsely
    assert float((sums[10:] - 1).abs().max()) < 0.06
    peaks = filters.argmax(1) * RATE / 400
    assert (peaks.diff() > 0).all()
    # Below 1 kHz the scale is linear, above it each band is broader than the last by the same factor.
    top = 15 + 27 * math.log(8) / math.log(6.4)
    step = top / (BANDS + 1)
    assert abs(float(peaks[5]) - 6 * step * 200 / 3) < 40
    expected = 1000 * math.exp((30 * step - 15) * math.log(6.4) / 27)
    assert abs(float(peaks[29]) - expected) < 40


@pytest.mark.parametrize("hertz", [320.0, 1000.0, 4000.0])
def test_a_tone_is_in_the_band_of_its_pitch_with_its_power(hertz: float) -> None:
    found = mel_power(tone(hertz))
    assert found.shape == (1 + RATE // 160, BANDS)
    frame = found[50]
    assert int(frame.argmax()) == int(mel_filters(RATE, WINDOW, BANDS)[:, round(hertz / 40)].argmax())
    # A tone of amplitude 1/2 under a periodic Hann window of W: bins W/8, W/16, W/16 high.
    window = 400
    powers = {0: (window / 8) ** 2, -1: (window / 16) ** 2, 1: (window / 16) ** 2}
    expected = sum(mel_filters(RATE, WINDOW, BANDS)[:, round(hertz / 40) + k] * p for k, p in powers.items())
    torch.testing.assert_close(frame, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("samples", "partials"),
    [(1, 1), (16_000, 1), (25_600, 1), (25_600 + 2000, 1), (25_600 + 9000, 2), (40_000, 2), (160_000, 12)],
)
def test_partial_utterances_cover_the_clip(samples: int, partials: int) -> None:
    found = partial_utterances(np.full(samples, 0.1, np.float32))
    assert found.shape == (partials, 160, BANDS)


def test_quiet_clips_are_made_louder_and_silence_is_not() -> None:
    quiet = partial_utterances(tone(440) * np.float32(0.001))
    level = LOUDNESS / (0.5 / math.sqrt(2))
    torch.testing.assert_close(quiet, partial_utterances(tone(440) * np.float32(level)), rtol=1e-3, atol=1e-6)
    assert float(partial_utterances(np.zeros(8000, np.float32)).max()) == 0
    loud = tone(440)
    torch.testing.assert_close(partial_utterances(loud)[0, :100], mel_power(np.pad(loud, (0, 9600)))[:100])


@pytest.mark.real
def test_resemblyzer_tells_voices_apart() -> None:
    fetch.get("resemblyzer")
    net = Resemblyzer()
    low, again, high = net([voice(110), voice(115, 3.0, 1), voice(260)]) / 16
    assert float(low @ again) > float(low @ high) + 0.05
    torch.testing.assert_close(low.norm(), torch.tensor(1.0))
    assert (low >= 0).all()
    silence = net([Wave(np.zeros(8000, np.float32), RATE)])
    assert torch.isfinite(silence).all()


@pytest.mark.real
def test_dnsmos_of_white_noise_is_low_and_of_nothing_is_finite() -> None:
    pytest.importorskip("onnxruntime")
    fetch.get("dnsmos")
    net = DNSMOS()
    rng = np.random.default_rng(0)
    noise = Wave(rng.normal(0, 0.1, 3 * RATE).astype(np.float32), RATE)
    found = net([noise, voice(120, 10.0), Wave(np.zeros(800, np.float32), RATE)])
    assert found.shape == (3, 3)
    assert (found[0] < 1.3).all()
    assert float(found[1, 1]) > float(found[0, 1])
    assert torch.isfinite(found).all()


def test_what_is_missing_says_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POISE_CACHE", str(tmp_path))
    with pytest.raises(MissingFeatures, match=r"Resemblyzer.*poise data get resemblyzer"):
        Resemblyzer()
    with pytest.raises(MissingFeatures, match=r"DNSMOS.*poise data get dnsmos"):
        DNSMOS()
    monkeypatch.setattr("poise.metrics.features.features.located", lambda name: tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingFeatures, match=re.escape(install("speech", "onnxruntime"))):
        DNSMOS()


@pytest.mark.parametrize("wave", [Wave(np.zeros(0, np.float32), RATE), Wave(np.full(9, np.nan, np.float32), RATE), "x"])
def test_what_is_no_wave_is_refused(wave: Wave) -> None:
    with pytest.raises(PoiseError, match=r"nothing to score|computed of waves"):
        check_waves([wave])
