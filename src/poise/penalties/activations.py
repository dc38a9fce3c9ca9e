"""Penalties on the activations of a recurrent network (Merity et al. 2017, 2018).

    AR  = α·mean(h̃²)               h̃ [B,T,H]: the last layer's output with dropout, as the readout sees it
    TAR = β·mean((h_{t+1} − h_t)²)  h [B,T,H]: the same without dropout, within one window

Means run over batch, places and units, as in the authors' code, whose defaults α = 2, β = 1 these are. AR keeps
activations small, TAR keeps them slow.
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
