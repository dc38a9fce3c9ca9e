"""Packages of recordings, made here, and the sound files that come out of them."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from poise.data.catalogue import catalogue
from poise.data.files import store
from poise.data.speech import unpack as unpack_speech
from poise.data.speech.recordings import open_recordings
from poise.data.transcripts.prompts import spelled_out
from poise.errors import PoiseError
from poise.installing import install
from tests.data.clips import tone
from tests.data.test_unpack import deb, tgz

OGG = "./usr/share/gcin-voice/ogg/"
RIGHTS = "./usr/share/doc/gcin-voice/copyright"
SOUNDS = "./usr/share/asterisk/sounds/en_US_f_Allison/"
ENGLISH = "./usr/share/doc/asterisk-core-sounds-en-g722/copyright"
english = partial(unpack_speech.asterisk, language="en")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def package(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "some.deb"
    path.write_bytes(deb(tgz(files)))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_mandarin_syllables(tmp_path: Path, out: Path) -> None:
    files = {"ㄇㄚ/3": b"1", "ㄇㄚ3/5": b"2", "ㄌㄩ4/3": b"3", "ㄇㄚ1/3": b"4", "ㄓ2/5": b"5", "ㄅ/3": b"6"}
    clips = {f"{OGG}{name}.ogg": content for name, content in files.items()}
    others = {f"{OGG}ㄇㄚ/4.ogg": b"x", f"{OGG}../../ㄇㄚ/3.ogg": b"x", RIGHTS: b"GPL"}
    unpack_speech.mandarin_syllables(package(tmp_path, clips | others), out)
    found = contents(out)
    table = found.pop("metadata.csv").decode().splitlines()
    assert found == {
        "A/ma1.ogg": b"1",
        "B/ma3.ogg": b"2",
        "A/lv4.ogg": b"3",
        "A/ma5.ogg": b"4",
        "B/zhi2.ogg": b"5",
        "A/b1.ogg": b"6",
        "LICENSE": b"GPL",
    }
    assert table[0] == "file|text|voice|zhuyin"
    assert table[1:] == [
        "A/b1.ogg|b1|A|ㄅ",
        "A/lv4.ogg|lv4|A|ㄌㄩˋ",
        "A/ma1.ogg|ma1|A|ㄇㄚ",
        "A/ma5.ogg|ma5|A|˙ㄇㄚ",
        "B/ma3.ogg|ma3|B|ㄇㄚˇ",
        "B/zhi2.ogg|zhi2|B|ㄓˊ",
    ]


def g722(x: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="g722") as opened:
        stream = opened.add_stream("g722", rate=16_000, layout="mono")
        samples = (x * 32_767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            opened.mux(packet)
    return buffer.getvalue()


def test_prompts_are_decoded(tmp_path: Path, out: Path) -> None:
    """G.722 of 64 kbit/s: 22 samples late, and within 2 % of a tone."""
    x = tone(0.5, hertz=500)
    names = ["hello-world", "digits/h-3", "vm-intro", "beep", "silence/1", "tt-monkeys", "confbridge-join"]
    files = {f"{SOUNDS}{name}.g722": g722(x) for name in names}
    others = {f"{SOUNDS}empty.g722": b"", f"{SOUNDS}../../../evil.g722": g722(x), ENGLISH: b"CC"}
    english(package(tmp_path, files | others), out)
    assert contents(out).keys() == {"hello-world.flac", "digits/h-3.flac", "vm-intro.flac", "metadata.csv", "LICENSE"}
    table = (out / "metadata.csv").read_text().splitlines()
    assert table == ["file|text", "digits/h-3.flac|third", "hello-world.flac|hello world", "vm-intro.flac|"]
    info = soundfile.info(out / "hello-world.flac")
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    found, _ = soundfile.read(out / "hello-world.flac")
    assert len(found) == len(x)
    errors = [np.sqrt(np.mean((found[1000 + lag : 7000 + lag] - x[1000:7000]) ** 2)) for lag in range(40)]
    assert np.argmin(errors) == 22
    assert min(errors) < 0.02 * np.sqrt(np.mean(x**2))


def test_other_languages_have_no_texts(tmp_path: Path, out: Path) -> None:
    files = {
        "./usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU/hello-world.g722": g722(tone()),
        "./usr/share/doc/asterisk-core-sounds-ru-g722/copyright": b"CC",
    }
    unpack_speech.asterisk(package(tmp_path, files), out, "ru")
    assert (out / "metadata.csv").read_text() == "file|text\nhello-world.flac|\n"


SPELLED = {
    "activated": "activated",
    "all-circuits-busy-now": "all circuits busy now",
    "digits/0": "zero",
    "digits/17": "seventeen",
    "digits/90": "ninety",
    "digits/h-1": "first",
    "digits/h-12": "twelfth",
    "digits/h-20": "twentieth",
    "digits/h-hundred": "hundredth",
    "digits/day-0": "Sunday",
    "digits/mon-11": "December",
    "digits/a-m": "a m",
    "digits/oclock": "o'clock",
    "letters/w": "w",
    "letters/ascii36": "",
    "phonetic/x_p": "x-ray",
    "phonetic/9_p": "niner",
    "conf-full": "",
    "vm-INBOX": "",
    "dictate/enter_filename": "",
    "pls-hold-while-try": "",
    "call-fwd-on-busy": "",
    "simul-call-limit-reached": "",
    "im-sorry": "I'm sorry",
}


@pytest.mark.parametrize("name", SPELLED)
def test_names_that_spell_out_what_is_said(name: str) -> None:
    assert spelled_out(name) == SPELLED[name]


Case = tuple[Callable[[Path, Path], None], bytes, str]
WRONG: dict[str, Case] = {
    "no deb": (unpack_speech.mandarin_syllables, b"x", "no Debian package"),
    "cut short": (unpack_speech.mandarin_syllables, deb(tgz({RIGHTS: b"x" * 999})[:60]), "is damaged"),
    "no copyright": (unpack_speech.mandarin_syllables, deb(tgz({f"{OGG}ㄇㄚ/3.ogg": b"1"})), "does not hold LICENSE"),
    "no clips": (unpack_speech.mandarin_syllables, deb(tgz({RIGHTS: b""})), "holds no recordings"),
    "odd syllable": (unpack_speech.mandarin_syllables, deb(tgz({f"{OGG}ㄅㄅ/3.ogg": b""})), "'ㄅㄅ' is no syllable"),
    "no deb of prompts": (english, b"x", "no Debian package"),
    "another language": (english, deb(tgz({f"{SOUNDS}a.g722": b"12" * 99})), "does not hold LICENSE"),
    "no prompts": (english, deb(tgz({ENGLISH: b"", f"{SOUNDS}beep.g722": b"12"})), "holds no recordings"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_package_is_one_sentence_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    unpacks, content, message = WRONG[name]
    (tmp_path / "package").write_bytes(content)
    with pytest.raises(PoiseError, match=message) as caught, store.building(tmp_path / "sets/one") as folder:
        unpacks(tmp_path / "package", folder)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "sets").iterdir())


@pytest.mark.parametrize("package_name", ["av", "soundfile"])
def test_without_a_package(package_name: str, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package_name, None)
    with pytest.raises(PoiseError, match=rf"needs .*{package_name}: " + re.escape(install("speech", package_name))):
        english(tmp_path / "some.deb", out)


SPEECH = [entry for entry in catalogue.catalogue() if entry.modality == "speech"]


@pytest.mark.parametrize("entry", SPEECH, ids=lambda entry: entry.name)
def test_entries_are_whole_and_one_that_is_not_here_says_how_to_get_it(entry: catalogue.Entry) -> None:
    assert entry.filename == f"{entry.package}_{entry.version}_all.deb"
    assert (entry.client, len(entry.sha256)) == ("apt", 64)
    with pytest.raises(PoiseError, match=rf"is not here yet: get it with `poise data get {entry.name}`$"):
        open_recordings(entry.name)
