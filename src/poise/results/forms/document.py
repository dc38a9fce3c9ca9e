"""A report before it has a form: headings, sentences, tables, pictures and sounds, in their order.

The other files here write one as HTML, Markdown or PDF. All text in it is plain, and may come from anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heading:
    """Of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `quiet`, of less weight."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Points:
    """Sentences below each other."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Remark:
    """Something that was found or claimed: `kind`, a word such as critical or supported; `texts`, sentences."""

    kind: str
    title: str
    texts: Sequence[str]


@dataclass(frozen=True)
class Cells:
    """A table: head and rows of equal length; `folded`, shown when it is asked for where that can be."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: bool = False


@dataclass(frozen=True)
class Verbatim:
    """Lines as they are: a command, sentences that a run made."""

    text: str
    title: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Image:
    """A PNG, or an SVG beside its PNG; `title` says what is in it."""

    title: str
    png: bytes
    svg: bytes = b""


@dataclass(frozen=True)
class Sounds:
    """What is said, and its versions as WAV: name -> content."""

    text: str
    versions: Sequence[tuple[str, bytes]]


Block = Heading | Paragraph | Points | Remark | Cells | Verbatim | Image | Sounds


@dataclass
class Document:
    """A report: its title, what it says first, and its blocks."""

    title: str
    lead: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        self.blocks += blocks
