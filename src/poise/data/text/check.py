"""What is in a text, before anybody trains on it: `poise data check FILE`, where the file holds sentences."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from poise.data.catalogue.locate import locate
from poise.data.files.reading import ReadingProgress
from poise.data.tables.normalised import normalised
from poise.data.text.corpus import LEAST_TRAIN, SHINGLE
from poise.data.text.near_duplicates import near_copies
from poise.data.text.text import TextReading, open_sentences, shortened
from poise.data.tokenizers.alphabet import SPECIAL, Units
from poise.data.tokenizers.units import fit_units, suggested_units

EXAMPLES = 3
IN_MEMORY = 11  # times a file that `open_corpus` takes: measured on 30 MB of words, 10.7
LARGE, LOOKED_AT = 64 << 20, 32 << 20  # bytes above which only so many characters are looked at
QUANTILES = {"shortest": 0.0, "a quarter up to": 0.25, "half up to": 0.5, "95 % up to": 0.95, "longest": 1.0}
LONG, COVERED = 0.95, 0.98  # shares that the suggested --longest and --vocabulary keep
NAMES = {"Cjk": "Han"}  # Unicode's first word of a character's name -> what the script is called


@dataclass
class TextReport:
    """Facts about sentences. Lengths are in `units`, of which the text is made best (see `suggested_units`)."""

    source: str
    count: int
    empty: int  # lines, or rows of a table
    redundant: int = 0  # exact copies of an earlier sentence
    duplicates: list[tuple[str, int]] = field(default_factory=list)  # the most frequent ones, with their numbers
    near: int = 0  # nearly the same as an earlier different one
    scripts: dict[str, float] = field(default_factory=dict)  # name -> share of the letters, the largest first
    units: str = "word"
    plural: str = "words and signs"
    vocabulary: int = 0  # different units
    lengths: dict[str, int] = field(default_factory=dict)  # see QUANTILES
    flags: dict[str, tuple[str, str]] = field(default_factory=dict)  # suggested: flag -> value, reason
    notes: tuple[str, ...] = ()  # in which way the file was read

    def lines(self) -> list[str]:
        """The report for people, one fact a line."""
        shares = [f"{name} ({100 * share:.1f} %)" for name, share in self.scripts.items()]
        text = [
            *self.notes,
            f"{self.source}: {self.count:,} sentences, and {self.empty:,} empty lines",
            f"script: {', '.join(shares) or 'no letters'}",
            f"units: {self.vocabulary:,} different {self.plural}",
            f"{self.plural} in a sentence: {', '.join(f'{what} {n:,}' for what, n in self.lengths.items())}",
            f"duplicates: {self.redundant:,} exact copies of an earlier sentence",
        ]
        text += [f"  {n:,} times: {sentence}" for sentence, n in self.duplicates]
        text.append(f"near-duplicates: {self.near:,} sentences that are nearly the same as an earlier one")
        if self.count - self.redundant < LEAST_TRAIN:
            text.append(f"too few to train on: at least {LEAST_TRAIN} different sentences are needed")
        return text + [f"suggested: {flag} {value} ({reason})" for flag, (value, reason) in self.flags.items()]


def check_text(
    source: str | Path,
    column: str | None = None,
    progress: ReadingProgress | None = None,
    **reading: Unpack[TextReading],
) -> TextReport:
    """Read every sentence of a file or of a catalogued set (see `open_sentences`) and report on them.

    Nothing is written. `progress`: is told what is being done. PoiseError where it cannot be read, or holds no two
    different units.
    """
    progress = progress or ReadingProgress(str(source))
    size = locate(source)[1].stat().st_size
    most = LOOKED_AT if size > LARGE else None
    reading["most"] = most
    read = open_sentences(source, column, **reading)
    progress.begin("looking for units")
    counts = Counter(read.sentences)
    sentences = list(counts)
    kind = suggested_units(sentences)
    units = fit_units(kind, sentences)
    ids = [np.array(units.encode(sentence), np.int32) for sentence in sentences]
    lengths = np.array([len(one) for one in ids])
    progress.begin("looking for near copies")
    near, _ = near_copies([normalised(sentence) for sentence in sentences], width=SHINGLE[kind])
    report = TextReport(
        source=read.name,
        count=len(read),
        empty=read.empty,
        redundant=len(read) - len(sentences),
        duplicates=[(shortened(s), n) for s, n in counts.most_common(EXAMPLES) if n > 1],
        near=int(near.sum()),
        scripts=scripts(sentences),
        notes=(*read.notes, *([_a_part(size)] if most else [])),
        units=kind,
        plural=units.plural,
        vocabulary=len(units) - len(SPECIAL),
        lengths={what: _quantile(lengths, share) for what, share in QUANTILES.items()},
    )
    _suggest(report, units, ids, lengths)
    return report


def is_large(source: str | Path) -> bool:
    """Whether only the beginning of a text is looked at."""
    return locate(source)[1].stat().st_size > LARGE


def _a_part(size: int) -> str:
    return (
        f"of its {size / 1e6:,.0f} MB only the first {LOOKED_AT / 1e6:,.0f} million characters were looked at; a run "
        f"reads all of it, and keeps it in memory: reckon with {IN_MEMORY * size / 1e9:,.1f} GB"
    )


def scripts(sentences: Sequence[str]) -> dict[str, float]:
    """Shares of the letters by script, those of 0.1 % and more: {"Latin": 0.998, "Greek": 0.002}."""
    counts: Counter[str] = Counter()
    for sentence in sentences:
        counts.update(sentence)
    found: Counter[str] = Counter()
    for character, n in counts.items():
        if character.isalpha():
            name = unicodedata.name(character, "UNKNOWN").split()[0].title()
            found[NAMES.get(name, name)] += n
    return {name: n / found.total() for name, n in found.most_common() if n / found.total() >= 0.001}


def _quantile(lengths: NDArray[np.int64], share: float) -> int:
    return int(np.quantile(lengths, share, method="inverted_cdf"))


def _suggest(report: TextReport, units: Units, ids: Sequence[NDArray[np.int32]], lengths: NDArray[np.int64]) -> None:
    """Flags that keep 95 % of the lengths and 98 % of the running units."""
    script = next(iter(report.scripts), None)
    reason = f"most letters are {script}" if script else "there are no letters"
    report.flags["--units"] = (report.units, reason)
    most = _quantile(lengths, LONG)
    if most < int(lengths.max()):
        report.flags["--longest"] = (str(most), "95 % of the sentences are no longer")
    # The ids are sorted by frequency, as `fit` does it, so the first ones cover the most.
    running = np.bincount(np.concatenate(ids), minlength=len(units)).cumsum()
    needed = int(np.searchsorted(running, COVERED * running[-1])) + 1
    if needed <= len(units) / 2:
        report.flags["--vocabulary"] = (str(needed), f"covers {100 * COVERED:.0f} % of the text")
