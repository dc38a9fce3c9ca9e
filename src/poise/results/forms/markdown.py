"""A report as one Markdown file. Pictures and sounds are not in it, for many readers refuse data inside: each has a
line that names it, and a first line says where they are."""

from __future__ import annotations

import re

from poise.report.table import markdown_table, markdown_text
from poise.results.forms.document import (
    Block,
    Cells,
    Document,
    Heading,
    Image,
    Paragraph,
    Points,
    Remark,
    Sounds,
    Verbatim,
)
from poise.terminal import escaped

ABSENT = "Pictures and sounds are not in a Markdown file, for many readers refuse them: see the report as HTML or PDF."
STARTS = re.compile(r"^(\d+)([.)])|^([-+=~])")  # of a line: what would make a list, a heading or a fence of it


def as_markdown(document: Document) -> bytes:
    """The content of the file, in UTF-8."""
    found = [f"# {_text(document.title)}", "", _text(document.lead), ""]
    if any(isinstance(block, Image | Sounds) for block in document.blocks):
        found += [f"*{ABSENT}*", ""]
    for block in document.blocks:
        found += [*_lines(block), ""]
    return escaped("\n".join(found)).encode()


def _text(text: str) -> str:
    """Text that means itself, also at the beginning of a line."""
    plain = markdown_text(text.replace("&", "&amp;"))
    return STARTS.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", plain)


def _lines(block: Block) -> list[str]:
    match block:
        case Heading():
            return [f"## {_text(block.text)}"]
        case Paragraph():
            return [_text(block.text)]
        case Points():
            return [f"- {_text(text)}" for text in block.texts]
        case Remark():
            return [
                f"**{_text(block.kind.upper())}: {_text(block.title)}**",
                *(f"\n{_text(text)}" for text in block.texts),
            ]
        case Cells():
            title = [f"**{_text(block.title)}**", ""] if block.title else []
            return [*title, *markdown_table([block.head, *block.rows])]
        case Verbatim():
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
            title = [f"**{_text(block.title)}**", ""] if block.title else []
            return [*title, f"{fence}text", *block.text.splitlines(), fence]
        case Image():
            return [f"*Picture: {_text(block.title)}*"]
        case Sounds():
            return [f"*Sound: {_text(block.text)} ({', '.join(_text(name) for name, _ in block.versions)})*"]
