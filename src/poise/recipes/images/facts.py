"""What a run of pictures keeps. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass

from poise.recipes.common.facts import OriginFacts, RunFacts


@dataclass(frozen=True, kw_only=True)
class ImageFacts(RunFacts):
    """Of pictures [channels,size,size]; `classes`: the names of those that are made by class; `origin`: of the first
    weights, where they were taken from another run."""

    size: int
    channels: int
    classes: list[str]
    data: str
    fingerprint: str
    augment: str | None = None
    network: str | None = None
    device: str
    precision: str
    threads: int
    origin: OriginFacts | None = None
