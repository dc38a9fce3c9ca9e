"""What one move did: to the weights, and what the penalties had to do with it. Only on the steps that are recorded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from poise.core import Player, WeightPenalty
from poise.training.precision import norm

TINY = torch.finfo(torch.float32).tiny


class Measure:
    """Watches one move of one player from after the backward pass to after the step.

    Recorded for the player:
        lr                  the learning rate of its first group
        update              ‖Δw‖/‖w‖ over all weights with two or more axes
        update.LAYER        the same of one weight; under normalisation this is the angle by which it turned
        grad_norm.LAYER     ‖∇loss‖ of one weight, before penalties and clipping
    and for each penalty, under its name:
        .strength   λ at this step
        .value      (λ/2)·Σ‖w‖² or what the penalty is (0 for decoupled forms, which are no term)
        .share      ‖what it added to the gradient‖ / ‖gradient of the loss‖; for decoupled forms
                    ‖lr·λ·w‖ / ‖step of the optimiser‖
        .spent      Λ = Σ lr·λ up to and including this step
    and the norms of the covered weights as `norm` and `norm.LAYER`.
    """

    def __init__(self, player: Player[Any], step: int, on: bool) -> None:
        self.player, self.step, self.on = player, step, on
        self.row: dict[str, float | Tensor] = {}
        self.shrunk: dict[str, Tensor] = {}
        if self.on:
            named = [(n, p) for n, p in player.module.named_parameters() if p.requires_grad]
            self.weights = [p for _, p in named]
            self.layers = {name: i for i, (name, p) in enumerate(named) if p.ndim > 1}
            self.gradients = self._gradients()
            sizes = torch.stack(torch._foreach_norm(self.gradients))
            self.loss_norm = torch.linalg.vector_norm(sizes).clamp_min(TINY)
            self.row |= {f"grad_norm.{name}": sizes[i] for name, i in self.layers.items()}

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
            self.before = [w.detach().clone() for w in self.weights]
            self.start = self.before

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
        now = [w.detach() for w in self.weights]
        if self.shrunk:
            moved = norm(list(torch._foreach_sub(now, self.start)))
            for name, size in self.shrunk.items():
                self.row[f"{name}.share"] = size / moved.clamp_min(TINY)
        self.row["lr"] = float(self.player.optim.param_groups[0]["lr"])
        self._updates(now)
        for penalty in self.player.penalties:
            self.row[f"{penalty.name}.spent"] = self.player.spent[penalty.name]
        groups: dict[str, Tensor] = {}
        for penalty in self.player.penalties:
            groups = penalty.covered(self.player.module) | groups
        if groups:
            sizes = torch.stack(torch._foreach_norm(list(groups.values())))
            self.row["norm"] = torch.linalg.vector_norm(sizes)
            self.row |= {f"norm.{group}": size for group, size in zip(groups, sizes, strict=True)}
        return self.row

    def _updates(self, now: list[Tensor]) -> None:
        """How far each weight moved, as a share of its length."""
        if not self.layers:
            return
        places = list(self.layers.values())
        before = [self.before[i] for i in places]
        steps = torch.stack(torch._foreach_norm(torch._foreach_sub([now[i] for i in places], before)))
        lengths = torch.stack(torch._foreach_norm(before)).clamp_min(TINY)
        self.row["update"] = torch.linalg.vector_norm(steps) / torch.linalg.vector_norm(lengths)
        for name, share in zip(self.layers, steps / lengths, strict=True):
            self.row[f"update.{name}"] = share
