"""The moving average of a player's weights, which is what samples are drawn from."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from poise.errors import PoiseError


class Ema:
    """θ̄ ← θ̄ + (1 − β_t)(θ − θ̄) after each move, β_t = min(β, (1 + t)/(10 + t)); buffers are copied.

    The ramp lets short runs forget their first steps. Put the object into `Player.after`; `module` is the averaged
    copy, in evaluation mode and without gradients.
    """

    name = "ema"

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise PoiseError(f"the decay of a moving average must be at least 0 and below 1, not {decay}")
        self.source, self.decay, self.moves = module, decay, 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._pairs = list(zip(self.module.parameters(), module.parameters(), strict=True))
        self._buffers = list(zip(self.module.buffers(), module.buffers(), strict=True))

    @torch.no_grad()
    def __call__(self) -> None:
        beta = min(self.decay, (1 + self.moves) / (10 + self.moves))
        self.moves += 1
        if self._pairs:
            averaged: list[Tensor] = [a for a, _ in self._pairs]
            torch._foreach_lerp_(averaged, [p.detach() for _, p in self._pairs], 1 - beta)
        for averaged_buffer, buffer in self._buffers:
            averaged_buffer.copy_(buffer)

    def state_dict(self) -> dict[str, Any]:
        return {"moves": self.moves, "module": self.module.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.moves = state["moves"]
        self.module.load_state_dict(state["module"])
