"""A report as HTML, Markdown and PDF: everything is in it, nothing acts, nothing leads outside."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image as Pictures

from poise.results.forms.document import (
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
from poise.results.forms.html import as_html
from poise.results.forms.markdown import as_markdown
from poise.results.forms.pages import HIGH, ROOM, SIZE, Pages, width_of, wrapped
from poise.results.forms.pdf import as_pdf
from tests.report.test_page import Read
from tests.results.conftest import EVIL

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def png_of(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Pictures.fromarray(np.full((height, width), 90, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


PNG = png_of(20, 10)
RTL = "a\u202eb"


def document(text: str = EVIL) -> Document:
    found = Document(text, text)
    found.add(
        Heading(text), Paragraph(text), Paragraph(text, quiet=True), Points([text, text]),
        Remark("too small", text, [text]), Cells(text, (text, text), [(text, text)]),
        Cells("", ("", ""), [(text, "b")]),
        Cells(text, ("a",), [("b",)], folded=True), Verbatim(f"{text}\n  ```\nlast", text),
        Verbatim(text, text, folded=True), Image(text, PNG, SVG), Image(text, PNG), Sounds(text, [(text, b"RIFF")]),
    )  # fmt: skip
    return found


def test_html_says_everything_and_holds_pictures_and_sounds():
    html = as_html(document()).decode()
    page = Read(html)
    assert page.open == [] and html.startswith("<!doctype html>") and "://" not in html
    shown = " ".join(page.text)
    assert shown.count(EVIL) == 25, "every text that is not in an attribute"
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "a", "iframe", "object", "form", "b")]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    sources = [attributes["src"] for _, attributes in page.tags if attributes.get("src")]
    kinds = ["data:image/svg+xml;base64,", "data:image/png;base64,", "data:audio/wav;base64,"]
    contents = [SVG, PNG, b"RIFF"]
    for source, kind, content in zip(sources, kinds, contents, strict=True):
        assert source.startswith(kind) and base64.b64decode(source.removeprefix(kind)) == content
    assert [image["alt"] for image in page.of("img")] == [EVIL, EVIL]
    assert {"content": "light dark", "name": "color-scheme"} in page.of("meta")
    assert any("default-src 'none'" in (meta.get("content") or "") for meta in page.of("meta"))
    assert "\u202e" not in as_html(document(RTL)).decode() and "a\\u202eb" in as_html(document(RTL)).decode()


def test_markdown_says_everything_as_text():
    text = as_markdown(document()).decode()
    outside = re.sub(r"^(`{3,})text$.*?^\1$", "", text, flags=re.S | re.M)
    assert not re.search(r"<(?!!)", outside) and "&lt;script&gt;" in outside and "://" not in text
    assert "Pictures and sounds are not in a Markdown file" in text and "*Picture: &lt;script" in text
    fences = re.findall(r"^(`{3,})text$(.*?)^\1$", text, flags=re.S | re.M)
    assert [len(fence) for fence, _ in fences] == [4, 3] and "\n  ```\nlast" in fences[0][1]
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) in (2, 3) for line in table)
    lists = as_markdown(Document("1. a", "- b", [Paragraph("+ c"), Paragraph("2) d")])).decode()
    assert lists.split("\n\n") == ["# 1\\. a", "\\- b", "\\+ c", "2\\) d\n"]
    assert b"not in a Markdown file" not in as_markdown(Document("t", "l"))


def pages(content: bytes) -> int:
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
    return len(re.findall(rb"/Type /Page\b", content))


@pytest.mark.slow
def test_a_pdf_has_as_many_pages_as_it_takes():
    """Whatever the text; the same bytes for the same report."""
    for text in (f"{EVIL} {RTL} \u4e2d\u6587 \U0001f99c $\\no$ {'x' * 400}", ""):
        content = as_pdf(document(text))
        assert (pages(content) > 2 if text else pages(content) == 1) and as_pdf(document(text)) == content
    line = as_pdf(Document("t", "l", [Paragraph("word " * 10)]))
    assert pages(line) == 1
    assert pages(as_pdf(Document("t", "l", [Image("i", png_of(400, 600), SVG)] * 3))) == 4, (
        "of a page each, behind that of the title"
    )
    high = (SIZE * 1.45 / 72 + 0.08) * 100
    assert pages(as_pdf(Document("t", "l", [Paragraph("one line")] * 100))) == -(-(high + 0.7) // (HIGH - 1.55))


@pytest.mark.slow
def test_lines_fit_and_nothing_is_lost():
    for text in ("a few words that are wrapped " * 9, "w" * 500, "", "\u00e9" * 300):
        lines = wrapped(text, 2.0, SIZE)
        assert "".join("".join(lines).split()) == "".join(text.split())
        assert all(width_of(line, SIZE, False, False) <= 2.0 for line in lines)
    assert wrapped("a b", ROOM, SIZE) == ["a b"]


def test_a_page_is_turned_where_it_is_full():
    made = Pages()
    made.write("a", 100)
    made.room(HIGH)
    assert len(made.figures) == 2
    made.room(HIGH)
    assert len(made.figures) == 2, "an empty page is not left empty"
