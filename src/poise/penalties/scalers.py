"""Whether a living GradScaler has multiplied a gradient, found by a walk over all objects; whether Accelerate is still
accumulating one."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

from poise.lazy import Lazy

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.optim import Optimizer
else:
    torch = Lazy("torch")


def scale_of(weight: nn.Parameter, optim: Optimizer | None) -> float | None:
    """The factor by which a living GradScaler has multiplied the gradient of a weight; None where none has."""
    kinds = {torch.amp.GradScaler, *_below(torch.amp.GradScaler)}
    optims = {torch.optim.Optimizer, *_below(torch.optim.Optimizer)}
    alive = gc.get_objects()
    scalers = [item for item in _of(alive, kinds) if item._enabled and item._scale is not None]
    if not scalers:
        return None
    holders = [optim] if optim is not None else []
    if not holders:
        holders = [item for item in _of(alive, optims) if _holds(item, weight)]
    for states in (scaler._per_optimizer_states for scaler in scalers):
        if any(_is_divided(states, holder) for holder in holders) if holders else states:
            return None
    return float(scalers[0]._scale)


def _of(alive: list[Any], kinds: set[type]) -> list[Any]:
    """Those objects whose class is one of these; by identity, since some classes cannot be hashed."""
    wanted = {id(kind) for kind in kinds}
    return [item for item in alive if id(type(item)) in wanted]


def _is_divided(states: dict[int, dict[str, Any]], optim: Optimizer) -> bool:
    """Whether the scaler has divided this optimiser's gradients, or the optimiser will do it itself."""
    known = states[id(optim)]["stage"].name if id(optim) in states else "READY"
    return known != "READY" or getattr(optim, "grad_scale", None) is not None


def _holds(optim: Any, weight: nn.Parameter) -> bool:
    groups = optim.__dict__.get("param_groups", ())
    return any(weight is parameter for group in groups for parameter in group["params"])


def _below(kind: type) -> set[type]:
    found: set[type] = set()
    lower: list[type] = kind.__subclasses__()
    for below in lower:
        found |= {below, *_below(below)}
    return found


def accumulates(module: nn.Module) -> bool:
    """Whether Accelerate, and so Hugging Face's Trainer, is in the middle of an accumulation of a network of its.

    Example:
        >>> accumulates(torch.nn.Linear(2, 1))  # nobody has prepared it
        False
    """
    if not getattr(module, "_is_accelerate_prepared", False):
        return False
    state = sys.modules.get("accelerate.state")
    known = getattr(getattr(state, "GradientState", None), "_shared_state", None) or {}
    return known.get("sync_gradients") is False


def is_long(weight: nn.Parameter) -> bool:
    """Whether the gradient is longer than the weight, as scaled ones are; a scaler of an earlier run may still live.

    Example:
        >>> is_long(torch.nn.Parameter(torch.ones(2)))  # it has no gradient
        False
    """
    return weight.grad is not None and bool(weight.grad.norm() > weight.detach().norm())
