"""`poise data check` of a file of sentences: facts, and flags that do what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from poise.data.text.check import check_text, scripts
from poise.data.text.corpus import open_corpus
from poise.errors import PoiseError
from tests.data.reports import facts
from tests.data.test_corpus import SENTENCES


def written(folder: Path, sentences: list[str], name: str = "a.txt") -> Path:
    path = folder / name
    path.write_text("\n".join(sentences) + "\n", encoding="utf-8")
    return path


def test_facts_and_duplicates(tmp_path: Path, cache: Path) -> None:
    copies = [SENTENCES[3]] * 4 + [SENTENCES[5]] * 2
    path = written(tmp_path, [*SENTENCES, "", *copies, SENTENCES[7].upper(), " "])
    report = check_text(path)
    assert (report.source, report.count, report.empty) == ("a.txt", 217, 2)
    assert report.redundant == 6
    assert report.duplicates == [(SENTENCES[3], 5), (SENTENCES[5], 3)]
    assert report.near == 1
    assert (report.units, report.scripts) == ("word", {"Latin": 1.0})
    assert report.lengths == {
        "shortest": 5,
        "a quarter up to": 6,
        "half up to": 6,
        "95 % up to": 7,
        "longest": 7,
    }
    text = "\n".join(facts(path))
    assert text == "\n".join(report.lines())
    assert "a.txt: 217 sentences, and 2 empty lines" in text
    assert f"  5 times: {SENTENCES[3]}" in text
    assert "script: Latin (100.0 %)" in text
    assert not cache.exists()  # a check writes nothing


def test_the_suggested_flags_keep_what_is_said(tmp_path: Path) -> None:
    rare = [f"The old dog eats {'very ' * (i % 7)}rare{i} bread." for i in range(50)]
    path = written(tmp_path, SENTENCES * 10 + [f"{s[:-1]} today." for s in SENTENCES] + rare)
    report = check_text(path)
    flags = {flag: value for flag, (value, _) in report.flags.items()}
    assert flags.keys() == {"--units", "--longest", "--vocabulary"}
    corpus = open_corpus(
        path,
        units=flags["--units"],
        longest=int(flags["--longest"]),
        vocabulary=int(flags["--vocabulary"]),
        heldout=0,
    )
    assert corpus.counts.covered >= 0.98
    fewer = open_corpus(path, vocabulary=int(flags["--vocabulary"]) - 1, heldout=0)
    assert fewer.counts.covered < 0.98


def test_chinese_and_a_column(tmp_path: Path) -> None:
    path = written(tmp_path, ["zh,en", "我吃饭。,I eat.", "你吃饭。,You eat.", "他吃吗？,Does he?"], "a.csv")
    report = check_text(path, "zh")
    assert (report.units, report.scripts) == ("character", {"Han": 1.0})
    assert "suggested: --units character (most letters are Han)" in report.lines()
    assert any("too few to train on" in line for line in report.lines())
    assert "script: Latin" in "\n".join(facts(path, "en"))
    with pytest.raises(PoiseError, match="name the column of the sentences with --column; it has: zh, en"):
        facts(path)


def test_scripts() -> None:
    assert scripts(["ab Да 日本語のひ 123 ."]) == pytest.approx(
        {"Han": 3 / 9, "Latin": 2 / 9, "Cyrillic": 2 / 9, "Hiragana": 2 / 9}
    )
    assert scripts(["1 2."]) == {}


@pytest.mark.slow
def test_a_very_long_line(tmp_path: Path) -> None:
    report = check_text(written(tmp_path, [*SENTENCES, "word " * 200_000]))
    assert report.lengths["longest"] == 200_000
    assert report.flags["--longest"][0] == "7"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.txt holds no sentences"),
        (b"\x81\x8d\x9f\n", r"line 1 is not UTF-8"),
        (b"a\na\n", r"vocabulary of one"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(PoiseError, match=message):
        check_text(tmp_path / "a.txt")


def test_pictures_have_no_columns(photos: Callable[..., Path]) -> None:
    assert "3 readable pictures" in facts(photos(3))[0]
    with pytest.raises(PoiseError, match="has no columns: leave out --column text"):
        facts(photos(3), "text")
