"""Chinese quatrains: do samples have the form of the real ones, do they rhyme, do their tones alternate.

Rhymes and tones are those of modern Mandarin (pypinyin), a proxy: Tang verse rhymes by the rhyme books of Middle
Chinese, whose entering tone (ru sheng, counted as oblique) is lost in Mandarin and spread over all four tones. Real
poems therefore do not reach 1, and only the value of real held-out poems says what to expect.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from poise.errors import PoiseError
from poise.installing import install
from poise.intervals import wilson
from poise.metrics.core.statistics import Estimate
from poise.metrics.features.features import MissingFeatures
from poise.metrics.text.metric import TextMetric, TextSets, around, variance_of_mean

_HAN = "[\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
_RUN = re.compile(f"{_HAN}+")
LINES = 4
COMMON = 0.5  # share of real sentences that must have one form for there to be a form
# The fourteen rhymes of the Zhonghua Xinyun (Chinese Poetry Society, 2005), by finals in full pinyin (v for u umlaut).
RHYMES = (
    *("a ia ua", "o e uo", "ie ve ê", "ai uai", "ei uei", "ao iao", "ou iou", "an ian uan van", "en in uen vn"),
    *("ang iang uang", "eng ing ueng ong iong", "i er v", "-i", "u"),
)
_RHYME = {final: number for number, finals in enumerate(RHYMES) for final in finals.split()}
_BUZZING = ("zh", "ch", "sh", "r", "z", "c", "s")  # after these an i is the vowel of zhi or zi, a rhyme of its own


class Pronunciation(NamedTuple):
    """How a character can be read: numbers of rhymes, and whether its tone may be level (1, 2) or oblique (3, 4)."""

    rhymes: frozenset[int]
    level: bool
    oblique: bool


@cache
def sound(character: str) -> Pronunciation:
    """All readings of one character by pypinyin, also rare ones; the neutral tone is neither level nor oblique.

    Example:
        >>> sound("天").level, sound("地").oblique, sound("天").rhymes == sound("年").rhymes
        (True, True, False)
    """
    try:
        from pypinyin import Style, pinyin
        from pypinyin.contrib.tone_convert import to_finals, to_initials
    except ImportError:
        raise MissingPinyin from None
    rhymes, tones = set(), set()
    for syllable in pinyin(character, Style.TONE3, heteronym=True, errors="ignore", neutral_tone_with_five=True)[
        :1
    ] or [[]]:
        for reading in syllable:
            initial, final = to_initials(reading, strict=True), to_finals(reading, strict=True)
            rhymes.add(_RHYME.get("-i" if final == "i" and initial in _BUZZING else final, -1))
            tones.add(reading[-1])
    return Pronunciation(frozenset(rhymes - {-1}), bool(tones & {"1", "2"}), bool(tones & {"3", "4"}))


class MissingPinyin(MissingFeatures):
    """pypinyin is not installed."""

    def __init__(self) -> None:
        PoiseError.__init__(self, f"rhyme and tones need pypinyin, so they are left out: {install('text', 'pypinyin')}")


def form_of(text: str) -> str:
    """A text with each run of Han characters replaced by its length: "7，7。7，7。".

    Example:
        >>> form_of("床前明月光，疑是地上霜。")
        '5，5。'
    """
    return _RUN.sub(lambda run: str(len(run.group())), text.strip())


def quatrain(text: str) -> list[str] | None:
    """The four lines, where the text is made of four runs of Han characters of one length, at least 2; else None.

    Example:
        >>> quatrain("床前明月光，疑是地上霜。举头望明月，低头思故乡。")
        ['床前明月光', '疑是地上霜', '举头望明月', '低头思故乡']
        >>> quatrain("床前明月光。") is None
        True
    """
    lines = _RUN.findall(text)
    return lines if len(lines) == LINES and len({*map(len, lines)}) == 1 and len(lines[0]) > 1 else None


def common_form(texts: Sequence[str]) -> str | None:
    """The most common form, if it is a quatrain and at least half of the texts have it.

    Example:
        >>> common_form(["床前明月光，疑是地上霜。举头望明月，低头思故乡。", "不是诗。"])
        '5，5。5，5。'
    """
    if not texts:
        return None
    forms = Counter(map(form_of, texts))
    form, times = max(forms.items(), key=lambda item: (item[1], item[0]))
    an_example = next(text for text in texts if form_of(text) == form)
    return form if times >= COMMON * len(texts) and quatrain(an_example) else None


def rhymes(lines: Sequence[str]) -> bool:
    """Whether lines 2 and 4 end in different characters of which some readings have one rhyme.

    Example:
        >>> rhymes(["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"])  # shuang, xiang
        True
    """
    a, b = lines[1][-1], lines[3][-1]
    return a != b and bool(sound(a).rhymes & sound(b).rhymes)


def tone_share(lines: Sequence[str]) -> float:
    """Share of the rules of tone that four lines keep, each by some readings.

    Within every line the tones of the 2nd and 4th, and of the 4th and 6th, character are opposite (level, oblique);
    between lines the 2nd characters of 1 and 2, and of 3 and 4, are opposite (dui), and those of 2 and 3 equal (nian).
    Eleven rules for lines of seven characters, seven for lines of five.

    Example:
        >>> tone_share(["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"])
        1.0
    """
    kept = [_opposite(line[i], line[i + 2]) for line in lines for i in (1, 3) if len(line) > i + 2]
    second = [line[1] for line in lines]
    kept += [_opposite(second[0], second[1]), _equal(second[1], second[2]), _opposite(second[2], second[3])]
    return sum(kept) / len(kept)


def _opposite(a: str, b: str) -> bool:
    x, y = sound(a), sound(b)
    return (x.level and y.oblique) or (x.oblique and y.level)


def _equal(a: str, b: str) -> bool:
    x, y = sound(a), sound(b)
    return (x.level and y.level) or (x.oblique and y.oblique)


def form_of_real(sets: TextSets) -> str | None:
    """The `common_form` of the training sentences, or of the held-out ones where there are none.

    Example:
        >>> from poise.metrics.text.metric import Texts
        >>> poems = Texts([[2]] * 4, ["床前明月光，疑是地上霜。举头望明月，低头思故乡。"] * 4)
        >>> form_of_real(TextSets(poems, poems, None, vocabulary=3))
        '5，5。5，5。'
    """
    real = sets.heldout if sets.train is None else sets.train
    found: str | None = real.keep("form", lambda: common_form(real.texts))
    return found


def is_verse(sets: TextSets) -> bool:
    """Whether the real sentences have the form of a quatrain.

    Example:
        >>> from poise.metrics.text.metric import Texts
        >>> prose = Texts([[2]] * 4, ["the cat"] * 4)
        >>> is_verse(TextSets(prose, prose, None, vocabulary=3))
        False
    """
    return form_of_real(sets) is not None


@TextMetric.define(
    "form",
    "Share of samples with exactly the line lengths and punctuation that most training poems have.",
    "target",
    applies=is_verse,
    otherwise="the real sentences are no verse of one form",
)
def form(sets: TextSets, seed: int) -> dict[str, Estimate]:
    """Share of the n samples whose `form_of` is that of most of the m training poems, or of the held-out ones where no
    training poems are given. Interval: Wilson.

    Example:
        >>> from poise.metrics.text.metric import Texts
        >>> poem = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
        >>> made, real = Texts([[2]] * 4, [poem, poem, "不是诗。", "诗"]), Texts([[2]] * 4, [poem] * 4)
        >>> form.measure(TextSets(made, real, None, vocabulary=3))["form"].value
        0.5
    """
    wanted, real = form_of_real(sets), sets.heldout if sets.train is None else sets.train
    share = float(np.mean([form_of(text) == wanted for text in sets.samples.texts]))
    return {"form": Estimate(share, *wilson(share, len(sets.samples)), len(sets.samples), len(real))}


def _pinyin() -> None:
    sound("一")


@TextMetric.define(
    "verse",
    "Share of quatrains whose lines 2 and 4 rhyme in modern Mandarin, and of the rules of tone that are kept; compare "
    "with real poems.",
    "target",
    applies=is_verse,
    otherwise="the real sentences are no verse of one form",
    ready=_pinyin,
)
def verse(sets: TextSets, seed: int) -> dict[str, Estimate]:
    """Of the n samples that are quatrains (four lines of equally many Han characters, whatever the punctuation):
    "rhyme", the share that `rhymes`; "tones", the mean of `tone_share`. Any reading of a character counts. m is 0.

    Intervals: Wilson; 1.96 standard errors of the mean (the delete-one jackknife).
    Errors: `PoiseError` where no sample is a quatrain, and without pypinyin.

    Example:
        >>> from poise.metrics.text.metric import Texts
        >>> poems = Texts([[2]] * 4, ["白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"] * 4)
        >>> found = verse.measure(TextSets(poems, poems, None, vocabulary=3))
        >>> found["rhyme"].value, round(found["tones"].value, 4)
        (1.0, 1.0)
    """
    poems = [lines for text in sets.samples.texts if (lines := quatrain(text))]
    if not poems:
        raise PoiseError("verse looks at quatrains of four equally long lines, and no sample is one")
    n, share = len(poems), float(np.mean([rhymes(lines) for lines in poems]))
    kept = np.array([tone_share(lines) for lines in poems])
    return {
        "rhyme": Estimate(share, *wilson(share, n), n, 0),
        "tones": around(float(kept.mean()), variance_of_mean(kept), n, 0),
    }
