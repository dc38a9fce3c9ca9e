"""Looking up a line: the index finds what the whole table would, and no line is compared without end."""

from __future__ import annotations

import random

import pytest

from poise.words import table as tables
from poise.words import translated, translating
from poise.words.table import LONGEST_ADDED, Index, Sentence, index, sentences
from poise.words.translating import DEEPEST, LEAST, LookUp

VALUES = ["3", "a/b.png", "the generator", "--batch 3", "x, y and z", "", "colour; b", "none. done"]


def lines():
    """A text for every key, with values put in; and the same damaged in the middle, cut, or lengthened."""
    draw = random.Random(0)
    for sentence in sentences():
        text = sentence.pieces[0]
        for piece in sentence.pieces[1:]:
            text += draw.choice(VALUES) + piece
        middle = draw.randrange(len(text))
        yield text
        yield draw.choice([text[:middle] + "#" + text[middle + 1 :], text[:middle], text[middle:], f"{text}, {text}"])


def first_of(candidates, text):
    for sentence in candidates:
        values = sentence.values(text)
        if values is not None:
            return sentence.english, values
    return None


@pytest.mark.slow
def test_the_index_finds_what_the_whole_table_would():
    found = 0
    for text in lines():
        expected = first_of(sentences(), text)
        assert first_of(index().could_be(text), text) == expected, text
        found += expected is not None
    assert found >= len(sentences())


@pytest.mark.slow
def test_values_are_those_of_the_pattern():
    for sentence, text in zip(sentences(), list(lines())[::2], strict=True):
        for one in (text, text + text, text[1:]):
            match = sentence.pattern.fullmatch(one)
            expected = match.groups() if match and not (sentence.added and len(one) > LONGEST_ADDED) else None
            assert sentence.values(one) == expected, (sentence.english, one)


@pytest.mark.parametrize(
    ("english", "text", "values"),
    [
        ("a {} b", "a x b", ("x",)),
        ("a {} b", "a  b", ("",)),
        ("a {} b", "a b", None),
        ("{}: {}", "x: y: z", ("x", "y: z")),
        ("{} of {}, {}", "1 of 2 of 3, 4, 5", ("1", "2 of 3", "4, 5")),
        ("aba{}bab", "abab", None),
        ("plain", "plain", ()),
        ("plain", "plainer", None),
        ("{} thread{}", "2 threads", ("2", "s")),
        ("{} thread{}", "1 thread", ("1", "")),
    ],
)
def test_values_of_a_sentence(english, text, values):
    assert Sentence(english, "").values(text) == values


def test_sentences_come_in_their_order_and_few_of_them():
    tried = ["the red {} cat", "{} is red", "{}: {}", "the red {}"]
    made = Index([Sentence(english, "") for english in (*tried, "the green {}", "{} is green")])
    assert [one.english for one in made.could_be("the red : x is red")] == tried
    assert [one.english for one in made.could_be("the green x")] == ["the green {}"]
    compared = [len(list(index().could_be(text))) for text in list(lines())[::2]]
    assert sum(compared) / len(compared) < len(sentences()) / 10


SEPARATORS = [", " * 1_500, ". " * 1_500, ": " * 1_500, "; " * 1_500, "a, b. " * 500, "done. " * 600, " | " * 1_000,
              "step 1: " * 400, "the generator, " * 200, "s, s, s and s " * 200,
              "run : steps of on in with thread" * 90, "poise: " * 500]  # fmt: skip


@pytest.mark.parametrize("line", SEPARATORS, ids=lambda line: repr(line[:12]))
def test_a_long_line_of_separators_is_compared_with_few_sentences(line):
    look_up = LookUp()
    for part in line.strip().split(" | "):
        look_up.said(part, LEAST, DEEPEST)
    assert look_up.compared <= 5_000
    assert isinstance(translated(line, "zh"), str)


def test_a_line_that_is_like_too_many_sentences_stays(monkeypatch):
    line = "run r: 20 steps of 32 on cpu in fp32 with 2 threads, augmentation color"
    assert translated(line, "zh") != line
    translating._line.cache_clear()
    monkeypatch.setattr(translating, "MOST_COMPARED", 0)
    assert translated(line, "zh") == line
    translating._line.cache_clear()


@pytest.mark.slow
def test_the_table_is_not_read_for_english(monkeypatch):
    monkeypatch.setenv("POISE_LANG", "en")
    for kept in (sentences, index, translating._line):
        kept.cache_clear()
    read = []
    plain = tables.table
    monkeypatch.setattr(tables, "table", lambda: read.append(1) or plain())
    assert translated("poise: stopped") == "poise: stopped" and read == []
    assert translated("poise: stopped", "zh") == "poise：已停止" and read == [1]
