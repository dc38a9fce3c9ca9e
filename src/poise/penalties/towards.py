"""L2 towards a reference: (λ/2)·Σ‖w − ref‖², gradient ∇loss + λ·(w − ref)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from poise.errors import PoiseError
from poise.lazy import Lazy
from poise.penalties.base import Strength
from poise.penalties.covers import Weight
from poise.penalties.weights import OnWeights
from poise.registry import register

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = Lazy("torch")


@register("penalty", "L2Towards")
@dataclass(eq=False)
class L2Towards(OnWeights):
    """(λ/2)·Σ‖w − ref‖²: a pull towards where the weights began, or towards their own running average.

    Args:
        strength: λ, at least 0; as for `L2`.
        reference: "start": the weights at first use (L2-SP, Li et al. 2018). "average": ref ← ref + rate·(w − ref)
            after each step; the term vanishes at every stationary point, so it damps and does not bias. It does not
            bound ‖w‖: for that, add `L2`.
        rate: of the running average, in (0, 1].
        covers: as for `L2`.
        name: its name in the record.

    One object serves one module. In a loop of one's own, call `after_step_(module)` after each step.

    Example:
        >>> net, penalty = torch.nn.Linear(1, 1), L2Towards(2.0)
        >>> at_first = penalty(net).item()
        >>> _ = net.weight.data.add_(3.0)
        >>> at_first, round(penalty(net).item(), 4)  # 2/2·3²
        (0.0, 9.0)
    """

    strength: Strength = 1e-2
    reference: Literal["start", "average"] = "start"
    rate: float = 1e-3
    name: str = "l2_towards"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reference not in ("start", "average"):
            raise PoiseError(f"reference of L2Towards must be 'start' or 'average', not {self.reference!r}")
        if not 0 < self.rate <= 1:
            raise PoiseError(f"rate of L2Towards must be above 0 and at most 1, not {self.rate}")
        self._reference: dict[str, Tensor] = {}

    def references(self, weights: list[Weight]) -> list[Tensor]:
        for weight in weights:
            known = self._reference.setdefault(weight.name, weight.value.detach().clone())
            if known.shape != weight.value.shape:
                raise PoiseError(f"the penalty '{self.name}' was first used on another module: give each its own")
            self._reference[weight.name] = known.to(weight.value)
        return [self._reference[w.name] for w in weights]

    def after_step_(self, module: nn.Module, step: int = 0) -> None:
        """Move the running average; nothing for reference="start"."""
        self.follow_(self.weights(module))

    def follow_(self, weights: list[Weight]) -> None:
        """The same for some of the weights: those that an optimiser has moved."""
        if self.reference == "average":
            with torch.no_grad():
                torch._foreach_lerp_(self.references(weights), [w.value for w in weights], self.rate)

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self._reference)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self._reference = {name: tensor.clone() for name, tensor in state.items()}
