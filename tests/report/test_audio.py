"""Sound files: what is read back is what was written, nothing is clipped, and joining keeps constants."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.errors import PoiseError
from poise.record import RunFolder
from poise.report import audio
from poise.report.audio import PEAK, joined, save_clips, save_wav

STEP = 2**-15  # of a sample of 16 bits
TONE = (0.5 * np.sin(0.1 * np.arange(800))).astype(np.float32)


def read(path: Path) -> tuple[np.ndarray, int]:
    """Samples int16 and rate, by the standard library; one channel of 16 bits."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getcomptype()) == (1, 2, "NONE")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()


def test_two_readers_find_the_samples_and_the_rate(tmp_path):
    save_wav(TONE, 22_050, tmp_path / "a.WAV")
    assert [p.name for p in tmp_path.iterdir()] == ["a.WAV"]
    samples, rate = read(tmp_path / "a.WAV")
    other, other_rate = soundfile.read(tmp_path / "a.WAV", dtype="int16")
    assert rate == other_rate == 22_050 and soundfile.info(tmp_path / "a.WAV").subtype == "PCM_16"
    assert np.array_equal(samples, other)
    assert np.abs(samples * STEP - TONE).max() <= STEP / 2


def test_samples_of_16_bits_come_back_exactly(tmp_path):
    """Up to the loudest that needs no scaling."""
    whole = np.arange(-(2**15) + 1, 2**15, dtype=np.int16)
    save_wav(whole.astype(np.float32) * STEP, 16_000, tmp_path / "a.wav")
    assert np.array_equal(read(tmp_path / "a.wav")[0], whole)


@pytest.mark.parametrize("loud", [-1.0, 1.0, 1 - STEP / 2, 3.0, 3e38])
def test_a_clip_that_is_too_loud_is_scaled_as_a_whole(tmp_path, loud):
    x = np.array([loud, loud / 2, 0, -loud / 4], np.float32)
    save_wav(x, 8000, tmp_path / "a.wav")
    wanted = np.array([1, 0.5, 0, -0.25]) * np.sign(loud) * PEAK
    assert np.abs(read(tmp_path / "a.wav")[0] * STEP - wanted).max() <= STEP


FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=FLOATS, scale=st.sampled_from([1.0, 1e-38]), rate=st.integers(1, 200_000))
def test_nothing_is_clipped_and_length_and_rate_hold(tmp_path, values, scale, rate):
    """The clip that is written is the given one times one gain, which is 1 unless it was too loud."""
    x = np.array(values, np.float32).astype(np.float64) * scale
    save_wav(x, rate, tmp_path / "a.wav")
    samples, found = read(tmp_path / "a.wav")
    peak = np.abs(x).max()
    gain = 1.0 if peak <= 1 - STEP else PEAK / peak
    assert found == rate and len(samples) == len(x)
    assert np.abs(samples * STEP - x * gain).max() <= STEP / 2 + 1e-9


@pytest.mark.parametrize(
    ("samples", "rate", "name", "match"),
    [
        (TONE, 8000, "a.mp3", r"--out \S*a\.mp3: name a \.wav file$"),
        (TONE, 8000, "a", r"--out \S*a: name a \.wav file$"),
        (TONE, 8000, "folder.wav", r"--out \S*folder\.wav: name a \.wav file$"),
        (TONE, 8000, "no/a.wav", r"--out \S*no/a\.wav: there is no folder \S*no; make it, or write elsewhere$"),
        (TONE[:0], 8000, "a.wav", r"a\.wav was not written: the clip is empty"),
        (np.array([0, np.nan, np.inf]), 8000, "a.wav", r"a\.wav was not written: 2 of 3 samples are not finite"),
        (TONE, 0, "a.wav", r"a\.wav was not written: 0 samples a second"),
    ],
)
def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path, samples, rate, name, match):
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(PoiseError, match=match):
        save_wav(samples, rate, tmp_path / name)
    assert [p.name for p in tmp_path.rglob("*")] == ["folder.wav"]


def test_several_channels_are_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match=r"not of shape \(2, 800\)"):
        save_wav(np.stack([TONE, TONE]), 8000, tmp_path / "a.wav")


# Joining.


