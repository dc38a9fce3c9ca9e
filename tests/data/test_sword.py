"""A SWORD module made here, and what becomes of its markup."""

from __future__ import annotations

import struct
import zlib

import pytest

from poise.data.text import sword


def module(books: list[list[str]]) -> tuple[bytes, bytes, bytes]:
    """(bzs, bzv, bzz) of books of entries, with an empty entry after each book."""
    bzs = bzv = bzz = b""
    for number, book in enumerate(books):
        block = b""
        for entry in book:
            bzv += struct.pack("<IIH", number, len(block), len(entry.encode()))
            block += entry.encode()
        bzv += struct.pack("<IIH", number, 0, 0)
        packed = zlib.compress(block)
        bzs += struct.pack("<III", len(bzz), len(packed), len(block))
        bzz += packed
    return bzs, bzv, bzz


BOOK = [
    '<div sID="a" type="front"/><title>Preface</title> All about it. <div eID="a" type="front"/>',
    '<div canonical="true" osisID="X" sID="b" type="book"/><title type="main">Book One</title>',
    '<chapter n="1" osisID="X.1" sID="X.1"/>',
    '<w lemma="strong:H1">In</w> <w lemma="strong:H2">spring</w><note placement="foot">Or <i>fall</i>.</note><w>we</w> '
    "went out,",
    '<l sID="c"/>and saw God’s <w>birds</w> .<l eID="c"/> He said, <q who="X">“Is it ‘good’?”</q>Yes, it was. ',
    "<speaker>Her</speaker> “They say, ‘The sons’ sons — all of them — are here.’ [Go away!” ",
    '<chapter eID="X.1"/><chapter n="2" osisID="X.2" sID="X.2"/>It rained &amp; snowed (much.) The end.]<div eID="b',
]


def test_markup_goes_and_sentences_run_over_verses() -> None:
    found = list(sword.entries(*module([BOOK, ["Next."]])))
    assert len(found) == 8
    assert found[-1] == "Next."
    chapters = sword.chapters(" ".join(found[:-1]))
    assert [sentence for chapter in chapters for sentence in sword.sentences(chapter)] == [
        "In spring we went out, and saw God’s birds.",
        "He said, Is it good?",
        "Yes, it was.",
        "They say, The sons’ sons—all of them—are here.",
        "Go away!",
        "It rained & snowed (much.)",
        "The end.",
    ]


def test_a_glossary_without_an_end_is_left_out() -> None:
    assert sword.sentences(sword.chapters('It is so. <div sID="z" type="glossary"/> Words. More words.')[0]) == [
        "It is so."
    ]


def test_damaged_files_are_errors() -> None:
    bzs, bzv, bzz = module([BOOK])
    with pytest.raises(zlib.error):
        list(sword.entries(bzs, bzv, b"?" + bzz[1:]))
    with pytest.raises(struct.error):
        list(sword.entries(bzs, bzv[:-1], bzz))
    with pytest.raises(ValueError, match="outside of its block"):
        list(sword.entries(bzs, struct.pack("<IIH", 0, 60_000, 9), bzz))
    with pytest.raises(ValueError, match="outside of its block"):
        list(sword.entries(bzs, struct.pack("<IIH", 1, 0, 9), bzz))
