"""A guess at the encoding of a text that is not UTF-8: chardet's, with what it does not know of texts put right.

It weighs pairs of letters by language, and of 122 test texts of another detector it tells 96 rightly and refuses two
(docs/decisions/0014-text-from-anybody.md). What it cannot tell from one another are encodings of Western Europe; there
windows-1252 is taken, which is Latin-1 with more signs.
"""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from functools import partial

LONGEST = 16 << 20  # bytes of a line
SAMPLE = 1 << 18  # bytes of a text that are looked at where it is not UTF-8
WESTERN = ("windows-1252", "iso-8859-1", "iso8859-15")
LEAST_SURE, SURE = 0.03, 0.2  # confidence of a guess, of a good one
NEAR, NEAR_SURE = 0.6, 0.9  # share of the best one's from which on the usual encoding of Western Europe is as good


def guessed(file: io.BufferedReader) -> str:
    """The likeliest encoding: a name for `codecs`, "utf-8" for one that is damaged, "" where nothing is likely.

    From the lines that are not ASCII, each once: chardet takes a repetition for a habit of the language.
    """
    odd: dict[bytes, None] = {}
    size = right = wrong = 0
    for line in iter(partial(file.readline, LONGEST), b""):
        if line.isascii():
            continue
        try:
            line.decode()
            right += 1
        except UnicodeDecodeError:
            wrong += 1
        if size < SAMPLE and line not in odd:
            odd[line[:SAMPLE]] = None
            size += len(line)
    if right and right >= 2 * wrong:  # two bytes that fit by chance are rare, and a line of them rarer
        return "utf-8"
    return _likeliest(b"".join(odd))


def _likeliest(sample: bytes) -> str:
    """The name of the encoding, "" where none is likely."""
    import chardet

    found: list[tuple[float, str]] = []
    for candidate in chardet.detect_all(sample, ignore_threshold=True):
        name = str(candidate["encoding"] or "").lower()
        if name.startswith(("utf-16", "utf-32")):
            continue  # which have a mark, or zero bytes
        name = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949"}.get(name, name)
        try:
            text = sample.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
        if not _odd(text):
            found.append((float(candidate["confidence"] or 0), name))
    best = max((sure for sure, _ in found), default=0.0)
    if best < LEAST_SURE:
        return ""
    likeliest = next(name for sure, name in found if sure == best)
    near = best * (NEAR if best < SURE else NEAR_SURE)
    western = any(name in WESTERN and sure >= near for sure, name in found)
    return codecs.lookup(WESTERN[0] if western else likeliest).name


def _odd(text: str) -> bool:
    """Whether no person wrote this: control characters, or words that mix Latin letters with another alphabet."""
    if any(unicodedata.category(character) == "Cc" and character not in "\t\r\n\f" for character in set(text)):
        return True
    for word in set(re.findall(r"[^\W\d_]+", text)):
        scripts = {unicodedata.name(character, "?").split()[0] for character in word}
        if "LATIN" in scripts and scripts & {"GREEK", "CYRILLIC", "HEBREW", "ARABIC", "ARMENIAN", "GEORGIAN", "THAI"}:
            return True
    return False
