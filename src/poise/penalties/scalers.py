"""Whether a living GradScaler has multiplied a gradient, found by a walk over all objects."""

from __future__ import annotations

import gc
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
