"""Files told to be sound, or not, by what is in them; which are left out, and why."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from poise.data.files.containers import container_of, head_of, is_sound
from poise.data.speech import hearing
from poise.data.speech.check import check_speech
from poise.data.speech.clips import ClipOptions, prepare, reasons
from poise.data.speech.hearing import read_sound
from poise.data.speech.recordings import open_recordings
from poise.data.speech.speech import open_speech, sound_files
from poise.errors import PoiseError
from poise.installing import install
from tests.data.clips import folder_of, tone
from tests.data.loud_files import encoded

USUAL = ClipOptions(16_000, True, -23.0, 0.1, 20.0)

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


def test_a_file_that_found_no_memory_is_left_out_by_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path, {"a.wav": tone(0.5)})

    def short_of_memory(*_: object) -> hearing.Sound:
        raise MemoryError

    for way in ("_by_libsndfile", "_by_ffmpeg"):
        monkeypatch.setattr(hearing, way, short_of_memory)
    assert read_sound(tmp_path / "a.wav") == "there is not enough memory to read it"


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
