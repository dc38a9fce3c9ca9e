"""What a run of an auto-encoder keeps. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from poise.recipes.images.facts import ImageFacts


@dataclass(frozen=True, kw_only=True)
class VaeFacts(ImageFacts):
    """`asked`: the options of its objective, defaults filled in; `nats`: what a held-out cost is of, and which rise is
    worth a word."""

    objective: str
    asked: dict[str, Any]
    deterministic: bool
    latent_size: int
    likelihood: str
    sigma: float | str | None
    latents: str
    stages: list[tuple[str, int]]
    nats: dict[str, Any]
    roles: dict[str, dict[str, str]] | None = None
