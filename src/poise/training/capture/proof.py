"""Whether a repeated move does what a computed one does: every number of the game is compared, once for each kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

DEPTH = 4  # of objects within objects in which tensors are looked for


def tensors_of(parts: Iterable[Any]) -> dict[str, Tensor]:
    """Every tensor that these objects hold: parameters and buffers, states of optimisers, attributes. By a name."""
    found: dict[int, tuple[str, Tensor]] = {}
    seen: set[int] = set()
    for i, part in enumerate(parts):
        for name, tensor in _within(part, f"{i}", DEPTH, seen):
            found.setdefault(id(tensor), (name, tensor))
    return dict(found.values())


def _within(part: Any, name: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    if isinstance(part, Tensor):
        yield name, part.detach()
        return
    if depth == 0 or id(part) in seen or isinstance(part, str | int | float | type | None):
        return
    seen.add(id(part))
    inside: Iterable[tuple[Any, Any]]
    if isinstance(part, nn.Module):
        inside = [*part.named_parameters(), *part.named_buffers()]
    elif isinstance(part, torch.optim.Optimizer):
        inside = [(f"{i}.{j}", value) for i, kept in enumerate(part.state.values()) for j, value in kept.items()]
    elif isinstance(part, dict):
        inside = part.items()
    elif isinstance(part, list | tuple):
        inside = enumerate(part)
    else:
        inside = getattr(part, "__dict__", {}).items()
    for key, value in list(inside):
        yield from _within(value, f"{name}.{key}", depth - 1, seen)


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
