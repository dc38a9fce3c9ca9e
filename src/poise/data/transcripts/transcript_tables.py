"""What is said in recordings, from a table: which column is the file, which the text and which the voice.

Columns are known by the names that people use. Without a first line of names, the file is the column whose values match
files, the text the one with the longest and most varied values (of several alike, as in LJ Speech, the last one), and
the voice one of few values. All of it is told, and can be set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from poise.data.tables.encoding import LeftOut
from poise.data.tables.table import TableRow, place_among, place_of
from poise.data.tables.table_layout import Layout, plain
from poise.data.transcripts.sound_names import SoundNames
from poise.data.transcripts.transcript_rows import FILE, LOOKED_AT, TEXT, VOICE, rows_in
from poise.errors import PoiseError, nearest

NEAR = 0.8  # of the longest text: columns of the same texts, of which the last one is taken
FEW_NAMES = 20_000  # among so many the nearest one is looked for
LONGEST_SHOWN = 40  # characters of a text


class Transcript(NamedTuple):
    """The text of one recording and the name of its voice, "" where they are not known."""

    text: str = ""
    voice: str = ""

    def short_text(self) -> str:
        """The text, cut where it is too long for an example."""
        if len(self.text) <= LONGEST_SHOWN:
            return self.text
        return f"{self.text[: LONGEST_SHOWN - 1]}…"

    def voice_suffix(self) -> str:
        """What follows the text in an example: ", voice Ann", or nothing."""
        return f", voice {self.voice}" if self.voice else ""


@dataclass(frozen=True)
class Columns:
    """What the user says about a table: the file itself, and its columns by name or by number from 1."""

    metadata: str | None = None
    file: str | None = None
    text: str | None = None
    voice: str | None = None

    def named(self) -> list[str]:
        return [name for name in (self.file, self.text, self.voice) if name is not None]


@dataclass(frozen=True)
class Places:
    """Where file, text and voice stand in a row, and whether that is a guess."""

    file: int
    text: int
    voice: int | None
    guessed: bool


def transcripts_in(path: Path, names: SoundNames, columns: Columns, found: dict[str, Transcript]) -> list[str]:
    """Add what a table says to `found`; returns how it was read, and what could not be used, a sentence each.

    Errors: PoiseError for a column that is not there, and for a table of which fewer than half of the lines name one
    file each, with the first of them.
    """
    bad = LeftOut("lines")
    header, rows, layout = rows_in(path, columns.named(), bad, names)
    small = list(map(plain, header))
    headed = None not in (place_among(small, FILE), place_among(small, TEXT))  # though a recording may be called "text"
    if not columns.named() and not headed and any(map(names.find, header)):
        rows.insert(0, TableRow(1, list(header)))  # a first line that is no header: it names a file
        header = ()
    places = _places(path, header, rows, names, columns)
    return _match(path, rows, places, names, found, bad, layout, header)


def _places(path: Path, header: Sequence[str], rows: Sequence[TableRow], names: SoundNames, columns: Columns) -> Places:
    width = len(header)
    if rows and not header:
        width = len(rows[0].fields)
    layout = Layout("", False, tuple(header), width)
    some = [row.fields for row in rows[:LOOKED_AT]]
    small = list(map(plain, header))

    def place(name: str | None, usual: Sequence[str]) -> int | None:
        if name is not None:
            return place_of(path, layout, name)
        return place_among(small, usual)

    file, text, voice = place(columns.file, FILE), place(columns.text, TEXT), place(columns.voice, VOICE)
    guessed = None in (file, text)
    if file is None:
        file = _naming(some, _others(width, text), names)
    if text is None:
        text = _longest(some, _others(width, file, voice))
    if voice is None and not header:
        voice = _few(some, _others(width, file, text))
        guessed |= voice is not None
    if text is None:
        raise PoiseError(
            f"{path}: line {rows[0].line if rows else 1} has {_fields(width)}: write file|text on each line, or name "
            "the columns with --file-column and --text-column"
        )
    return Places(file, text, voice, guessed)


def _others(width: int, *taken: int | None) -> list[int]:
    return [at for at in range(width) if at not in taken]


def _naming(some: Sequence[Sequence[str]], places: Sequence[int], names: SoundNames) -> int:
    """The first of the columns whose values name a file most often; 0 where there is none to choose from."""

    def hits(at: int) -> int:
        return sum(bool(names.find(row[at])) for row in some)

    return max(places, key=hits, default=0)


def _longest(some: Sequence[Sequence[str]], places: Sequence[int]) -> int | None:
    """The last of the columns with about the longest and most varied values."""
    scores = {}
    for at in places:
        values = [row[at] for row in some]
        scores[at] = sum(map(len, values)) * len(set(values)) / max(1, len(values)) ** 2
    best = max(scores.values(), default=0)
    return max((at for at, score in scores.items() if score >= NEAR * best), default=None)


def _few(some: Sequence[Sequence[str]], places: Sequence[int]) -> int | None:
    """The first column whose values come back: at most half as many as rows."""
    for at in places:
        values = [row[at] for row in some if row[at]]
        if 2 * len(set(values)) <= len(values) and 2 * len(values) > len(some):
            return at
    return None


def _match(
    path: Path, rows: Sequence[TableRow], places: Places, names: SoundNames, found: dict[str, Transcript], bad: LeftOut,
    layout: str, header: Sequence[str],
) -> list[str]:  # fmt: skip
    """Enter each row that names one file, once; returns what is to be told."""
    malformed = bad.count
    twice = LeftOut("lines")
    mine: dict[str, Transcript] = {}
    claimed = frozenset(folder for row in rows if (folder := names.folder_named(row.fields[places.file])) is not None)
    for row in rows:
        written = row.fields[places.file]
        files = names.find(written, claimed)
        if len(files) != 1:
            bad.add(f"line {row.line}", _unmatched(written, files, names, bad.count == malformed))
        elif files[0] in mine:
            twice.add(f"line {row.line}", f"names {files[0]} a second time")
        else:
            voice = "" if places.voice is None else row.fields[places.voice]
            mine[files[0]] = Transcript(row.fields[places.text], voice)
    if bad.count > len(mine):
        raise PoiseError(
            f"{path}: {bad.count:,} of {len(rows) + malformed:,} lines cannot be used, {_named(bad, 2)}: correct or "
            "remove them, or name the column of the files with --file-column"
        )
    for file, transcript in mine.items():
        found.setdefault(file, transcript)
    return [
        _reading_note(path, mine, places, layout, header),
        *(f"{path.name}: left out {left}" for left in (bad, twice) if left.count),
    ]


def _named(bad: LeftOut, count: int) -> str:
    more = bad.count - count
    return ", ".join(bad.first[:count]) + (f" and {more:,} more" if more > 0 else "")


def _unmatched(written: str, files: Sequence[str], names: SoundNames, first: bool) -> str:
    if files:
        return f"names '{written}', which is several sound files"
    near = ""
    if first and len(names.known) < FEW_NAMES:
        near = nearest(written, names.known)
    return f"names '{written}', which is no sound file{near}"


def _reading_note(path: Path, mine: dict[str, Transcript], places: Places, layout: str, header: Sequence[str]) -> str:
    """How a table was read, with an example."""

    def called(at: int | None) -> str:
        if at is None:
            return "none"
        return f"'{header[at]}'" if header else f"{at + 1}"

    example = ""
    if mine:
        file, transcript = next(iter(mine.items()))
        example = f'; {file} -> "{transcript.short_text()}"{transcript.voice_suffix()}'
    guess = "a guess; " if places.guessed else ""
    return (
        f"{path.name}: {layout}; file in column {called(places.file)}, text in {called(places.text)}, voice in "
        f"{called(places.voice)} ({guess}--file-column, --text-column and --voice-column set them){example}"
    )


def _fields(count: int) -> str:
    return f"{count} field{'s' * (count != 1)}"
