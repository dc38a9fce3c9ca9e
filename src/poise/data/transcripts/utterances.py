"""What speech is made of: texts as units, each a phone and a tone (family "speech units"), and their numbers.

    syllables    Mandarin in pinyin, zhuyin or characters: initial and final of each syllable, both with its tone
    characters   letters of any script with their marks, digits and a few signs, without tones
    phonemes     symbols with blanks between; a number at the end of one is its tone or stress: AH0, i3

A member turns a text into a list of parts that can be said by themselves, each a list of (phone, tone).
"""

from __future__ import annotations

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
PAD = ""  # the phone of nothing
_OPTIONAL = SIGNS + JOINERS + INSIDE  # blanks where they never occurred


@register("speech units", "syllables")
def syllables(text: str) -> Parts:
    """One part for each syllable: its initial, if there is one, and its final."""
    return [
        [(sound, str(tone)) for sound in (f"{initial}-" if initial else "", final) if sound]
        for initial, final, tone in parse(text)
    ]


@register("speech units", "characters")
def characters(text: str) -> Parts:
    """One part: small letters with all their marks, digits and ' , . ? ! - and single blanks (see `letters`)."""
    return [[(c, "") for c in spelt(text)]]


@register("speech units", "phonemes")
def phonemes(text: str) -> Parts:
    """One part: what stands between blanks."""
    found = [re.fullmatch(r"(.*?)(\d*)", symbol) for symbol in text.split()]
    return [[(match[1] or match[2], match[2] if match[1] else "") for match in found if match]]


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
        units = [unit for text in texts for part in split(text) for unit in part]
        return cls(kind, sorted({phone for phone, _ in units}), sorted({tone for _, tone in units}))

    def parts(self, text: str) -> Parts:
        """What of a text can be said by itself, in order.

        A sign that never occurred, such as an exclamation mark, is a blank, and where there is none, nothing.
        """
        return [part for part in map(self._heard, self._split(text)) if part]

    def _heard(self, part: list[Unit]) -> list[Unit]:
        strange = [len(phone) == 1 and phone in _OPTIONAL and phone not in self._phone for phone, _ in part]
        if not any(strange):
            return part
        blank = [(" ", "")] if " " in self._phone else []
        found: list[Unit] = []
        for unit, gone in zip(part, strange, strict=True):
            for one in blank if gone else [unit]:
                if one[0] != " " or (found and found[-1][0] != " "):
                    found.append(one)
        return found[:-1] if found and found[-1][0] == " " else found

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
