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
        fields = "one column"
        if self.delimiter:
            parted = DELIMITERS.get(self.delimiter, repr(self.delimiter))
            fields = f"{self.width} columns parted by {parted}"
        if not self.header:
            return f"{fields}, without names"
        place = f"line {self.skip + 1}" if self.skip else "the first line"
        return f"{fields}, named in {place}"


def layout_of(
    path: Path, encoding: Encoding, known: Iterable[str] = TEXT, delimiter: str | None = None, asked: Sequence[str] = ()
) -> Layout:
    """How a table is written, from its first rows.

    Args: known: names of columns, small, of which one makes the first line a header; delimiter: a sign, or comma,
    semicolon, tab or pipe, instead of finding it; asked: names that the user gave, which make a header as well.

    Errors: PoiseError for a delimiter of more than one sign, and what `lines_in` says.
    """
    lines = [f"{line}\n" for _, line in itertools.islice(lines_in(path, encoding, LeftOut("")), LOOKED_AT)]
    sign = _asked_sign(delimiter)
    stated = _stated_sign(lines)
    skip = 0
    if stated is not None:
        skip = 1
        sign = sign or stated
    lines = lines[skip:]
    signs = [sign] if sign else list(DELIMITERS)
    names = set(map(plain, (*known, *asked)))
    found = _of_header(lines, signs, names)
    if found is None:
        way = _best(lines, signs, path.suffix.lower())
    else:
        sign, above = found
        skip += above
        lines = lines[above:]
        way = _read_as(lines, sign)
    if way is None:
        if sign is None:
            return _one_column(lines, names, skip)
        way = _by_quotes(sign)
    return _with_columns(way, lines, names, skip)


def _asked_sign(delimiter: str | None) -> str | None:
    """The sign that a user asks for, by itself or by its name. PoiseError for more than one sign."""
    if delimiter is None:
        return None
    sign = NAMES.get(delimiter, delimiter)
    if len(sign) != 1 or sign in '"\r\n':
        raise PoiseError(f"--delimiter {delimiter!r} is not possible: give one sign, or comma, semicolon, tab or pipe")
    return sign


def _stated_sign(lines: list[str]) -> str | None:
    """The sign that the first line states, as Excel writes it: sep=;"""
    stated = re.fullmatch(r'"?sep=(.)"?', "".join(lines[:1]).strip(), re.IGNORECASE)
    return stated[1] if stated else None


def _one_column(lines: list[str], names: set[str], skip: int) -> Layout:
    """A table in which no sign parts fields; its first line may be a known name."""
    head = next(filter(None, map(str.strip, lines)), "").strip('"')
    header = (head,) if plain(head) in names else ()
    return Layout("", _one_quoted(lines), header, 1, skip)


def _with_columns(way: Layout, lines: list[str], names: set[str], skip: int) -> Layout:
    """A way of writing with its columns: by the first line where a name in it is known, else by most rows."""
    rows = _parsed(lines, way)
    if not rows:
        return replace(way, header=(), width=0, skip=skip)
    fields = tuple(map(str.strip, rows[0]))
    if not names.intersection(map(plain, fields)):
        width = Counter(map(len, rows)).most_common(1)[0][0]
        return replace(way, header=(), width=width, skip=skip)
    if len(fields) == 1 and not way.quoted:  # one column, of texts with the sign in them
        return Layout("", False, fields, 1, skip)
    return replace(way, header=fields, width=len(fields), skip=skip)


def plain(name: str) -> str:
    """A column's name without differences of case, blanks, hyphens and underscores: "File Name" is file_name."""
    return re.sub(r"[\s_-]+", "_", name.strip().strip('"').casefold())


def _of_header(lines: list[str], signs: list[str], names: set[str]) -> tuple[str, int] | None:
    """The sign that makes a known name of a field of the first line, or of one that is below a title or remarks; and
    how many lines are above it."""
    for above in range(min(HEADS, len(lines))):
        for sign in signs:
            head = _parsed(lines[above : above + 1], _by_quotes(sign))
            fields = head[0] if head else []
            if len(fields) < 2 or not names.intersection(map(plain, fields)):
                continue
            others = _parsed(lines[:above], Layout(sign, False, (), 0))
            if len(fields) not in {len(row) for row in others if len(list(filter(str.strip, row))) > 1}:
                return sign, above
    return None


def _read_as(lines: list[str], sign: str) -> Layout:
    """Whether quotes bind, and how they are written, in a table with this sign."""
    ways = _ways(sign, lines)
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
            if not rows:
                continue
            width, count = Counter(map(len, rows)).most_common(1)[0]
            if width > 1 and count >= ALIKE * len(rows):
                found.append((_binds(lines, way), count / len(rows), sign == usual, width, place, way))
    if not found:
        return None
    return max(found, key=lambda one: one[:-1])[-1]


def _by_quotes(sign: str) -> Layout:
    """A table with this sign where nothing speaks against quotes that bind; between pipes they are but quotes."""
    return Layout(sign, sign != "|", (), 0)


def _ways(sign: str, lines: list[str]) -> list[Layout]:
    """How a table with this sign may be written, the likelier ones later; between pipes quotes are but quotes."""
    bare = Layout(sign, False, (), 0)
    if sign == "|":
        return [bare]
    ways = [Layout(sign, True, (), 0)]
    if any('\\"' in line for line in lines):
        ways.append(Layout(sign, True, (), 0, escaped=True))
    return [*ways, bare]


def _alike(lines: list[str], way: Layout) -> float:
    """Share of the rows that have as many fields as the first."""
    widths = list(map(len, _parsed(lines, way)))
    if not widths:
        return 0.0
    return widths.count(widths[0]) / len(widths)


def _binds(lines: list[str], way: Layout) -> bool:
    """Whether most lines with quotes have a whole field in them, where a way of reading goes by quotes."""
    if not way.quoted:
        return False
    sign = re.escape(way.delimiter)
    inside = r'(?:[^"\\]|\\.)' if way.escaped else r'(?:[^"]|"")'
    field = re.compile(rf'(?:^|{sign})\s*"{inside}*"\s*(?={sign}|$)')
    quotes = [line.rstrip("\n") for line in lines if '"' in line]
    whole = list(filter(field.search, quotes))
    return 2 * len(whole) >= len(quotes) > 0


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
    if not any(line.lstrip().startswith('"') for line in lines):
        return False
    return all(len(row) == 1 for row in _parsed(lines, Layout(",", True, (), 1)))
