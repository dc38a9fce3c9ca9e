"""Numbers of Python that change from step to step, inside a step that is computed once and then only repeated.

A captured step (`poise.training.capture`) repeats what the device was told, and with it the numbers that Python had at
that time. So what may be another number at another step, a strength, a rate, a temperature, is asked for by `number`:
by itself that is the number as it is; while a board is held it is a scalar on the device, whose content the board sets
before each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from poise.rows.held import having

if TYPE_CHECKING:
    import torch
    from torch import Tensor

At = Callable[[int], float]  # step -> number


class Board:
    """The numbers of one kind of step, in the order in which they are asked for.

    The first time each is a scalar of its own and its function is remembered. `fixed` then gives each a place in one
    vector: from then on the n-th that is asked for is the n-th place, and `fill` writes all of them by one copy.

    Example:
        >>> import torch
        >>> board = Board(torch.device("cpu"))
        >>> def step(s):
        ...     with holding(board):
        ...         return number(lambda step: 2.0 * step, s)
        >>> float(step(3))
        6.0
        >>> board.fixed()
        >>> kept = step(4)
        >>> board.fill(5), float(kept)
        (None, 10.0)
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.functions: list[At] = []
        self.places: Tensor | None = None
        self.asked = 0

    def fixed(self) -> None:
        """From now on every number has its place."""
        import torch

        self.places = torch.zeros(len(self.functions), dtype=torch.float64, device=self.device)

    def fill(self, step: int) -> None:
        """Write every number as it is at a step."""
        import torch

        if self.places is not None and self.functions:
            values = torch.tensor([at(step) for at in self.functions], dtype=torch.float64)
            if self.device.type == "cuda":
                values = values.pin_memory()
            self.places.copy_(values, non_blocking=True)

    def next(self, at: At, step: int) -> Tensor:
        """The scalar of the number that is asked for now."""
        import torch

        place, self.asked = self.asked, self.asked + 1
        if self.places is not None:
            if place >= len(self.functions):
                raise RuntimeError("a step asks for more numbers than the same step did before")
            return self.places[place]
        self.functions.append(at)
        return torch.full((), at(step), dtype=torch.float64, device=self.device)


_BOARD: ContextVar[Board | None] = ContextVar("board", default=None)


@contextmanager
def holding(board: Board) -> Iterator[None]:
    """Inside, `number` gives scalars of this board, from its first place on."""
    board.asked = 0
    if board.places is None:
        board.functions = []
    with having(_BOARD, board):
        yield


def number(at: At, step: int = 0, like: Tensor | None = None) -> float | Tensor:
    """at(step); while a board is held a scalar on its device that will be at(s) at each step s, in the type of `like`.

    `at` is called again before each step, so it reads what has to be read at that time and no variable of a step.

    Args: at, step -> number; step, the step now; like, a tensor in whose type it is wanted, or float64.
    """
    board = _BOARD.get()
    if board is None:
        return at(step)
    found = board.next(at, step)
    return found if like is None else found.to(like.dtype)


def held() -> bool:
    """Whether a board is held."""
    return _BOARD.get() is not None
