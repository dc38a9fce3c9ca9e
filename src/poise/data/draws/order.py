"""Draw number -> rows, as a pure function of (seed, draw), for streams of every kind; and the same draws one ahead."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch

from poise.core import Batch
from poise.errors import PoiseError

SPLITS = ("train", "heldout")


# What bits are for, so that two uses of equal numbers are kept apart; every other use has a number above.
_EPOCH = 0


class Order:
    """Draw number -> rows: each row once per epoch, in an order that is new in each epoch; a batch may straddle two.

    Args: rows, the items to draw from; batch, at most as many; key, whole numbers that make this order its own.
    """

    def __init__(self, rows: np.ndarray, batch: int, key: tuple[int, ...]) -> None:
        self._rows, self.batch, self._key = rows, batch, key
        self._orders: dict[int, np.ndarray] = {}  # epoch -> int32 permutation; at most two

    def rows(self, draw: int) -> np.ndarray:
        """The rows in draw number `draw`: int64 [B]."""
        if draw < 0:
            raise ValueError(f"draw {draw} is negative")
        count = len(self._rows)
        start, end = draw * self.batch, (draw + 1) * self.batch
        first, last = start // count, (end - 1) // count  # the same epoch, or neighbours, for B is at most `count`
        parts = [
            self._order(epoch)[max(start - epoch * count, 0) : min(end - epoch * count, count)]
            for epoch in range(first, last + 1)
        ]
        found: np.ndarray = self._rows[np.concatenate(parts)]
        return found

    def _order(self, epoch: int) -> np.ndarray:
        order = self._orders.get(epoch)
        if order is None:
            keys = self.bits(_EPOCH, epoch).random_raw(len(self._rows))
            order = np.argsort(keys, kind="stable").astype(np.int32)
            self._orders = {e: o for e, o in self._orders.items() if abs(e - epoch) == 1}
            if len(self._orders) == 2:  # both neighbours: keep the later one
                del self._orders[epoch - 1]
            self._orders[epoch] = order
        return order

    def bits(self, use: int, number: int) -> np.random.Philox:
        return np.random.Philox(np.random.SeedSequence((*self._key, use, number)))


def moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """To a GPU out of pinned memory, so that the copy does not block."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _on_this_device() -> Callable[[], None]:
    """What a new thread calls first, so that "cuda" is for it the device that it is here: of several processes each has
    its own."""
    if not torch.cuda.is_available():
        return lambda: None
    return partial(torch.cuda.set_device, torch.cuda.current_device())


def present(device: str | torch.device) -> torch.device:
    """The device of that name. Errors: PoiseError for a GPU that torch does not find."""
    found = torch.device(device)
    if found.type == "cuda" and not torch.cuda.is_available():
        raise PoiseError(f"--device {device} is asked for, but torch finds no GPU: use --device cpu")
    return found


class Prefetch:
    """The same draws one ahead: while a GPU works on draw d, one thread gathers d + 1.

    On any other device it only passes on, because there the thread would take time from the training itself.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: tuple[int, Future[Batch]] | None = None

    def __call__(self, draw: int) -> Batch:
        if not self.active:
            found: Batch = self.stream(draw)
            return found
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "poise-prefetch", _on_this_device())
        number, future = self._ahead or (-1, None)
        if future is None or number != draw:
            future = self._pool.submit(self.stream, draw)  # on the one thread, so the stream is never shared
        batch = future.result()
        self._ahead = (draw + 1, self._pool.submit(self.stream, draw + 1))
        return batch

    @property
    def active(self) -> bool:
        found: bool = self.stream.device.type == "cuda"
        return found

    def __getattr__(self, name: str) -> Any:
        """`batch`, `images`, `device` ... are those of the stream."""
        if "stream" not in self.__dict__:  # while a copy is being made
            raise AttributeError(name)
        return getattr(self.stream, name)
