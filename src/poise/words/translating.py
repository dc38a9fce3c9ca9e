"""Lines in Chinese, at the border: what is written to a terminal is found in a table of sentences and said anew.

POISE_LANG=zh or en chooses, else the locale (LC_ALL, LC_MESSAGES, LANG). English stays what the program itself writes,
records and compares; nothing reads a translation. A key of the table is an English sentence as the source has it, with
{} for each of its values; {0}, {1}, ... are the values in the translation, and are translated themselves where they are
known sentences; so are sentences behind each other, what is added behind a comma, and what stands behind a name and a
colon. What is not in the table stays
English, and so does a line that is compared with more than MOST_COMPARED sentences. A test compares the table with the
source.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import unicodedata

from poise.words.table import Sentence, index

LEAST = 5  # letters of a sentence that a whole line is compared with; of a value any number
DEEPEST = 6  # sentences within each other
LONGEST = 4_000  # letters of a line that is looked up
MOST = 20  # commas of a line, its full stops, and sentences behind each other
MOST_COMPARED = 10_000  # sentences that a line is compared with; a long line of the program needs some hundreds
BETWEEN = re.compile(r"[.] ")
WITHIN = re.compile(r"[,;] ")
MARKS = {"; ": "；", ", ": "，"}
MEMBERS = re.compile(r"((?:, or |, and |, | or | and )(?![^(]*\)))")  # outside parentheses
JOINED = {"or": "，或", "and": "和", ",": "，"}
ENDING = re.compile(r"(s|es|\.)(?=[,;] |$)")  # of a word or another value that a value stands behind
COMMAND = re.compile(r"(poise [a-z]+|--[a-z-]+) $")  # a value behind it is pasted into a shell
# What no line ends within: blanks, a Chinese letter or a word, with the marks that open it or close it.
PIECE = re.compile(r"\s+|（*(?:[\u2e80-\ufaff\uff00-\uff60]|[^\s\u2e80-\ufaff\uff00-\uff60]+)[，。；：、）！？]*")
TYPED = re.compile("train [a-z]+")
ANOTHER = re.compile("[.] [A-Z]")  # sentence behind one
CLEAR = 16  # letters of a sentence that is tried before a list


def language() -> str:
    """zh or en."""
    asked = os.environ.get("POISE_LANG", "")
    for name in (asked, *(os.environ.get(key, "") for key in ("LC_ALL", "LC_MESSAGES", "LANG"))):
        if name:
            return "zh" if name.lower().startswith("zh") else "en"
    return "en"


def lines_within(text: str, width: int) -> list[str]:
    """The text in lines of so many columns: between words, and between Chinese letters, which have two columns each."""
    lines = [""]
    used = 0
    for piece in PIECE.findall(text):
        columns = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in piece)
        if used + columns > width and lines[-1]:
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


@functools.lru_cache(1_024)
def _line(line: str) -> str:
    inside = line.strip()
    if not inside or len(inside) > LONGEST:
        return line
    begin = line.index(inside)
    look_up = LookUp()
    try:
        said = " | ".join(look_up.line(part) for part in inside.split(" | "))
    except TooMuchError:
        return line
    return line[:begin] + said + line[begin + len(inside) :]


def balanced(text: str) -> bool:
    """Whether every parenthesis is closed: what is cut in the middle of one was cut at the wrong place."""
    depth = 0
    for mark in re.findall("[()]", text):
        depth += 1 if mark == "(" else -1
        if depth < 0:
            return False
    return depth == 0


def well_cut(sentence: Sentence, values: tuple[str, ...], text: str) -> bool:
    """Whether each value is one: no half of a parenthesis, nothing before a colon that says who speaks, not the
    beginning of another sentence, and of a name in quotation marks no more than that."""
    if not values:
        return True
    speaks = not sentence.pieces[0] and ": " in values[0]
    goes_on = sentence.pieces[-1].endswith(".") and ANOTHER.search(values[-1]) is not None
    past_its_end = any("': " in values[i] for i in sentence.quoted)
    return not speaks and not goes_on and not past_its_end and (all(map(balanced, values)) or not balanced(text))


class TooMuchError(Exception):
    """A line is like so many sentences in so many ways that it stays as it is."""


class LookUp:
    """One line that is looked up, with what was found out of its parts; `compared`: sentences it was compared with."""

    def __init__(self) -> None:
        self.compared = 0
        self.known: dict[tuple[str, int, int, int], str] = {}

    def line(self, text: str) -> str:
        """A part of a line; what a recipe would read stands behind what would be typed."""
        who, colon, rest = text.partition(": ")
        said = self.said(rest, LEAST, DEEPEST) if colon and TYPED.match(who) else rest
        return f"{who}：{said}" if said != rest else self.said(text, LEAST, DEEPEST)

    def said(self, text: str, least: int, deep: int, more: int = MOST) -> str:
        """A sentence, or several behind each other, `more` of them at most, or what it was."""
        asked = (text, least, deep, more)
        if asked not in self.known:
            self.known[asked] = self._said(*asked)
        return self.known[asked]

    def _said(self, text: str, least: int, deep: int, more: int) -> str:
        whole = self._one(text, max(least, CLEAR), deep)
        if whole is None and least == 1:
            whole = self._list(text, deep) or self._members(text, deep)
        if whole is None:
            whole = self._one(text, least, deep)
        if whole is not None or not more:
            return text if whole is None else whole
        who, colon, rest = text.partition(": ")
        whole = self._one(rest, LEAST, deep) if colon and " " not in who else None
        if whole is not None:  # of a file, as a rule
            return f"{who}：{whole}"
        for found in itertools.islice(BETWEEN.finditer(text), MOST):
            first = self._one(text[: found.start() + 1], LEAST, deep)
            if first is not None:
                return first + self.said(text[found.end() :], LEAST, deep, more - 1)
        for found in itertools.islice(WITHIN.finditer(text), MOST):
            first = self._one(text[: found.start()], least, deep)
            if first is not None:
                return first + self._behind(text[found.start() :], deep, more - 1)
        return self._explained(text, least, deep, more)

    def _explained(self, text: str, least: int, deep: int, more: int) -> str:
        """ "NAME (KNOWN)" and "NAME: KNOWN", or what it was."""
        name, opened, rest = text.removesuffix(")").partition(" (")
        said = self.said(rest, 1, deep, more - 1) if opened and text.endswith(")") and balanced(rest) else rest
        if said != rest:
            return f"{self.said(name, 1, deep, 0)}（{said}）"
        name, colon, rest = text.partition(": ")
        said = self.said(rest, least, deep, more - 1) if colon else rest
        return f"{self.said(name, 1, deep, 0)}：{said}" if said != rest else text

    def _members(self, text: str, deep: int) -> str | None:
        """ "a; b" and "a, b" where every member is known by itself, or of "a (b), c (d)" one of them; else None."""
        for mark, other in MARKS.items():
            members = text.split(mark)
            if deep and 2 <= len(members) <= MOST:
                said = [self.said(member, 1, deep - 1, 2) for member in members]
                known = [one != member for one, member in zip(said, members, strict=True)]
                named = all(member.endswith(")") and balanced(member) for member in members)
                if all(known) or (named and any(known)):
                    return other.join(said)
        return None

    def _behind(self, text: str, deep: int, more: int = MOST) -> str:
        """What begins with ", " or "; " behind a sentence."""
        return self._one(text, 1, deep) or MARKS[text[:2]] + self.said(text[2:], 1, deep, more)

    def _list(self, text: str, deep: int) -> str | None:
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
                parts.append(self.said(member, 1, deep - 1))
                known = known or parts[-1] != member
        return "".join(parts) if known else None

    def _one(self, text: str, least: int, deep: int) -> str | None:
        """The sentence that this text is, in the other language; None where there is none."""
        if not deep:
            return None
        for sentence in index().could_be(text):
            if sentence.letters < least:
                continue
            self.compared += 1
            if self.compared > MOST_COMPARED:
                raise TooMuchError
            values = sentence.values(text)
            if values is not None and well_cut(sentence, values, text):
                said = [self._value(sentence, i, value, deep) for i, value in enumerate(values)]
                return sentence.other.format(*said)
        return None

    def _value(self, sentence: Sentence, i: int, value: str, deep: int) -> str:
        before = sentence.pieces[i]
        ending = ENDING.match(value)
        if ending and (before[-1:].isalpha() or (not before and i > 0)):
            rest = value[ending.end() :]
            return ("。" if ending[0] == "." else "") + (self._behind(rest, deep - 1) if rest else "")
        if value == "." and before.endswith("'"):  # no better guess is added
            return "。"
        pasted = COMMAND.search(before) and " " not in value
        if not value or pasted or ending or i in sentence.quoted | sentence.glued:
            return value
        return self.said(value, 1, deep - 1)
