"""L2 on an embedding, paid only for the rows that are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from poise.penalties.base import OnRound, Strength
from poise.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register("penalty", "L2Rows")
@dataclass(eq=False)
class L2Rows(OnRound):
    """(λ/2)·Σ‖e_i‖² over the different units i that are read in the batch: gradient λ·e_i on their rows, 0 on others.

    An ordinary L2 would shrink the row of a rare unit at every step, between the few at which it learns something.

    Args:
        strength: λ, at least 0: a number, a schedule string or a function of the step.
        name: its name in the record.

    It reads `round.read_ids`, ids [...], and `round.embedding`, [V,E].

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> embedding, ids = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[0, 0, 2]])
        >>> L2Rows().value(SimpleNamespace(embedding=embedding, read_ids=ids)).item()  # ½·(1² + 3²), without λ
        5.0
    """

    strength: Strength = 1e-4
    name: str = "l2_rows"
    reads: ClassVar[str] = "states"

    def value(self, round: Any) -> Tensor:
        """½·Σ‖e_i‖²: a scalar."""
        found: Tensor = 0.5 * round.embedding[round.read_ids.unique()].square().sum()
        return found
