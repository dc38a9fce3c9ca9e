"""Recordings ready to train on: prepared once, split by what is said, with all that is wrong told."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from poise.data.catalogue import catalogue
from poise.data.files import store
from poise.data.plain import open_items
from poise.data.speech import clips as prepared
from poise.data.speech import loudness as levels
from poise.data.speech.recordings import Recordings, open_recordings
from poise.data.speech.speech import Wave, resampled
from poise.errors import PoiseError
from tests.data.clips import folder_of, tone


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Twenty tones of 110, 120 ... Hz and of 0.2 s, with silence around them, made long ago."""
    files = {f"{i:02}.wav": tone(0.2, hertz=110 + 10 * i, before=0.1, after=0.1) for i in range(20)}
    folder = folder_of(tmp_path / "clips", files)
    return folder


def table(folder: Path, lines: list[str]) -> None:
    (folder / "metadata.csv").write_text("\n".join(["file|text|voice", *lines]) + "\n")


def test_what_is_inside(clips: Path) -> None:
    calls: list[tuple[int, int]] = []
    found = open_recordings(clips, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i + 1, 20) for i in range(20)]
    assert (found.name, len(found), found.rate) == ("clips", 20, 16_000)
    assert found.files == tuple(f"{i:02}.wav" for i in range(20))
    assert (found.texts, found.voices, found.left_out) == (("",) * 20, ("",), [])
    assert found.voice.tolist() == [0] * 20
    assert isinstance(found.samples, np.memmap)
    assert (found.samples.dtype, len(found.samples)) == (np.int16, found.starts[-1])
    assert sorted([*found.train, *found.heldout]) == list(range(20))
    assert found.seconds() == len(found.samples) / 16_000
    assert found.describe() == (
        f"clips: 20 clips, 0.1 minutes at 16,000 Hz, {len(found.train)} to train on and {len(found.heldout)} held out"
    )
    for row in range(20):
        clip = found.clip(row)
        assert clip.dtype == np.float32
        assert 0.26 <= len(clip) / 16_000 <= 0.30  # 30 ms and less than a frame on either side
        assert levels.level(clip, 16_000) == pytest.approx(-23, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_formats_rates_and_channels(suffix: str, rate: int, channels: int, tmp_path: Path) -> None:
    x = tone(0.5, rate, hertz=300)
    stereo = np.stack([x, np.zeros_like(x)], 1) if channels == 2 else x
    folder = folder_of(tmp_path / "one", {f"a.{suffix}": stereo}, rate)
    found = open_recordings(folder, rate=16_000, trim=False, loudness=None, heldout=0)
    expected = tone(0.5, 16_000, hertz=300) / channels
    clip = found.clip(0)
    assert abs(len(clip) - len(expected)) <= 3 * 1152 * 16_000 / rate  # MP3 comes in whole frames
    lags = range(len(clip) - 6000) if suffix == "mp3" else [0]
    errors = [np.sqrt(np.mean((clip[lag + 1500 : lag + 6000] - expected[1500:6000]) ** 2)) for lag in lags]
    assert min(errors) < (0.1 if suffix in ("ogg", "mp3") else 5e-4) * np.sqrt(np.mean(expected**2))
    assert f"resampled to 16,000 Hz: 1 from {rate:,} Hz" in found.notes or rate == 16_000


def test_nothing_is_changed_that_nobody_asks_for(clips: Path) -> None:
    found = open_recordings(clips, trim=False, loudness=None)
    for row, name in enumerate(found.files):
        samples, _ = soundfile.read(clips / name, dtype="int16")
        assert np.array_equal(found.samples[found.starts[row] : found.starts[row + 1]], samples)
    at_8k = open_recordings(clips, rate=8_000, trim=False, loudness=None)
    once = resampled(Wave(found.clip(3), 16_000), 8_000)
    np.testing.assert_allclose(at_8k.clip(3), once, atol=0.6 / 32_768)


def test_no_clip_is_made_too_loud(tmp_path: Path) -> None:
    x = tone(0.5, peak=0.01)
    x[4000] = 0.9  # a click, which a gain of 30 dB would cut off
    found = open_recordings(folder_of(tmp_path / "one", {"a.wav": x}), heldout=0)
    assert np.abs(found.clip(0)).max() == pytest.approx(0.95, abs=1e-4)
    assert "brought to -23 dB but for 1 that would come above 0.95" in "; ".join(found.notes)


def test_a_second_start_reads_and_decodes_nothing(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poise.data.files.index.TOO_FRESH", 0)  # files of this moment count as settled
    first = open_recordings(clips)
    for name in ("read_sound", "_digest"):
        monkeypatch.setattr(prepared, name, lambda *_: pytest.fail("read again"))
    second = open_recordings(clips)
    assert (second.fingerprint, second.notes) == (first.fingerprint, first.notes)
    assert np.array_equal(second.samples, first.samples)


def test_a_copy_elsewhere_shares_the_cache(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_recordings(clips)
    shutil.copytree(clips, tmp_path / "moved")
    monkeypatch.setattr(prepared, "read_sound", lambda *_: pytest.fail("decoded again"))
    assert open_recordings(tmp_path / "moved").fingerprint == first.fingerprint


def test_changes_of_content_options_and_texts_are_seen(clips: Path) -> None:
    options: list[dict] = [{}, {"rate": 8_000}, {"trim": False}, {"loudness": -30}, {"loudness": None}]
    seen = [open_recordings(clips, **more).fingerprint for more in options]
    seen.append(open_recordings(clips, labels="{text}").fingerprint)
    soundfile.write(clips / "03.wav", tone(0.3), 16_000)
    seen.append(open_recordings(clips).fingerprint)
    (clips / "04.wav").unlink()
    seen.append(open_recordings(clips).fingerprint)
    assert len(set(seen)) == len(seen) == 8
    assert open_recordings(clips, heldout=0.5).fingerprint == seen[-1]


def test_a_damaged_cache_is_made_again(clips: Path, cache: Path) -> None:
    first = open_recordings(clips)
    samples = np.array(first.samples)  # the file under the map goes
    for name in ("samples.npy", "starts.npy", "meta.json"):
        (place,) = (cache / "recordings").iterdir()
        (place / name).write_bytes(b"x")
        assert open_recordings(clips).fingerprint == first.fingerprint
    (place,) = (cache / "recordings").iterdir()
    np.save(place / "samples.npy", samples[:-1])
    assert np.array_equal(open_recordings(clips).samples, samples)


def test_a_file_that_changes_while_it_is_read(clips: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = prepared.read_sound

    def meddle(file: Path) -> object:
        if file.name == "07.wav":
            soundfile.write(file, tone(0.4), 16_000)
        return honest(file)

    monkeypatch.setattr(prepared, "read_sound", meddle)
    with pytest.raises(PoiseError, match=r"07\.wav changed while it was read: start again"):
        open_recordings(clips)
    assert not list((cache / "recordings").iterdir())


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    files = {
        "good.wav": tone(0.3),
        "clipped.wav": np.clip(tone(0.3, peak=3.0), -1, 1),
        "silent.wav": np.full(8000, 1e-4, np.float32),
        "empty.wav": np.zeros(0, np.float32),
        "short.wav": tone(0.02, before=1),
        "long.wav": tone(2.5),
        "faint.flac": tone(0.3, peak=0.01),
    }
    folder = folder_of(tmp_path / "some", files)
    (folder / "noise.mp3").write_bytes(b"no sound at all")
    (folder / ".hidden.wav").write_bytes(b"x")
    found = open_recordings(folder, heldout=0, longest=2)
    assert found.files == ("clipped.wav", "faint.flac", "good.wav")
    reasons = dict(found.left_out)
    assert reasons.keys() == {"silent.wav", "empty.wav", "short.wav", "long.wav", "noise.mp3"}
    assert reasons["silent.wav"] == "it is silent"
    assert reasons["short.wav"] == "0.06 s are shorter than 0.1 s"
    assert reasons["long.wav"] == "2.5 s are longer than 2 s"
    assert reasons["empty.wav"] == "the file holds no sound"
    notes = "\n".join(found.notes)
    assert "left out: 5 files: empty.wav (the file holds no sound), " in notes
    assert "recorded too loud, so that they are clipped: 1: clipped.wav" in notes
    assert "20 dB quieter than most, and perhaps empty: 1: faint.flac" in notes
    assert open_recordings(folder, heldout=0, shortest=0.05, longest=3).files[-1] == "short.wav"


def test_the_same_text_is_on_one_side_and_content_decides_without(clips: Path) -> None:
    plain = open_recordings(clips, heldout=0.3, labels=None)
    train, _ = open_items(clips).split(0.3)
    assert plain.train.tolist() == sorted(train.tolist())  # the same clips as for everything else
    said = ["one", "two", "Three!", "three", "four", "five", "six", "seven", "eight", "nine"]
    table(clips, [f"{i:02}.wav|{said[i % 10]}|{'ab'[i // 10]}" for i in range(20)])
    sides = [open_recordings(clips, heldout=share) for share in (0.2, 0.3, 0.5)]
    for found in sides:
        held = {found.texts[row].lower().strip("!") for row in found.heldout}
        assert held.isdisjoint({found.texts[row].lower().strip("!") for row in found.train})
    assert set(sides[0].heldout) <= set(sides[1].heldout) <= set(sides[2].heldout) != set(sides[0].heldout)
    assert "texts: 20 of the 20 clips have one" in sides[0].notes
    assert "voices: 2: a, b" in sides[0].notes


def test_a_share_of_the_training_clips(clips: Path) -> None:
    found = [open_recordings(clips, heldout=0.2, share=share) for share in (0.3, 0.6, 1.0)]
    assert set(found[0].train) < set(found[1].train) < set(found[2].train)
    assert [one.heldout.tolist() for one in found] == [found[0].heldout.tolist()] * 3
    assert len(found[2].train) + len(found[2].heldout) == 20


def test_one_voice(clips: Path) -> None:
    table(clips, [f"{i:02}.wav|text {i}|{'Ann' if i % 4 else 'Bob'}" for i in range(19)])
    everyone = open_recordings(clips)
    assert everyone.voices == ("", "Ann", "Bob")
    assert [everyone.voices[v] for v in everyone.voice[:5]] == ["Bob", "Ann", "Ann", "Ann", "Bob"]
    bob = open_recordings(clips, voice="Bob", heldout=0)
    assert (bob.files, bob.voices) == (("00.wav", "04.wav", "08.wav", "12.wav", "16.wav"), ("Bob",))
    assert np.array_equal(bob.clip(1), everyone.clip(4))
    with pytest.raises(PoiseError, match=r"--voice Bop: .* has no such voice; did you mean 'Bob'\?; it has: Ann, Bob"):
        open_recordings(clips, voice="Bop")


def test_labels_out_of_the_names(tmp_path: Path) -> None:
    names = ["ann/ma1.wav", "ann/ma2.wav", "bob/ma1.wav", "stray.wav"]
    folder = folder_of(tmp_path / "some", {name: tone(0.2, hertz=100 * i + 100) for i, name in enumerate(names)})
    found = open_recordings(folder, labels="{voice}/{text}", heldout=0)
    assert (found.texts, found.voices, found.voice.tolist()) == (("ma1", "ma2", "ma1"), ("ann", "bob"), [0, 0, 1])
    assert found.left_out == [("stray.wav", "does not match --labels {voice}/{text}")]
    assert open_recordings(folder, labels="{voice}/{}", voice="ann", heldout=0).files == ("ann/ma1.wav", "ann/ma2.wav")


def test_a_fetched_set_by_its_name(cache: Path) -> None:
    entry = catalogue.find("asterisk-en")
    with store.building(entry.folder) as folder:
        folder_of(folder, {"hello.flac": tone(0.3), "digits/1.flac": tone(0.4)})
        (folder / "metadata.csv").write_text("file|text\nhello.flac|hello\ndigits/1.flac|one\n")
    found = open_recordings("asterisk-en", heldout=0)
    assert (found.name, found.texts) == ("asterisk-en", ("one", "hello"))
    assert isinstance(found, Recordings)


BAD: list[tuple[dict, str]] = [
    ({"rate": 3_999}, r"--rate 3999 is not possible: give 4,000 to 96,000 samples a second"),
    ({"rate": 96_001}, r"--rate 96001 is not possible"),
    ({"loudness": 0.0}, r"--loudness 0 is not possible: give dB from -60 to -3, such as -23"),
    ({"loudness": -70.0}, r"--loudness -70 is not possible"),
    ({"shortest": -1.0}, r"--shortest -1 and --longest 20 are not possible"),
    ({"shortest": 3.0, "longest": 2.0}, r"--shortest 3 and --longest 2 are not possible"),
    ({"longest": 601.0}, r"--longest 601 are not possible: give seconds from 0 to 600"),
    ({"heldout": 1.0}, r"--heldout 1 is not possible: give a share from 0 to below 1"),
    ({"share": 0.0}, r"--share 0 is not possible: give a share above 0"),
    ({"voice": "Ann"}, r"--voice Ann: nothing in .* names voices: leave it out, or give --labels \{voice\}/\{text\}"),
    (
        {"heldout": 0.999},
        r"clips: none of 20 clips is left to train on at --heldout 0.999 and --share 1: give a smaller",
    ),
    (
        {"longest": 0.15},
        r"none of 20 sound files can be used, the first being 00\.wav \(0\.3 s are longer than 0\.15 s\)",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("options", "message"), BAD, ids=[str(options) for options, _ in BAD])
def test_what_cannot_be_is_one_sentence(options: dict, message: str, clips: Path, cache: Path) -> None:
    with pytest.raises(PoiseError, match=message) as caught:
        open_recordings(clips, **options)
    assert "\n" not in str(caught.value)
    assert not list(cache.glob("recordings/.building*"))


def test_what_holds_no_recordings(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(PoiseError, match=r"text\.txt holds no recordings: give a folder of sound files"):
        open_recordings(tmp_path / "text.txt")
    with pytest.raises(PoiseError, match="nothing holds no sound files"):
        open_recordings(tmp_path / "nothing")
    with pytest.raises(
        PoiseError, match="no file, folder or data set called 'asterisk-eng'; did you mean 'asterisk-en'"
    ):
        open_recordings("asterisk-eng")
