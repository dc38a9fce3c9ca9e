"""Files that hold text in a form that is not read: what they are, and what to do with them."""

from __future__ import annotations

from pathlib import Path

# Suffix -> what such a file is, and what to do with it: what people have when they say "a text".
FORMATS = {
    ".docx": "is Word: save it as plain text", ".doc": "is Word: save it as plain text",
    ".odt": "is OpenDocument: save it as plain text", ".rtf": "is RTF: save it as plain text",
    ".pdf": "is PDF: take the text out of it, for example with pdftotext",
    ".xlsx": "is Excel: save it as CSV", ".xls": "is Excel: save it as CSV", ".ods": "is a spreadsheet: save it as CSV",
    ".parquet": "is Parquet: save it as .jsonl, for example with pandas", ".epub": "is an e-book: convert it to text",
    ".html": "is HTML: take the text out of it", ".htm": "is HTML: take the text out of it",
    ".xml": "is XML: take the text out of it", ".srt": "holds subtitles with times: take the text out of it",
    ".vtt": "holds subtitles with times: take the text out of it", ".tex": "is TeX: convert it to plain text",
}  # fmt: skip


def no_text(path: Path) -> str:
    """What a file is that holds text in a form that is not read, and what to do; "" for any other."""
    return FORMATS.get(path.suffix.lower(), "") if path.is_file() else ""
