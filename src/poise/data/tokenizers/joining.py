"""Units -> a sentence as people write it. Plain functions that need nothing else, so that they can be handed over."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

CLOSING = frozenset(".,;:!?)]}%’”»…。，、；：！？）」』】》")  # no space before
OPENING = frozenset("([{“‘«„‚¿¡$£€（「『【《")  # no space after
EITHER = frozenset("\"'")  # straight quotes open or close
PAUSES = frozenset(",:;—–-")  # between one of these and a capital, a quote without a partner opens
UNKNOWN_WORD = "<unknown>"  # what stands for a word outside the vocabulary


def joined_letters(units: Sequence[str]) -> str:
    """Without anything between them."""
    return "".join(units)


def joined_by_spaces(units: Sequence[str]) -> str:
    """With a space between them."""
    return " ".join(units)


def joined_pieces(units: Sequence[str]) -> str:
    """Pieces of words, "▁" being a space."""
    return "".join(units).replace("▁", " ").strip()


def joined_words(units: Sequence[str], small: Collection[str] = ()) -> str:
    """Words and signs with spaces where they belong; a first word that is one of `small` gets its capital."""
    units = list(units)
    first = first_word(units)
    if first < len(units) and units[first] in small:
        units[first] = capitalised(units[first])
    pieces: list[str] = []
    glued, opened = True, set[str]()  # whether the next unit follows without a space; quotes that are open
    for i, unit in enumerate(units):
        opens = unit in OPENING or (unit in EITHER and _opens(units, i, opened))
        closes = not opens and (unit in CLOSING or unit in EITHER)
        pieces += [unit] if glued or closes else [" ", unit]
        glued = opens and not unicodedata.category((units[i + 1 : i + 2] or ["x"])[0][0]).startswith("M")
    return "".join(pieces)


def first_word(units: Sequence[str]) -> int:
    """The place of the first word; `len(units)` where there is none. "<unknown>" counts as a word."""
    return next((i for i, unit in enumerate(units) if is_word(unit) or unit == UNKNOWN_WORD), len(units))


def is_word(unit: str) -> bool:
    return unit[0].isalnum()


def capitalised(word: str) -> str:
    """The word with a capital first letter, where that is one letter and can be undone; else the word as it is."""
    capital = word[0].upper()
    return capital + word[1:] if len(capital) == 1 and capital.lower() == word[0] else word


def _opens(units: Sequence[str], i: int, opened: set[str]) -> bool:
    """Whether a straight quote opens: it has a partner further on, or stands where only an opening one can."""
    quote = units[i]
    if quote in opened:
        opened.discard(quote)
        return False
    if quote in units[i + 1 :]:
        opened.add(quote)
        return True
    before, after = "".join(units[i - 1 : i]), "".join(units[i + 1 : i + 2])
    return i == 0 or before in OPENING or (before in PAUSES and after[:1].isupper())
