"""`poise data check` for recordings: facts, and what it suggests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from poise.data.catalogue import catalogue
from poise.data.files import store
from poise.data.speech.check import check_speech
from poise.data.speech.loudness import to_int16
from poise.errors import PoiseError
from tests.data.clips import folder_of, tone
from tests.data.reports import facts


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Good clips in four formats, and every kind of bad one."""
    good = to_int16(tone(1.0, before=0.5))
    folder = folder_of(
        tmp_path / "mixed",
        {
            "a/good.wav": good,
            "a/same.flac": good,
            "a/clipped.wav": np.clip(tone(0.5, peak=3), -1, 1),
            "b/silent.wav": np.zeros(8000, np.float32),
            "b/empty.wav": np.zeros(0, np.float32),
            "b/faint.wav": tone(0.5, peak=0.005),
            "b/stereo.ogg": np.stack([tone(0.5), tone(0.5)], 1),
        },
    )
    soundfile.write(folder / "b/other.mp3", tone(0.5, 44_100), 44_100)
    (folder / "b/broken.wav").write_bytes(b"x")
    (folder / "notes.md").write_text("no sound")
    return folder


@pytest.mark.slow
def test_a_mixed_folder(mixed: Path, cache: Path) -> None:
    (mixed / "metadata.csv").write_text(
        "file|text|voice\na/good.wav|hello|Ann\nb/stereo.ogg|hello|Bob\nb/broken|x|Ann\n"
    )
    report = check_speech("mixed", mixed)
    assert (len(report.infos), len(report.by_file), report.voices) == (7, 2, {"Ann": 1, "Bob": 1})
    assert report.clipped == ["a/clipped.wav"]
    assert report.silent == ["b/silent.wav"]
    assert report.quiet == ["b/faint.wav"]
    assert report.duplicates == [("a/good.wav", "a/same.flac")]
    assert [name for name, _ in report.unreadable] == ["b/broken.wav", "b/empty.wav"]
    text = report.lines()
    assert not cache.exists()  # nothing is written; what the recipes' openers prepare is, below
    *shown, vocoder, speech = facts(mixed)
    assert text == shown
    assert vocoder == "train vocoder: mixed: 6 clips, 0.1 minutes at 16,000 Hz, 6 to train on and 0 held out"
    assert "none of 6 clips" not in speech and "recordings to learn from" in speech
    assert text[0].startswith("mixed (sound): 7 readable clips, 0.1 minutes together")
    assert "formats: WAV PCM_16 (4), FLAC PCM_16 (1), MP3 MPEG_LAYER_III (1), OGG VORBIS (1)" in text
    assert "rates in Hz: 16,000 (6), 44,100 (1)" in text
    assert "channels: mono (6), stereo (1)" in text
    assert any(
        line.startswith("seconds in a clip: shortest 0.50, a quarter up to 0.50, half up to 0.5") for line in text
    )
    assert "silence at the ends: 0.9 s" in text  # twice 0.5, of which 0.03 s and less than a frame stay
    assert "texts: 2 of 7 clips have one, 1 of them different" in text
    assert "voices: 2: Ann (1), Bob (1)" in text
    assert "recorded too loud, so that they are clipped: 1: a/clipped.wav" in text
    assert "silent: 1: b/silent.wav" in text
    assert "duplicates: 1: a/good.wav = a/same.flac" in text
    assert "unreadable: 2" in text
    assert "  b/empty.wav: the file holds no sound" in text
    assert "suggested: --voice Ann (or another of 2: one voice alone, 1 clips)" in text


def test_progress_and_levels(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "two", {"a.wav": tone(1.0, hertz=1000), "b.wav": tone(1.0, hertz=500)})
    calls: list[tuple[int, int]] = []
    text = check_speech("two", folder, lambda done, total: calls.append((done, total))).lines()
    assert calls == [(1, 2), (2, 2)]
    assert "level of the speech: -9.0 to -9.0 dB, mean -9.0" in text  # 20 log10(0.5) - 3.01
    assert "silence at the ends: 0.0 s" in text
    assert "texts: none (give a metadata.csv, or a .txt beside each file)" in text
    assert not any("suggested" in line for line in text)


SUGGESTED = {
    "rate": ({"a.wav": tone(0.5, 8_000)}, 8_000, "--rate 8000 (half of the clips have no more samples a second)"),
    "longest": (
        {"a.wav": tone(21.2), "b.wav": tone()},
        16_000,
        "--longest 22 (1 clips are longer than 20 s, and left out)",
    ),
    "shortest": (
        {"a.wav": np.pad(tone(0.03), 1), "b.wav": tone()},
        16_000,
        "--shortest 0.03 (1 clips are shorter than 0.1 s, and left out)",
    ),
    "labels": (
        {"a/1.wav": tone(), "b/1.wav": tone(0.3)},
        16_000,
        "--labels {voice}/{} (if the 2 sub-folders are voices)",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SUGGESTED)
def test_suggested_flags(name: str, tmp_path: Path) -> None:
    files, rate, flag = SUGGESTED[name]
    assert f"suggested: {flag}" in facts(folder_of(tmp_path / "some", files, rate))


def test_a_fetched_set_by_its_name(cache: Path) -> None:
    with pytest.raises(PoiseError, match="get it with `poise data get asterisk-it`"):
        facts("asterisk-it")
    with store.building(catalogue.find("asterisk-it").folder) as folder:
        folder_of(folder, {"a.flac": tone()})
    assert facts("asterisk-it")[0].startswith("asterisk-it (sound): 1 readable clips")
    with pytest.raises(PoiseError, match="asterisk-it has no columns: leave out --column text"):
        facts("asterisk-it", "text")


def test_nothing_readable_and_a_bad_table(mixed: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.wav").write_bytes(b"x")
    with pytest.raises(PoiseError, match=r"none of 1 sound files can be read, the first being a\.wav \(.+\); give"):
        facts(tmp_path / "bad")
    (mixed / "metadata.csv").write_text("a/god|hello\n")
    with pytest.raises(PoiseError, match=r"line 1 \(names 'a/god', which is no sound file; did you mean 'a/good'"):
        facts(mixed)