@pytest.mark.parametrize("lengths", [[100], [100, 100], [100, 3, 1, 50], [7, 7, 7], [100, 0, 100]])
def test_joined_constants_are_constant(lengths):
    """And as long as all of them less the fades, each at most half of its neighbours."""
    made = joined([np.full(n, 0.3, np.float32) for n in lengths], rate=1000, fade=0.02)
    fades = [min(20, a // 2, b // 2) for a, b in pairwise(lengths)]
    assert len(made) == sum(lengths) - sum(fades)
    assert made.dtype == np.float32 and (made == np.float32(0.3)).all()


def test_one_part_is_itself_and_none_is_nothing():
    one = joined([TONE], 8000)
    assert np.array_equal(one, TONE) and one is not TONE
    assert joined([], 8000).shape == (0,)


def test_the_fade_is_a_raised_cosine():
    """From 1 to 0: y_k = (1 + cos(π(k + ½)/n))/2, with the parts untouched on either side."""
    made = joined([np.ones(50), np.zeros(60)], rate=1000, fade=0.01)
    assert (made[:40] == 1).all() and (made[50:] == 0).all() and len(made) == 100
    assert made[40:50] == pytest.approx((1 + np.cos(np.pi * (np.arange(10) + 0.5) / 10)) / 2, abs=1e-6)
    assert np.array_equal(joined([np.ones(50), np.zeros(60)], 1000, fade=0), np.repeat(np.float32([1, 0]), [50, 60]))


def test_a_gap_is_silence_that_is_faded_into():
    made = joined([np.ones(50), np.ones(50)], rate=1000, fade=0.01, gap=0.03)
    assert len(made) == 50 + 30 + 50 - 2 * 10
    assert (made[50:60] == 0).all() and made[:40].min() == made[70:].min() == 1
    assert made == pytest.approx(made[::-1], abs=1e-6)
    with pytest.raises(ValueError, match="neither may be negative"):
        joined([TONE], 8000, gap=-0.1)


# Folders of clips.

CLIPS = [("first", {"real": TONE, "generated": TONE[:99]}), ("second", {"real": -TONE})]
NAMES = {"000-real.wav", "000-generated.wav", "001-real.wav", "texts.json", "index.html"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_clips_have_a_folder_with_texts_and_a_page(tmp_path):
    save_clips(CLIPS, 8000, tmp_path / "more/clips", ["你好", "<b>"])
    assert {p.name for p in (tmp_path / "more/clips").iterdir()} == NAMES
    assert [p.name for p in (tmp_path / "more").iterdir()] == ["clips"]
    assert len(read(tmp_path / "more/clips/000-generated.wav")[0]) == 99
    assert np.array_equal(read(tmp_path / "more/clips/001-real.wav")[0], np.rint(-TONE * 2**15))
    assert json.loads((tmp_path / "more/clips/texts.json").read_text(encoding="utf-8")) == ["你好", "<b>"]
    save_clips(CLIPS, 8000, tmp_path / "named")
    assert json.loads((tmp_path / "named/texts.json").read_text()) == ["first", "second"]


def test_a_folder_of_clips_is_replaced_and_one_of_other_things_is_not(tmp_path, monkeypatch):
    folder = tmp_path / "clips"
    save_clips(CLIPS[:1], 8000, folder)
    save_clips(CLIPS, 16_000, folder)
    assert {p.name for p in folder.iterdir()} == NAMES and read(folder / "000-real.wav")[1] == 16_000
    with pytest.raises(PoiseError, match=r"holds something else, 001-real\.wav: empty it or choose another --out"):
        save_clips(CLIPS[:1], 8000, folder)
    assert {p.name for p in folder.iterdir()} == NAMES and [p.name for p in tmp_path.iterdir()] == ["clips"]
    monkeypatch.chdir(folder)
    with pytest.raises(PoiseError, match="is where you are"):
        save_clips(CLIPS, 8000, Path())


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_a_failure_leaves_the_folder_as_it_was(tmp_path, monkeypatch, there, failing):
    """The disk is full at the second file, or the finished folder cannot be put in its place."""
    if there:
        save_clips(CLIPS, 8000, tmp_path / "clips")
    before = contents(tmp_path)
    original, calls = getattr(os, failing), []

    def broken(*arguments):
        calls.append(arguments)
        if len(calls) == 2 or (failing == "rename" and not there and len(calls) == 1):
            raise OSError(28, "No space left on device")
        return original(*arguments)

    monkeypatch.setattr(os, failing, broken)
    with pytest.raises(PoiseError, match=r"cannot make the folder .*clips: No space left on device"):
        save_clips(CLIPS, 16_000, tmp_path / "clips")
    assert contents(tmp_path) == before and len(list(tmp_path.iterdir())) == there


def test_a_clip_that_is_not_finite_is_named_and_nothing_is_written(tmp_path):
    bad = [*CLIPS, ("third", {"real": np.array([np.nan])})]
    with pytest.raises(PoiseError, match=r"clips/002-real\.wav was not written: 1 of 1 samples are not finite"):
        save_clips(bad, 8000, tmp_path / "clips")
    with pytest.raises(ValueError, match=r"'a/b' cannot be part of a file name"):
        save_clips([("x", {"a/b": TONE})], 8000, tmp_path / "clips")
    with pytest.raises(ValueError, match="zip"):
        save_clips(CLIPS, 8000, tmp_path / "clips", ["one text"])
    (tmp_path / "file").touch()
    with pytest.raises(PoiseError, match=r"cannot make the folder .*file: Not a directory"):
        save_clips(CLIPS, 8000, tmp_path / "file")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_is_swept(tmp_path):
    """Folders under a temporary name beside the samples of a run, and the files."""
    folder = RunFolder(tmp_path)
    save_clips(CLIPS, 8000, folder.samples / "00001000")
    gone = subprocess.Popen(["true"])
    gone.wait()
    host = re.sub(r"\W|_", "", socket.gethostname())
    ending = f"{'0a1b' * 4}.tmp"
    for name in (f".00002000.{host}-{gone.pid}-{ending}", f".00003000.{host}-{gone.pid}-{ending}"):
        shutil.copytree(folder.samples / "00001000", folder.samples / name)
    for process in (gone.pid, os.getpid()):  # what a living process writes stays
        (folder.samples / f".index.html.{host}-{process}-{ending}").touch()
    folder.sweep()
    assert sorted(p.name for p in folder.samples.iterdir()) == [
        f".index.html.{host}-{os.getpid()}-{ending}",
        "00001000",
    ]


def test_the_door_opens_what_it_promises():
    assert all(callable(getattr(audio, name)) for name in audio.__all__)
