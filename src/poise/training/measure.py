"""What one move did: to the weights, and what the penalties had to do with it. Only on the steps that are recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from poise.core import Player, WeightPenalty
from poise.rows.numbers import number
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
        .share      p/(p + l), p = ‖what it added to the gradient‖, l = ‖gradient of the loss‖; for decoupled forms
                    p = ‖lr·λ·w‖, l = ‖step of the optimiser‖. In [0, 1]: a half where both pull alike
        .spent      Λ = Σ lr·λ up to and including this step
    and the norms of the covered weights as `norm` and `norm.LAYER`.
    """

    def __init__(self, player: Player[Any], step: int, on: bool) -> None:
        self.player, self.step, self.on = player, step, on
        self.row: dict[str, float | Tensor] = {}
        self.shrunk: dict[str, Tensor] = {}
        self.weights: list[Tensor] = []
        self.layers: dict[str, int] = {}  # name of a weight with two or more axes -> its place among the weights
        if self.on:
            for name, weight in player.module.named_parameters():
                if not weight.requires_grad:
                    continue
                if weight.ndim > 1:
                    self.layers[name] = len(self.weights)
                self.weights.append(weight)
            gradients = {i: weight.grad for i, weight in enumerate(self.weights) if weight.grad is not None}
            sizes = _norms(list(gradients.values()))
            self.loss_norm = torch.linalg.vector_norm(sizes).clamp_min(TINY)
            known = dict(zip(gradients, sizes, strict=True))
            self.row |= {f"grad_norm.{name}": known.get(i, 0.0) for name, i in self.layers.items()}

    def about_to_add(self, penalty: WeightPenalty) -> None:
        """Call before `add_gradient_`."""
        if self.on and not penalty.decoupled:
            self.gradients = [None if p.grad is None else p.grad.clone() for p in self.weights]

    @torch.no_grad()
    def added(self, penalty: WeightPenalty) -> None:
        """Call after `add_gradient_`."""
        if not self.on:
            return
        self.row[f"{penalty.name}.strength"] = number(penalty.strength_at, self.step)
        if penalty.decoupled:
            return
        self.row[f"{penalty.name}.value"] = penalty(self.player.module, self.step).detach()
        added = torch.linalg.vector_norm(_norms(self._changes()))
        self.row[f"{penalty.name}.share"] = share_of(added, self.loss_norm)

    def _changes(self) -> list[Tensor]:
        """What was added to the gradients since they were copied, up to the sign; the copies are used up."""
        earlier, later, changes = [], [], []
        for weight, before in zip(self.weights, self.gradients, strict=True):
            if weight.grad is None:
                continue
            if before is None:
                changes.append(weight.grad)
                continue
            earlier.append(before)
            later.append(weight.grad)
            changes.append(before)
        torch._foreach_sub_(earlier, later)
        return changes

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
                self.row[f"{name}.share"] = share_of(size, moved)
        self.row["lr"] = number(rate_of(self.player), self.step)
        self._updates(now)
        for penalty in self.player.penalties:
            self.row[f"{penalty.name}.spent"] = number(spent_by(self.player, penalty.name), self.step)
        groups: dict[str, Tensor] = {}
        for penalty in self.player.penalties:
            groups = penalty.covered(self.player.module) | groups
        if groups:
            sizes = _norms(list(groups.values()))
            self.row["norm"] = torch.linalg.vector_norm(sizes)
            self.row |= {f"norm.{group}": size for group, size in zip(groups, sizes, strict=True)}
        return self.row

    def _updates(self, now: list[Tensor]) -> None:
        """How far each weight moved, as a share of its length before."""
        if not self.layers:
            return
        places = list(self.layers.values())
        before = [self.before[i] for i in places]
        lengths = _norms(before).clamp_min(TINY)
        torch._foreach_sub_(before, [now[i] for i in places])  # a copy of our own: not needed any more
        steps = _norms(before)
        self.row["update"] = torch.linalg.vector_norm(steps) / torch.linalg.vector_norm(lengths)
        for name, share in zip(self.layers, steps / lengths, strict=True):
            self.row[f"update.{name}"] = share


def rate_of(player: Player[Any]) -> Callable[[int], float]:
    """The learning rate of the player's first group, whenever it is asked."""
    return lambda _: float(player.optim.param_groups[0]["lr"])


def spent_by(player: Player[Any], penalty: str) -> Callable[[int], float]:
    """The sum of lr·λ of a penalty until now, whenever it is asked."""
    return lambda _: player.cumulative_decay[penalty]


def share_of(part: Tensor, rest: Tensor) -> Tensor:
    """part/(part + rest) of two lengths, in [0, 1]; 0 where both are nothing."""
    return part / (part + rest).clamp_min(TINY)


def _norms(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of each: [n]."""
    return torch.stack(torch._foreach_norm(tensors))


class TermShares:
    """How large the gradient of each penalising term is by itself, beside that of all other terms together.

    One more backward pass for each such term, on recorded steps only. The gradients that the optimiser sees are not
    touched. Recorded under the term's name: `.strength`, the weight it was given, and `.share`, as for a penalty
    on the weights: p/(p + l), p the norm of the term's gradient and l that of the sum of the others, in [0, 1].
    """

    def __init__(self, player: Player[Any], names: list[str]) -> None:
        self.names = names
        self.weights = [p for p in player.module.parameters() if p.requires_grad] if names else []
        self.sums: dict[str, list[Tensor]] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """The terms of one piece of the batch, weighted, before the backward pass through their graph."""
        for name, value in values.items():
            if value.requires_grad:
                found = torch.autograd.grad(value, self.weights, retain_graph=True, allow_unused=True)
                parts = [torch.zeros_like(w) if g is None else g for g, w in zip(found, self.weights, strict=True)]
                known = self.sums.setdefault(name, [torch.zeros_like(w) for w in self.weights])
                torch._foreach_add_(known, parts)

    @torch.no_grad()
    def row(self, strengths: dict[str, float | Tensor]) -> dict[str, Tensor | float]:
        """Call it when the weights' gradients are those of all terms together, unscaled."""
        row: dict[str, Tensor | float] = {f"{name}.strength": strengths[name] for name in self.names}
        for name, parts in self.sums.items():
            whole = [torch.zeros_like(w) if w.grad is None else w.grad for w in self.weights]
            others = torch.linalg.vector_norm(_norms(list(torch._foreach_sub(whole, parts))))
            row[f"{name}.share"] = share_of(torch.linalg.vector_norm(_norms(parts)), others)
        return row
