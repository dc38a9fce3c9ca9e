"""What a run on recordings keeps. No torch in here until the spectrogram is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from poise.disk.description import PerStep
from poise.recipes.common.facts import RunFacts

if TYPE_CHECKING:
    from poise.audio.spectrograms import Mel


@dataclass(frozen=True, kw_only=True)
class RecordedFacts(RunFacts):
    """`mel`: the table of its spectrogram; `recordings`: what opens its recordings again."""

    earlier: ClassVar[Mapping[str, Any]] = {"learning_rates": {}}

    data: str
    mel: dict[str, Any]
    recordings: dict[str, Any]
    fingerprint: str
    stages: list[tuple[str, int]]
    learning_rates: dict[str, str]
    device: str
    precision: str
    threads: int

    @property
    def heard(self) -> Mel:
        """The spectrogram itself."""
        from poise.audio.spectrograms import Mel

        return Mel(**self.mel)


@dataclass(frozen=True, kw_only=True)
class VocoderFacts(RecordedFacts):
    """Of a vocoder."""

    per_step: PerStep
