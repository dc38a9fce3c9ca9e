"""Units: the family's promises, and how words are told apart and put together again."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.data.tokenizers.units import END, UNKNOWN, Units, fit_units, suggested_units, units_from
from poise.errors import PoiseError
from poise.installing import install
from poise.registry import find, names

SENTENCES = [
    f"{who} {what} the {thing}, {when}."
    for who in ("The dog", "A mouse", "Mary", "Nobody's cat")
    for what in ("eats", "sees", "wants", "takes")
    for thing in ("bread", "well-known cheese", "moon", "big moon")
    for when in ("and goes away", "says Mary", "today")
]
KINDS = names("units")


def fitted(kind: str, sentences: list[str] = SENTENCES, size: int | None = None) -> Units:
    if kind == "piece":
        pytest.importorskip("sentencepiece")
    return fit_units(kind, sentences, size)


@pytest.mark.parametrize("kind", KINDS)
def test_the_family(kind: str) -> None:
    units = fitted(kind)
    assert isinstance(units, find("units", kind))
    assert (units.END, units.UNKNOWN, units.names[:2]) == (0, 1, ["<end>", "<unknown>"])
    assert len(units) == len(units.names) == len(set(units.names))
    for sentence in SENTENCES:
        ids = units.encode(sentence)
        assert min(ids) > UNKNOWN
        assert max(ids) < len(units)
        assert units.decode(ids) == sentence
        assert [units.names[i] for i in ids] == units.split(sentence)
    ids = units.encode(SENTENCES[0])
    assert units.decode([*ids, END, *ids]) == SENTENCES[0]
    assert units.decode([]) == units.decode([END]) == ""
    assert UNKNOWN in units.encode("龍")
    assert "<unknown>" in units.decode(units.encode("the 龍 eats"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_vocabulary_is_the_same_one(kind: str) -> None:
    units = fitted(kind)
    again = units_from(json.loads(json.dumps(units.to_dict())))
    assert type(again) is type(units)
    assert again.names == units.names
    assert [again.encode(s) for s in SENTENCES] == [units.encode(s) for s in SENTENCES]
    assert fitted(kind).to_dict() == units.to_dict()  # and it is a pure function of the sentences


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_vocabulary_is_a_part_or_an_error(kind: str) -> None:
    size = len(fitted(kind)) - 3
    assert len(fitted(kind, size=size)) == size
    for size, message in ((3, "too small"), (-1, "too small")):
        with pytest.raises(PoiseError, match=message):
            fitted(kind, size=size)
    with pytest.raises(PoiseError):
        find("units", kind).fit(SENTENCES, None, 0)
    with pytest.raises(PoiseError):
        fitted(kind, [""])


def test_the_most_frequent_are_kept_and_ties_go_by_text() -> None:
    units = fit_units("character", ["ccbbaad", "c"], size=5)
    assert units.names[2:] == ["c", "a", "b"]
    assert units.encode("dab") == [1, 3, 4]
    with pytest.raises(PoiseError, match=r"vocabulary of one: of 4 characters, 1 occur 3 or more times"):
        find("units", "character").fit(["ccbbaad", "c"], None, 3)
    with pytest.raises(PoiseError, match=r"vocabulary of none"):
        find("units", "word").fit(["", " "])


@pytest.mark.parametrize(
    ("sentence", "units"),
    [
        ("Don't, o’clock!", ["Don't", ",", "o’clock", "!"]),
        ("a well-known rock-’n’-roll", ["a", "well-known", "rock", "-", "’", "n", "’", "-", "roll"]),
        ("1,000 men, 3.5%", ["1,000", "men", ",", "3.5", "%"]),
        ("dogs' bones...", ["dogs", "'", "bones", ".", ".", "."]),
        ("cafe\u0301 हिन्दी में", ["caf\u00e9", "हिन्दी", "में"]),
        ("snake_case a@b", ["snake", "_", "case", "a", "@", "b"]),
        ("♥️ 🎉!", ["♥️", "🎉", "!"]),
        ("a 👨‍👩‍👧, 👍🏽👍!", ["a", "👨‍👩‍👧", ",", "👍🏽", "👍", "!"]),
        ("🇩🇪🇫🇷 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🏳️‍🌈 1️⃣", ["🇩🇪", "🇫🇷", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏳️‍🌈", "1️⃣"]),
        ("👩🏿‍🚒🧑‍🤝‍🧑 x", ["👩🏿‍🚒", "🧑‍🤝‍🧑", "x"]),
        ("Привет, мир", ["Привет", ",", "мир"]),
        ("", []),
    ],
)
def test_words_of_any_script(sentence: str, units: list[str]) -> None:
    assert fitted("word").split(sentence) == units


@pytest.mark.parametrize(
    "sentence",
    [
        'She said, "Go away!" and (then) left.',
        "“Who’s there?” ‘Me’; you: [nobody].",
        "The dogs' bones.",
        "The cat's 'toys'.",
        '"Yes," he said.',
        "It costs $5, ¿no?",
        "One — two - three / four.",
        'He said, "Go.',
        'Go," he said.',
        "Wait... what?!",
        "«Oui», dit-elle.",
    ],
)
def test_words_are_put_together_as_people_write(sentence: str) -> None:
    units = fit_units("word", [sentence, "x y z x y z"])
    assert units.decode(units.encode(sentence)) == sentence


def test_the_first_word_loses_its_capital_where_it_says_nothing() -> None:
    sentences = [
        "The dog saw Mary and the cat.",
        "Mary saw the dog.",
        "Saw it?",
        "Only here.",
        "“The end”",
        "I saw, I.",
    ]
    units = fit_units("word", sentences)
    assert units.split("The dog")[0] == "the"
    assert units.split("Mary saw")[0] == "Mary"
    assert units.split("Only")[0] == "Only"  # never seen in another place
    assert units.split("I saw")[0] == "I"
    assert units.split("THE dog")[0] == "THE"
    assert units.split("“The end”")[:2] == ["“", "the"]
    assert "The" not in units.names
    for sentence in sentences:
        assert units.decode(units.encode(sentence)) == sentence
    assert units.decode(units.encode("the dog")) == "The dog"
    assert units_from(units.to_dict()).decode(units.encode("The dog")) == "The dog"


ODD_WORDS = ["well-known", "it's", "I", "1,000", "ÉTÉ", "été", "ß", "ǆ", "İ", "x", "हिन्दी", "N’Djamena"]
WORDS = st.sampled_from(["the", "The", "dog", "Mary", "mary", *ODD_WORDS])
SIGNS = st.sampled_from([*".,;:!?()[]'\"“”‘’«»—-…$%&/_", "a\u0301", "\u0301", "\u200d", "中", "👍🏽", "🏽", "🎉", "🇩🇪"])
TEXTS = st.lists(st.tuples(st.one_of(WORDS, SIGNS), st.sampled_from([" ", "", "  "])), min_size=1).map(
    lambda parts: "".join(unit + space for unit, space in parts).strip()
)


@pytest.mark.slow
@given(st.lists(TEXTS, min_size=3))
@settings(max_examples=300, deadline=None)
def test_encoding_a_decoded_sentence_gives_its_ids(sentences: list[str]) -> None:
    try:
        units = fit_units("word", sentences)
    except PoiseError:
        return
    for sentence in sentences:
        ids = units.encode(sentence)
        assert UNKNOWN not in ids
        assert units.encode(units.decode(ids)) == ids, (sentence, units.decode(ids))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=2), min_size=1))
@settings(max_examples=50, deadline=None)
def test_characters_give_the_composed_sentence_back(sentences: list[str]) -> None:
    if len(Counter("".join(unicodedata.normalize("NFC", s) for s in sentences))) < 2:
        return
    units = fit_units("character", sentences)
    for sentence in sentences:
        assert units.decode(units.encode(sentence)) == unicodedata.normalize("NFC", sentence)


def test_units_suit_the_script() -> None:
    assert (
        suggested_units(["The dog eats."])
        == suggested_units(["Привет мир"])
        == suggested_units(["한국어 문장"])
        == "word"
    )
    assert suggested_units(["我吃饭。"]) == suggested_units(["ภาษาไทย"]) == suggested_units(["ひらがな"]) == "character"
    assert suggested_units(["我是 Mary。", "你好吗"]) == "character"
    assert suggested_units(["Mary means 玛丽 in Chinese."]) == "word"
    assert suggested_units([]) == suggested_units(["123"]) == "word"
    assert fit_units("auto", ["我吃饭。"]).kind == "character"


def test_pieces_say_what_fits() -> None:
    pytest.importorskip("sentencepiece")
    most = len(fit_units("piece", SENTENCES, 5000))  # as many as there are
    assert 8 < most < 5000
    assert most - 8 < len(fit_units("piece", SENTENCES, most)) <= most
    assert len(fit_units("piece", SENTENCES)) >= most
    with pytest.raises(PoiseError, match=r"8 pieces is too small for the characters .* give more than \d+"):
        fit_units("piece", SENTENCES, 8)
    with pytest.raises(PoiseError, match=r"not by a least count of 2"):
        fit_units("piece", SENTENCES, None, 2)


def test_pieces_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(PoiseError, match=re.escape(install("text", "sentencepiece"))):
        fit_units("piece", SENTENCES)


def test_unknown_kinds_and_damaged_units() -> None:
    with pytest.raises(PoiseError, match="did you mean 'word'"):
        fit_units("words", SENTENCES)
    for content in ({}, {"kind": "word"}, {"kind": "piece", "model": "x"}, {"kind": "piece", "model": "eA=="}):
        with pytest.raises(PoiseError, match="damaged"):
            units_from(content)
