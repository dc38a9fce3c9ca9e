"""Whether a repeated move does what a computed one does: every number of the game is compared, once for each kind."""

from __future__ import annotations

import torch
from torch import Tensor


class Moment:
    """What tensors hold at a moment, and the state of the random numbers."""

    def __init__(self, tensors: dict[str, Tensor], device: torch.device) -> None:
        self.tensors, self.device = tensors, device
        self.held = {name: tensor.clone() for name, tensor in tensors.items()}
        self.random = _random(device)

    def back(self) -> None:
        """Make it as it was."""
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(self.held[name])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(self.random, self.device)
        else:
            torch.set_rng_state(self.random)

    def differs(self, other: Moment) -> str | None:
        """The name of the first tensor that is not the same bit for bit, or of the random numbers."""
        for name, held in self.held.items():
            if not torch.equal(held.nan_to_num(7.25), other.held[name].nan_to_num(7.25)):
                return name
        return None if torch.equal(self.random, other.random) else "the random numbers"


def _random(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
