"""What of a text is heard, character by character, in any writing system; and what is not, which is counted.

Kept are letters, digits and every mark of a letter: vowel signs, tones, points, viramas, letters below. Unicode puts
many of them into the categories Mn and Mc with a combining class of 0, so that neither `str.isalnum` nor
`unicodedata.combining` knows them. Joiners are kept in scripts that join letters, where they tell words apart.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

SIGNS = "',.?! -"
JOINERS = "\u200c\u200d\u180e"  # the last one separates vowels in Mongolian
# Signs inside a word that are part of how it is written: Hebrew geresh and gershayim (ג׳ is another sound than ג), the
# marks that Armenian sets on the vowel that is stressed, asked or called.
INSIDE = "\u05f3\u05f4\u055a\u055b\u055c\u055e"
# First and last code points of the scripts whose letters join, so that a joiner makes a difference: Arabic to Sinhala,
# Tibetan and Burmese, Khmer and Mongolian, the smaller scripts of South Asia, forms of Arabic, Brahmic ones, Adlam.
_JOINING = (
    (0x0600, 0x0DFF), (0x0F00, 0x109F), (0x1700, 0x18AF), (0x1900, 0x1CFF), (0xA800, 0xABFF), (0xFB50, 0xFDFF),
    (0xFE70, 0xFEFE), (0x10A00, 0x11FFF), (0x1E900, 0x1E95F),
)  # fmt: skip
# Signs (Sk) that write tones and the like: ˙ ˞ ˥ ꜜ ꞉
_TONE_LETTERS = ((0x02D9, 0x02D9), (0x02DE, 0x02DE), (0x02E5, 0x02EB), (0xA700, 0xA7FF), (0xAB5B, 0xAB5B))
_AROUND_NUMBERS = (
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"  # Cf, yet seen
)
_ON_SYMBOLS = (0x20D0, 0x20FF)  # marks that go around symbols, as in a key cap
_BRAILLE = (0x2801, 0x28FF)
_JOINS_NOTHING = "\u034f\u2800"  # combining grapheme joiner, an empty Braille cell


def spelt(text: str) -> str:
    """In small letters: what is heard, and single blanks for anything else.

    What cannot be seen and changes no word (soft hyphens, marks of direction, selectors of a glyph) is nothing at all.
    """
    plain = unicodedata.normalize("NFC", text).casefold()
    found: list[str] = []
    for before, c in pairwise(f" {plain}"):
        if heard(c) or c in SIGNS or (c in JOINERS and _joins(before)):
            found.append(c)
        elif not invisible(c):
            found.append(" ")
    return " ".join("".join(found).split())


def not_heard(texts: Iterable[str]) -> Counter[str]:
    """The visible characters that `spelt` makes blanks of, with how often they occur, the most frequent first."""
    every = Counter[str]()
    for text in texts:
        every.update(unicodedata.normalize("NFC", text).casefold())
    lost = {
        c: n for c, n in every.items() if not (heard(c) or c in SIGNS or c.isspace() or invisible(c) or c == "\u200b")
    }
    return Counter(dict(sorted(lost.items(), key=lambda pair: (-pair[1], pair[0]))))


def lost_in(texts: Sequence[str], named: int = 5) -> str:
    """A sentence about `not_heard`, "" where all is heard."""
    lost = not_heard(texts)
    if not lost:
        return ""
    first = ", ".join(f"{visible(c)} ({n:,})" for c, n in lost.most_common(named))
    more = f" and {len(lost) - named:,} more" if len(lost) > named else ""
    one = lost.total() == 1
    what = "character is no unit and is a blank" if one else "characters are no units and are blanks"
    return f"{lost.total():,} {what}: {first}{more}"


def heard(c: str) -> bool:
    """Whether a character is a letter, a digit, or a mark of a letter."""
    if c.isalnum() or unicodedata.combining(c) or c in INSIDE:
        return c not in _JOINS_NOTHING
    kind, code = unicodedata.category(c), ord(c)
    if kind[0] == "M":
        return not (invisible(c) or _within(code, (_ON_SYMBOLS,)))
    return (kind == "Sk" and _within(code, _TONE_LETTERS)) or _within(code, (_BRAILLE,))


def invisible(c: str) -> bool:
    """Whether a character is nothing by itself: joiners, soft hyphens, marks of direction, selectors of a glyph."""
    if c == "\u200b" or c in _AROUND_NUMBERS:  # U+200B separates words
        return False
    code = ord(c)
    return c == "\u034f" or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or unicodedata.category(c) == "Cf"


def visible(c: str) -> str:
    """A character as it can be shown by itself: a mark sits on a circle, what cannot be seen has its number."""
    kind = unicodedata.category(c[0]) if c else ""
    if len(c) == 1 and (kind[0] in "CZ" or invisible(c)) and c != " ":
        return f"U+{ord(c):04X}"
    return f"◌{c}" if kind.startswith("M") else c


def _joins(before: str) -> bool:
    return unicodedata.category(before)[0] in "LM" and _within(ord(before), _JOINING)


def _within(code: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(first <= code <= last for first, last in ranges)
