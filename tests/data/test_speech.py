"""Clips from sound files, and a resampler against closed forms and scipy."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from poise.data.speech.speech import Wave, open_speech, resampled
from poise.errors import PoiseError
from poise.installing import install

soundfile = pytest.importorskip("soundfile")


def sine(hertz: float, rate: int, seconds: float = 1.0) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate + 0.3).astype(np.float32)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Good clips in four formats, one of them stereo and one in a sub-folder, and every kind of bad one."""
    folder = tmp_path / "clips"
    (folder / "more").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    x = np.rint(sine(440, 16_000, 0.2) * 16_000).astype(np.int16)
    soundfile.write(folder / "a.wav", x, 16_000)
    soundfile.write(folder / "b.flac", x, 16_000)
    soundfile.write(folder / "c.ogg", sine(300, 44_100, 0.3) * 0.5, 44_100)
    soundfile.write(folder / "d.mp3", sine(300, 22_050, 0.3) * 0.5, 22_050)
    soundfile.write(folder / "more/e.WAV", np.stack([x, np.zeros_like(x)], 1), 16_000)
    soundfile.write(folder / ".hidden/f.wav", x, 16_000)
    soundfile.write(folder / "empty.wav", x[:0], 16_000)
    soundfile.write(folder / "nan.wav", np.full(99, np.nan, np.float32), 8000, subtype="FLOAT")
    (folder / "noise.wav").write_bytes(b"no sound at all")
    (folder / "zero.mp3").write_bytes(b"")
    (folder / "readme.md").write_text("not a sound")
    return folder


def test_good_clips_are_kept_and_bad_ones_named(clips: Path) -> None:
    calls: list[tuple[int, int]] = []
    found = open_speech(clips, lambda done, total: calls.append((done, total)))
    assert [str(file.relative_to(clips)) for file in found.files] == ["a.wav", "b.flac", "c.ogg", "d.mp3", "more/e.WAV"]
    assert dict(found.left_out).keys() == {"empty.wav", "nan.wav", "noise.wav", "zero.mp3"}
    assert dict(found.left_out)["empty.wav"] == "the file holds no sound"
    assert "finite" in dict(found.left_out)["nan.wav"]
    assert all(reason and str(clips) not in reason for _, reason in found.left_out)
    assert calls[-1] == (9, 9)
    assert found.describe() == "clips: 5 clips, 4 left out"
    waves = found.take(np.arange(5))
    assert [wave.rate for wave in waves] == [16_000, 16_000, 44_100, 22_050, 16_000]
    assert waves[0].samples.dtype == np.float32
    assert waves[0].samples.ndim == 1
    np.testing.assert_allclose(waves[4].samples, waves[0].samples / 2, atol=1e-4)


def test_the_same_clip_is_the_same_in_another_format(clips: Path) -> None:
    found = open_speech(clips)
    assert bytes(found.hashes[0]) == bytes(found.hashes[1]) != bytes(found.hashes[4])
    train, held = found.split(0.5)
    assert (0 in train) == (1 in train)
    assert len(train) + len(held) == 5


def test_a_change_of_content_changes_the_fingerprint(clips: Path) -> None:
    before = open_speech(clips).fingerprint
    assert open_speech(clips).fingerprint == before
    soundfile.write(clips / "a.wav", sine(441, 16_000, 0.2), 16_000)
    assert open_speech(clips).fingerprint != before


def test_a_clip_that_changes_while_it_is_read(clips: Path) -> None:
    found = open_speech(clips)
    (clips / "a.wav").write_bytes(b"")
    with pytest.raises(PoiseError, match=r"a\.wav changed while it was read"):
        found.take(np.array([0]))


def test_too_long_a_file_is_left_out(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poise.data.speech.hearing.LONGEST", 0.25)
    assert "cut it into clips" in dict(open_speech(clips).left_out)["c.ogg"]


def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"damaged")
    with pytest.raises(PoiseError, match=r"none of 1 sound files can be read, the first being x\.wav \("):
        open_speech(tmp_path)


def test_without_soundfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = builtins.__import__

    def refuse(name: str, *rest: object, **more: object) -> object:
        if name == "soundfile":
            raise ImportError
        return honest(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PoiseError, match="reading sound needs soundfile: " + re.escape(install("speech", "soundfile"))):
        open_speech(tmp_path)


RATES = [(44_100, 16_000), (48_000, 16_000), (22_050, 16_000), (8_000, 16_000), (16_000, 44_100), (11_025, 16_000)]


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), RATES)
def test_resampled_tones_are_tones_at_the_other_rate(source: int, target: int) -> None:
    for hertz in (0, 100, 1000, 0.4 * min(source, target)):
        found = resampled(Wave(sine(hertz, source), source), target)
        assert len(found) == target
        inner = slice(target // 10, -target // 10)
        np.testing.assert_allclose(found[inner], sine(hertz, target)[inner], atol=2e-4)


@pytest.mark.parametrize(("source", "target"), RATES[:3])
def test_what_the_lower_rate_cannot_hold_is_gone(source: int, target: int) -> None:
    found = resampled(Wave(sine(0.65 * target, source), source), target)
    assert np.abs(found[1000:-1000]).max() < 1e-4


@pytest.mark.parametrize(("source", "target"), RATES)
def test_resampling_agrees_with_scipy(source: int, target: int) -> None:
    """On a signal well inside both bands, whatever the filters do at the edge."""
    signal = pytest.importorskip("scipy.signal")
    rng = np.random.default_rng(0)
    low = signal.firwin(301, 0.3 * min(source, target), fs=source)
    x = signal.lfilter(low, 1, rng.standard_normal(source)).astype(np.float32)
    common = np.gcd(source, target)
    expected = signal.resample_poly(x, target // common, source // common, window=("kaiser", 8.0))
    found = resampled(Wave(x, source), target)
    inner = slice(target // 10, -target // 10)
    assert np.sqrt(np.mean((found - expected)[inner] ** 2)) < 5e-3 * np.sqrt(np.mean(expected[inner] ** 2))


def test_resampling_is_linear_and_leaves_equal_rates_alone() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(997).astype(np.float32) for _ in range(2))
    sums = resampled(Wave(a, 441), 160) + 2 * resampled(Wave(b, 441), 160)
    np.testing.assert_allclose(resampled(Wave(a + 2 * b, 441), 160), sums, atol=1e-5)
    assert resampled(Wave(a, 441), 441) is a
    assert len(resampled(Wave(a[:1], 44_100), 16_000)) == 1
    assert len(resampled(Wave(a[:0], 44_100), 16_000)) == 0
