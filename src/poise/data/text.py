"""Sentences from a file: .txt with one a line, or a column of .jsonl or .csv. All of them are kept in memory."""

from __future__ import annotations

import codecs
import csv
import os
import re
import unicodedata
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from poise import disk
from poise.data import catalogue
from poise.data.items import Hashed, Rows, hashes_of
from poise.errors import PoiseError, nearest

SUFFIXES = (".txt", ".jsonl", ".csv")
USUAL = ("text", "sentence")  # columns that are taken without being named
LARGEST_FIELD = 1 << 20  # characters
LONGEST_LINE = 16 << 20  # bytes
HALF = re.compile("[\ud800-\udfff]")  # of a pair that is one character in UTF-16


class Sentences(Hashed):
    """Sentences in the order of the file, without spaces around them and without empty ones.

    The split goes by the normalised sentence, so that copies that differ in case, punctuation or spaces are on one
    side; the fingerprint is of the sentences as they are. Args: name; sentences; empty, how many were left out.
    """

    modality = "text"

    def __init__(self, name: str, sentences: list[str], empty: int = 0) -> None:
        self.sentences, self.empty = sentences, empty
        keys = hashes_of([normalised(sentence).encode() for sentence in sentences])
        super().__init__(name, hashes_of([sentence.encode() for sentence in sentences]), keys=keys)

    def take(self, rows: Rows) -> list[str]:
        return [self.sentences[row] for row in np.asarray(rows).tolist()]


class _WithoutSigns(dict[int, str]):
    """For `str.translate`: code points of punctuation (P), spaces (Z) and control characters (C) become nothing."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = "" if unicodedata.category(character)[0] in "PZC" else character
        return self[code]


_WITHOUT_SIGNS = _WithoutSigns()


def normalised(sentence: str) -> str:
    """Without differences of form (NFKC), case, punctuation and spaces; unchanged where nothing else is in it."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sentence).casefold())
    return plain.translate(_WITHOUT_SIGNS) or sentence


def is_text(path: Path) -> bool:
    """Whether a path is a file that may hold sentences, by its name."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def open_sentences(source: str | Path, column: str | None = None) -> Sentences:
    """The sentences of a .txt, .jsonl or .csv file (see `open_text`), or of a catalogued set of text by its name.

    Errors: `PoiseError` where nothing is there, or something else than text.
    """
    from poise.data.images import locate

    name, path, _ = locate(source)
    entry = None if os.path.exists(Path(source).expanduser()) else catalogue.find(name)
    if not is_text(path):
        raise PoiseError(f"{source} holds no sentences: give a .txt, .jsonl or .csv file, or a catalogued set of text")
    found = open_text(path, column or (entry.column if entry else None) or None)
    found.name = name
    return found


def open_text(path: Path, column: str | None = None) -> Sentences:
    """The sentences of a UTF-8 file (with or without a byte order mark); lines end in LF or CRLF.

    Args: path, a .txt (one sentence a line), .jsonl (one object a line) or .csv (the first line names the columns);
    column: which one holds the sentences. None: the only one, or `text`, or `sentence`.

    Errors: `PoiseError` for another encoding, a column that is not there, a line that is not what it should be, and a
    file without a single sentence, each with the line.
    """
    kind = path.suffix.lower()
    if kind == ".txt":
        if column is not None:
            raise PoiseError(f"{path} has no columns: leave out --column {column}, or give a .jsonl or .csv file")
        found = list(lines_of(path))
    else:
        found = list(_objects(path, column) if kind == ".jsonl" else _cells(path, column))
    sentences = [stripped for sentence in found if (stripped := sentence.strip())]
    if not sentences:
        raise PoiseError(f"{path} holds no sentences: give a file with one a line")
    return Sentences(path.name, sentences, len(found) - len(sentences))


def lines_of(path: Path) -> Iterator[str]:
    """Decoded lines without their ends. Python would also split at U+2028 and the like, which are text."""
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE + 1), b""), 1):
                if len(line) > LONGEST_LINE:
                    raise PoiseError(
                        f"{path}: line {number} has more than {LONGEST_LINE / 1e6:,.0f} MB: break the text into lines, "
                        "one sentence or paragraph each"
                    )
                if number == 1:
                    _no_other_encoding(path, line)
                    line = line.removeprefix(codecs.BOM_UTF8)
                try:
                    yield line.decode().removesuffix("\n").removesuffix("\r")
                except UnicodeDecodeError as error:
                    raise PoiseError(
                        f"{path}: line {number} is not UTF-8 (byte 0x{line[error.start]:02x}): save the file as UTF-8"
                    ) from None
    except OSError as error:
        raise PoiseError(f"{path} cannot be read ({error.strerror}): put that right and try again") from None


def _no_other_encoding(path: Path, line: bytes) -> None:
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in line:
        raise PoiseError(f"{path} is UTF-16 or no text at all, not UTF-8: save the file as UTF-8")


def _objects(path: Path, column: str | None) -> Iterator[str]:
    chosen = column
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        try:
            row = disk.loads(line)
        except ValueError as error:
            raise PoiseError(f"{path}: line {number} is not JSON ({error}): correct it") from None
        if not isinstance(row, dict):
            raise PoiseError(f'{path}: line {number} is no object with columns: write {{"text": ...}} on each line')
        if chosen is None or chosen not in row:
            chosen = _chosen(path, [str(key) for key in row], chosen)
        if not isinstance(row[chosen], str):
            raise PoiseError(f"{path}: line {number} has no text in column '{chosen}': correct or remove it")
        if half := HALF.search(row[chosen]):
            raise PoiseError(
                f"{path}: line {number} holds half of a character (\\u{ord(half[0]):04x}), as where text was cut: "
                "correct or remove it"
            )
        yield row[chosen]


def _cells(path: Path, column: str | None) -> Iterator[str]:
    before = csv.field_size_limit(LARGEST_FIELD)
    try:
        rows = csv.reader((f"{line}\n" for line in lines_of(path)), strict=True)
        header = next(rows, [])
        at = header.index(_chosen(path, header, column))
        for row in rows:
            if row and len(row) != len(header):
                raise PoiseError(
                    f"{path}: line {rows.line_num} has {len(row)} fields and the first line has {len(header)}: "
                    "put quotes around text with commas"
                )
            yield from row[at : at + 1]
    except csv.Error as error:
        raise PoiseError(f"{path}: line {rows.line_num} is no CSV ({error}): correct it") from None
    finally:
        csv.field_size_limit(before)


def _chosen(path: Path, columns: list[str], column: str | None) -> str:
    if column is not None:
        if column not in columns:
            hint = nearest(column, columns)
            raise PoiseError(f"{path} has no column '{column}'{hint}; it has: {', '.join(columns[:8]) or 'none'}")
        return column
    usual = [name for name in USUAL if name in columns] or (columns if len(columns) == 1 else [])
    if not usual:
        raise PoiseError(f"{path}: name the column of the sentences with --column; it has: {', '.join(columns[:8])}")
    return usual[0]
