"""Words and punctuation as units, with the case of a sentence's first word taken off where it says nothing."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Self

from poise.data.tokenizers.alphabet import SPECIAL, UNKNOWN, Units, most_frequent
from poise.data.tokenizers.joining import capitalised, first_word, joined_words
from poise.registry import register


@cache
def _pattern() -> re.Pattern[str]:
    """A word: letters, digits and the marks on them, with single apostrophes and hyphens inside, and points and
    commas between digits. Anything else but a space is a unit by itself, with the marks on it; an emoji that is written
    as several (a flag, a skin tone, a family) is one."""
    marks = "".join(c for c in map(chr, range(0x300, sys.maxunicode + 1)) if unicodedata.category(c)[0] == "M")
    mark = f"[{marks}]"
    piece = rf"[^\W_]+(?:{mark}+[^\W_]*)*"
    inner = r"(?:['’\-‐‑\u00ad\u200c\u200d]|(?<=\d)[.,](?=\d))"
    joined = rf"{mark}*(?:[\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]{mark}*)*"  # skin tones, and tags of flags
    emoji = "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
    sign = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{emoji}{joined}(?:\u200d{emoji}{joined})*|\S{mark}*"
    return re.compile(rf"{piece}(?:{inner}{piece})*|{sign}")


# The same of a sentence in ASCII, where the many marks need not be looked for: five times as fast.
_ASCII = re.compile(r"[^\W_]+(?:(?:['\-]|(?<=\d)[.,](?=\d))[^\W_]+)*|\S", re.ASCII)


def _taken_apart(text: str) -> list[str]:
    if text.isascii():
        return _ASCII.findall(text)
    return _pattern().findall(unicodedata.normalize("NFC", text))


def uncapitalised(word: str) -> str:
    """The word with a small first letter, where that can be undone; else the word as it is."""
    small = word[0].lower()
    return small + word[1:] if len(small) == 1 and small.upper() == word[0] else word


@register("units", "word")
class Words(Units):
    """Words (letters and digits of any script with inner apostrophes and hyphens); every other sign is a unit.

    The first word of a sentence is written small where, in the sentences of `fit`, its small form is more frequent
    than the capitalised one in other places. `join` writes such a word with a capital, so that
    `encode(decode(ids)) == ids` for ids that come from a sentence inside the vocabulary.

    Args: names; small: words that lose their capital at the beginning of a sentence.
    """

    kind = "word"
    plural = "words and signs"

    def __init__(self, names: Sequence[str], small: Sequence[str] = ()) -> None:
        super().__init__(names)
        self.small = frozenset(small)

    @classmethod
    def fit(cls, sentences: Sequence[str], size: int | None = None, least: int = 1) -> Self:
        plain = cls(SPECIAL)
        inside: Counter[str] = Counter()  # the words behind the first one of a sentence
        begun: Counter[str] = Counter()  # the first ones, and the signs before them
        for sentence in sentences:
            units = plain.split(sentence)
            first = first_word(units)
            inside.update(units[first + 1 :])
            begun.update(units[: first + 1])
        small = [word for word, n in inside.items() if capitalised(word) != word and n > inside[capitalised(word)]]
        cased = cls(SPECIAL, small)
        counts = Counter(inside)
        for word, n in begun.items():
            counts[cased._cased(word)] += n
        names = most_frequent(counts, size, least, cls.plural)
        return cls(names, sorted(cased.small.intersection(names)))

    def split(self, sentence: str) -> list[str]:
        units = _taken_apart(sentence)
        first = first_word(units)
        if first < len(units):
            units[first] = self._cased(units[first])
        return units

    def inside(self, text: str) -> tuple[list[str], list[int]]:
        """As they are written: a capital says something there."""
        units = _taken_apart(text)
        return units, [self._ids.get(unit, UNKNOWN) for unit in units]

    def _cased(self, word: str) -> str:
        """The first word of a sentence, small where its capital says nothing."""
        plain = uncapitalised(word)
        return plain if plain in self.small else word

    @property
    def joining(self) -> tuple[Callable[..., str], tuple[object, ...]]:
        return joined_words, (self.small,)

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "small": sorted(self.small)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        return cls(content["names"], content["small"])
