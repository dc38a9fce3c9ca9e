"""What a run of speech keeps. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from poise.disk.description import PerStep
from poise.recipes.vocoder.facts import RecordedFacts


@dataclass(frozen=True)
class Borrowed:
    """A vocoder out of a finished run: its network with its options, and the file of its weights."""

    network: str
    width: int
    depth: int
    norm: str
    weights: str


@dataclass(frozen=True, kw_only=True)
class SpeechFacts(RecordedFacts):
    """`units`: the table of what is said; `whole`: an item is one unit; `single`: each text was one part, such as a
    syllable; `texts`: held-out ones, each with the number of its voice; `vocoder`: None where it has its own."""

    earlier: ClassVar[Mapping[str, Any]] = {**RecordedFacts.earlier, "single": True}

    units: dict[str, Any]
    voices: list[str]
    whole: bool
    single: bool
    texts: list[tuple[str, int]]
    roles: dict[str, dict[str, str]]
    vocoder: Borrowed | None
    per_step: PerStep
