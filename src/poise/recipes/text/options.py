"""Options of reading sentences, for every recipe that is trained on them. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from poise.recipes.common.options import Group


@dataclass(frozen=True)
class SentenceOptions(Group):
    """Which sentences are read, and how.

    Args:
        column: which one of a table holds the sentences, by its name or its number; by default it is found and said.
        encoding: of the file, such as gb18030; by default UTF-8, or what its mark or a guess says.
        delimiter: between the columns of a table: comma, semicolon, tab, pipe or a sign; by default it is found.
        layout: lines, a sentence each; stanzas or paragraphs, which end at an empty line; or text: the lines of one
            running text, which may occur again, and of which the last part is held out.
        units: what sentences are made of: words and signs, characters, pieces of words learnt from the data
            (sentencepiece), or whatever stands between blanks (whitespace), as for published perplexities.
        vocabulary: most units that are known, the most frequent first; others are read as one unknown unit.
        least: how often a unit must occur to be known.
        longest: units of the longest sentence; longer ones are left out. By default all are read.
        heldout: share of the sentences that is kept from training and used to judge.
        share: share of the training sentences that is used, to see what less data would give.
    """

    column: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    layout: Literal["lines", "stanzas", "paragraphs", "text"] = "lines"
    units: Literal["auto", "word", "character", "piece", "whitespace"] = "auto"
    vocabulary: int | None = 5000
    least: int = 1
    longest: int | None = None
    heldout: float = 0.1
    share: float = 1.0


@dataclass(frozen=True)
class SingleSentenceOptions(SentenceOptions):
    """Which sentences are read, and how: each by itself.

    Args:
        layout: lines, a sentence each; stanzas or paragraphs, which end at an empty line.
        vocabulary: most units that are known, the most frequent first; sentences with others are left out.
        longest: units of the longest sentence; longer ones are left out.
    """

    layout: Literal["lines", "stanzas", "paragraphs"] = "lines"
    vocabulary: int | None = 3000
    longest: int = 32
