"""Stand-ins for a listener: STOI, PESQ where it is installed, and words that pocketsphinx recognises."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest

from poise.audio.spectrograms import Mel
from poise.data.catalogue import fetch
from poise.data.speech.recordings import open_recordings
from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.installing import install
from poise.metrics.speech import heard as heard_members
from poise.metrics.speech.heard import edits, pesq, recognised, stoi, wer, word_errors, words
from poise.metrics.speech.members import mcd
from poise.metrics.speech.metric import Context, Pair, measure_pairs
from tests.metrics.sounds import RATE, noise, spoken

REAL = spoken()


def under_noise(height: float) -> Wave:
    return Wave(REAL.samples + noise(1.2, 5, height).samples, RATE)


def test_stoi_falls_with_noise_and_short_clips_have_none() -> None:
    found = [stoi.of_pair(REAL, made, Context())["STOI"] for made in (REAL, under_noise(0.02), under_noise(0.3))]
    assert found[0] == pytest.approx(1)
    assert found[0] > found[1] + 0.01 > found[2] + 0.1
    for seconds in (0.05, 0.3, 0.39, 0.4):
        short = Wave(REAL.samples[4000 : 4000 + round(seconds * RATE)], RATE)
        assert stoi.of_pair(short, short, Context()) == {}
    silence = Wave(np.pad(REAL.samples[4000:8000], (0, RATE)), RATE)  # 0.25 s of sound
    assert stoi.of_pair(silence, silence, Context()) == {}


def test_pesq_of_equal_clips_is_the_highest_there_is() -> None:
    """4.64 for wide band (ITU-T P.862.2) and 4.55 for narrow band (P.862.1): where it is installed."""
    if find_spec("pesq") is None:
        with pytest.raises(PoiseError, match=re.escape(install("pesq"))):
            pesq.ready()
    else:
        narrow = Context(Mel(rate=8000, window=256, hop=64, bands=40))
        assert pesq.of_pair(REAL, REAL, Context())["PESQ wb"] == pytest.approx(4.6439, abs=1e-3)
        assert pesq.of_pair(REAL, REAL, narrow)["PESQ nb"] == pytest.approx(4.5486, abs=1e-3)
        assert pesq.of_pair(REAL, under_noise(0.02), Context())["PESQ wb"] < 4


def test_pesq_is_asked_at_the_right_rate(monkeypatch) -> None:
    """A stand-in for the package: wide band from 16 kHz on, narrow band below; what it refuses has no value."""
    asked = []

    class TooShort(Exception):
        pass

    def stand_in(rate, real, made, kind):
        asked.append((rate, len(real), len(made), kind))
        if len(real) < rate // 4:
            raise TooShort
        return 3.0

    module = ModuleType("pesq")
    module.pesq, module.BufferTooShortError, module.NoUtterancesError = stand_in, TooShort, KeyError
    monkeypatch.setitem(sys.modules, "pesq", module)
    second = Wave(REAL.samples[:RATE], RATE)
    assert pesq.of_pair(second, second, Context()) == {"PESQ wb": 3.0}
    assert pesq.of_pair(second, second, Context(Mel(22_050, 1024, 256))) == {"PESQ wb": 3.0}
    assert pesq.of_pair(second, second, Context(Mel(8000, 256, 64, 40))) == {"PESQ nb": 3.0}
    assert asked == [(16_000,) * 3 + ("wb",), (16_000,) * 3 + ("wb",), (8000,) * 3 + ("nb",)]
    short = Wave(REAL.samples[:3000], RATE)
    assert pesq.of_pair(short, short, Context()) == {}


@pytest.mark.parametrize(
    ("wanted", "heard", "expected"),
    [
        ("", "", 0),
        ("a b c", "a b c", 0),
        ("a b c", "", 3),
        ("", "a b", 2),
        ("a b c", "a x c", 1),
        ("a b c", "b c", 1),
        ("a b c", "a b b c", 1),
        ("a b c d", "b c d a", 2),
        ("k i t t e n", "s i t t i n g", 3),
        ("i n t e n t i o n", "e x e c u t i o n", 5),
    ],
)
def test_edits(wanted: str, heard: str, expected: int) -> None:
    assert edits(wanted.split(), heard.split()) == edits(heard.split(), wanted.split()) == expected


def test_words_are_those_that_are_said() -> None:
    assert words("Don’t -- 'stop' the U.S. mail-box 3 times_now!") == [
        *("don't", "stop", "the", "u", "s", "mail", "box", "3", "times", "now")
    ]
    assert words("") == words("...") == []


def test_the_word_error_rate_is_pooled_over_words(monkeypatch) -> None:
    """One wrong word of two, none of four: 1/6 of the words, not 1/4."""
    said = {REAL.samples.tobytes(): "one two", REAL.samples[1:].tobytes(): "a b c d"}
    monkeypatch.setattr(heard_members, "recognised", lambda wave: said.get(wave.samples.tobytes(), "one two"))
    last = Wave(REAL.samples[1:], RATE)
    pairs = [Pair(REAL, REAL, "One, one!", "en"), Pair(last, last, "A b c d", "en"), Pair(REAL, REAL, "zwei", "de")]
    found = measure_pairs(pairs, metrics=["WER"])
    assert found.found["WER"]["WER"].value == pytest.approx(1 / 6)
    assert found.found["WER"]["WER of the real clips"].value == pytest.approx(1 / 6)
    assert (found.found["WER"]["WER"].n, found.found["WER"]["WER"].m) == (2, 3)
    assert found.notes == []
    assert not wer.applies(Context(text="", language="en"))
    assert word_errors(np.array([[3.0, 2.0]]), np.zeros(1, np.int64)) == 1.5


def test_words_heard_otherwise_need_no_text(monkeypatch) -> None:
    """Real: "one two three"; made: "one two too", one of three. A real clip without words does not count."""
    made, other = (Wave(REAL.samples[n:], RATE) for n in (1, 2))
    said = {REAL.samples.tobytes(): "one two three", made.samples.tobytes(): "one two too"}
    monkeypatch.setattr(heard_members, "recognised", lambda wave: said.get(wave.samples.tobytes(), ""))
    pairs = [Pair(REAL, made, "", "en"), Pair(REAL, REAL, "", "en"), Pair(other, made, "", "en")]
    found = measure_pairs(pairs, metrics=["heard otherwise"]).found["heard otherwise"]["heard otherwise"]
    assert found.value == pytest.approx(1 / 6) and (found.n, found.m) == (2, 3)


@pytest.mark.slow
def test_silence_has_no_words_and_a_clip_has_the_same_ones_again() -> None:
    assert recognised(Wave(np.zeros(8000, np.float32), RATE)) == ""
    assert recognised(Wave(np.zeros(1, np.float32), RATE)) == ""
    first = recognised(REAL)
    recognised(noise(1.0))
    assert recognised(REAL) == first


@pytest.mark.real
def test_recorded_prompts_are_recognised_and_noise_hides_them() -> None:
    fetch.get("asterisk-en")
    clips = open_recordings("asterisk-en")
    rows = [row for row in range(len(clips)) if len(words(clips.texts[row])) >= 2]
    pairs = []
    for row in rows:
        clip = clips.clip(row)
        hiss = noise(len(clip) / RATE, row, float(np.sqrt(np.square(clip).mean()))).samples[: len(clip)]
        pairs.append(Pair(Wave(clip, RATE), Wave(clip + hiss, RATE), clips.texts[row], "en"))
    found = measure_pairs(pairs, metrics=["WER", "STOI", "MCD"]).found
    real, made = found["WER"]["WER of the real clips"], found["WER"]["WER"]
    assert real.value < 0.8  # the texts are names of files: "number not answering" for "the number is not answering"
    assert made.value > max(real.value + 0.2, 0.9)
    assert 0.5 < found["STOI"]["STOI"].value < 0.95
    assert found["MCD"]["MCD"].value > 4
    assert mcd.unit == "dB"
