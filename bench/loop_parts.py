"""What the loops of bench/own_loops.py share: a small network, its batches, SGD, and where a loop is entered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.functional import mse_loss

STEPS, ROWS, LR, MOMENTUM, STRENGTH = 6, 24, 0.05, 0.9, 0.1
LOOPS: dict[str, Callable[..., nn.Module]] = {}
WRONG: dict[str, Callable[[], Any]] = {}  # a wrong place -> what runs it


class Net(nn.Module):
    """Small, with what is penalised and what is not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(6, 12), nn.LayerNorm(12), nn.Linear(12, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.norm(self.first(x))))


def network() -> Net:
    torch.manual_seed(3)
    return Net()


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Whole batches of 24 rows, the same for every loop."""
    generator = torch.Generator().manual_seed(5)
    draw = partial(torch.randn, generator=generator)
    return [(draw(ROWS, 6), draw(ROWS, 2)) for _ in range(STEPS)]


def pieces(k: int, rank: int = 0, world: int = 1) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Micro-batches, k to a batch, in their order; of one process its share of each."""
    found = []
    for x, y in batches():
        for xs, ys in zip(x.tensor_split(k), y.tensor_split(k), strict=True):
            found.append((xs.tensor_split(world)[rank], ys.tensor_split(world)[rank]))
    return found


def sgd(net: nn.Module, decay: float = 0.0) -> torch.optim.SGD:
    weights = [p for name, p in net.named_parameters() if p.ndim > 1]
    others = [p for name, p in net.named_parameters() if p.ndim < 2]
    groups = [{"params": weights, "weight_decay": decay}, {"params": others}]
    return torch.optim.SGD(groups, lr=LR, momentum=MOMENTUM)


def reference() -> nn.Module:
    net = network()
    optimizer = sgd(net, decay=STRENGTH)
    for x, y in batches():
        optimizer.zero_grad()
        mse_loss(net(x), y).backward()
        optimizer.step()
    return net


def loop(name: str) -> Callable[[Callable[..., nn.Module]], Callable[..., nn.Module]]:
    def enter(function: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        LOOPS[name] = function
        return function

    return enter


def scaler_of(on: bool) -> torch.amp.GradScaler:
    return torch.amp.GradScaler("cpu", enabled=on, init_scale=2.0**16)


def wrong(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def enter(function: Callable[[], Any]) -> Callable[[], Any]:
        WRONG[name] = function
        return function

    return enter
