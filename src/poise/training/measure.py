"""What a penalty did in one move: its value, its strength, its share. Only taken on the steps that are recorded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from poise.core import Player, WeightPenalty
from poise.training.precision import norm


class Measure:
    """Watches one move of one player from after the backward pass to after the step.

    Recorded for each penalty, under its name:
        .strength   λ at this step
        .value      (λ/2)·Σ‖w‖² or what the penalty is (0 for decoupled forms, which are no term)
        .share      ‖what it added to the gradient‖ / ‖gradient of the loss‖; for decoupled forms
                    ‖lr·λ·w‖ / ‖step of the optimiser‖
        .spent      Λ = Σ lr·λ up to and including this step
    and the norms of the covered weights as `norm` and `norm.LAYER`.
    """

    def __init__(self, player: Player[Any], step: int, on: bool) -> None:
        self.player, self.step, self.on = player, step, on and bool(player.penalties)
        self.row: dict[str, float | Tensor] = {}
        self.shrunk: dict[str, Tensor] = {}
        if self.on:
            self.weights = [p for p in player.module.parameters() if p.requires_grad]
            self.gradients = self._gradients()
            self.loss_norm = norm(self.gradients).clamp_min(torch.finfo(torch.float32).tiny)

    def _gradients(self) -> list[Tensor]:
        return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in self.weights]

    @torch.no_grad()
    def added(self, penalty: WeightPenalty) -> None:
        """Call after `add_gradient_`."""
        if not self.on:
            return
        now = self._gradients()
        self.row[f"{penalty.name}.strength"] = penalty.strength_at(self.step)
        if not penalty.decoupled:
            self.row[f"{penalty.name}.value"] = penalty(self.player.module, self.step).detach()
            difference = norm(list(torch._foreach_sub(now, self.gradients)))
            self.row[f"{penalty.name}.share"] = difference / self.loss_norm
        self.gradients = now

    def about_to_shrink(self) -> None:
        """Call before the decoupled forms act."""
        if self.on:
            self.start = [w.detach().clone() for w in self.weights]

    @torch.no_grad()
    def after_shrinking(self, penalty: WeightPenalty) -> None:
        """Call after `before_step_`."""
        if self.on and penalty.decoupled:
            now = [w.detach().clone() for w in self.weights]
            self.shrunk[penalty.name] = norm(list(torch._foreach_sub(now, self.start)))
            self.start = now

    @torch.no_grad()
    def finish(self) -> dict[str, float | Tensor]:
        """The rows, once the step is done."""
        if not self.on:
            return {}
        moved = norm(list(torch._foreach_sub([w.detach() for w in self.weights], self.start)))
        for name, size in self.shrunk.items():
            self.row[f"{name}.share"] = size / moved.clamp_min(torch.finfo(torch.float32).tiny)
        for penalty in self.player.penalties:
            self.row[f"{penalty.name}.spent"] = self.player.spent[penalty.name]
        groups: dict[str, list[Tensor]] = {}
        for penalty in self.player.penalties:
            for name, weight in penalty.covered(self.player.module).items():
                groups.setdefault(name, [weight])
        self.row["norm"] = norm([w for g in groups.values() for w in g])
        return self.row | {f"norm.{group}": norm(tensors) for group, tensors in groups.items()}
