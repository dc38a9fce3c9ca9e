"""Adam with a second beta that the device reads: torch's own takes it as a number of Python, which a graph repeats."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from poise.rows.numbers import number


def _second_beta(group: Mapping[str, Any], step: int) -> float:
    return float(group["betas"][1])


@torch.no_grad()
def adam_(optim: torch.optim.Adam) -> None:
    """One step of Adam (Kingma & Ba 2015), with torch's state, while a board is held.

        m ← β₁m + (1 − β₁)g    v ← β₂v + (1 − β₂)g²    w ← w − lr/(1 − β₁ᵗ)·m / (√(v/(1 − β₂ᵗ)) + ε)

    β₂ is that of the step in all three places, as torch has it. Each group's rate is what `rates_held` has put there.
    Without weight decay, AMSGrad and maximising, which no player here has.
    """
    for group in optim.param_groups:
        weights = [weight for weight in group["params"] if weight.grad is not None]
        if not weights:
            continue
        for weight in weights:
            if not optim.state[weight]:
                optim.state[weight] = {
                    "step": torch.zeros((), dtype=torch.float32, device=weight.device),
                    "exp_avg": torch.zeros_like(weight, memory_format=torch.preserve_format),
                    "exp_avg_sq": torch.zeros_like(weight, memory_format=torch.preserve_format),
                }
        kept = [optim.state[weight] for weight in weights]
        steps, means, squares = ([state[name] for state in kept] for name in ("step", "exp_avg", "exp_avg_sq"))
        gradients: list[Tensor] = [weight.grad for weight in weights if weight.grad is not None]
        first, second = group["betas"][0], number(partial(_second_beta, group))
        torch._foreach_add_(steps, 1)
        torch._foreach_lerp_(means, gradients, 1 - first)
        made = torch.stack(steps).double()
        sizes = (group["lr"] / (1 - first**made)).unbind()
        roots = (1 - second**made).sqrt().unbind()
        for weight, gradient, mean, square, size, root in zip(
            weights, gradients, means, squares, sizes, roots, strict=True
        ):
            share = torch.as_tensor(second, device=weight.device).to(square.dtype)
            square.mul_(share).add_(gradient.square().mul_(1 - share))
            below = square.sqrt().div_(root.to(square.dtype)).add_(group["eps"])
            weight.sub_(mean.div(below).mul_(size.to(weight.dtype)))
