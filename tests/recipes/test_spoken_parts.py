"""Texts to numbers by what is handed over: as the tokenizer of the run takes them apart."""

from __future__ import annotations

import pytest

from poise.data.transcripts.syllables import TABLE, Syllable, to_pinyin
from poise.data.transcripts.utterances import SpeechTokenizer
from poise.errors import PoiseError
from poise.recipes.speech.drawing import parts_of
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.speech.portable import spoken_table
from tests.recipes.some_facts import some

EVERY = [to_pinyin(Syllable(initial, final, tone)) for initial, final in TABLE for tone in (1, 5)]
TEXTS = {
    "syllables": [
        *EVERY,
        "ni3hao3",
        "NI3 hao3, ma5",
        "nihao",
        "lü4 lu:4 lv4",
        "zhuang1 shi4",
        "fang1an4",
        "ni0",
        "fangan4",
        "danguo3",
        "xian1",
        "xi1an1",
        "lue4",
        "nue4",
        "m4",
        "tiananmen3",
        "er3zi5",
    ],
    "characters": ["ab, cd", "  A b!", "a–b", "déjà", "c'd", "a\u00adb", "b! (c)", "De\u0301ja\u0300"],
    "phonemes": ["AH0 T", "i3 m", "T  T", "12 T"],
}
TRAINED = {
    "syllables": EVERY + [text.replace("1", "3").replace("5", "4") for text in EVERY],
    "characters": ["abcd, ", "déjà ?"],
    "phonemes": ["AH0 T i3 m 12"],
}


def table_of(kind, whole=True, single=True):
    tokenizer = SpeechTokenizer.fit(kind, TRAINED[kind])
    facts = some(SpeechFacts, units=tokenizer.to_dict(), voices=["a"], whole=whole, single=single, texts=[["x", 0]])
    return tokenizer, spoken_table(facts)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TEXTS)
def test_numbers_are_those_of_the_tokenizer(kind):
    tokenizer, table = table_of(kind)
    for text in TEXTS[kind]:
        wanted = [list(map(tuple, tokenizer.encode(part).tolist())) for part in tokenizer.parts(text)]
        assert parts_of(text, table) == wanted, text
        _, running = table_of(kind, whole=False)
        assert parts_of(text, running) == [[unit for part in wanted for unit in part]]


UNSAID = [
    ("syllables", "xyz"),
    ("syllables", "ma7"),
    ("syllables", "ma 1"),
    ("syllables", "mǎ"),
    ("syllables", "à"),
    ("syllables", "ma1 5x"),
    ("syllables", "m"),
    ("syllables", "ma2"),
    ("syllables", "..."),
    ("phonemes", "Q"),
    ("characters", ""),
    ("characters", "abz"),
    ("characters", "a7"),
]


def says(tokenizer, text):
    """Whether a run says it."""
    try:
        return [tokenizer.encode(part) for part in tokenizer.parts(text)] != []
    except PoiseError:
        return False


@pytest.mark.parametrize(("kind", "text"), UNSAID)
def test_what_a_run_cannot_say_is_refused(kind, text):
    """And marks of tones, which a run reads, but a file of torch alone does not."""
    tokenizer, table = table_of(kind)
    assert says(tokenizer, TEXTS[kind][0])
    assert not says(tokenizer, text) or not text.isascii()
    with pytest.raises(ValueError, match=r"heard in training|nothing to say|is no pinyin"):
        parts_of(text, table)
