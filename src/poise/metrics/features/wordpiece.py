"""Sentences -> word pieces, as uncased BERT reads them (Devlin et al. 2019; Wu et al. 2016 for the pieces).

Control characters go, Chinese characters stand alone, letters become small and lose their accents, words end at spaces
and punctuation; then each word is cut from the left into the longest pieces that the vocabulary knows.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator

LONGEST_WORD = 100  # characters; a longer one is unknown
CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """A vocabulary, one piece a line; a piece inside a word begins with ##.

    Args: vocabulary: the lines of vocab.txt; length: pieces of a sentence at most, with [CLS] and [SEP].

    Example:
        >>> pieces = WordPiece("[UNK]\\n[CLS]\\n[SEP]\\nun\\n##happy\\ncat", length=8)
        >>> pieces("Unhappy cat dog")  # [CLS] un ##happy cat [UNK] [SEP]
        [1, 3, 4, 5, 0, 2]
    """

    def __init__(self, vocabulary: str, length: int) -> None:
        self._number = {piece: i for i, piece in enumerate(vocabulary.rstrip("\n").split("\n"))}
        self._length = length
        self._unknown, self._first, self._last = (self._number[piece] for piece in ("[UNK]", "[CLS]", "[SEP]"))

    def __call__(self, sentence: str) -> list[int]:
        """Numbers of [CLS], the pieces and [SEP]; what is too long is cut off."""
        pieces = [number for word in words(sentence) for number in self._pieces(word)]
        return [self._first, *pieces[: self._length - 2], self._last]

    def _pieces(self, word: str) -> list[int]:
        """The longest known piece from the left, again and again; a word that leaves a rest is unknown as a whole."""
        found: list[int] = []
        start = 0
        while start < len(word) and len(word) <= LONGEST_WORD:
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self._number:
                    found.append(self._number[piece])
                    start = end
                    break
            else:
                return [self._unknown]
        return found or [self._unknown]


def words(sentence: str) -> list[str]:
    """Small letters without accents, cut at spaces, around punctuation and around Chinese characters.

    Example:
        >>> words("Café-Bar, 中文!")
        ['cafe', '-', 'bar', ',', '中', '文', '!']
    """
    spaced = "".join(_spaced(sentence))
    plain = unicodedata.normalize("NFD", spaced)
    plain = "".join(letter for letter in plain if unicodedata.category(letter) != "Mn").lower()
    return [word for chunk in plain.split() for word in _around_punctuation(chunk)]


def _spaced(sentence: str) -> Iterator[str]:
    for letter in sentence:
        kind = _kind(letter)
        if kind == "space":
            yield " "
        elif kind == "chinese":
            yield f" {letter} "
        elif kind != "control":
            yield letter


def _around_punctuation(chunk: str) -> Iterator[str]:
    word = ""
    for letter in chunk:
        if _kind(letter) == "punctuation":
            if word:
                yield word
            yield letter
            word = ""
        else:
            word += letter
    if word:
        yield word


@functools.lru_cache(maxsize=1 << 16)
def _kind(letter: str) -> str:
    code, category = ord(letter), unicodedata.category(letter)
    if letter in "\t\n\r" or category == "Zs":
        return "space"
    if code in (0, 0xFFFD) or category in ("Cc", "Cf", "Co", "Cs"):
        return "control"
    if any(first <= code <= last for first, last in CHINESE):
        return "chinese"
    ascii_sign = 33 <= code <= 126 and not letter.isalnum()
    return "punctuation" if ascii_sign or category.startswith("P") else "letter"
