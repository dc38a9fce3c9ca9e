"""Texts as what can be spoken: every kind of unit, its numbers, and what was never heard."""

from __future__ import annotations

import numpy as np
import pytest

from poise.data.transcripts.utterances import SpeechTokenizer, characters, kinds, phonemes, suggested, syllables
from poise.errors import PoiseError
from poise.registry import find

TEXTS = {
    "syllables": ["ma1", "ni3 hao3", "ㄕˋ", "an4"],
    "characters": ["Hello, you!", "one two three", "Où est-il?"],
    "phonemes": ["HH AH0 L OW1", "sil a1 b i2"],
}


@pytest.mark.parametrize("kind", kinds())
def test_units_have_numbers_and_go_into_a_file_and_back(kind):
    """Phones from 1, tones from 0, in an order that depends on the texts alone."""
    texts = TEXTS[kind]
    spoken = SpeechTokenizer.fit(kind, texts)
    ids = [spoken.encode(part) for text in texts for part in spoken.parts(text)]
    assert all(x.dtype == np.int64 and x.shape[1] == 2 for x in ids)
    whole = np.concatenate(ids)
    assert set(whole[:, 0]) == set(range(1, len(spoken.phones) + 1))
    assert set(whole[:, 1]) == set(range(len(spoken.tones)))
    again = SpeechTokenizer.from_dict(spoken.to_dict())
    assert all(
        (again.encode(p) == x).all() for p, x in zip([p for t in texts for p in again.parts(t)], ids, strict=True)
    )
    assert SpeechTokenizer.fit(kind, texts[::-1]).to_dict() == spoken.to_dict()
    assert spoken.encode([]).shape == (0, 2) and spoken.parts("") == []


def test_a_syllable_is_an_initial_and_a_final_with_its_tone():
    assert syllables("zhong1guo2 a!") == [
        [("zh-", "1"), ("ong", "1")], [("g-", "2"), ("uo", "2")], [("a", "5")]
    ]  # fmt: skip
    assert syllables("ㄕˋ") == [[("sh-", "4"), ("ih", "4")]]
    assert syllables("ㄅ") == [[("b-", "1")]], "a letter by itself"


def test_characters_are_small_with_single_blanks():
    assert [phone for phone, _ in characters("  Hé\tLLO;;  wörld?! ")[0]] == list("hé llo wörld?!")
    assert characters("«»") == [[]]
    assert {tone for _, tone in characters("abc")[0]} == {""}


def test_phonemes_have_a_number_at_the_end():
    assert phonemes("AH0 b 12 x1y2") == [[("AH", "0"), ("b", ""), ("12", ""), ("x1y", "2")]]


def test_what_was_never_heard_is_told():
    spoken = SpeechTokenizer.fit("syllables", ["ma1", "mi2", "shu1"])
    with pytest.raises(PoiseError, match=r"'ing' was never heard in training; did you mean 'i'.*; known: a i"):
        spoken.encode(syllables("ming1")[0])
    with pytest.raises(PoiseError, match="tone '4' was never heard in training; known: 1, 2"):
        spoken.encode(syllables("ma4")[0])
    with pytest.raises(PoiseError, match="'hello' is no syllable of Mandarin"):
        spoken.parts("hello")
    many = SpeechTokenizer("phonemes", [f"p{i}" for i in range(60)], [""])
    with pytest.raises(PoiseError, match=r"known: p0 .* p39 \.\.\.$"):
        many.encode([("q", "")])


def test_a_sign_that_was_never_heard_is_a_blank():
    """Punctuation is no reason not to speak; letters are."""
    spoken = SpeechTokenizer.fit("characters", ["one two, three"])

    def said(text):
        return "".join(phone for part in spoken.parts(text) for phone, _ in part)

    assert said("One two!") == "one two" and said("one!two") == "one two" and said("one - two") == "one two"
    assert said("?one, two") == "one, two" and said("...") == "" and spoken.parts("!?") == []
    assert len(spoken.encode(spoken.parts("ten - one!")[0])) == 7
    with pytest.raises(PoiseError, match="'z' was never heard"):
        spoken.encode(spoken.parts("zoo")[0])
    without = SpeechTokenizer.fit("characters", ["one"])
    assert [phone for phone, _ in without.parts("on-e!")[0]] == ["o", "n", "e"]
    heard = SpeechTokenizer.fit("characters", ["one!", "a b"])
    assert "".join(phone for phone, _ in heard.parts("a! b?")[0]) == "a! b"


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["ma1", "ni3 hao3"], "syllables"), (["nǐ hǎo"], "syllables"), (["ㄋㄧˇ"], "syllables"),
        (["ㄇㄚ"], "syllables"),
        (["ma1", "hello"], "characters"), (["caf\u00e9 au lait"], "characters"), (["route 3"], "characters"),
        (["mama"], "characters"), ([], "characters"),
    ],
)  # fmt: skip
def test_the_kind_that_is_suggested(texts, kind):
    """Syllables only where every text says its tones and can be read."""
    assert suggested(texts) == kind


def test_every_kind_is_there():
    assert set(kinds()) == set(TEXTS), "a new kind needs texts above"
    assert all(callable(find("speech units", kind)) for kind in kinds())
