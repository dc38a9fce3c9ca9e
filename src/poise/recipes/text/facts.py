"""What a run of text or of a language model keeps. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass

from poise.data.tokenizers.alphabet import Units
from poise.disk.description import PerStep
from poise.recipes.common.facts import RunFacts


@dataclass(frozen=True, kw_only=True)
class SentenceFacts(RunFacts):
    """`units`: the table of the vocabulary; `ends`: whether sentences have an end; `running`: whether they are read one
    after the other; `length`: units of a sampled sentence at most, its end included."""

    data: str
    units: dict[str, object]
    ends: bool
    running: bool = False
    length: int
    fingerprint: str
    counts: dict[str, object]
    stages: list[tuple[str, int]] | None = None
    learning_rates: dict[str, str] | None = None
    not_advised: list[str] | None = None
    device: str
    precision: str
    threads: int
    per_step: PerStep | None = None

    @property
    def vocabulary(self) -> Units:
        """The units themselves."""
        from poise.data.text.toy import Numbers
        from poise.data.tokenizers.units import units_from

        return Numbers.from_dict(self.units) if self.units["kind"] == Numbers.kind else units_from(self.units)
