"""Penalties on what a recurrent network reads and on its activations (Merity et al. 2017, 2018).

    AR  = α·mean(h̃²)               h̃ [B,T,H]: the last layer's output with dropout, as the readout sees it
    TAR = β·mean((h_{t+1} − h_t)²)  h [B,T,H]: the same without dropout, within one window

Means run over batch, places and units, as in the authors' code, whose defaults α = 2, β = 1 these are. AR keeps
activations small, TAR keeps them slow. `L2Rows` is L2 on an embedding, paid only for the rows that are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from poise.penalties.base import OnRound, Strength
from poise.registry import register

if TYPE_CHECKING:
    from torch import Tensor


def _wide(h: Tensor) -> Tensor:
    """Half precision as float32: squares and means of it would be rounded to a percent."""
    return h.float() if h.element_size() < 4 else h


@register("penalty", "AR")
@dataclass(eq=False)
class AR(OnRound):
    """α·mean(h̃²) of the dropped-out output of the last layer (Merity et al. 2017).

    Args:
        strength: α, at least 0: a number, a schedule string or a function of the step.
        name: its name in the record.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> read = SimpleNamespace(dropped=torch.tensor([[[1.0], [3.0]]]))  # [B,T,H]
        >>> AR(2.0).value(SimpleNamespace(read=read)).tolist()  # (1² + 3²) / 2; the term multiplies it by α
        [5.0]
    """

    strength: Strength = 2.0
    name: str = "ar"
    reads: ClassVar[str] = "states"

    def value(self, round: Any) -> Tensor:
        return _wide(round.read.dropped).square().mean((1, 2))


@register("penalty", "TAR")
@dataclass(eq=False)
class TAR(OnRound):
    """β·mean((h_{t+1} − h_t)²) of the raw output of the last layer (Merity et al. 2017). 0 for a window of one.

    Args:
        strength: β, at least 0: a number, a schedule string or a function of the step.
        name: its name in the record.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> read = SimpleNamespace(raw=torch.tensor([[[1.0], [3.0], [4.0]]]))  # [B,T,H]
        >>> TAR().value(SimpleNamespace(read=read)).tolist()  # (2² + 1²) / 2
        [2.5]
    """

    strength: Strength = 1.0
    name: str = "tar"
    reads: ClassVar[str] = "states"

    def value(self, round: Any) -> Tensor:
        h = _wide(round.read.raw)
        return (h[:, 1:] - h[:, :-1]).square().mean((1, 2)) if h.shape[1] > 1 else 0 * h.sum((1, 2))


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
        rows = round.embedding
        used = rows.new_zeros(len(rows), 1).index_fill(0, round.read_ids.flatten(), 1)
        found: Tensor = 0.5 * (used * rows).square().sum()
        return found
