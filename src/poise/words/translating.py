"""Lines in Chinese, at the border: what is written to a terminal is found in a table of sentences and said anew.

POISE_LANG=zh or en chooses, else the locale (LC_ALL, LC_MESSAGES, LANG). English stays what the program itself writes,
records and compares; nothing reads a translation. A key of the table is an English sentence as the source has it, with
{} for each of its values; {0}, {1}, ... are the values in the translation, and are translated themselves where they are
known sentences; so are sentences behind each other, and what is added behind a comma. What is not in the table stays
English. A test compares the table with the source.
"""

from __future__ import annotations

import functools
import os
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from importlib import resources

LANGUAGES = ("en", "zh")
LEAST = 5  # letters of a sentence that a whole line is compared with; of a value any number
DEEPEST = 6  # sentences within each other
LONGEST = 4_000  # letters of a line that is looked up
MOST = 20  # commas of a line
BETWEEN = re.compile(r"[.] ")
WITHIN = re.compile(r"[,;] ")
MARKS = {", ": "，", "; ": "；"}
MEMBERS = re.compile(r"((?:, or |, and |, | or | and )(?![^(]*\)))")  # outside parentheses
JOINED = {"or": "，或", "and": "和", ",": "，"}
# A value right behind another one: something that is added, or nothing.
ENDING = re.compile(r"(s|es|\.)(?=[,;] |$)")  # of a word or another value that a value stands behind
COMMAND = re.compile(r"(poise [a-z]+|--[a-z-]+) $")  # a value behind it is pasted into a shell
ADDED = r"((?:[,;(]| \(|\. ).*|\.|s|es|)"
CLEAR = 16  # letters of a sentence that is tried before a list


def language() -> str:
    """zh or en."""
    asked = os.environ.get("POISE_LANG", "")
    for name in (asked, *(os.environ.get(key, "") for key in ("LC_ALL", "LC_MESSAGES", "LANG"))):
        if name:
            return "zh" if name.lower().startswith("zh") else "en"
    return "en"


@dataclass(frozen=True)
class Sentence:
    """An English sentence with places for values, and its translation."""

    english: str
    other: str

    @functools.cached_property
    def pieces(self) -> list[str]:
        """What stands between the values."""
        return self.english.split("{}")

    @functools.cached_property
    def letters(self) -> int:
        return sum(map(len, self.pieces))

    @functools.cached_property
    def quoted(self) -> set[int]:
        """Values that stand in quotation marks, as somebody wrote them."""
        beside = zip(self.pieces, self.pieces[1:], strict=False)
        return {i for i, (before, behind) in enumerate(beside) if before.endswith("'") and behind.startswith("'")}

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        found = re.escape(self.pieces[0])
        for i, piece in enumerate(self.pieces[1:], start=1):
            behind_another = i > 1 and not self.pieces[i - 1]
            found += (ADDED if behind_another else "(.*?)") + re.escape(piece)
        return re.compile(found, re.DOTALL)

    def values(self, text: str) -> tuple[str, ...] | None:
        """The values with which the sentence is this text; None where it is not."""
        if not text.startswith(self.pieces[0]) or not text.endswith(self.pieces[-1]):
            return None
        found = self.pattern.fullmatch(text)
        return found.groups() if found else None


def table() -> dict[str, dict[str, str]]:
    """Room -> English sentence -> translation, of every file zh*.toml; no room stands in two of them."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted(resources.files("poise.words").iterdir(), key=lambda file: file.name):
        if file.name.startswith("zh") and file.name.endswith(".toml"):
            found |= tomllib.loads(file.read_text(encoding="utf-8"))
    return found


@functools.cache
def sentences() -> tuple[Sentence, ...]:
    """The table, those with the most letters of their own first."""
    found = [Sentence(english, other) for room in table().values() for english, other in room.items()]
    return tuple(sorted(found, key=lambda one: -one.letters))


def lines_within(text: str, width: int) -> list[str]:
    """The text in lines of so many columns: between words, and between Chinese letters, which have two columns each."""
    lines = [""]
    used = 0
    for piece in re.findall(r"\s+|[\u2e80-\ufaff\uff00-\uff60]|[^\s\u2e80-\ufaff\uff00-\uff60]+", text):
        columns = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in piece)
        if used + columns > width and lines[-1] and piece not in "，。；：、）！？":
            lines.append("")
            used = 0
        if used or not piece.isspace():
            lines[-1] += piece
            used += columns
    return [line.rstrip() for line in lines if line.strip()]


def translated(text: str, to: str | None = None) -> str:
    """A text for people, each line of it by itself. `to`: zh or en; None: the language that is asked for."""
    if (to or language()) == "en":
        return text
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    inside = line.strip()
    if not inside or len(inside) > LONGEST:
        return line
    begin = line.index(inside)
    said = " | ".join(_said(part, LEAST, DEEPEST) for part in inside.split(" | "))
    return line[:begin] + said + line[begin + len(inside) :]


@functools.lru_cache(4_096)
def _said(text: str, least: int, deep: int) -> str:
    """A sentence, or several behind each other, or what it was."""
    whole = _one(text, max(least, CLEAR), deep)
    if whole is None and least == 1:
        whole = _list(text, deep)
    if whole is None:
        whole = _one(text, least, deep)
    if whole is not None:
        return whole
    for found in BETWEEN.finditer(text):
        first = _one(text[: found.start() + 1], LEAST, deep)
        if first is not None:
            return first + _said(text[found.end() :], LEAST, deep)
    for found in list(WITHIN.finditer(text))[:MOST]:
        first = _one(text[: found.start()], least, deep)
        if first is not None:
            return first + _behind(text[found.start() :], deep)
    return text


def _behind(text: str, deep: int) -> str:
    """What begins with ", " or "; " behind a sentence."""
    return _one(text, 1, deep) or MARKS[text[:2]] + _said(text[2:], 1, deep)


def _list(text: str, deep: int) -> str | None:
    """ "a, b, or c" and "a or b", each member by itself; None for whole sentences, and where no member is known."""
    if not deep or re.search("[.:;] ", text) or not re.search(" (or|and) ", text):
        return None
    members = [member for member in MEMBERS.split(text) if member]
    if len(members) < 3:
        return None
    parts = []
    known = False
    for member in members:
        if MEMBERS.fullmatch(member):
            parts.append(JOINED[member.strip(" ,") or ","])
        else:
            parts.append(_said(member, 1, deep - 1))
            known = known or parts[-1] != member
    return "".join(parts) if known else None


def _one(text: str, least: int, deep: int) -> str | None:
    if not deep:
        return None
    for sentence in sentences():
        if sentence.letters < least:
            continue
        values = sentence.values(text)
        if values is not None:
            said = [_value(sentence, i, value, deep) for i, value in enumerate(values)]
            return sentence.other.format(*said)
    return None


def _value(sentence: Sentence, i: int, value: str, deep: int) -> str:
    before = sentence.pieces[i]
    ending = ENDING.match(value)
    if ending and (before[-1:].isalpha() or (not before and i > 0)):
        rest = value[ending.end() :]
        return ("。" if ending[0] == "." else "") + (_behind(rest, deep - 1) if rest else "")
    pasted = COMMAND.search(before) and " " not in value
    if not value or pasted or ending or i in sentence.quoted:
        return value
    return _said(value, 1, deep - 1)
