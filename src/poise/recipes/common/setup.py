"""What the players of a run are built by, where a recipe has several stages. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from poise.losses import Loss
from poise.recipes.common.options import Options
from poise.training.schedules import Scheduled

if TYPE_CHECKING:
    from poise.training.precision import Execution


@dataclass(frozen=True)
class PlayerSetup:
    """One player: its name, its network (a name, or a user's), its options and the strength of its L2."""

    name: str
    network: Any
    options: Any
    l2: Scheduled


@dataclass(frozen=True)
class Setup:
    """The two players; `weights` by term; `steps` by stage, in order; `ema`: decay of the averages."""

    generator: PlayerSetup
    discriminator: PlayerSetup
    loss: Loss | str
    weights: Mapping[str, Scheduled]
    ema: float
    steps: Mapping[str, int]
    execution: Execution
    seed: int

    @property
    def options(self) -> Options:
        """Of both, by name."""
        return {player.name: player.options for player in (self.generator, self.discriminator)}
