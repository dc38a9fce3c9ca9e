"""How a table of texts is written: which sign parts the fields, whether quotes bind, where its columns are named.

What stands between the fields is found by counting: the sign that gives most rows the same number of fields, two or
more. `csv.Sniffer` looks at letters as well and takes the "e" of a sentence for a delimiter. The first line names the
columns where one of its fields is a name that people use, or that the user gives.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from poise.data.tables.encoding import Encoding, LeftOut, lines_in
from poise.errors import PoiseError

LOOKED_AT = 200  # rows from which the delimiter is told
DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "'|'"}
NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}  # as a flag may say them
HEADS = 6  # lines among which the names of the columns are looked for
ALIKE = 0.9  # share of the rows that must have one number of fields

TEXT = (
    "text", "sentence", "sentences", "transcript", "transcription", "normalized_text", "normalised_text", "content",
    "body", "message", "review", "review_text", "comment", "comment_text", "tweet", "headline", "caption", "utterance",
    "line", "lines", "verse", "poem", "lyrics", "quote", "story", "document", "article", "description", "title",
    "文本", "句子", "内容", "正文", "诗", "诗句", "文字", "內容", "texte", "phrase", "satz", "frase", "texto", "testo",
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    `delimiter` "" where there is one column; `quoted`: quotes bind, and `escaped`: a quote in them is written \\";
    `header`: the names of the columns, or none; `width`: fields of a row; `skip`: lines above the names.
    """

    delimiter: str
    quoted: bool
    header: tuple[str, ...]
    width: int
    skip: int = 0
    escaped: bool = False

    def __str__(self) -> str:
        parted = DELIMITERS.get(self.delimiter, repr(self.delimiter)) if self.delimiter else ""
        fields = f"{self.width} columns parted by {parted}" if parted else "one column"
        place = "the first line" if not self.skip else f"line {self.skip + 1}"
        names = f"named in {place}" if self.header else "without names"
        return f"{fields}, {names}"


def layout_of(
    path: Path, encoding: Encoding, known: Iterable[str] = TEXT, delimiter: str | None = None, asked: Sequence[str] = ()
) -> Layout:
    """How a table is written, from its first rows.

    Args: known: names of columns, small, of which one makes the first line a header; delimiter: a sign, or comma,
    semicolon, tab or pipe, instead of finding it; asked: names that the user gave, which make a header as well.

    Errors: PoiseError for a delimiter of more than one sign, and what `lines_in` says.
    """
    lines = [f"{line}\n" for _, line in itertools.islice(lines_in(path, encoding, LeftOut("")), LOOKED_AT)]
    sign = None if delimiter is None else NAMES.get(delimiter, delimiter)
    if sign is not None and (len(sign) != 1 or sign in '"\r\n'):
        raise PoiseError(f"--delimiter {delimiter!r} is not possible: give one sign, or comma, semicolon, tab or pipe")
    stated = re.fullmatch(r'"?sep=(.)"?', lines[0].strip(), re.IGNORECASE) if lines else None  # as Excel writes it
    skip = 1 if stated else 0
    sign = sign or (stated[1] if stated else None)
    signs = [sign] if sign else list(DELIMITERS)
    names = {plain(name) for name in (*known, *asked)}
    found = _of_header(lines[skip:], signs, names)
    if found is not None:
        sign, above = found
        skip += above
    lines = lines[skip:]
    best = _read_as(lines, sign) if found else _best(lines, signs, path.suffix.lower())
    if best is None and sign is None:
        head = lines[0].strip().strip('"') if lines else ""
        return Layout("", _one_quoted(lines), (head,) if plain(head) in names else (), 1, skip)
    best = best or Layout(sign or ",", sign != "|", (), 0)
    rows = _parsed(lines, best)
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    fields = tuple(field.strip() for field in rows[0]) if rows else ()
    named = any(plain(field) in names for field in fields)
    if named and len(fields) == 1 and not best.quoted:  # one column, of texts with the sign in them
        return Layout("", False, fields, 1, skip)
    return replace(best, header=fields if named else (), width=len(fields) if named else width, skip=skip)


