"""Corpora: what is left out is counted, what is held out stays held out, and mistakes are one sentence each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.data.text.corpus import Corpus, open_corpus
from poise.data.tokenizers.units import END, UNKNOWN
from poise.errors import PoiseError

File = Callable[[list[str]], Path]

SENTENCES = [
    f"{who} {what} {thing}."
    for who in ("The old dog", "A mouse", "My cat", "Her horse", "No bird")
    for what in ("eats", "sees", "wants", "takes", "hides", "sells")
    for thing in ("the bread", "some cheese", "that moon", "a stone", "it all", "nothing", "more milk")
]  # 210 different ones


@pytest.fixture
def file(tmp_path: Path) -> File:
    def make(sentences: list[str]) -> Path:
        path = tmp_path / "a.txt"
        path.write_text("\n".join(sentences) + "\n", encoding="utf-8")
        return path

    return make


def check(corpus: Corpus) -> None:
    """What holds for every corpus."""
    counts = corpus.counts
    out = counts.with_unknown if counts.unknown == "drop" else 0
    parts = counts.empty + counts.duplicates + counts.beyond_share + counts.too_long + out + counts.kept
    assert counts.read == parts
    assert counts.kept == len(corpus) == counts.train + counts.heldout == len(corpus.starts) - 1
    assert (counts.train, counts.heldout) == (len(corpus.train), len(corpus.heldout))
    assert sorted([*corpus.train, *corpus.heldout]) == list(range(len(corpus)))
    assert (corpus.tokens.dtype, corpus.starts.dtype, corpus.train.dtype) == (np.int32, np.int64, np.int64)
    assert corpus.starts[-1] == len(corpus.tokens)
    assert not (corpus.tokens == END).any()
    assert counts.vocabulary == len(corpus.units)
    assert counts.longest == np.diff(corpus.starts).max()
    for row in (0, len(corpus) - 1):
        assert corpus.of(row).tolist() == corpus.units.encode(corpus.sentences[row])
    json.dumps(asdict(counts))
    text = "\n".join(corpus.describe())
    assert f"{counts.kept:,} of {counts.read:,} sentences" in text


def test_all_of_it(file: File) -> None:
    corpus = open_corpus(file([*SENTENCES[:50], "", "  ", *SENTENCES, SENTENCES[0]]))
    check(corpus)
    counts = corpus.counts
    assert (counts.read, counts.empty, counts.duplicates, counts.kept) == (263, 2, 51, 210)
    assert corpus.sentences == SENTENCES
    assert (corpus.name, corpus.units.kind) == ("a.txt", "word")
    assert (counts.covered, counts.covered_heldout, counts.with_unknown) == (1, 1, 0)
    assert corpus.describe()[2] == "left out: 2 empty, 51 exact copies"
    padded = corpus.padded(corpus.heldout[:3], 9)
    assert (padded.shape, padded.dtype) == ((3, 9), np.int64)
    assert [corpus.units.decode(ids) for ids in padded] == [corpus.sentences[row] for row in corpus.heldout[:3]]
    with pytest.raises(PoiseError, match=r"a\.txt: a sentence of \d does not fit|does not fit into 3"):
        corpus.padded(corpus.heldout, 3)


def test_units_are_fitted_on_the_training_sentences_alone(file: File) -> None:
    sentences = [f"{sentence[:-1]} {i}" for i, sentence in enumerate(SENTENCES)]  # a number of its own for each
    kept = open_corpus(file(sentences), unknown="keep")
    check(kept)
    assert kept.counts.with_unknown == kept.counts.heldout > 5
    assert kept.counts.covered == 1
    assert all((kept.of(row) == UNKNOWN).sum() == 1 for row in kept.heldout)
    lengths = sum(len(kept.of(row)) for row in kept.heldout)
    assert kept.counts.covered_heldout == pytest.approx(1 - kept.counts.heldout / lengths)
    assert "kept with units outside the vocabulary" in "\n".join(kept.describe())
    numbers = {name for name in kept.units.names if name.isdigit()}
    assert numbers == {kept.sentences[row].split()[-1] for row in kept.train}
    with pytest.raises(PoiseError, match=r"at --heldout 0.1 none of 210 sentences \(\d+ with units outside"):
        open_corpus(file(sentences))  # every held-out sentence has a number that is not in the vocabulary
    check(open_corpus(file(sentences), heldout=0))


def test_what_is_too_long_or_outside_goes_on_both_sides(file: File) -> None:
    corpus = open_corpus(file(SENTENCES), longest=5, heldout=0.3)
    check(corpus)
    assert corpus.counts.too_long == sum(len(corpus.units.split(sentence)) > 5 for sentence in SENTENCES) > 40
    fewer = open_corpus(file(SENTENCES), vocabulary=20, heldout=0.3)
    check(fewer)
    assert (fewer.counts.vocabulary, UNKNOWN in fewer.tokens) == (20, False)
    assert 0 < fewer.counts.with_unknown < 210
    assert 0.5 < fewer.counts.covered < 1
    check(open_corpus(file(SENTENCES), least=20))


@pytest.mark.parametrize("units", ["word", "character"])
def test_a_share_is_nested_and_leaves_the_held_out_alone(file: File, units: str) -> None:
    path = file(SENTENCES)

    def sides(share: float) -> tuple[set[str], set[str]]:
        corpus = open_corpus(path, share=share, units=units, unknown="keep")
        check(corpus)
        return {corpus.sentences[i] for i in corpus.train}, {corpus.sentences[i] for i in corpus.heldout}

    whole, half, tenth = sides(1.0), sides(0.5), sides(0.1)
    assert tenth[0] < half[0] < whole[0]
    assert tenth[1] == half[1] == whole[1]
    assert 0.35 < len(half[0]) / len(whole[0]) < 0.65


def test_copies_but_for_case_and_punctuation_are_on_one_side_and_counted(file: File) -> None:
    other = [sentence.upper().replace(".", " !") for sentence in SENTENCES]
    corpus = open_corpus(file([*SENTENCES, *other]), heldout=0.3)
    check(corpus)
    assert corpus.counts.duplicates == 0
    assert corpus.counts.near_duplicates >= 210
    held = {corpus.sentences[row] for row in corpus.heldout}
    assert {s.upper().replace(".", " !") for s in held if s in SENTENCES} == {s for s in held if s not in SENTENCES}


def test_near_duplicates_across_the_sides_are_told(file: File) -> None:
    base = "the quick brown fox jumps over the lazy dog again and again until the evening comes at last to number"
    corpus = open_corpus(file([f"{base} {i}" for i in range(100)]), units="character")
    assert corpus.counts.near_duplicates == 99
    assert corpus.counts.near_across == corpus.counts.heldout > 3
    assert "99 sentences are nearly the same as an earlier one" in corpus.describe()[-1]


def test_the_fingerprint_is_of_the_whole_file(file: File) -> None:
    first = open_corpus(file(SENTENCES))
    assert first.fingerprint == open_corpus(file(SENTENCES), units="character", share=0.5).fingerprint
    assert first.fingerprint != open_corpus(file(SENTENCES[::-1])).fingerprint
    again = open_corpus(file(SENTENCES))
    assert (again.tokens == first.tokens).all()
    assert again.counts == first.counts


def test_chinese_is_taken_by_character(file: File) -> None:
    corpus = open_corpus(
        file([f"{a}{b}{c}，好。" for a in "天地人" for b in "大小多少" for c in "山水火木"]), heldout=0.3
    )
    check(corpus)
    assert (corpus.units.kind, corpus.counts.longest) == ("character", 6)
    assert "characters" in corpus.describe()[3]


def test_pieces(file: File) -> None:
    pytest.importorskip("sentencepiece")
    corpus = open_corpus(file(SENTENCES), units="piece", vocabulary=40)
    check(corpus)
    assert corpus.counts.vocabulary == 40


def test_a_column_and_a_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("n,en\n" + "".join(f"{i},{sentence}\n" for i, sentence in enumerate(SENTENCES)))
    corpus = open_corpus(path, column="en")
    check(corpus)
    assert corpus.sentences == SENTENCES
    assert open_corpus(path).sentences == SENTENCES  # the only column of running text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0}, r"--share 0 is not possible: give a share above 0"),
        ({"share": 1.5}, r"--share 1.5 is not possible"),
        ({"share": float("nan")}, r"--share nan is not possible"),
        ({"heldout": 1}, r"--heldout 1 is not possible"),
        ({"heldout": -0.1}, r"--heldout -0.1 is not possible"),
        ({"vocabulary": 3}, r"--vocabulary 3 is not possible: give at least 4"),
        ({"least": 0}, r"--least 0 is not possible"),
        ({"longest": 0}, r"--longest 0 is not possible"),
        ({"unknown": "maybe"}, r"unknown 'maybe' is not known: give drop or keep"),
        ({"units": "wrod"}, r"no units called 'wrod'; did you mean 'word'"),
        ({"column": "text"}, r"a\.txt has no columns"),
        ({"least": 1000}, r"vocabulary of none: of \d+ words and signs, 0 occur 1000 or more times"),
        ({"heldout": 1e-9}, r"a\.txt: at --heldout 1e-09 none of 210 sentences is held out: give a larger"),
        ({"share": 1e-9}, r"a\.txt: 0 of 210 sentences \(\d+ beyond --share, \d+ held out\) are left to train on"),
        ({"longest": 1}, r"a\.txt: 0 of 210 sentences \(210 too long\) are left to train on, which is fewer than 8"),
        ({"vocabulary": 4}, r"a\.txt: 0 of 210 sentences \(210 with units outside the vocabulary\)"),
        ({"heldout": 0.99}, r"\d of 210 sentences \(\d+ held out\) are left to train on"),
    ],
)
def test_what_cannot_be_asked_for(file: File, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PoiseError, match=message) as caught:
        open_corpus(file(SENTENCES), **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


LONG = "word " * 200_000  # a million characters, the last of which is a space


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"holds no sentences"),
        (b"\n \n\n", r"holds no sentences"),
        (b"\x81\x8d\x9f\n", r"line 1 is not UTF-8, and its encoding cannot be told"),
        (b"eins\n\0\0\0", r"is no text \(it holds zero bytes\)"),
        (
            b"just one line",
            r"a\.txt: 1 of 1 sentences are left to train on, which is fewer than 8: give more, one a line",
        ),
        (b"the same line\n" * 100, r"a\.txt: 1 of 100 sentences \(99 exact copies\) are left to train on"),
        ("\n".join("a" * n for n in range(1, 30)).encode(), r"vocabulary of one: of 1 characters"),
        (
            "\n".join([*SENTENCES, LONG]).encode(),
            r"line that begins 'word word word word ' has 999,999 characters, more than 10,000",
        ),
    ],
)
def test_what_cannot_be_read_or_learnt_from(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(PoiseError, match=message) as caught:
        open_corpus(tmp_path / "a.txt", heldout=0, units="character")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_line_of_a_million_characters_is_left_out_where_a_length_is_given(file: File) -> None:
    corpus = open_corpus(file([*SENTENCES, LONG]), longest=20)
    check(corpus)
    assert corpus.counts.too_long == 1


def test_pictures_are_no_corpus(photos: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(PoiseError, match=r"holds no sentences: give a \.txt, \.jsonl, \.csv or other file of text"):
        open_corpus(photos(2))
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(PoiseError, match=r"holds no sentences"):
        open_corpus(tmp_path / "a.txt")
    with pytest.raises(PoiseError, match=r"no file, folder or data set"):
        open_corpus(tmp_path / "gone.txt")


def test_a_running_text_keeps_its_lines_and_its_order(file: File) -> None:
    """As of a play: names of speakers occur again, and what is held out is the end, in one piece."""
    lines = [line for i in range(100) for line in (f"SPEAKER {i % 3}:", SENTENCES[i])]
    path = file(lines)
    assert len(open_corpus(path)) == 103
    corpus = open_corpus(path, layout="text", heldout=0.1, unknown="keep")
    assert corpus.sentences == lines
    assert corpus.train.tolist() == list(range(180)) and corpus.heldout.tolist() == list(range(180, 200))
    half = open_corpus(path, layout="text", heldout=0.1, share=0.5, unknown="keep")
    assert half.sentences == [*lines[:90], *lines[180:]]
    assert "lines that occur again" in " ".join(open_corpus(path, unknown="keep").describe())
    assert "lines that occur again" not in " ".join(corpus.describe())


def test_units_between_blanks(file: File) -> None:
    lines = [f"the <unk> company 's N {i % 7} @-@ year deal , http://a.b/{i % 5}?x=1 👩🏽\u200d🚀" for i in range(200)]
    corpus = open_corpus(file(lines), layout="text", units="whitespace", unknown="keep")
    assert {"<unk>", "'s", "@-@", "http://a.b/3?x=1", "👩🏽\u200d🚀"} <= set(corpus.units.names)
    assert [corpus.units.decode(corpus.of(row)) for row in range(200)] == lines
