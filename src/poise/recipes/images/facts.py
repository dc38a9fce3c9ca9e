"""What a run of pictures keeps. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass

from poise.errors import PoiseError
from poise.pixels.size import Sides, height_and_width, sides_of
from poise.recipes.common.facts import OriginFacts, RunFacts


@dataclass(frozen=True, kw_only=True)
class ImageFacts(RunFacts):
    """Of pictures [channels,height,width]; `size`: the side of squares, or "WIDTHxHEIGHT"; `classes`: the names of
    those that are made by class, and `class_counts`: how many training pictures each has (runs of before do not say);
    `origin`: of the first weights, where they were taken from another run."""

    size: int | str
    channels: int
    classes: list[str]
    class_counts: list[int] | None = None
    data: str
    fingerprint: str
    augment: str | None = None
    network: str | None = None
    device: str
    precision: str
    threads: int
    origin: OriginFacts | None = None

    @property
    def sides(self) -> Sides:
        """What networks are given: the side of squares, or (height, width)."""
        return sides_of(self.size)

    @property
    def counts(self) -> list[int]:
        """How frequent each class is among samples."""
        return self.class_counts or [1] * len(self.classes)

    @property
    def learnt(self) -> list[str]:
        """The classes that have training pictures."""
        return [name for name, count in zip(self.classes, self.counts, strict=True) if count]

    def number_of(self, label: str) -> int:
        """The id of a class. Errors: PoiseError for one that the run does not know, or has not seen."""
        if label not in self.classes:
            known = ", ".join(self.learnt[:8]) or "none: this run has no classes"
            raise PoiseError(f"--label {label} is unknown; the classes are {known}")
        if label not in self.learnt:
            known = ", ".join(self.learnt[:8])
            raise PoiseError(f"--label {label} was not learnt, as no picture of it was trained on; there are {known}")
        return self.classes.index(label)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, *height_and_width(self.size)
