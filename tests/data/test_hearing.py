"""Sound read a block at a time: the same samples as at once, little memory, headers that lie, files told by content."""

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

from poise.data.files.containers import claims_too_little, container_of, head_of, is_sound
from poise.data.speech import hearing, resample
from poise.data.speech.check import check_speech
from poise.data.speech.clips import ClipOptions, prepare, reasons
from poise.data.speech.hearing import read_sound
from poise.data.speech.loudness import is_clipped, to_int16
from poise.data.speech.recordings import open_recordings
from poise.data.speech.resample import Wave, resampled
from poise.data.speech.speech import digest_of, open_speech, sound_files
from poise.errors import PoiseError
from poise.installing import install
from tests.data.clips import folder_of, tone
from tests.data.loud_files import LIES, encoded, flac_that_claims

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


KINDS = {
    "a.m4a": ("aac", "mp4", 16_000), "b.aac": ("aac", "adts", 16_000), "c.opus": ("libopus", "ogg", 48_000),
    "d.webm": ("libopus", "webm", 48_000), "e.wv": ("wavpack", "wv", 16_000), "f.tta": ("tta", "tta", 16_000),
    "g.m4b": ("alac", "ipod", 16_000), "h.3gp": ("aac", "3gp", 16_000), "i.mp2": ("mp2", "mp2", 16_000),
    "j.aiff": ("pcm_s16be", "aiff", 16_000), "k.au": ("pcm_s16be", "au", 16_000), "l.caf": ("pcm_s16le", "caf", 16_000),
    "m": ("pcm_s16le", "wav", 16_000), "n.dat": ("flac", "flac", 16_000), "o.mp3x": ("libmp3lame", "mp3", 16_000),
    "p.wav": ("aac", "mp4", 16_000), "q.txt.bak": ("aac", "ipod", 16_000), "r.WAV": ("pcm_s16le", "wav", 16_000),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_sound_is_told_by_content(name: str, tmp_path: Path) -> None:
    codec, container, rate = KINDS[name]
    encoded(tmp_path / name, tone(1.0, rate, hertz=300), rate, codec, container)
    assert sound_files(tmp_path) == [tmp_path / name]
    found = open_recordings(tmp_path, heldout=0)
    assert found.files == (name,) and 0.9 < found.seconds() < 1.2
    middle = found.clip(0)[4_000:12_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(spectrum.argmax() * 2 - 300) <= 2
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(10 ** (-23 / 20), rel=0.05)


NO_SOUND = {
    "picture.jpg": b"\xff\xd8\xff\xe0" + bytes(60), "table.csv": b"file|text\n", "two.txt": "\ufeffa".encode("utf-16"),
    "video.mp4": b"\0\0\0\x18ftypisom" + bytes(60), "picture.heic": b"\0\0\0\x18ftypheic" + bytes(60), "empty": b"",
    ".hidden.wav": b"RIFF\0\0\0\0WAVE", "picture.webp": b"RIFF\0\0\0\0WEBPVP8 ", "film.mkv": b"\x1a\x45\xdf\xa3",
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SOUND)
def test_what_is_no_sound_is_not_taken_for_it(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(NO_SOUND[name])
    assert sound_files(tmp_path) == []


def test_kinds_that_cannot_be_read_are_counted_and_named(tmp_path: Path, monkeypatch) -> None:
    folder_of(tmp_path, {"good.wav": tone(0.5)})
    for i in range(7):
        encoded(tmp_path / f"{i}.m4a", tone(0.3), 16_000, "aac", "mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    found = open_recordings(tmp_path, heldout=0)
    (note,) = [note for note in found.notes if note.startswith("left out")]
    assert note.startswith(f"left out: 7 files: 0.m4a (MP4 needs PyAV: {install('speech', 'av')}), 1.m4a")
    assert note.endswith("and 2 more")
    text = check_speech("x", tmp_path).lines()
    assert "unreadable: 7" in text and "  3.m4a: MP4 needs PyAV: " + install("speech", "av") in text
    assert len(open_speech(tmp_path).left_out) == 7
    monkeypatch.delitem(sys.modules, "av")
    found = open_recordings(tmp_path, heldout=0)
    assert len(found.train) == 8 and "PyAV" not in str(found.notes), (
        "once the package is here they are read, whatever the cache has"
    )


@pytest.mark.parametrize("head", [b"", b"\0" * 64, b"hello", b"\xff\xfeh\0", b"\xff\xd8\xff", b"PK\3\4", b"\x89PNG"])
def test_other_beginnings_are_no_sound(head: bytes) -> None:
    assert container_of(head) is None


def test_a_file_that_is_not_there_is_no_sound(tmp_path: Path) -> None:
    assert (
        head_of(tmp_path / "x") == b""
        and not is_sound(tmp_path / "x")
        and "rror" in str(read_sound(tmp_path / "x.wav"))
    )


def test_why_nothing_is_left(tmp_path: Path) -> None:
    folder_of(tmp_path, {f"{i}.wav": tone(1 + i / 10) for i in range(3)} | {"x.wav": np.zeros(8000, np.float32)})
    (tmp_path / "y.wav").write_bytes(b"x")
    with pytest.raises(PoiseError) as caught:
        open_recordings(tmp_path, longest=0.5)
    assert str(caught.value).endswith(
        "none of 5 sound files can be used, the first being 0.wav (1.0 s are longer than 0.5 s) and 2 more like it, "
        "x.wav (it is silent), y.wav (no sound, by its content text); give a folder with some that can, or a larger "
        "--longest"
    )
    assert reasons([(str(i), "abcdef"[i]) for i in range(6)]) == "0 (a), 1 (b), 2 (c), 3 (d) and 2 more reasons"


def test_without_trimming_a_long_clip_is_not_resampled(tmp_path: Path, monkeypatch) -> None:
    folder_of(tmp_path, {"a.wav": tone(1.0, 48_000)}, 48_000)
    monkeypatch.setattr("poise.data.speech.clips.resampled", lambda *_: pytest.fail("resampled"))
    assert prepare(tmp_path / "a.wav", USUAL.__class__(16_000, False, None, 0.1, 0.5)) == "1.0 s are longer than 0.5 s"


NAMED_SOUND = {  # what lies in a file that is called sound -> what it is told to be
    b"<!DOCTYPE html><html><body>404 Not Found</body></html>": "text",
    b'{"error": "not found"}': "text",
    b"PK\x03\x04" + bytes(900): "zip archive",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n": "text",
    b"%PDF-1.4\n" + bytes(100): "PDF",
    b"\x93NUMPY\x01\0": "numpy array",
}


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac", ".ogg", ".m4a"])
@pytest.mark.parametrize("content", NAMED_SOUND)
def test_what_is_only_called_sound_is_named_by_its_content(
    content: bytes, suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"a{suffix}").write_bytes(content)
    assert read_sound(tmp_path / f"a{suffix}") == f"no sound, by its content {NAMED_SOUND[content]}"
    assert capfd.readouterr() == ("", ""), "a library that tries to find sound in it would write here"
