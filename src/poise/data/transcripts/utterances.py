"""What speech is made of: texts as units, each a phone and a tone (family "speech units"), and their numbers.

    syllables    Mandarin in pinyin, zhuyin or characters: initial and final of each syllable, both with its tone
    characters   letters of any script with their marks, digits and a few signs, without tones
    phonemes     symbols with blanks between; a number at the end of one is its tone or stress: AH0, i3

A member turns a text into a list of parts that can be said by themselves, each a list of (phone, tone).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from poise.data.transcripts.letters import INSIDE, JOINERS, SIGNS, spelt, visible
from poise.data.transcripts.syllables import parse
from poise.errors import PoiseError, nearest
from poise.registry import find, names, register

Unit = tuple[str, str]  # phone, tone
Parts = list[list[Unit]]
_OPTIONAL = frozenset(SIGNS + JOINERS + INSIDE)  # blanks where they never occurred


@register("speech units", "syllables")
def syllables(text: str) -> Parts:
    """One part for each syllable: its initial, if there is one, and its final."""
    parts = []
    for initial, final, tone in parse(text):
        part = []
        if initial:
            part.append((f"{initial}-", str(tone)))
        if final:
            part.append((final, str(tone)))
        parts.append(part)
    return parts


@register("speech units", "characters")
def characters(text: str) -> Parts:
    """One part: small letters with all their marks, digits and ' , . ? ! - and single blanks (see `letters`)."""
    return [[(c, "") for c in spelt(text)]]


@register("speech units", "phonemes")
def phonemes(text: str) -> Parts:
    """One part: what stands between blanks."""
    return [list(map(_phoneme, text.split()))]


def _phoneme(symbol: str) -> Unit:
    """A symbol without the number at its end, and the number; one that is all number is a phone."""
    phone = re.sub(r"\d+\Z", "", symbol)
    if not phone:
        return symbol, ""
    return phone, symbol[len(phone) :]


class SpeechTokenizer:
    """Units with numbers: phones from 1 (0 is nothing), tones from 0.

    Args: kind, of the family "speech units"; phones and tones, in order.
    """

    def __init__(self, kind: str, phones: Sequence[str], tones: Sequence[str]) -> None:
        self.kind, self.phones, self.tones = kind, tuple(phones), tuple(tones)
        self._split: Callable[[str], Parts] = find("speech units", kind)
        self._phone = {phone: i for i, phone in enumerate(self.phones, 1)}
        self._tone = {tone: i for i, tone in enumerate(self.tones)}

    @classmethod
    def fit(cls, kind: str, texts: Sequence[str]) -> SpeechTokenizer:
        """All that occurs in the texts."""
        split: Callable[[str], Parts] = find("speech units", kind)
        phones, tones = set(), set()
        for part in itertools.chain.from_iterable(map(split, texts)):
            for phone, tone in part:
                phones.add(phone)
                tones.add(tone)
        return cls(kind, sorted(phones), sorted(tones))

    def parts(self, text: str) -> Parts:
        """What of a text can be said by itself, in order.

        A sign that never occurred, such as an exclamation mark, is a blank, and where there is none, nothing.
        """
        return list(filter(None, map(self._heard, self._split(text))))

    def _heard(self, part: list[Unit]) -> list[Unit]:
        if not any(map(self._gone, part)):
            return part
        found: list[Unit] = []
        before = " "  # so that none is at the beginning
        for unit in part:
            if self._gone(unit):
                if " " not in self._phone:
                    continue
                unit = (" ", "")
            if unit[0] == before == " ":
                continue
            found.append(unit)
            before = unit[0]
        if before == " ":
            return found[:-1]
        return found

    def _gone(self, unit: Unit) -> bool:
        """Whether a unit is a sign that never occurred and need not be said."""
        return unit[0] in _OPTIONAL and unit[0] not in self._phone

    def encode(self, units: Sequence[Unit]) -> np.ndarray:
        """Numbers of phones and tones: int64 [L,2]. PoiseError for what did not occur in training."""
        for phone, tone in units:
            if phone not in self._phone:
                raise PoiseError(
                    f"'{visible(phone)}' was never heard in training{nearest(phone, self.phones)}; known: "
                    f"{self._known()}"
                )
            if tone not in self._tone:
                raise PoiseError(f"tone '{tone}' was never heard in training; known: {', '.join(self.tones)}")
        return np.array([(self._phone[p], self._tone[t]) for p, t in units], np.int64).reshape(-1, 2)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "phones": list(self.phones), "tones": list(self.tones)}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> SpeechTokenizer:
        return cls(saved["kind"], saved["phones"], saved["tones"])

    def _known(self) -> str:
        return " ".join(map(visible, self.phones[:40])) + (" ..." if len(self.phones) > 40 else "")


def suggested(texts: Sequence[str]) -> str:
    """syllables where every text is pinyin or zhuyin that says its tones, else characters."""
    marked = all(re.search(r"[1-5ˉˊˇˋ˙\u3105-\u312f]|[̄́̌̀]", unicodedata.normalize("NFD", text)) for text in texts)
    if not texts or not marked:
        return "characters"
    try:
        for text in texts:
            parse(text)
    except PoiseError:
        return "characters"
    return "syllables"


def kinds() -> list[str]:
    return names("speech units")
