"""The table of sentences: files zh*.toml, and an index that finds the few sentences which a line could be.

A key is an English sentence as the source has it, with {} for each of its values. The sentences that a text could be
are those that begin with its first letters, those with a value there that end with its last letters, and the rest,
short at both ends, of which the longest piece must be in the text.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

FIRST = 5  # letters of a text by which the index goes, at its beginning and at its end
LONGEST_ADDED = 1_000  # letters of a text that is compared with a sentence in which values stand side by side
PART = re.compile(r"(?<![^\s(`])--$|[=./+_]$")  # a value behind it is a part of a word
WORD_GOES_ON = re.compile(r"[=./+_-]\w")  # and so is one before it
# A value right behind another one: something that is added, or nothing.
ADDED = r"((?:[,;(]| \(|\. ).*|\.|s|es|)"


@dataclass(frozen=True)
class Sentence:
    """An English sentence with places for values, and its translation."""

    english: str
    other: str

    @functools.cached_property
    def pieces(self) -> list[str]:
        """What stands between the values."""
        return self.english.split("{}")

    @functools.cached_property
    def letters(self) -> int:
        return sum(map(len, self.pieces))

    @functools.cached_property
    def quoted(self) -> set[int]:
        """Values that stand in quotation marks, as somebody wrote them."""
        beside = zip(self.pieces, self.pieces[1:], strict=False)
        return {i for i, (before, behind) in enumerate(beside) if before.endswith("'") and behind.startswith("'")}

    @functools.cached_property
    def glued(self) -> set[int]:
        """Values that are a part of a word such as a flag: --{}.lr, {}.penalties, --bits={}."""
        beside = zip(self.pieces, self.pieces[1:], strict=False)
        return {i for i, (before, behind) in enumerate(beside) if PART.search(before) or WORD_GOES_ON.match(behind)}

    @functools.cached_property
    def added(self) -> bool:
        """Whether a value stands right behind another one."""
        return "" in self.pieces[1:-1]

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        found = re.escape(self.pieces[0])
        for i, piece in enumerate(self.pieces[1:], start=1):
            behind_another = i > 1 and not self.pieces[i - 1]
            found += (ADDED if behind_another else "(.*?)") + re.escape(piece)
        return re.compile(found, re.DOTALL)

    def values(self, text: str) -> tuple[str, ...] | None:
        """The values with which the sentence is this text, each as short as can be; None where it is not."""
        if not text.startswith(self.pieces[0]) or not text.endswith(self.pieces[-1]):
            return None
        if self.added:
            found = self.pattern.fullmatch(text) if len(text) <= LONGEST_ADDED else None
            return found.groups() if found else None
        return self._between(text)

    def _between(self, text: str) -> tuple[str, ...] | None:
        """`values` where pieces stand between all of them: each piece at its first place, in one pass."""
        if len(self.pieces) == 1:
            return () if text == self.english else None
        begin = len(self.pieces[0])
        end = len(text) - len(self.pieces[-1])
        found = []
        for piece in self.pieces[1:-1]:
            place = text.find(piece, begin, end)
            if place < 0:
                return None
            found.append(text[begin:place])
            begin = place + len(piece)
        return (*found, text[begin:end]) if begin <= end else None


class Index:
    """Sentences, the first ones tried first, so that few are compared with a text.

    Args:
        sentences: in the order in which they are tried.
    """

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self.sentences = sentences
        self.begins: dict[str, list[int]] = {}
        self.ends: dict[str, list[int]] = {}
        self.rest: list[tuple[str, int]] = []
        for i, sentence in enumerate(sentences):
            first, last = sentence.pieces[0], sentence.pieces[-1]
            if len(first) >= FIRST:
                self.begins.setdefault(first[:FIRST], []).append(i)
            elif len(last) >= FIRST:
                self.ends.setdefault(last[-FIRST:], []).append(i)
            else:
                self.rest.append((max(sentence.pieces, key=len), i))

    def could_be(self, text: str) -> Iterator[Sentence]:
        """The sentences that the text could be, in their order."""
        found = [i for piece, i in self.rest if piece in text]
        found += self.begins.get(text[:FIRST], [])
        found += self.ends.get(text[-FIRST:], [])
        for i in sorted(found):
            yield self.sentences[i]


def table() -> dict[str, dict[str, str]]:
    """Room -> English sentence -> translation, of every file zh*.toml; no room stands in two of them."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted(resources.files("poise.words").iterdir(), key=lambda file: file.name):
        if file.name.startswith("zh") and file.name.endswith(".toml"):
            found |= tomllib.loads(file.read_text(encoding="utf-8"))
    return found


@functools.cache
def sentences() -> tuple[Sentence, ...]:
    """The table, those with the most letters of their own first, and of as many those with the fewest values."""
    found = [Sentence(english, other) for room in table().values() for english, other in room.items()]
    return tuple(sorted(found, key=lambda one: (-one.letters, len(one.pieces))))


@functools.cache
def index() -> Index:
    """Of all sentences, made when the first line is looked up."""
    return Index(sentences())
