"""The pitch tracker on sounds whose pitch is known, and on recorded tones of Mandarin."""

from __future__ import annotations

import numpy as np
import pytest

from poise.data.catalogue import fetch
from poise.data.speech.recordings import open_recordings
from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.metrics.speech.pitch import pitch, settled
from tests.metrics.sounds import RATE, RICH, harmonics, noise


@pytest.mark.slow
@pytest.mark.parametrize(
    "heights",
    [(1.0,), RICH, (0.05, 1.0, 0.8, 0.5, 0.4), (0.0, 1.0, 1.0, 0.7, 0.5), tuple(1 / k for k in range(1, 40))],
    ids=["tone", "voice", "weak fundamental", "no fundamental", "saw"],
)
def test_harmonics_have_their_pitch(heights) -> None:
    """A missing fundamental is still the pitch: no octave errors. A tone alone near 60 Hz is taken for hum."""
    for hertz in np.geomspace(62 if len(heights) > 1 else 100, 495, 13):
        found = pitch(harmonics(hertz, 0.25, heights))
        assert len(found.f0) == 25
        np.testing.assert_allclose(found.f0, hertz, rtol=0.005)
        assert found.periodicity.min() > 0.9


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_any_rate_gives_the_same_pitch(rate: int) -> None:
    found = pitch(harmonics(220, 0.3, rate=rate))
    assert len(found.f0) == 30
    np.testing.assert_allclose(found.f0, 220, rtol=0.002)


@pytest.mark.parametrize("octaves", [-2.0, -1.0, -0.2, 0.2, 1.0, 2.0])
def test_a_glide_is_followed_without_delay(octaves: float) -> None:
    start = 400.0 if octaves < 0 else 100.0
    found = pitch(harmonics(lambda t: start * 2 ** (octaves * t / 0.5)), hop=0.005)
    expected = start * 2 ** (octaves * (np.arange(100) + 0.5) * 0.005 / 0.5)
    assert found.voiced.all()
    np.testing.assert_allclose(found.f0[6:-6], expected[6:-6], rtol=0.012)  # the ends have no frame around them
    assert abs(np.log2(found.f0[6:-6] / expected[6:-6]).mean()) < 0.002  # half a millisecond at the fastest


def test_noise_and_silence_are_unvoiced() -> None:
    for seed in range(12):
        found = pitch(noise(0.5, seed))
        assert not found.voiced.any()
        assert found.periodicity.max() < 0.5
    for still in (np.zeros(4000), np.full(4000, 0.3)):
        found = pitch(Wave(still.astype(np.float32), RATE))
        assert not found.voiced.any()
        assert found.periodicity.max() < 1e-3


def test_voiced_stretches_are_where_they_are() -> None:
    clip = np.concatenate([noise(0.2, 1, 0.01).samples, harmonics(180, 0.3).samples, noise(0.2, 2, 0.01).samples])
    found = pitch(Wave(clip, RATE))
    assert found.voiced[23:47].all()
    assert not found.voiced[:18].any()
    assert not found.voiced[52:].any()
    np.testing.assert_allclose(found.f0[24:46], 180, rtol=0.003)


def test_noise_under_a_voice_costs_little() -> None:
    for seed in range(5):
        clean = harmonics(150, 0.4).samples
        clip = clean + noise(0.4, seed, float(np.sqrt(np.square(clean).mean()) / np.sqrt(10))).samples  # 10 dB
        np.testing.assert_allclose(pitch(Wave(clip, RATE)).f0, 150, rtol=0.01)


@pytest.mark.parametrize("hum", [50, 60])
def test_hum_of_the_mains_does_not_lead_astray(hum: float) -> None:
    """As loud as the voice, and with a constant."""
    for hertz in (2 * hum + 7, 3 * hum - 11, 250):
        voice, mains = harmonics(hertz, 0.4).samples, harmonics(hum, 0.4, (1.0,)).samples
        np.testing.assert_allclose(pitch(Wave(voice + mains + np.float32(0.05), RATE)).f0, hertz, rtol=0.005)


def test_level_does_not_matter_and_periodicity_falls_with_noise() -> None:
    clip = harmonics(150, 0.4).samples + noise(0.4, 0, 0.05).samples
    loud, quiet = pitch(Wave(clip, RATE)), pitch(Wave(clip * np.float32(2**-10), RATE))
    np.testing.assert_allclose(quiet.f0, loud.f0, rtol=1e-6)
    assert loud.periodicity.mean() < pitch(harmonics(150, 0.4)).periodicity.mean() - 0.02


@pytest.mark.parametrize("count", [1, 100, 159, 160, 400, 801])
def test_very_short_clips_have_their_frames(count: int) -> None:
    found = pitch(Wave(harmonics(300, 0.1).samples[:count], RATE))
    assert len(found.f0) == len(found.periodicity) == count // 160
    assert np.isfinite(found.f0).all()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(PoiseError, match=r"from 500 to 60 hertz"):
        pitch(harmonics(200), low=500, high=60)
    with pytest.raises(PoiseError, match="nothing to score"):
        pitch(Wave(np.zeros(0, np.float32), RATE))


@pytest.mark.real
def test_the_tones_of_mandarin_are_heard() -> None:
    """Second half of a syllable less its first, medians over the clips of voice B, which reads its tones clearly."""
    fetch.get("mandarin-syllables")
    clips = open_recordings("mandarin-syllables", voice="B")
    changes: dict[str, list[float]] = {}
    for row in range(0, len(clips), 3):
        found = pitch(Wave(clips.clip(row), clips.rate))
        steps = 12 * np.log2(found.f0[found.voiced])
        if len(steps) > 5:
            half = len(steps) // 2
            changes.setdefault(clips.texts[row][-1], []).append(float(steps[half:].mean() - steps[:half].mean()))
    change = {tone: float(np.median(found)) for tone, found in changes.items()}
    assert abs(change["1"]) < 0.3
    assert 0.7 < change["2"] < 2
    assert -3.5 < change["3"] < -0.5
    assert -7.5 < change["4"] < -4


def test_the_second_pass_undoes_an_octave_that_the_creaking_end_of_a_syllable_loses():
    rate, f0 = 16_000, 125.0
    seconds = np.arange(int(0.4 * rate)) / rate
    pulses = sum(np.cos(2 * np.pi * f0 * k * seconds) for k in range(1, 12)) / 11
    half = sum(np.cos(np.pi * f0 * (2 * k + 1) * seconds) for k in range(12)) / 12  # what makes every second one weaker
    late = seconds > 0.25
    wave = np.where(late, 0.1 * (pulses + half / 2), pulses).astype(np.float32)
    once, twice = pitch(Wave(wave, rate)), settled(Wave(wave, rate))
    end = slice(29, 38)
    np.testing.assert_allclose(once.f0[end], f0 / 2, rtol=0.01)
    np.testing.assert_allclose(twice.f0[2:38], f0, rtol=0.01)


def test_a_clip_without_pitch_stays_without():
    noise = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    assert not settled(Wave(noise, 16_000)).voiced.any()
