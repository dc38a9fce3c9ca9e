"""Quatrains: their form, rhyme and tones, on poems that everybody knows."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from poise.errors import PoiseError
from poise.installing import install
from poise.metrics.core.metric import find_metrics, fitting
from poise.metrics.core.rows import Note
from poise.metrics.text import verse
from poise.metrics.text.metric import TextMetric, Texts, TextSets
from poise.metrics.text.verse import common_form, form_of, quatrain, rhymes, sound, tone_share

POEMS = [
    "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "红豆生南国，春来发几枝。愿君多采撷，此物最相思。",
    "千山鸟飞绝，万径人踪灭。孤舟蓑笠翁，独钓寒江雪。",
]
WRONG = "红豆生南国，春来发几枝。白日依山尽，黄河入海流。"  # its lines 2 and 4 do not rhyme


def texts(sentences: list[str]) -> Texts:
    letters = {c: i + 2 for i, c in enumerate(sorted(set("".join([*POEMS, WRONG, "啊呀！"]))))}
    return Texts([[letters[c] for c in s] for s in sentences], sentences)


def sets(samples: list[str], real: list[str]) -> TextSets:
    return TextSets(texts(samples), texts(real), None, 200, "characters")


def test_form_is_line_lengths_and_punctuation():
    assert form_of(POEMS[0]) == "5，5。5，5。"
    assert form_of("春眠不觉晓, abc") == "5, abc"
    assert common_form([*POEMS, "啊呀！"]) == "5，5。5，5。"
    assert common_form(["啊呀！", "啊呀！", POEMS[0]]) is None, "no quatrain"
    assert common_form([POEMS[0], "啊", "啊呀，呀", "a"]) is None, "not common"
    assert common_form([]) is None


def test_quatrains_are_four_equal_lines_of_han_characters():
    assert quatrain(POEMS[0]) == ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"]
    assert quatrain(POEMS[0].replace("，", "").replace("。", "")) is None
    assert quatrain(POEMS[0][:-2] + "。") is None
    assert quatrain("a，b。c，d。") is None


def test_known_poems_rhyme_and_mixed_ones_do_not():
    pytest.importorskip("pypinyin")
    for poem in POEMS[:3]:
        assert rhymes(quatrain(poem) or [])
    assert not rhymes(quatrain(WRONG) or [])
    assert not rhymes(["床前", "明月", "故乡", "明月"]), "the same character is no rhyme"
    assert rhymes(["床前", "千里", "故乡", "一日".replace("日", "七")])


def test_rhymes_and_tones_of_single_characters():
    pytest.importorskip("pypinyin")
    assert sound("风").rhymes == sound("东").rhymes, "eng and ong are one rhyme"
    assert sound("资").rhymes == sound("诗").rhymes != sound("衣").rhymes, "zi and shi, not yi"
    assert sound("云").rhymes == sound("人").rhymes
    assert sound("行").rhymes > sound("光").rhymes, "hang and xing"
    assert sound("元").level and not sound("元").oblique
    assert sound("二").oblique and not sound("二").level
    assert sound("a") == (frozenset(), False, False)


def test_tones_by_hand():
    pytest.importorskip("pypinyin")
    level, oblique = "天", "地"
    lines = ["天天天地天", "天地天天天", "天地天天天", "天天天地天"]
    assert tone_share(lines) == 1
    assert tone_share([level * 5] * 4) == pytest.approx(1 / 7), "only that lines 2 and 3 agree"
    assert tone_share([oblique * 7] * 4) == pytest.approx(1 / 11)
    assert tone_share(quatrain(POEMS[0]) or []) == 1


def test_the_metrics_measure_what_they_say():
    pytest.importorskip("pypinyin")
    form, rhyme = find_metrics(TextMetric, ["form", "verse"])
    mixed = sets([*POEMS[:3], WRONG, "啊呀！"], POEMS)
    assert form.applies(mixed)
    assert form.measure(mixed)["form"].value == pytest.approx(0.8)
    found = rhyme.measure(mixed)
    assert (found["rhyme"].value, found["rhyme"].n) == (0.75, 4)
    assert found["tones"].value == pytest.approx(np.mean([tone_share(quatrain(p) or []) for p in [*POEMS[:3], WRONG]]))
    assert found["tones"].low < found["tones"].value < found["tones"].high <= 1
    with pytest.raises(PoiseError, match="no sample is one"):
        rhyme.measure(sets(["啊呀！"] * 5, POEMS))


def test_other_text_is_left_alone_and_a_missing_package_is_one_sentence(monkeypatch):
    names = {m.name for m in fitting(find_metrics(TextMetric), sets(["啊呀！"] * 4, ["啊呀！"] * 4))[0]}
    assert names.isdisjoint({"form", "verse"})
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    verse.sound.cache_clear()
    fit, missing = fitting(find_metrics(TextMetric), sets(POEMS, POEMS))
    assert {"form", "BLEU"} <= {m.name for m in fit}
    assert missing[0] == Note("rhyme and tones need pypinyin, so they are left out: " + install("text", "pypinyin"))
