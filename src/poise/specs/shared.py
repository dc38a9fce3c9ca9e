"""What the processes of one training must have in common, as the first one tells it to the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poise.disk.description import Arguments
from poise.errors import PoiseError
from poise.specs.sources import sources

if TYPE_CHECKING:
    from poise.disk.description import Lengthening
    from poise.recipes.common.recipe import Recipe


@dataclass(frozen=True)
class Shared:
    """A training as rank 0 tells it to the others: what is built of which sources and data, and where it lies."""

    recipe: str
    arguments: Arguments
    lengthened: Sequence[Lengthening]
    sources: Mapping[str, str | None]
    fingerprint: object
    computes: str
    folder: str

    def check(self, rank: int, built: Recipe) -> None:
        """Process `rank` has built the same. Errors: PoiseError."""
        if built.table["fingerprint"] != self.fingerprint:
            raise PoiseError(f"process {rank} reads other data than process 0: give every machine the same")
        if computes(built) != self.computes:
            raise PoiseError(
                f"process {rank} computes on {computes(built)}, process 0 on {self.computes}: give --device and "
                f"--precision"
            )
        for path, digest in self.sources.items():
            if sources({}, path) != {path: digest}:
                raise PoiseError(f"process {rank} has another {path} than process 0: give every machine the same")


def computes(recipe: Recipe) -> str:
    """On what kind of device and in which precision a recipe is computed."""
    return f"{recipe.execution.device.type} in {recipe.execution.precision}"
