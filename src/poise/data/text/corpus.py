"""Sentences as ids, ready to train on: what is left out, what is held out, what they are made of.

    corpus = open_corpus("poems.txt", longest=40)
    corpus.padded(corpus.train[:64], 40)        # int64 [64, 40]

In this order: exact copies go; a share is held out by the hash of the normalised sentence (see `text.normalised`); of
the others a share is kept; the units are fitted on those; then what is too long or has unknown units goes, on both
sides. More than 250 lines, because that order and what is counted on the way are to be read in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.data.files.items import SHARE, Rows, hashes_of, unit_interval
from poise.data.files.reading import reading
from poise.data.tables.normalised import normalised
from poise.data.text.near_duplicates import near_copies
from poise.data.text.text import Sentences, open_sentences
from poise.data.tokenizers.alphabet import END, LEAST_SIZE, UNKNOWN
from poise.data.tokenizers.counts import Counts, fewer_pieces, repeated
from poise.data.tokenizers.units import Units, fit_units, suggested_units
from poise.errors import PoiseError

LEAST_TRAIN = 8
RUNNING = "text"  # the layout of one running text
# Units of the longest sentence where nobody gives --longest. Nothing that people call a sentence is longer, so that a
# longer line is a text whose line breaks were lost; one of them would set the width of every batch.
LONGEST_LINE = 10_000
SHINGLE = {"word": 5, "character": 2}  # characters compared at once, by `suggested_units`: a Han character says more


@dataclass(frozen=True, eq=False)
class Corpus:
    """Sentences of a file as ids without END; `train` and `heldout` are ascending rows."""

    name: str
    sentences: list[str]  # those kept, in the order of the file
    tokens: NDArray[np.int32]  # [total]
    starts: NDArray[np.int64]  # [N+1]: sentence i is tokens[starts[i]:starts[i+1]]
    train: Rows
    heldout: Rows
    units: Units
    fingerprint: str  # hex sha256 of the file's sentences in order
    counts: Counts
    notes: tuple[str, ...] = ()  # in which way the file was read, one fact a line

    def __len__(self) -> int:
        return len(self.sentences)

    def of(self, row: int) -> NDArray[np.int32]:
        """The ids of one sentence, without END."""
        return self.tokens[self.starts[row] : self.starts[row + 1]]

    def padded(self, rows: Rows, longest: int) -> NDArray[np.int64]:
        """int64 [n,longest], filled with END. PoiseError where a sentence is longer: nothing is cut."""
        out = np.full((len(rows), longest), END, np.int64)
        lengths = self.starts[rows + 1] - self.starts[rows]
        if len(rows) and lengths.max() > longest:
            raise PoiseError(
                f"{self.name}: a sentence of {lengths.max():,} {self.units.plural} does not fit into {longest:,}: open "
                f"the text with longest={longest}"
            )
        for place, row in enumerate(rows):
            out[place, : lengths[place]] = self.of(row)
        return out

    def describe(self) -> list[str]:
        """What a user should know, one fact a line."""
        return [*self.notes, *self.counts.describe(self.name, self.units.plural, int(np.median(np.diff(self.starts))))]


def open_corpus(
    source: str | Path,
    *,
    column: str | None = None,
    units: str = "auto",
    vocabulary: int | None = None,
    least: int = 1,
    longest: int | None = None,
    heldout: float = SHARE,
    share: float = 1.0,
    unknown: str = "drop",
    encoding: str | None = None,
    delimiter: str | None = None,
    layout: str = "lines",
) -> Corpus:
    """A file of sentences, or a catalogued set of text, as a `Corpus`.

    Args:
        column, encoding, delimiter: how the file is read (see `text.open_text`).
        layout: "lines", "stanzas", "paragraphs" (see there), or "text": one running text, whose lines may occur again
            and of which the last part is held out in one piece.
        units: "word", "character", "piece", "whitespace", or "auto": characters for scripts without spaces, else words.
        vocabulary: most ids, the two special ones included, the most frequent first. None: all (4,000 pieces).
        least: how often a unit must occur in the training sentences.
        longest: units of the longest sentence that is kept. None: none may be longer than 10,000.
        heldout: the share that is held out, in [0, 1). Copies but for case, punctuation and spaces are on one side.
        share: of the training sentences, the share that is used, in (0, 1]; a smaller one is part of a larger one.
        unknown: "drop" sentences with a unit outside the vocabulary, or "keep" them with id 1 in its place.

    Errors: `PoiseError` for an argument that cannot be, a file that cannot be read, fewer than 8 training sentences,
    nothing held out, a vocabulary of one, and a line of more than 10,000 units without `longest`.
    """
    _check(vocabulary, least, longest, heldout, share, unknown)
    running = layout == RUNNING
    with reading(str(source)) as told:
        read = open_sentences(
            source, column, encoding=encoding, delimiter=delimiter, layout="lines" if running else layout
        )
        told.begin("taking the sentences apart")
        return _made(read, running, units, vocabulary, least, longest, heldout, share, unknown)


def _made(
    read: Sentences,
    running: bool,
    units: str,
    vocabulary: int | None,
    least: int,
    longest: int | None,
    heldout: float,
    share: float,
    unknown: str,
) -> Corpus:
    """The corpus of sentences that were read; for the arguments see `open_corpus`."""
    sentences = read.sentences if running else list(dict.fromkeys(read.sentences))
    counts = Counts(
        len(read) + read.empty + read.unusable, read.empty, len(read) - len(sentences), unknown=unknown,
        unusable=read.unusable,
    )  # fmt: skip
    sentences, out, counts = (_parts if running else _sides)(sentences, heldout, share, counts)
    _enough(read, out, counts, heldout)
    training = [sentence for sentence, held in zip(sentences, out, strict=True) if not held]
    kind = suggested_units(training) if units == "auto" else units
    fitted = fit_units(kind, training, vocabulary, least)
    ids = [np.array(fitted.encode(sentence), np.int32) for sentence in sentences]
    lengths = np.array([len(one) for one in ids])
    if longest is None and lengths.max() > LONGEST_LINE:
        raise _too_long(read, sentences[int(lengths.argmax())], int(lengths.max()), fitted)
    long = lengths > (LONGEST_LINE if longest is None else longest)
    odd = np.array([bool((one == UNKNOWN).any()) for one in ids]) & ~long
    kept = np.flatnonzero(~long & ~odd if unknown == "drop" else ~long)
    counts = replace(
        counts,
        too_long=int(long.sum()),
        with_unknown=int(odd.sum()),
        kept=len(kept),
        train=int((~out[kept]).sum()),
        heldout=int(out[kept].sum()),
        vocabulary=len(fitted),
        covered=_covered(ids, ~out),
        covered_heldout=_covered(ids, out),
        longest=int(lengths[kept].max(initial=0)),
    )
    _enough(read, out[kept], counts, heldout)
    read_notes = [line for line in read.notes if not (running and "--layout stanzas" in line)]
    notes = (*read_notes, *fewer_pieces(fitted, vocabulary), *repeated(counts, running))
    return _corpus(read, [sentences[i] for i in kept], [ids[i] for i in kept], out[kept], fitted, counts, notes)


def _corpus(
    read: Sentences,
    sentences: list[str],
    ids: Sequence[NDArray[np.int32]],
    out: NDArray[np.bool_],
    units: Units,
    counts: Counts,
    notes: tuple[str, ...],
) -> Corpus:
    plain = [normalised(sentence) for sentence in sentences]
    copies, across = near_copies(plain, out, SHINGLE[suggested_units(sentences)])
    return Corpus(
        name=read.name,
        sentences=sentences,
        tokens=np.concatenate(ids).astype(np.int32),
        starts=np.concatenate([[0], np.cumsum([len(one) for one in ids])]).astype(np.int64),
        train=np.flatnonzero(~out).astype(np.int64),
        heldout=np.flatnonzero(out).astype(np.int64),
        units=units,
        fingerprint=read.fingerprint,
        counts=replace(counts, near_duplicates=int(copies.sum()), near_across=int(across.sum())),
        notes=notes,
    )


def _sides(
    sentences: list[str], heldout: float, share: float, counts: Counts
) -> tuple[list[str], NDArray[np.bool_], Counts]:
    """Sentences that are used at all, which of them are held out, and how many the share leaves out."""
    keys = [normalised(sentence).encode() for sentence in sentences]
    out = unit_interval(hashes_of(keys)) < heldout
    used = out | (unit_interval(hashes_of([b"share " + key for key in keys])) < share) | (share == 1)
    counts = replace(counts, beyond_share=int((~used).sum()))
    return [sentences[i] for i in np.flatnonzero(used)], out[used], counts


def _parts(
    sentences: list[str], heldout: float, share: float, counts: Counts
) -> tuple[list[str], NDArray[np.bool_], Counts]:
    """As `_sides`, of a running text: the last part is held out, and a smaller share is its beginning."""
    held = round(heldout * len(sentences))
    training = len(sentences) - held
    used = round(share * training)
    kept = [*sentences[:used], *sentences[training:]]
    return kept, np.arange(len(kept)) >= used, replace(counts, beyond_share=training - used)


def _covered(ids: Sequence[NDArray[np.int32]], side: NDArray[np.bool_]) -> float:
    """Share of the running units of one side that are in the vocabulary; 0 where there are none."""
    mine = [one for one, inside in zip(ids, side, strict=True) if inside]
    total = sum(map(len, mine))
    return 1 - sum(int((one == UNKNOWN).sum()) for one in mine) / total if total else 0.0


def check_share(share: float) -> None:
    """PoiseError for a share of the training sentences that cannot be."""
    if not 0 < share <= 1:
        raise PoiseError(f"--share {share} is not possible: give a share above 0 and up to 1, such as 0.5")


def _check(vocabulary: int | None, least: int, longest: int | None, heldout: float, share: float, unknown: str) -> None:
    if not 0 <= heldout < 1:
        raise PoiseError(f"--heldout {heldout} is not possible: give a share from 0 to below 1, such as 0.1")
    check_share(share)
    if vocabulary is not None and vocabulary < LEAST_SIZE:
        raise PoiseError(
            f"--vocabulary {vocabulary} is not possible: give at least {LEAST_SIZE}, as two ids are special ones"
        )
    if least < 1:
        raise PoiseError(f"--least {least} is not possible: give 1 or more")
    if longest is not None and longest < 1:
        raise PoiseError(f"--longest {longest} is not possible: give 1 or more units")
    if unknown not in ("drop", "keep"):
        raise PoiseError(f"unknown '{unknown}' is not known: give drop or keep")


def _too_long(read: Sentences, sentence: str, length: int, units: Units) -> PoiseError:
    return PoiseError(
        f"{read.name}: the line that begins '{sentence[:20]}' has {length:,} {units.plural}, more than "
        f"{LONGEST_LINE:,}: break it into sentences, or leave long ones out with --longest 40"
    )


def _enough(read: Sentences, out: NDArray[np.bool_], counts: Counts, heldout: float) -> None:
    """PoiseError where the training sentences are too few, or none is held out; with what took them away."""
    what = counts.left_out() + ([f"{out.sum():,} held out"] if out.any() else [])
    of = f"of {counts.read:,} sentences" + (f" ({', '.join(what)})" if what else "")
    left = int((~out).sum())
    if left < LEAST_TRAIN:
        raise PoiseError(
            f"{read.name}: {left} {of} are left to train on, which is fewer than {LEAST_TRAIN}: give more, one a line, "
            "or leave out fewer"
        )
    if heldout > 0 and not out.any():
        raise PoiseError(f"{read.name}: at --heldout {heldout:g} none {of} is held out: give a larger share, or 0")
