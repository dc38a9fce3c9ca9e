"""Random numbers for the rows of a batch that this process computes, the same as if one process computed them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from poise.errors import PoiseError
from poise.rows.held import having

D = TypeVar("D", Tensor, Tensor | None)  # what a generator of random numbers gives


class Slice(NamedTuple):
    """Which rows of a batch of `whole` items are computed here: those from `start` to before `stop`."""

    start: int
    stop: int
    whole: int


class OfAll(PoiseError):
    """What every process of a training meets alike, so that one of them says it."""


class _Computed:
    """Rows that are computed, and where the generators of random numbers stood after the last draw by `drawn`."""

    def __init__(self, rows: Slice) -> None:
        self.rows, self.stand = rows, _stand()

    def check(self) -> None:
        """Nobody else has drawn since: it would have been for these rows alone."""
        if any(not torch.equal(now, then) for now, then in zip(_stand(), self.stand, strict=False)):
            raise OfAll(
                "a network or a term draws random numbers by itself, which several processes would draw for their own "
                "rows alone: draw by poise.rows.drawn.drawn, leave the draw out, or train by one process"
            )


def _stand() -> list[Tensor]:
    """The state of torch's generator of the CPU, and of the device's where it is in use."""
    cuda = [torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *cuda]


_COMPUTED: ContextVar[_Computed | None] = ContextVar("computed", default=None)


@contextmanager
def computing(rows: Slice | None) -> Iterator[None]:
    """Inside, `drawn` draws for the whole batch and returns these rows; None: the batch is computed in one place.

    Errors: OfAll, a PoiseError, where torch's random numbers were drawn inside and not by `drawn`.
    """
    computed = None if rows is None else _Computed(rows)
    with having(_COMPUTED, computed):
        yield
    if computed is not None:
        computed.check()


def drawn(n: int, draw: Callable[[int], D], axis: int = 0) -> D:
    """Random numbers for the n items that are computed here: draw(n), whose axis `axis` counts the items, or None.

    Of a batch that several processes compute, draw(whole), and of that the rows of this process: so each item has the
    numbers that it would have in one process, and all generators of random numbers stay in step.

    Errors: PoiseError where n is not the number of rows of this process, and as of `computing`.

    Example:
        >>> import torch
        >>> with computing(Slice(2, 5, 8)):
        ...     drawn(3, lambda n: torch.arange(n)).tolist()
        [2, 3, 4]
        >>> drawn(3, lambda n: torch.arange(n)).tolist()
        [0, 1, 2]
    """
    computed = _COMPUTED.get()
    if computed is None:
        return draw(n)
    rows = computed.rows
    if n != rows.stop - rows.start:
        raise PoiseError(
            f"random numbers for {n} items are asked for where this process computes {rows.stop - rows.start} of "
            f"{rows.whole}: train by one process"
        )
    computed.check()
    whole = draw(rows.whole)
    computed.stand = _stand()
    return None if whole is None else whole.narrow(axis, rows.start, n)
