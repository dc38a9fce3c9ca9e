"""What a move records: numbers that stay on the device until somebody needs them, and are then fetched together."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from poise.errors import NonFinite

Row = dict[str, float | Tensor]


def fetched(rows: Iterable[Row]) -> list[dict[str, float]]:
    """The rows as numbers of Python; what lies on one device comes by one copy.

    Example:
        >>> fetched([{"a": torch.tensor(1.5), "b": 2.0}])
        [{'a': 1.5, 'b': 2.0}]
    """
    rows = list(rows)
    far: dict[torch.device, list[Tensor]] = {}
    for row in rows:
        for value in row.values():
            if isinstance(value, Tensor) and value.device.type != "cpu":
                far.setdefault(value.device, []).append(value)
    near: dict[int, float] = {}
    for tensors in far.values():
        wide = torch.float64 if tensors[0].device.type != "mps" else torch.float32
        values = torch.stack([tensor.detach().reshape(()).to(wide) for tensor in tensors]).tolist()
        near |= {id(tensor): value for tensor, value in zip(tensors, values, strict=True)}
    return [
        {name: near[id(value)] if id(value) in near else float(value) for name, value in row.items()} for row in rows
    ]


def verify(player: str, step: int, row: Row) -> None:
    """Stop with the player, the term and the step if a number of the row is not finite."""
    (numbers,) = fetched([row])
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise NonFinite(player, name, number, step)


class Guard:
    """Keeps rows until their numbers have been seen to be finite, so that a GPU is not waited for at each step."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, int, Row]] = []

    def add(self, player: str, step: int, row: Row) -> None:
        self.waiting.append((player, step, row))

    def check(self) -> None:
        """Raise `NonFinite` for the first bad number since the last check. Call it before saving anything."""
        waiting, self.waiting = self.waiting, []
        numbers = fetched(row for _, _, row in waiting)
        for (player, step, _), row in zip(waiting, numbers, strict=True):
            verify(player, step, dict(row))
