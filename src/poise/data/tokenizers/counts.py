"""What became of the sentences of a text on their way into a corpus."""

from __future__ import annotations

from dataclasses import dataclass

from poise.data.tokenizers.alphabet import Units


@dataclass(frozen=True)
class Counts:
    """read = unusable + empty + duplicates + beyond_share + too_long + with_unknown + kept, where unknown is "drop".

    With unknown="keep", sentences with unknown units are counted in `with_unknown` and are kept all the same.
    """

    read: int  # lines, or rows of a table
    empty: int
    duplicates: int  # exact copies of an earlier sentence
    beyond_share: int = 0  # training sentences that `share` leaves out
    too_long: int = 0
    with_unknown: int = 0  # with a unit outside the vocabulary
    kept: int = 0
    train: int = 0
    heldout: int = 0
    near_duplicates: int = 0  # kept, though nearly the same as an earlier kept one
    near_across: int = 0  # held-out ones that are nearly the same as a training one
    vocabulary: int = 0  # V, the two special ids included
    covered: float = 0.0  # share of the running units of the training sentences that are in the vocabulary
    covered_heldout: float = 0.0
    longest: int = 0  # units of the longest kept sentence
    unknown: str = "drop"
    unusable: int = 0  # lines or rows that are damaged, or have other columns

    def left_out(self) -> list[str]:
        """What is not among the kept, each with its number; nothing for what did not occur."""
        numbers = (
            (self.unusable, "that cannot be used"),
            (self.empty, "empty"),
            (self.duplicates, "exact copies"),
            (self.beyond_share, "beyond --share"),
            (self.too_long, "too long"),
            (self.with_unknown if self.unknown == "drop" else 0, "with units outside the vocabulary"),
        )
        return [f"{n:,} {what}" for n, what in numbers if n]

    def describe(self, name: str, plural: str, middle: int) -> list[str]:
        """What a user should know, one fact a line. Args: name of the text; plural of its units; median length."""
        heldout = f" and {self.covered_heldout:.1%} of the held-out text" if self.heldout else ""
        text = [
            f"{name}: {self.kept:,} of {self.read:,} sentences, {self.train:,} to train on, {self.heldout:,} held out",
            f"left out: {', '.join(self.left_out()) or 'nothing'}",
            f"vocabulary: {self.vocabulary:,} {plural}, which cover {self.covered:.1%} of the training text{heldout}",
            f"lengths: {middle:,} {plural} in the middle, {self.longest:,} at most",
        ]
        if self.unknown == "keep" and self.with_unknown:
            text.append(f"kept with units outside the vocabulary: {self.with_unknown:,}")
        if self.near_duplicates or self.near_across:
            text.append(
                f"near-duplicates: {self.near_duplicates:,} sentences are nearly the same as an earlier one, and "
                f"{self.near_across:,} held-out ones nearly the same as a training one"
            )
        return text


def fewer_pieces(units: Units, vocabulary: int | None) -> list[str]:
    """A word about a vocabulary of pieces that is smaller than what was asked for."""
    if units.kind != "piece" or vocabulary is None or len(units) >= vocabulary:
        return []
    return [f"vocabulary: these sentences give {len(units):,} pieces and not --vocabulary {vocabulary:,}"]


def repeated(counts: Counts, running: bool) -> list[str]:
    """A word about lines that occur again where they are many, as in the text of a play."""
    if running or counts.unknown != "keep" or 50 * counts.duplicates < counts.read:
        return []
    return [
        f"{counts.duplicates:,} lines that occur again are read once, as of a set of sentences; --layout text reads "
        "them as one running text"
    ]
