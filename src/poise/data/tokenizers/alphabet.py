"""Units of sentences: the common protocol, and single characters. Words are in `words`, subwords in `pieces`.

A sentence is a list of ids: 0 ends it and fills the places after it, 1 stands for a unit outside the vocabulary, ids
from 2 on are units.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, takewhile
from typing import Any, ClassVar, Self

from poise.data.tokenizers.joining import joined_by_spaces, joined_letters
from poise.errors import PoiseError
from poise.registry import register

END, UNKNOWN = 0, 1
SPECIAL = ("<end>", "<unknown>")
LEAST_SIZE = 4  # the two special ones, and two units


class Units(ABC):
    """What a sentence is made of. `names[i]` is the text of id i; `len(units)` is V, the special ids included.

    Members of the registry's family "units" are classes with a `fit`; each is a pure function of the sentences.
    """

    END: ClassVar[int] = END
    UNKNOWN: ClassVar[int] = UNKNOWN
    kind: ClassVar[str]
    plural: ClassVar[str]

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._ids = {name: i for i, name in enumerate(self.names) if i > UNKNOWN}

    @classmethod
    @abstractmethod
    def fit(cls, sentences: Sequence[str], size: int | None = None, least: int = 1) -> Self:
        """The vocabulary of these sentences.

        Args: size: most ids kept, the two special ones included, the most frequent first and ties by text (None:
        all); least: how often a unit must occur.

        Errors: `PoiseError` where fewer than two units are left.
        """

    @abstractmethod
    def split(self, sentence: str) -> list[str]:
        """The units of a sentence as text, known or not."""

    @property
    @abstractmethod
    def joining(self) -> tuple[Callable[..., str], tuple[object, ...]]:
        """A function of `poise.data.tokenizers.joining` that writes units as a sentence, and what it is given
        besides."""

    def join(self, units: Sequence[str]) -> str:
        """A sentence of units, as people write it."""
        function, more = self.joining
        return function(units, *more)

    def encode(self, sentence: str) -> list[int]:
        """Ids without an END; 1 for what is not in the vocabulary."""
        return [self._ids.get(unit, UNKNOWN) for unit in self.split(sentence)]

    def inside(self, text: str) -> tuple[list[str], list[int]]:
        """Units and ids of a text that stands behind others in its sentence."""
        return self.split(text), self.encode(text)

    def is_unknown(self, unit: str) -> bool:
        """Whether a unit of `split` is outside the vocabulary."""
        return unit not in self._ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids up to the first END; an id 1 is shown as "<unknown>"."""
        return self.join([self.names[i] for i in takewhile(lambda i: i != END, map(int, ids))])

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it; `units.units_from` reads it."""
        return {"kind": self.kind, "names": self.names}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        return cls(content["names"])

    def __len__(self) -> int:
        return len(self.names)


def most_frequent(counts: Counter[str], size: int | None, least: int, plural: str) -> list[str]:
    """Names of a vocabulary: the special ones, then units by falling count, ties by text."""
    if size is not None and size < LEAST_SIZE:
        raise PoiseError(f"a vocabulary of {size} is too small: give at least {LEAST_SIZE}, two of which are special")
    if least < 1:
        raise PoiseError(f"units that occur at least {least} times are all units: give 1 or more")
    kept = sorted((unit for unit, count in counts.items() if count >= least), key=lambda unit: (-counts[unit], unit))
    kept = kept if size is None else kept[: size - len(SPECIAL)]
    if len(kept) < 2:
        raise PoiseError(
            f"this is a vocabulary of {'one' if kept else 'none'}: of {len(counts):,} {plural}, {len(kept)} occur "
            f"{least} or more times and two are needed: give other sentences, or other units"
        )
    return [*SPECIAL, *kept]


@register("units", "whitespace")
class Whitespace(Units):
    """Whatever stands between blanks, as it is: for texts that were taken apart before, such as Penn Treebank and
    WikiText, whose published perplexities are of such words (WikiText's with an end for each empty line as well)."""

    kind = "whitespace"
    plural = "words"

    @classmethod
    def fit(cls, sentences: Sequence[str], size: int | None = None, least: int = 1) -> Self:
        counts = Counter(chain.from_iterable(map(str.split, sentences)))
        return cls(most_frequent(counts, size, least, cls.plural))

    def split(self, sentence: str) -> list[str]:
        return sentence.split()

    @property
    def joining(self) -> tuple[Callable[..., str], tuple[object, ...]]:
        return joined_by_spaces, ()


@register("units", "character")
class Characters(Units):
    """Each code point of the sentence in Unicode's composed form (NFC), spaces included."""

    kind = "character"
    plural = "characters"

    @classmethod
    def fit(cls, sentences: Sequence[str], size: int | None = None, least: int = 1) -> Self:
        counts = Counter(chain.from_iterable(unicodedata.normalize("NFC", sentence) for sentence in sentences))
        return cls(most_frequent(counts, size, least, cls.plural))

    def split(self, sentence: str) -> list[str]:
        return list(unicodedata.normalize("NFC", sentence))

    @property
    def joining(self) -> tuple[Callable[..., str], tuple[object, ...]]:
        return joined_letters, ()
