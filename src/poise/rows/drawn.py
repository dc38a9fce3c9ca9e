"""Random numbers for the rows of a batch that this process computes, the same as if one process computed them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

from torch import Tensor

from poise.errors import PoiseError

D = TypeVar("D", Tensor, Tensor | None)  # what a generator of random numbers gives


class Slice(NamedTuple):
    """Which rows of a batch of `whole` items are computed here: those from `start` to before `stop`."""

    start: int
    stop: int
    whole: int


_SLICE: ContextVar[Slice | None] = ContextVar("slice", default=None)


@contextmanager
def computing(rows: Slice | None) -> Iterator[None]:
    """Inside, `drawn` draws for the whole batch and returns these rows; None: the batch is computed in one place."""
    before = _SLICE.set(rows)
    try:
        yield
    finally:
        _SLICE.reset(before)


def drawn(n: int, draw: Callable[[int], D], axis: int = 0) -> D:
    """Random numbers for the n items that are computed here: draw(n), whose axis `axis` counts the items, or None.

    Of a batch that several processes compute, draw(whole), and of that the rows of this process: so each item has the
    numbers that it would have in one process, and all generators of random numbers stay in step.

    Errors: PoiseError where n is not the number of rows of this process.

    Example:
        >>> import torch
        >>> with computing(Slice(2, 5, 8)):
        ...     drawn(3, lambda n: torch.arange(n)).tolist()
        [2, 3, 4]
        >>> drawn(3, lambda n: torch.arange(n)).tolist()
        [0, 1, 2]
    """
    rows = _SLICE.get()
    if rows is None:
        return draw(n)
    if n != rows.stop - rows.start:
        raise PoiseError(
            f"random numbers for {n} items are asked for where this process computes {rows.stop - rows.start} of "
            f"{rows.whole}: train by one process"
        )
    whole = draw(rows.whole)
    return None if whole is None else whole.narrow(axis, rows.start, n)