def plain(name: str) -> str:
    """A column's name without differences of case, blanks, hyphens and underscores: "File Name" is file_name."""
    return re.sub(r"[\s_-]+", "_", name.strip().strip('"').casefold())


def _of_header(lines: list[str], signs: list[str], names: set[str]) -> tuple[str, int] | None:
    """The sign that makes a known name of a field of the first line, or of one that is below a title or remarks; and
    how many lines are above it."""
    for above in range(min(HEADS, len(lines))):
        for sign in signs:
            head = _parsed(lines[above : above + 1], Layout(sign, sign != "|", (), 0))
            if not head or len(head[0]) < 2 or not any(plain(field) in names for field in head[0]):
                continue
            rows = _parsed(lines[:above], Layout(sign, False, (), 0))
            other = [len(row) for row in rows if sum(bool(field.strip()) for field in row) > 1]
            if len(head[0]) not in other:
                return sign, above
    return None


def _read_as(lines: list[str], sign: str | None) -> Layout:
    """Whether quotes bind, and how they are written, in a table with this sign."""
    ways = _ways(sign or ",", lines)
    return max(ways, key=lambda way: (_alike(lines, way), _binds(lines, way), ways.index(way)))


def _best(lines: list[str], signs: list[str], suffix: str) -> Layout | None:
    """The sign, and whether quotes bind, that give the most rows one number of fields; None where none does.

    Where fields are in quotes, a reading by them that comes out even is better than one that cuts them.
    """
    usual = {".csv": ",", ".tsv": "\t", ".psv": "|"}.get(suffix)
    found = []
    for sign in signs:
        for place, way in enumerate(_ways(sign, lines)):
            rows = _parsed(lines, way)
            width, count = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
            if width > 1 and count >= ALIKE * len(rows):
                found.append((_binds(lines, way), count / len(rows), sign == usual, width, place, way))
    return max(found, key=lambda one: one[:-1])[-1] if found else None


def _ways(sign: str, lines: list[str]) -> list[Layout]:
    """How a table with this sign may be written, the likelier ones later; between pipes quotes are but quotes."""
    bare = Layout(sign, False, (), 0)
    if sign == "|":
        return [bare]
    escaped = [Layout(sign, True, (), 0, escaped=True)] if any('\\"' in line for line in lines) else []
    return [Layout(sign, True, (), 0), *escaped, bare]


def _alike(lines: list[str], way: Layout) -> float:
    """Share of the rows that have as many fields as the first."""
    rows = _parsed(lines, way)
    return sum(len(row) == len(rows[0]) for row in rows) / len(rows) if rows else 0.0


def _binds(lines: list[str], way: Layout) -> bool:
    """Whether most lines with quotes have a whole field in them, where a way of reading goes by quotes."""
    sign = re.escape(way.delimiter)
    inside = r'(?:[^"\\]|\\.)' if way.escaped else r'(?:[^"]|"")'
    field = re.compile(rf'(?:^|{sign})\s*"{inside}*"\s*(?={sign}|$)')
    quotes = [line.rstrip("\n") for line in lines if '"' in line]
    return way.quoted and bool(quotes) and 2 * sum(bool(field.search(line)) for line in quotes) >= len(quotes)


def reader_of(lines: Iterable[str], layout: Layout) -> Any:
    return csv.reader(
        lines,
        delimiter=layout.delimiter or ",",
        strict=True,
        quoting=csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE,
        skipinitialspace=layout.quoted,
        doublequote=not layout.escaped,
        escapechar="\\" if layout.escaped else None,
    )


def _parsed(lines: list[str], layout: Layout) -> list[list[str]]:
    """Rows that are not empty; what a strict reader refuses is a row of no field."""
    reader = reader_of(iter(lines), layout)
    rows: list[list[str]] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return rows
        except csv.Error as error:
            if "unexpected end" in str(error):  # the last of the lines that were looked at ends within quotes
                return rows
            row = [""]
        if row:
            rows.append(row)


def _one_quoted(lines: list[str]) -> bool:
    """Whether quotes bind in a table of one column: some field begins with one, and so read no row has two fields."""
    return any(line.lstrip().startswith('"') for line in lines) and all(
        len(row) == 1 for row in _parsed(lines, Layout(",", True, (), 1))
    )
