"""Sentences from a file: one a line, a stanza or a paragraph each, or a column of a table. All are kept in memory.

How a file was read is said in `Sentences.notes`, and each decision has a flag: --column, --encoding, --delimiter and
--layout.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np

from poise.data.catalogue import catalogue
from poise.data.files.items import Hashed, Rows, hashes_of
from poise.data.tables.columns import cells_of, is_table
from poise.data.tables.encoding import SURE, Encoding, LeftOut, encoding_of, lines_in
from poise.data.tables.normalised import normalised
from poise.data.text.no_text import no_text
from poise.data.text.objects import objects_of
from poise.errors import PoiseError

SUFFIXES = (".txt", ".jsonl", ".csv", ".tsv", ".json")
NO_TEXT = (".npy", ".npz", ".zip", ".gz", ".pdf", ".docx", ".parquet", ".safetensors", ".pt")  # whatever they hold
LAYOUTS = ("lines", "stanzas", "paragraphs")
PROSE = 45  # characters of a line on average, above which it is no verse
SHOWN = 60  # characters of an example
BREAK = re.compile(r"\s*[\r\n]\s*")


class TextReading(TypedDict, total=False):
    """How a file of text is read, beside its column: see `open_text`."""

    encoding: str | None
    delimiter: str | None
    layout: str
    most: int | None


class Sentences(Hashed):
    """Sentences in the order of the file, without spaces around them and without empty ones.

    The split goes by the normalised sentence, so that copies that differ in case, punctuation or spaces are on one
    side; the fingerprint is of the sentences as they are.

    Args: name; sentences; empty, how many were left out; notes, the way in which the file was read, one fact a line;
    unusable, how many lines or rows could not be used.
    """

    modality = "text"

    def __init__(
        self, name: str, sentences: list[str], empty: int = 0, notes: Sequence[str] = (), unusable: int = 0
    ) -> None:
        self.sentences, self.empty, self.unusable = sentences, empty, unusable
        keys = hashes_of([normalised(sentence).encode() for sentence in sentences])
        super().__init__(name, hashes_of([sentence.encode() for sentence in sentences]), keys=keys)
        self.notes = list(notes)

    def take(self, rows: Rows) -> list[str]:
        return [self.sentences[row] for row in np.asarray(rows).tolist()]


def is_text(path: Path) -> bool:
    """Whether a path is a file that may hold sentences: by its name, else by its first bytes."""
    if not path.is_file():
        return False
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or (suffix not in NO_TEXT and not _is_idx(path) and _looks_like_text(path))


def has_columns(path: Path, column: str) -> bool:
    """Whether a path is a file of sentences in which a column can be named, by its content."""
    return is_text(path) and is_table(path, encoding_of(path), column, None) != "text"


def _is_idx(path: Path) -> bool:
    from poise.data.files.contents import is_idx

    return is_idx(path)


def _looks_like_text(path: Path) -> bool:
    """Printable characters only, in UTF-8 or behind a mark, or in another encoding that keeps ASCII."""
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return not any(unicodedata.category(c) == "Cc" and c not in "\t\r\n\f" for c in head.decode("utf-16", "ignore"))
    return bool(head) and not any(byte == 127 or (byte < 32 and byte not in b"\t\r\n\f") for byte in head)


def open_sentences(source: str | Path, column: str | None = None, **reading: Unpack[TextReading]) -> Sentences:
    """The sentences of a text file, or of a catalogued set of text by its name. Args: as of `open_text`.

    Errors: `PoiseError` where nothing is there, or something else than text.
    """
    from poise.data.catalogue.locate import locate

    name, path, _ = locate(source)
    entry = catalogue.entry_of(source)
    if why := no_text(path):
        raise PoiseError(f"{source} {why}")
    if not is_text(path):
        raise PoiseError(
            f"{source} holds no sentences: give a .txt, .jsonl, .csv or other file of text, or a catalogued set of text"
        )
    column = column or (entry.column if entry else None) or None
    found = open_text(path, column, **reading)
    found.name = name
    return found


def open_text(
    path: Path,
    column: str | None = None,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    layout: str = "lines",
    most: int | None = None,
) -> Sentences:
    """The sentences of a text file; lines end in LF, CRLF or CR.

    Args:
        path: a table (.csv, .tsv, or what has a header and a delimiter), JSON objects (one a line, or a list), or text.
        column: which one of a table holds the sentences, by its name or its number from 1. None: see `columns`.
        encoding: of the file. None: see `encoding.encoding_of`.
        delimiter: of a table. None: see `table_layout.layout_of`.
        layout: of a text that is no table: "lines", a sentence each; "stanzas" and "paragraphs" end at an empty line;
            the lines of a stanza are joined by " / ", those of a paragraph by a blank.
        most: characters of the file after which nothing more is read. None: all is.

    Rows that cannot be used are left out, and the first five are named in `Sentences.notes`.

    Errors: `PoiseError` for an encoding that cannot be told, a column that is not there or cannot be guessed, a file
    of which half of the rows or more cannot be used, and one without a single sentence.
    """
    if layout not in LAYOUTS:
        raise PoiseError(f"--layout {layout} is not known: give lines, stanzas or paragraphs")
    found_encoding = replace(encoding_of(path, encoding), most=most)
    bad = LeftOut("rows" if column else "lines")
    kind = is_table(path, found_encoding, column, delimiter)
    if kind == "text":
        if column is not None:
            raise PoiseError(f"{path} has no columns: leave out --column {column}, or give a .jsonl or .csv file")
        texts, told = _plain(path, found_encoding, layout, bad), [f"a sentence {LAYOUT_PHRASES[layout]}"]
    elif layout != "lines":
        raise PoiseError(f"{path} is a table, which has no {layout}: leave out --layout {layout}")
    elif kind == "json":
        texts, told = objects_of(path, found_encoding, column, bad)
    else:
        texts, told = cells_of(path, found_encoding, column, delimiter, bad)
    return _sentences(path, texts, told, found_encoding, bad)


LAYOUT_PHRASES = {"lines": "a line", "stanzas": "a stanza", "paragraphs": "a paragraph"}


def _sentences(path: Path, texts: list[str], told: list[str], encoding: Encoding, bad: LeftOut) -> Sentences:
    sentences = [stripped for text in texts if (stripped := text.strip())]
    total = bad.count + len(texts)
    if bad.count and 2 * bad.count >= total:
        raise PoiseError(
            f"{path}: {bad.count:,} of {total:,} {bad.what} cannot be used, the first being {bad.first[0]}: correct or "
            "remove them"
        )
    if not sentences:
        raise PoiseError(f"{path} holds no sentences: give a file with one a line")
    read = [f"{path.name}: {', '.join([*told, str(encoding)])}; the first: '{shortened(sentences[0])}'"]
    if bad.count:
        read.append(f"left out as they cannot be used: {bad}")
    broken = sum(BREAK.search(sentence) is not None for sentence in sentences)
    if broken:
        read.append(
            f"{broken:,} of {len(sentences):,} sentences have several lines: / stands for their line breaks in a .txt "
            "file of samples; a .jsonl file has them as they are"
        )
    return Sentences(path.name, sentences, len(texts) - len(sentences), (*read, *_stanzas(told, texts)), bad.count)


def _stanzas(told: list[str], texts: list[str]) -> list[str]:
    """A word about lines that stand in groups, where nobody has said that they are to be read as such."""
    if told != [f"a sentence {LAYOUT_PHRASES['lines']}"]:
        return []
    sizes, size = [], 0
    for text in [*texts, ""]:
        if text.strip():
            size += 1
        elif size:
            sizes.append(size)
            size = 0
    tabs = [text.count("\t") for text in texts[:200] if text.strip()]
    if tabs and tabs[0] and tabs.count(tabs[0]) >= 0.9 * len(tabs):
        return [f"each line has {tabs[0]} tabs: --column 1 reads it as a table of {tabs[0] + 1} columns"]
    usual = max(set(sizes), key=sizes.count, default=0)
    if len(sizes) < 3 or usual < 2 or sizes.count(usual) < len(sizes) / 2:
        return []
    if sum(map(len, texts)) > PROSE * sum(map(bool, map(str.strip, texts))):
        return [
            f"empty lines part it into {len(sizes):,} groups of long lines: --layout paragraphs makes each one text"
        ]
    return [
        f"empty lines part it into {len(sizes):,} groups, most of {usual} lines: --layout stanzas makes each one text"
    ]


def on_one_line(sentence: str) -> str:
    """A sentence for a file with one a line: " / " stands for a line break in it, as between the lines of a stanza.

    Example:
        >>> on_one_line("Roses are red,\n\nviolets are blue.")
        'Roses are red, / violets are blue.'
    """
    return BREAK.sub(" / ", sentence)


def shortened(sentence: str) -> str:
    """On one line, and not longer than an example should be."""
    line = " ".join(sentence[: 4 * SHOWN].split())
    return line if len(line) <= SHOWN and len(sentence) <= 4 * SHOWN else line[: SHOWN - 1] + "…"


def _plain(path: Path, encoding: Encoding, layout: str, bad: LeftOut) -> list[str]:
    lines = [line for _, line in lines_in(path, encoding, bad if encoding.basis in SURE else None)]
    if layout == "lines":
        return lines
    groups: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            groups[-1].append(line.strip())
        elif groups[-1]:
            groups.append([])
    return [(" / " if layout == "stanzas" else " ").join(group) for group in groups if group]
