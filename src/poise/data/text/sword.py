"""Sentences of a Bible in SWORD's zText format: blocks of zlib, each a book of verses marked up in OSIS.

Three files to a testament: `bzz` holds the compressed blocks; `bzs` has 12 bytes a block (offset, size, size unpacked);
`bzv` has 10 bytes a verse (block, offset in the unpacked block, size of 2 bytes), all little-endian. Source: the
SWORD library's zverse driver, https://crosswire.org/sword.
"""

from __future__ import annotations

import html
import re
import struct
import zlib
from collections.abc import Iterator

# What is not the text itself: from a division's beginning to its end, or to the end of the testament.
_AROUND = re.compile(
    r'<div [^>]*\bsID="([^"]*)"[^>]*\btype="(?:front|introduction|glossary|back)"[^>]*>.*?'
    r'(?:<div [^>]*\beID="\1"[^>]*>|\Z)',
    re.DOTALL,
)
_CHAPTER = re.compile(r"<chapter [^>]*\bsID=[^>]*>")
_LEFT_OUT = re.compile(r"<(note|title|speaker)\b[^>]*(?<!/)>.*?</\1>", re.DOTALL)
_IN_A_WORD = re.compile(r"</?(?:w|seg|name|rdg|reference|catchWord)\b[^>]*>|<q\b[^>]*>")
_CUT = re.compile(r"<[^>]*\Z")  # an entry holds at most 65,535 bytes and may end inside a tag
_TAG = re.compile(r"<[^>]*>")
_DOUBLE = re.compile('["“”]')
# A single quote that closes: after a sign, or after a letter where neither a letter nor another word follows. One after
# an s and before a word is a possessive.
_SINGLE = re.compile(r"‘|(?<=[.,;:!?’)])’|(?<=\w)’(?![\w ])|(?<=[^\Ws])’(?!\w)")
_BREAK = re.compile(r"([.!?][’”)\]]*)\s+(?=[“‘(\[—]*[A-Z0-9])")


def entries(bzs: bytes, bzv: bytes, bzz: bytes) -> Iterator[str]:
    """The marked-up text of each verse and heading that is not empty, in order.

    Errors: `ValueError`, `zlib.error` or `struct.error` where the files are damaged.
    """
    blocks = [zlib.decompress(bzz[at : at + size]) if size else b"" for at, size, _ in struct.iter_unpack("<III", bzs)]
    for block, at, size in struct.iter_unpack("<IIH", bzv):
        if size:
            if block >= len(blocks) or at + size > len(blocks[block]):
                raise ValueError("a verse lies outside of its block")
            yield _CUT.sub("", blocks[block][at : at + size].decode())


def chapters(testament: str) -> list[str]:
    """The running text of each chapter, as many a sentence goes over the end of a verse.

    Without markup, notes, titles, names of speakers, introductions and glossaries.
    """
    text = _LEFT_OUT.sub(" ", _AROUND.sub(" ", testament))
    return [html.unescape(_TAG.sub(" ", _IN_A_WORD.sub("", chapter))) for chapter in _CHAPTER.split(text)]


def sentences(chapter: str) -> list[str]:
    """Its sentences without quotes and square brackets: those have no partner once the text is cut up."""
    found = [tidy(part) for part in _BREAK.sub("\\1\n", " ".join(chapter.split())).split("\n")]
    return [sentence for sentence in found if sentence]


def tidy(sentence: str) -> str:
    text = _SINGLE.sub("", _DOUBLE.sub("", sentence)).replace("[", "").replace("]", "")
    text = re.sub(r"\s*—\s*", "—", " ".join(text.split()))
    return re.sub(r" (?=[.,;:!?)])", "", text).strip("—")
