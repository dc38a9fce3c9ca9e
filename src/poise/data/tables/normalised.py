"""Sentences that differ in case, punctuation or spaces alone, made equal."""

from __future__ import annotations

import unicodedata


class _WithoutSigns(dict[int, str]):
    """For `str.translate`: code points of punctuation (P), spaces (Z) and control characters (C) become nothing."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = "" if unicodedata.category(character)[0] in "PZC" else character
        return self[code]


_WITHOUT_SIGNS = _WithoutSigns()


def normalised(sentence: str) -> str:
    """Without differences of form (NFKC), case, punctuation and spaces; unchanged where nothing else is in it."""
    if sentence.isascii():  # which has but one form
        return sentence.lower().translate(_WITHOUT_SIGNS) or sentence
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sentence).casefold())
    return plain.translate(_WITHOUT_SIGNS) or sentence
