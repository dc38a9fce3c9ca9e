"""Levels, trimming and clipping, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from poise.data.speech import loudness as levels
from tests.data.clips import tone

RATES = [8_000, 16_000, 22_050, 44_100]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("peak", [1.0, 0.1, 0.01])
def test_the_level_of_a_sine(rate: int, peak: float) -> None:
    """Mean power peak² / 2; a frame of 20 ms holds 20 whole periods of 1 kHz but for the rounding of its length."""
    x = tone(0.5, rate, hertz=1000, peak=peak)
    expected = 20 * math.log10(peak) - 10 * math.log10(2)
    assert levels.level(x, rate) == pytest.approx(expected, abs=0.02)
    frames = levels.frame_levels(x, rate)
    assert len(frames) == math.ceil(len(x) / round(0.01 * rate))
    np.testing.assert_allclose(frames[:-2], expected, atol=0.1)


def test_silence_does_not_count_for_the_level() -> None:
    alone, among = tone(0.5, hertz=1000), tone(0.5, hertz=1000, before=2, after=1)
    assert levels.level(among, 16_000) == pytest.approx(levels.level(alone, 16_000), abs=0.1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("before", "after"), [(0.5, 0.3), (0.005, 0.3), (0.3, 0.0), (0.0, 0.0)])
def test_silence_at_the_ends_goes_but_for_a_little(rate: int, before: float, after: float) -> None:
    """30 ms stay, and up to a frame of 20 ms that reaches into the sound."""
    x = levels.trimmed(tone(0.2, rate, before=before, after=after), rate)
    least, most = 0.2 + min(before, 0.03) + min(after, 0.03), 0.2 + min(before, 0.05) + min(after, 0.05)
    assert least - 0.001 <= len(x) / rate <= most + 0.001
    assert np.abs(x).max() == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(("below", "stays"), [(30, True), (50, False)])
def test_forty_decibels_below_the_loudest_is_silence(below: float, stays: bool) -> None:
    quiet = tone(0.3, peak=0.5 * 10 ** (-below / 20))
    x = np.concatenate([quiet, tone(0.2)])
    assert (len(levels.trimmed(x, 16_000)) == len(x)) is stays


def test_silence_in_the_middle_stays() -> None:
    x = np.concatenate([tone(0.1), np.zeros(8000, np.float32), tone(0.1)])
    assert len(levels.trimmed(x, 16_000)) == len(x)


@pytest.mark.parametrize("wanted", [-40.0, -23.0, -10.0])
def test_gain_brings_to_a_level(wanted: float) -> None:
    x = tone(0.5, hertz=1000, peak=0.3)
    factor = np.float32(levels.gain(x, levels.level(x, 16_000), wanted))
    assert levels.level(x * factor, 16_000) == pytest.approx(wanted, abs=0.01)


def test_gain_stops_at_the_peak() -> None:
    x = tone(0.5, peak=0.01)
    x[4000] = 0.5  # a click
    assert np.abs(x).max() * levels.gain(x, levels.level(x, 16_000), -3.0) == pytest.approx(0.95)
    assert levels.gain(x, -40, None) == 1
    assert levels.gain(x * np.float32(4), -40, None) == pytest.approx(0.475)


def clipped(run: int, value: float, channels: int = 1) -> np.ndarray:
    x = np.zeros((100, channels), np.float32)
    x[40 : 40 + run, -1] = value
    return x


FULL = 32_767 / 32_768
CLIPPED = [
    (3, 1.0, 1, "PCM_16", True),
    (3, FULL, 1, "PCM_16", True),
    (2, 1.0, 1, "PCM_16", False),
    (9, -1.0, 2, "FLOAT", True),
    (9, 1.3, 1, "VORBIS", True),
    (9, 0.99, 1, "PCM_16", False),
    (9, 127 / 128, 1, "PCM_U8", True),
    (9, 127 / 128, 1, "PCM_24", False),
]


@pytest.mark.parametrize(("run", "value", "channels", "subtype", "expected"), CLIPPED)
def test_three_samples_at_full_scale_are_clipping(
    run: int, value: float, channels: int, subtype: str, expected: bool
) -> None:
    assert levels.is_clipped(clipped(run, value, channels), subtype) is expected


def test_a_whole_sine_is_not_clipped_and_an_overdriven_one_is() -> None:
    for hertz in (100, 440, 3000):
        whole = np.float32(FULL) * tone(1.0, 44_100, hertz, peak=1.0)[:, None]
        assert not levels.is_clipped(whole, "PCM_16")
    assert levels.is_clipped(np.clip(1.5 * whole, -1, 1), "PCM_16")
    assert not levels.is_clipped(np.ones((2, 1), np.float32), "PCM_16")  # too short for three
    assert not levels.is_clipped(np.array([[1], [-1], [1], [-1]], np.float32), "PCM_16")  # no run of one sign


def test_much_quieter_clips_are_found() -> None:
    assert levels.quiet([-20, -21, -22, -43, -19]) == [3]
    assert levels.quiet([-20.0]) == levels.quiet([]) == []


def test_samples_are_rounded_to_the_nearest() -> None:
    x = np.array([0, 0.5, -1, 1, 1.6 / 32_768, -1.4 / 32_768], np.float32)
    assert levels.to_int16(x).tolist() == [0, 16_384, -32_768, 32_767, 2, -1]
