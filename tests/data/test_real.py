"""The real packages, through the real clients: needs a network and a minute."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from poise.data.catalogue import fetch
from poise.data.catalogue.catalogue import Entry, catalogue
from poise.data.images.images import open_images
from poise.data.plain import open_items
from poise.data.text.corpus import open_corpus
from poise.data.text.text import open_sentences


@pytest.mark.real
def test_real_fashion_mnist(cache: Path) -> None:
    fetch.get("fashion-mnist")
    images = open_images("fashion-mnist", labels="file")
    assert images.images.shape == (70_000, 28, 28, 1)
    assert (len(images.train), len(images.heldout)) == (60_000, 10_000)
    assert images.labels is not None
    assert np.bincount(images.labels[images.train]).tolist() == [6000] * 10
    assert images.classes[9] == "Ankle boot"
    train = images.images[:60_000] / 255
    assert (round(float(train.mean()), 4), round(float(train.std()), 4)) == (0.2860, 0.3530)


@pytest.mark.real
def test_real_noto_emoji(cache: Path) -> None:
    fetch.get("noto-emoji")
    images = open_images("noto-emoji", labels="file")
    assert images.images.shape == (1906, 64, 64, 3)
    assert len(images.classes) == 9
    assert not images.unreadable


@pytest.mark.real
def test_real_pip(tmp_path: Path) -> None:
    entry = Entry(
        name="small",
        title="a small wheel",
        modality="image",
        licence="Apache-2.0",
        client="pip",
        package="efficientnet_lite_pytorch",
        version="0.1.0",
        filename="efficientnet_lite_pytorch-0.1.0-py3-none-any.whl",
        size=20_000,
        sha256="ce0fe869b0e829aceafc32f84275a40c0e3418d19216401b03f695f5f20cbc41",
        unpack="poise.data.catalogue.unpack:wheel",
    )
    assert fetch.package_file(entry, tmp_path).stat().st_size < 100_000


@pytest.mark.real
@pytest.mark.parametrize("name", [entry.name for entry in catalogue() if entry.modality == "scorer"])
def test_real_weights_of_scorers(cache: Path, name: str) -> None:
    folder = fetch.get(name)
    assert sum(file.stat().st_size for file in folder.iterdir()) > 1_000_000
    assert any(file.name.startswith(("LICENSE", "README")) for file in folder.iterdir())
    assert not [file for file in folder.iterdir() if file.suffix == ".py"]


@pytest.mark.real
def test_real_web_bible(cache: Path) -> None:
    path = fetch.get("web-bible")
    assert "public-domain" in (path.parent / "LICENSE").read_text()
    found = open_sentences("web-bible").sentences
    assert (len(found), len(set(found))) == (49_061, 49_061)
    assert found[0] == "In the beginning, God created the heavens and the earth."
    assert found[-1] == "The grace of the Lord Jesus Christ be with all the saints."
    assert sum(sentence[-1] in ".?!)" for sentence in found) == 49_055
    assert not re.search(r"[<>\[\]“”‘\"]|  | [,.;]", "\n".join(found))
    corpus = open_corpus("web-bible", vocabulary=5000, longest=20)
    assert (corpus.counts.kept, corpus.counts.too_long, corpus.counts.with_unknown) == (23_258, 19_072, 6_731)


@pytest.mark.real
def test_real_chinese_quatrains(cache: Path) -> None:
    pytest.importorskip("opencc")
    path = fetch.get("chinese-quatrains")
    assert "MIT" in (path.parent / "LICENSE").read_text()
    found = open_sentences("chinese-quatrains").sentences
    assert len(found) == 81_132
    assert all(re.fullmatch(r"(?:[\u4e00-\u9fff]{7}，[\u4e00-\u9fff]{7}。){2}", poem) for poem in found)
    assert "朝辞白帝彩云间，千里江陵一日还。两岸猨声啼不尽，轻舟已过万重山。" in found
    corpus = open_corpus("chinese-quatrains", vocabulary=3000)
    assert (corpus.units.kind, corpus.counts.kept, corpus.counts.longest) == ("character", 49_409, 32)


@pytest.mark.real
def test_real_hsk_sentences(cache: Path) -> None:
    path = fetch.get("hsk-sentences")
    assert "CC-BY-SA-4.0" in (path.parent / "README.md").read_text()
    chinese, english = open_sentences("hsk-sentences"), open_sentences("hsk-sentences", "en")
    assert (len(chinese), len(english), english.empty) == (4354, 4272, 82)
    assert all(sentence[-1] in ".?!" for sentence in english.sentences)
    assert (chinese.sentences[0], english.sentences[0]) == ("老师，您好！", "Hello, teacher!")
    assert chinese.name == "hsk-sentences"
    assert len(open_items("hsk-sentences")) == 4354
