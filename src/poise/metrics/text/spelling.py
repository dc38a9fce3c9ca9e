"""What a word costs that no vocabulary knows: its letters, by a model of the training words.

A language model over words sees one unit in the place of every word outside its vocabulary, and the fewer words it
knows the less it has to guess. With the spelling of those words added, the bits of a text are those of a code that can
write all of its words, and can be compared between vocabularies, and between words, pieces and characters: but for what
units do not hold, the capital at the beginning of a sentence and blanks.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poise.data.text.corpus import Corpus

ORDER = 5  # letters in sight, the one that is guessed included
CODE_POINTS = 0x110000 - 0x800 + 1  # all of Unicode but the surrogates, and the end of a word
START, END = "\0", ""


class Spelling:
    """p(c₁ … cₙ, end) of a word: letters given the up to four before them, with Witten & Bell's back-off.

    p(c | h) = (n(h, c) + t(h) · p(c | h')) / (n(h) + t(h)), where n counts in the training words, each word once, t(h)
    is the number of different letters seen after h, and h' is h without its first letter; below the empty h every code
    point is equally likely (Witten & Bell 1991, method C). So every word has a probability above 0, and those of all
    words sum to one.

    Args: words: of the training text.

    Example:
        >>> model = Spelling(["hand", "band", "land"])
        >>> model.nats("sand") < model.nats("xqzv")
        True
    """

    def __init__(self, words: Iterable[str]) -> None:
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for word in sorted(set(words)):
            begun = START + word
            for place, letter in enumerate([*word, END], 1):
                for start in range(max(0, place - ORDER + 1), place + 1):
                    seen[begun[start:place]][letter] += 1
        self._seen = dict(seen)
        self._totals = {history: counts.total() for history, counts in self._seen.items()}
        self.nats = lru_cache(1 << 16)(self._nats)

    def probability(self, letter: str, history: str) -> float:
        """Of a letter, or of `END`, behind `history`, which begins with `START` where the word does."""
        found = 1 / CODE_POINTS
        history = history[-(ORDER - 1) :]
        for start in range(len(history), -1, -1):
            counts = self._seen.get(history[start:])
            if counts is None:
                break  # a longer one was not seen either
            different, total = len(counts), self._totals[history[start:]]
            found = (counts[letter] + different * found) / (total + different)
        return found

    def _nats(self, word: str) -> float:
        """−ln p of the word and its end."""
        begun = START + word
        return -sum(math.log(self.probability(letter, begun[:place])) for place, letter in enumerate([*word, END], 1))


def spelling_of(corpus: Corpus) -> float:
    """Nats of the held-out units of a corpus that are not in its vocabulary, by a model of its training units.

    Example:
        >>> from types import SimpleNamespace
        >>> units = SimpleNamespace(split=str.split, is_unknown=lambda unit: unit == "dog")
        >>> corpus = SimpleNamespace(sentences=["the cat", "a dog"], train=[0], heldout=[1], units=units)
        >>> spelling_of(corpus) == Spelling(["the", "cat"]).nats("dog")
        True
    """
    units, texts = corpus.units, corpus.sentences
    outside = [unit for row in corpus.heldout for unit in units.split(texts[row]) if units.is_unknown(unit)]
    if not outside:
        return 0.0
    model = Spelling(unit for row in corpus.train for unit in units.split(texts[row]))
    return sum(map(model.nats, outside))
