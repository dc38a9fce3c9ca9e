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
class Setup:
    """`networks` (a name, or a user's), `options` and strengths of L2, each by player; `weights` by term; `steps` by
    stage, in order; `ema`: decay of the averages."""

    networks: Mapping[str, Any]
    loss: Loss | str
    weights: Mapping[str, Scheduled]
    options: Options
    l2: Mapping[str, Scheduled]
    ema: float
    steps: Mapping[str, int]
    execution: Execution
    seed: int
