"""Mandarin syllables as (initial, final, tone), from pinyin, zhuyin or Chinese characters, and back.

    parse("nǐ hǎo")                       # [Syllable("n", "i", 3), Syllable("h", "ao", 3)]
    to_pinyin(Syllable("l", "v", 4))      # "lv4"

Initials and finals are those of the sounds and not of the spelling, as zhuyin writes them: yi is ("", "i"), liu is
("l", "iou"), gui is ("g", "uei"), lun is ("l", "uen"), jue is ("j", "ve"), and the vowel of zhi and si is a final of
its own, "ih" (Duanmu, "The phonology of standard Chinese", 2007). Only zhuyin's ㄨㄥ is two: "ong" after a consonant,
"ueng" alone. "v" stands for ü and "eh" for ê, so that names of files are ASCII.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import NamedTuple

from poise.data.transcripts.segmentation import segmented
from poise.errors import PoiseError, nearest
from poise.installing import install


class Syllable(NamedTuple):
    """`initial` of 21 or ""; `final` (see `FINALS`), "" in the name of a letter such as ㄅ or in ń; `tone` 1 to 5."""

    initial: str
    final: str
    tone: int


_LETTERS_OF = "b p m f d t n l g k h j q x zh ch sh r z c s"
_INITIALS = dict(zip("ㄅㄆㄇㄈㄉㄊㄋㄌㄍㄎㄏㄐㄑㄒㄓㄔㄕㄖㄗㄘㄙ", _LETTERS_OF.split(" "), strict=True))
# final: (zhuyin, spelled alone, spelled after an initial, the initials it goes with; "-" for none)
_FINALS: dict[str, tuple[str, str, str, str]] = {
    "a": ("ㄚ", "a", "a", "- b p m f d t n l g k h zh ch sh z c s"),
    "o": ("ㄛ", "o", "o", "- b p m f l"),
    "e": ("ㄜ", "e", "e", "- m d t n l g k h zh ch sh r z c s"),
    "eh": ("ㄝ", "eh", "eh", "-"),
    "ih": ("", "", "i", "zh ch sh r z c s"),
    "er": ("ㄦ", "er", "er", "-"),
    "ai": ("ㄞ", "ai", "ai", "- b p m d t n l g k h zh ch sh z c s"),
    "ei": ("ㄟ", "ei", "ei", "- b p m f d t n l g k h zh sh z c"),
    "ao": ("ㄠ", "ao", "ao", "- b p m d t n l g k h zh ch sh r z c s"),
    "ou": ("ㄡ", "ou", "ou", "- p m f d t n l g k h zh ch sh r z c s"),
    "an": ("ㄢ", "an", "an", "- b p m f d t n l g k h zh ch sh r z c s"),
    "en": ("ㄣ", "en", "en", "- b p m f d n g k h zh ch sh r z c s"),
    "ang": ("ㄤ", "ang", "ang", "- b p m f d t n l g k h zh ch sh r z c s"),
    "eng": ("ㄥ", "eng", "eng", "- b p m f d t n l g k h zh ch sh r z c s"),
    "i": ("ㄧ", "yi", "i", "- b p m d t n l j q x"),
    "ia": ("ㄧㄚ", "ya", "ia", "- d l j q x"),
    "io": ("ㄧㄛ", "yo", "io", "-"),
    "ie": ("ㄧㄝ", "ye", "ie", "- b p m d t n l j q x"),
    "iai": ("ㄧㄞ", "yai", "iai", "-"),
    "iao": ("ㄧㄠ", "yao", "iao", "- b p m d t n l j q x"),
    "iou": ("ㄧㄡ", "you", "iu", "- m d n l j q x"),
    "ian": ("ㄧㄢ", "yan", "ian", "- b p m d t n l j q x"),
    "in": ("ㄧㄣ", "yin", "in", "- b p m n l j q x"),
    "iang": ("ㄧㄤ", "yang", "iang", "- n l j q x"),
    "ing": ("ㄧㄥ", "ying", "ing", "- b p m d t n l j q x"),
    "u": ("ㄨ", "wu", "u", "- b p m f d t n l g k h zh ch sh r z c s"),
    "ua": ("ㄨㄚ", "wa", "ua", "- g k h zh ch sh r"),
    "uo": ("ㄨㄛ", "wo", "uo", "- d t n l g k h zh ch sh r z c s"),
    "uai": ("ㄨㄞ", "wai", "uai", "- g k h zh ch sh"),
    "uei": ("ㄨㄟ", "wei", "ui", "- d t g k h zh ch sh r z c s"),
    "uan": ("ㄨㄢ", "wan", "uan", "- d t n l g k h zh ch sh r z c s"),
    "uen": ("ㄨㄣ", "wen", "un", "- d t n l g k h zh ch sh r z c s"),
    "uang": ("ㄨㄤ", "wang", "uang", "- g k h zh ch sh"),
    "ueng": ("ㄨㄥ", "weng", "", "-"),
    "ong": ("ㄨㄥ", "", "ong", "d t n l g k h zh ch r z c s"),
    "v": ("ㄩ", "yu", "v", "- n l j q x"),
    "ve": ("ㄩㄝ", "yue", "ve", "- n l j q x"),
    "van": ("ㄩㄢ", "yuan", "van", "- j q x"),
    "vn": ("ㄩㄣ", "yun", "vn", "- j q x"),
    "iong": ("ㄩㄥ", "yong", "iong", "- j q x"),
}
INITIALS = tuple(_INITIALS.values())
FINALS = tuple(_FINALS)
TABLE = tuple(
    (initial.replace("-", ""), final) for final, (_, _, _, initials) in _FINALS.items() for initial in initials.split()
)
_ZHUYIN_OF = {initial: letter for letter, initial in _INITIALS.items()}
LETTERS = tuple((initial, "") for initial in INITIALS if (initial, "ih") not in TABLE)  # ㄅ, ㄇ, ń: no vowel
NEUTRAL = 5
_HAN, _ZHUYIN, _SIGNS = "\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff", "\u3105-\u312f", "ˉˊˇˋ˙"
_WORD = re.compile(
    rf"(?P<characters>[{_HAN}]+)|(?P<zhuyin>˙?[{_ZHUYIN}]+[{_SIGNS}]?)|"
    rf"(?P<pinyin>(?:(?![{_HAN}{_ZHUYIN}{_SIGNS}])[^\W\d_]|[\u0300-\u036f])+\d?)|(?P<other>[\w{_SIGNS}])"
)
_MARKS = {"\u0304": 1, "\u0301": 2, "\u030c": 3, "\u0300": 4}  # combining macron, acute, caron, grave
_SIGN_OF = ("", "", "ˊ", "ˇ", "ˋ", "˙")
Key = tuple[str, str]  # initial, final


def parse(text: str) -> list[Syllable]:
    """The syllables of a text, in order; spaces and punctuation only separate.

    It may mix pinyin with numbers ("ni3hao3"), pinyin with marks ("nǐ hǎo"), zhuyin ("ㄋㄧˇ ㄏㄠˇ"; the neutral ˙ comes
    before or after) and, with the package pypinyin, characters ("你好"). ü may be written v or u:, and ê eh. Pinyin
    without a tone, and tones 0 and 5, are neutral (5); zhuyin without one has tone 1. Where syllables are run together,
    one that begins with a, e or o is only taken where nothing else is possible: "fangan" is fan gan, not fang'an.

    Errors: `PoiseError` for what is no syllable of Mandarin, with the nearest one, and for characters without pypinyin.
    """
    plain = unicodedata.normalize("NFC", text.lower().replace("u:", "ü"))
    found: list[Syllable] = []
    for match in _WORD.finditer(plain):
        read = _READERS.get(str(match.lastgroup))
        syllables = read(match.group()) if read else None
        if syllables is None:
            raise _unknown(match.group())
        found += syllables
    return found


def to_pinyin(syllable: Syllable) -> str:
    """Pinyin with the number of the tone, in ASCII: "lv4", "ma5". PoiseError for a syllable that does not exist."""
    return f"{_spelled()[_checked(syllable)]}{syllable.tone}"


def spellings() -> dict[str, tuple[str, str]]:
    """Every pinyin without a tone -> (initial, final), "nue" and "lue" for nüe and lüe as well.

    Example:
        >>> spellings()["lue"]
        ('l', 've')
    """
    return dict(_by_pinyin())


def to_zhuyin(syllable: Syllable) -> str:
    """Zhuyin with the mark of the tone, none for the first, ˙ before for the neutral one. Errors as `to_pinyin`."""
    initial, final = _checked(syllable)
    letters = _ZHUYIN_OF.get(initial, "") + (_FINALS[final][0] if final else "")
    return f"˙{letters}" if syllable.tone == NEUTRAL else letters + _SIGN_OF[syllable.tone]


def _checked(syllable: Syllable) -> Key:
    key = (syllable.initial, syllable.final)
    if key not in _spelled() or not 1 <= syllable.tone <= NEUTRAL:
        raise PoiseError(f"{tuple(syllable)} is no syllable of Mandarin: give an initial, a final and a tone 1 to 5")
    return key


@functools.cache
def _spelled() -> dict[Key, str]:
    """(initial, final) -> pinyin without a tone."""
    out = {letter: letter[0] for letter in LETTERS}
    for initial, final in TABLE:
        _, alone, after, _ = _FINALS[final]
        after = after.replace("v", "u") if initial in ("j", "q", "x") else after
        out[initial, final] = initial + after if initial else alone
    return out


@functools.cache
def _by_pinyin() -> dict[str, Key]:
    aliases = {"lue": ("l", "ve"), "nue": ("n", "ve")}  # the only reading there is
    return {spelled: key for key, spelled in _spelled().items() if key[1]} | aliases


@functools.cache
def _by_zhuyin() -> dict[str, Key]:
    return {_ZHUYIN_OF.get(initial, "") + _FINALS[final][0]: (initial, final) for initial, final in TABLE}


def _unknown(word: str) -> PoiseError:
    near = nearest(word.rstrip("0123456789"), (*_by_pinyin(), *_by_zhuyin()))
    return PoiseError(
        f"'{word}' is no syllable of Mandarin{near}: write pinyin such as ni3 hao3, zhuyin, or Chinese characters"
    )


def _zhuyin(word: str) -> list[Syllable] | None:
    """One run of letters with at most one mark, which belongs to the syllable beside it."""
    before, letters, after = word.startswith("˙"), word.strip(_SIGNS), word[-1] if word[-1] in _SIGNS else ""
    parts = segmented(letters, _by_zhuyin())
    keys = [_by_zhuyin()[part] for part in parts]
    if letters in _INITIALS and (_INITIALS[letters], "") in LETTERS:
        keys = [(_INITIALS[letters], "")]
    if not keys or (before and after):
        return None
    tones = [1] * len(keys)
    tones[-1] = _SIGN_OF.index(after) if after in _SIGN_OF[2:] else 1
    tones[0] = NEUTRAL if before else tones[0]
    return [Syllable(*key, tone) for key, tone in zip(keys, tones, strict=True)]


def _pinyin(word: str) -> list[Syllable] | None:
    """One run of letters with marks, or with a number, which belongs to the last syllable."""
    number = int(word[-1]) if word[-1].isdecimal() else None
    letters, marks = _unmarked(word if number is None else word[:-1])
    if (number or 0) > NEUTRAL or (number is not None and any(marks)):
        return None
    if (letters, "") in LETTERS and (number is not None or any(marks)):
        parts = [letters]
    else:
        parts = segmented(letters, _by_pinyin(), marks, "aeo") or segmented(letters, _by_pinyin(), marks)
    out: list[Syllable] = []
    start = 0
    for part in parts:
        tone = max(marks[start : start + len(part)])
        out.append(Syllable(*_by_pinyin().get(part, (part, "")), tone or NEUTRAL))
        start += len(part)
    if out and number:
        out[-1] = out[-1]._replace(tone=number)
    return out or None


def _unmarked(word: str) -> tuple[str, list[int]]:
    """Letters with v and eh for ü and ê, and the tone that is marked on each (0: none)."""
    letters, marks = "", list[int]()
    for character in unicodedata.normalize("NFD", word):
        if character in _MARKS and marks:
            marks[-1] = _MARKS[character]
        elif character == "\u0308" and letters.endswith("u"):
            letters = letters[:-1] + "v"
        elif character == "\u0302" and letters.endswith("e"):
            letters, marks = letters + "h", [*marks, 0]
        else:
            letters, marks = letters + character, [*marks, 0]
    return letters, marks


def _characters(word: str) -> list[Syllable] | None:
    try:
        from pypinyin import Style, lazy_pinyin
    except ImportError:
        raise PoiseError(f"reading Chinese characters needs pypinyin: {install('text', 'pypinyin')}") from None
    found = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True, errors=lambda _: "?")
    return None if "?" in "".join(found) else [syllable for one in found for syllable in parse(one)]


_READERS = {"zhuyin": _zhuyin, "pinyin": _pinyin, "characters": _characters}
