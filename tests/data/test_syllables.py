"""Mandarin syllables: the table, its spellings, and an independent converter of them."""

from __future__ import annotations

import random
import re
import sys

import pytest
from pypinyin import Style
from pypinyin.contrib.tone_convert import to_tone
from pypinyin.style import convert

from poise.data.transcripts.syllables import FINALS, INITIALS, TABLE, Syllable, parse, to_pinyin, to_zhuyin
from poise.errors import PoiseError
from poise.installing import install

LETTERS = [(initial, "") for initial in INITIALS if (initial, "ih") not in TABLE]
ALL = [Syllable(*key, tone) for key in [*TABLE, *LETTERS] for tone in range(1, 6)]

SOUNDS = {
    "yi": ("", "i"),
    "wu": ("", "u"),
    "yu": ("", "v"),
    "yuan": ("", "van"),
    "zhi": ("zh", "ih"),
    "si": ("s", "ih"),
    "ji": ("j", "i"),
    "ju": ("j", "v"),
    "jue": ("j", "ve"),
    "xun": ("x", "vn"),
    "liu": ("l", "iou"),
    "you": ("", "iou"),
    "gui": ("g", "uei"),
    "wei": ("", "uei"),
    "lun": ("l", "uen"),
    "wen": ("", "uen"),
    "weng": ("", "ueng"),
    "dong": ("d", "ong"),
    "yong": ("", "iong"),
    "lv": ("l", "v"),
    "lue": ("l", "ve"),
    "nu": ("n", "u"),
    "er": ("", "er"),
    "eh": ("", "eh"),
}


@pytest.mark.parametrize("written", SOUNDS)
def test_initials_and_finals_are_those_of_the_sounds(written: str) -> None:
    assert parse(f"{written}4") == [Syllable(*SOUNDS[written], 4)]


def test_the_table_is_that_of_standard_mandarin() -> None:
    assert (len(TABLE), len(INITIALS), len(FINALS)) == (415, 21, 40)
    assert len({to_pinyin(syllable) for syllable in ALL}) == len({to_zhuyin(syllable) for syllable in ALL}) == len(ALL)
    assert {final for _, final in TABLE} == set(FINALS)


@pytest.mark.slow
def test_every_syllable_comes_back_from_both_spellings() -> None:
    assert [parse(to_pinyin(syllable)) for syllable in ALL] == [[syllable] for syllable in ALL]
    assert [parse(to_zhuyin(syllable)) for syllable in ALL] == [[syllable] for syllable in ALL]
    assert all(to_pinyin(syllable).isascii() for syllable in ALL)


@pytest.mark.slow
def test_pinyin_with_marks_and_zhuyin_agree_with_pypinyin() -> None:
    common = [s for s in ALL if s.tone < 5 and s.final not in ("", "eh", "io", "iai")]
    marked = [to_tone(to_pinyin(syllable)) for syllable in common]
    assert [parse(one) for one in marked] == [[syllable] for syllable in common]
    assert [convert(one, Style.BOPOMOFO, strict=True) for one in marked] == [to_zhuyin(syllable) for syllable in common]


EQUAL = {
    "ni3 hao3": "n i 3 h ao 3",
    "ni3hao3": "n i 3 h ao 3",
    "NI3 HAO3!": "n i 3 h ao 3",
    "nǐ hǎo": "n i 3 h ao 3",
    "nǐhǎo": "n i 3 h ao 3",
    "ㄋㄧˇ ㄏㄠˇ": "n i 3 h ao 3",
    "ㄋㄧˇㄏㄠˇ": "n i 3 h ao 3",
    "ni3 ㄏㄠˇ": "n i 3 h ao 3",
    "lü4 lv4 lu:4 lǜ": "l v 4 l v 4 l v 4 l v 4",
    "lüè": "l ve 4",
    "ma ma0 ma5 ˙ㄇㄚ ㄇㄚ˙": "m a 5 m a 5 m a 5 m a 5 m a 5",
    "ㄇㄚ mā ma1": "m a 1 m a 1 m a 1",
    "ㄇㄚㄇㄚ": "m a 1 m a 1",
    "nihao3": "n i 5 h ao 3",
    "fangan": "f an 5 g an 5",
    "fang'an fāng'àn": "f ang 5 _ an 5 f ang 1 _ an 4",
    "xian xi'an xīān": "x ian 5 x i 5 _ an 5 x i 1 _ an 1",
    "tiananmen": "t ian 5 _ an 5 m en 5",
    "ㄅ ń m̀ n2": "b _ 1 n _ 2 m _ 4 n _ 2",
    "ê4 ế": "_ eh 4 _ eh 2",
    " ，。": "",
}


@pytest.mark.parametrize("text", EQUAL)
def test_ways_to_write(text: str) -> None:
    words = EQUAL[text].replace("_", "").split(" ") if EQUAL[text] else []
    assert parse(text) == [Syllable(words[i], words[i + 1], int(words[i + 2])) for i in range(0, len(words), 3)]


def test_syllables_run_together_with_numbers_or_apostrophes() -> None:
    draw = random.Random(0)
    for _ in range(300):
        chosen = [Syllable(*draw.choice(TABLE), draw.randint(1, 5)) for _ in range(4)]
        assert parse("".join(map(to_pinyin, chosen))) == chosen
        bare = "'".join(to_pinyin(syllable)[:-1] for syllable in chosen)
        assert parse(bare) == [syllable._replace(tone=5) for syllable in chosen]


def test_characters_by_their_context() -> None:
    assert parse("你好，世界！") == parse("ni3 hao3 shi4 jie4")
    assert parse("银行 行走 我们") == parse("yin2 hang2 xing2 zou3 wo3 men5")
    assert parse("女 nǚ") == parse("nv3 nv3")


BAD = {
    "xyz3": "'xyz3' is no syllable",
    "zhung1": "did you mean 'zhuang'",
    "ma6": "'ma6' is no syllable",
    "mā1": "'mā1' is no syllable",
    "3": "'3' is no syllable",
    "ㄅㄩ": "'ㄅㄩ' is no syllable",
    "˙ㄇㄚˋ": "'˙ㄇㄚˋ' is no syllable",
    "ㄇㄚ3": "'3' is no syllable",
    "ˇ": "'ˇ' is no syllable",
    "b": "'b' is no syllable",
    "hello": "'hello' is no syllable",
    "привет": "'привет' is no syllable",
    "ni3 \U0002a6d0": "'\U0002a6d0' is no syllable",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_syllable_is_one_sentence(text: str) -> None:
    with pytest.raises(PoiseError, match=BAD[text]) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("syllable", [Syllable("b", "ong", 1), Syllable("m", "a", 0), Syllable("zh", "", 1)])
def test_a_syllable_that_does_not_exist_is_not_written(syllable: Syllable) -> None:
    with pytest.raises(PoiseError, match="is no syllable of Mandarin: give an initial, a final and a tone 1 to 5"):
        to_pinyin(syllable)
    with pytest.raises(PoiseError, match="is no syllable"):
        to_zhuyin(syllable)


def test_characters_without_pypinyin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    assert len(parse("ni3")) == 1
    with pytest.raises(PoiseError, match="needs pypinyin: " + re.escape(install("text", "pypinyin"))):
        parse("你")
