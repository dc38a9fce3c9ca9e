"""Sound read a block at a time: the same samples as at once, little memory, headers that lie."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from poise.data.files.containers import claims_too_little
from poise.data.speech import hearing, resample
from poise.data.speech.clips import ClipOptions
from poise.data.speech.hearing import read_sound
from poise.data.speech.loudness import is_clipped, to_int16
from poise.data.speech.recordings import open_recordings
from poise.data.speech.resample import Wave, resampled
from poise.data.speech.speech import digest_of
from poise.installing import install
from tests.data.clips import tone
from tests.data.loud_files import LIES, flac_that_claims

USUAL = ClipOptions(16_000, True, -23.0, 0.1, 20.0)
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (30_000, 2)).astype(np.float32)
FORMATS = ["WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "VOC", "NIST"]


def before(wave: Wave, rate: int) -> np.ndarray:
    """How clips were resampled before there were blocks: all windows of a phase at once."""
    x, common = wave.samples, math.gcd(rate, wave.rate)
    up, down = rate // common, wave.rate // common
    weights = resample._weights(up, down, 0, up)
    padded = np.pad(x, weights.shape[1] // 2 + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape[1])
    out = np.empty(-(-len(x) * up // down), np.float32)
    for phase in range(min(up, len(out))):
        places = np.arange(phase, len(out), up) * down
        out[phase::up] = windows[places // up + 1] @ weights[phase]
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), [(48_000, 16_000), (44_100, 16_000), (8_000, 16_000), (22_050, 24_000),
                                                (16_000, 22_050), (96_000, 8_000), (11_025, 16_000)])  # fmt: skip
@pytest.mark.parametrize("count", [1, 2, 1000, 70_001])
def test_resampled_as_before_and_in_blocks(source: int, target: int, count: int, monkeypatch) -> None:
    wave = Wave(np.random.default_rng(count).standard_normal(count).astype(np.float32), source)
    whole = resampled(wave, target)
    assert np.array_equal(whole, before(wave, target))
    monkeypatch.setattr(resample, "BLOCK", 1 << 16)
    monkeypatch.setattr(resample, "FILTERS", 1 << 10)
    monkeypatch.setattr(resample, "LARGE", 0)
    np.testing.assert_allclose(resampled(wave, target), whole, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_hold_what_the_whole_file_holds(form: str, channels: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(hearing, "BLOCK", 1_000)
    path = tmp_path / f"a.{form.lower()}"
    soundfile.write(path, NOISE[:, :channels], 16_000, format=form)
    with soundfile.SoundFile(path) as opened:  # `soundfile.read` goes to the start first, which changes MP3
        samples = opened.read(dtype="float32", always_2d=True)
    found = read_sound(path)
    assert not isinstance(found, str)
    assert np.array_equal(found.samples, samples.mean(1))
    assert (found.rate, found.channels, found.form) == (16_000, channels, form)


@pytest.mark.parametrize("place", range(5))
def test_clipped_across_blocks(place: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(hearing, "BLOCK", 4)
    x = np.full(16, 0.1, np.float32)
    x[place : place + 3] = 1.0
    soundfile.write(tmp_path / "a.wav", x, 16_000)
    found = read_sound(tmp_path / "a.wav")
    assert not isinstance(found, str) and found.clipped and is_clipped(x, "PCM_16")


def test_digests_and_rounding_in_pieces(monkeypatch) -> None:
    x = NOISE[:, 0]
    whole, rounded = digest_of(Wave(x, 8_000)), to_int16(x)
    monkeypatch.setattr("poise.data.speech.speech.PIECE", 999)
    monkeypatch.setattr("poise.data.speech.loudness.PIECE", 999)
    assert digest_of(Wave(x, 8_000)) == whole and np.array_equal(to_int16(x), rounded)


NAMED = {
    "65,535 channels": "Too many channels",
    "no channels": "Channel count is zero",
    "a rate of 15,485,863": "15,485,863 samples a second are no rate of sound (1 to 768,000): convert it",
    "a rate of 2^31 - 1": "2,147,483,647 samples a second are no rate of sound",
    "a rate of 2^32 - 1": "incomplete",
    "a rate of 0": "incomplete",
    "a rate of 1": "longer than 600 s: cut it into clips",
    "nothing behind the header": "the file holds no sound",
    "half a header": "No 'data' chunk marker",
}


@pytest.mark.slow
@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie(lie: str, tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(b"")
    soundfile.write(tmp_path / "good.wav", tone(0.5), 16_000)
    (tmp_path / "lie.wav").write_bytes(LIES[lie]())
    found = open_recordings(tmp_path, heldout=0)
    assert found.files == ("good.wav",) and len(found.left_out) == 1
    reason = NAMED.get(lie, "it is silent")
    assert reason in found.left_out[0][1]
    assert any(note.startswith("left out: 1 files: lie.wav (") and reason in note for note in found.notes)


CLAIMS = {  # bytes of sound that the header claims, of 32,000; what is behind the sound
    "nothing": (0, b""),
    "a tenth": (3200, b""),
    "all but 5,000": (27_000, b""),
    "the largest number, as into a pipe": (0xFFFFFFFF, b""),
    "more than there is": (40_000, b""),
    "all, with a chunk behind it": (32_000, b"LIST\x04\0\0\0INFO"),
    "all, with a tag behind it": (32_000, b"TAG" + b"A song".ljust(5000, b"\0")),
    "all, with a picture in a tag": (32_000, b"ID3\x03\0\0\0\0\x7f\x7f" + b"\xff" * 9000),
    "all, with some bytes behind it": (32_000, b"\1" * 100),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_a_wav_is_read_to_its_end_whatever_its_header_claims(case: str, tmp_path: Path) -> None:
    claimed, behind = CLAIMS[case]
    x = (NOISE[:16_000, 0] * 32767).astype("<i2")
    soundfile.write(tmp_path / "good.wav", x, 16_000, "PCM_16")
    data = (tmp_path / "good.wav").read_bytes()
    at = data.index(b"data")
    (tmp_path / "a.wav").write_bytes(data[: at + 4] + claimed.to_bytes(4, "little") + data[at + 8 :] + behind)
    found = read_sound(tmp_path / "a.wav")
    assert not isinstance(found, str), found
    assert np.array_equal(found.samples, x.astype(np.float32) / 32768)
    assert (found.rate, found.channels) == (16_000, 1)


@pytest.mark.slow
def test_a_wav_of_nothing_but_empty_chunks_is_given_up_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gigabyte of zeros would be 125 million chunks of no length."""
    (tmp_path / "a.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVE")
    os.truncate(tmp_path / "a.wav", 1 << 30)
    assert "No 'data' chunk marker" in str(read_sound(tmp_path / "a.wav"))
    opened, read = io.FileIO(tmp_path / "a.wav"), []

    class Counting(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            read.append(size)
            return super().read(size)

    monkeypatch.setattr("builtins.open", lambda *_: Counting(opened))
    assert not claims_too_little(tmp_path / "a.wav")
    assert len(read) <= 1001


def test_without_pyav_a_short_claim_is_told(tmp_path: Path, monkeypatch) -> None:
    soundfile.write(tmp_path / "a.wav", NOISE[:16_000, 0], 16_000, "PCM_16")
    data = (tmp_path / "a.wav").read_bytes()
    at = data.index(b"data")
    (tmp_path / "a.wav").write_bytes(data[: at + 4] + bytes(4) + data[at + 8 :])
    monkeypatch.setitem(sys.modules, "av", None)
    assert read_sound(tmp_path / "a.wav") == "WAV needs PyAV: " + install("speech", "av")


@pytest.mark.parametrize("frames", [0, 5, 1 << 31, (1 << 36) - 1])
def test_a_flac_that_claims_another_length_is_read_to_its_end(frames: int, tmp_path: Path) -> None:
    flac_that_claims(tmp_path / "a.flac", frames)
    found = read_sound(tmp_path / "a.flac")
    assert isinstance(found, str) or len(found.samples) in (5, 16_000)


MEASURED = """
import sys
import numpy as np, soundfile
from pathlib import Path
from poise.data.speech.clips import ClipOptions, prepare
from poise.data.speech.check import _info_of
def most(): return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1e6
path = Path(sys.argv[1])
rate, channels, seconds = (int(word) for word in sys.argv[2:])
noise = np.random.default_rng(0).uniform(-0.1, 0.1, (rate, channels)).astype(np.float32)
with soundfile.SoundFile(path, "w", rate, channels) as out:
    for second in range(seconds):
        out.write(noise)
first = most()
print(prepare(path, ClipOptions(16_000, True, -23.0, 0.1, 20.0)))
second = most()
_info_of(path)
print(second - first, most() - first)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("rate", "channels", "seconds"), [(48_000, 2, 540), (96_000, 8, 60)])
def test_memory_is_bounded(rate: int, channels: int, seconds: int, tmp_path: Path) -> None:
    """GB above what the interpreter had with the same imports."""
    told = [str(number) for number in (rate, channels, seconds)]
    done = subprocess.run([sys.executable, "-c", MEASURED, tmp_path / "a.wav", *told], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    reason, grown = done.stdout.splitlines()
    assert f"{seconds:.1f} s are longer than 20 s" in reason
    assert max(float(word) for word in grown.split()) < 0.6
