"""One training by several processes (ranks), each with its rows of every batch: what they tell each other.

Every rank draws the same batch and the same random numbers and computes its own rows. The gradients are summed over the
ranks once a move, each weighted by its share of the rows, so that they are those of the whole batch. Rank 0 decides and
writes, and tells the others. Who a process is, torchrun says in its environment (`training/torchrun.py`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from poise.core import Batch, Term
from poise.errors import PoiseError, is_out_of_memory
from poise.rows.drawn import OfAll, Slice

WORD = 5.0  # seconds in which a process that fails says why


class Lost(PoiseError):
    """Another process of this training has gone."""


class Ranks:
    """This process among those that train together; by default it is alone, and nothing here does anything.

    Args: rank, the number of this process; count, of how many; here, how many of them are on this machine; store, by
    which they know of each other when one has failed.

    `listening`: whether the others wait for an order, and not inside a step.
    """

    def __init__(self, rank: int = 0, count: int = 1, here: int = 1, store: Any = None) -> None:
        self.rank, self.count, self.here, self.listening, self.store = rank, count, here, True, store

    @property
    def alone(self) -> bool:
        return self.count == 1

    @property
    def first(self) -> bool:
        """Whether this is the process that decides and writes."""
        return self.rank == 0

    def rows(self, n: int) -> Slice | None:
        """The rows of this process of a batch, or a piece of one, of n; None where it is alone.

        Errors: PoiseError where there are fewer rows than processes.
        """
        if self.alone:
            return None
        if n < self.count:
            raise PoiseError(
                f"{n} items at a time cannot be split among {self.count} processes: give a larger --batch, fewer "
                f"--micro-batches, or start fewer processes"
            )
        return Slice(n * self.rank // self.count, n * (self.rank + 1) // self.count, n)

    def part(self, batch: Batch, rows: Slice | None) -> Batch:
        """Those rows of a batch; the batch itself for None."""
        if rows is None:
            return batch
        cond = None if batch.cond is None else batch.cond[rows.start : rows.stop]
        return Batch(batch.real[rows.start : rows.stop], cond)

    def of_items(self, term: Term[Any], value: Tensor, n: int) -> Tensor:
        """The value of a term for a piece of n items, one for each item where a batch is split: [k·n, ...].

        Errors: OfAll for another number of values among several processes: each would have those of its own rows.
        """
        if not self.alone and (value.ndim == 0 or len(value) % n):
            raise OfAll(
                f"the term '{term.name}' is one number for a whole batch, which {self.count} processes would take "
                f"apart: train by one process, or leave the term out"
            )
        return value

    def combined(
        self,
        module: nn.Module,
        row: Mapping[str, Tensor | float],
        sums: MutableMapping[str, list[Tensor]],
        names: Sequence[str] = (),
    ) -> dict[str, Tensor | float]:
        """Make the gradients of a network and `sums` (changed in place) those of the whole batch, by one call.

        A parameter without gradient in every process stays without, and of `names` one that no process has in `sums`.
        Args: row, the values of this process's rows, each with the weight of their share. Returns the values of the
        whole batch.
        """
        if self.alone:
            return dict(row)
        weights = [weight for weight in module.parameters() if weight.requires_grad]
        like = next((weight.grad for weight in weights if weight.grad is not None), weights[0])
        there = [*(weight.grad is not None for weight in weights), *(name in sums for name in names)]
        known = torch.tensor([float(one) for one in there], dtype=like.dtype, device=like.device)
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        for name in names:
            sums.setdefault(name, [torch.zeros_like(w) for w in weights])
        values = {
            name: value.detach().clone() if isinstance(value, Tensor) else like.new_full((), value)
            for name, value in row.items()
        }
        parts = [part for name in sorted(sums) for part in sums[name]]
        self.sum_([known, *gradients, *values.values(), *parts])
        absent = [i for i, here in enumerate(there) if not here]
        if absent:  # only then is the device waited for
            for i, found in zip(absent, known[absent].tolist(), strict=True):
                if i < len(weights):
                    weights[i].grad = gradients[i] if found else None
                elif not found:
                    del sums[names[i - len(weights)]]
        return dict(values)

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes: one call for each kind of number."""
        for kind in dict.fromkeys((tensor.dtype, tensor.device) for tensor in tensors if tensor.numel()):
            those = [tensor for tensor in tensors if (tensor.dtype, tensor.device) == kind]
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in those])
            with lost():
                torch.distributed.all_reduce(flat)
            for tensor, part in zip(those, flat.split([tensor.numel() for tensor in those]), strict=True):
                tensor.detach().copy_(part.view(tensor.shape))

    def tell(self, what: object = None) -> Any:
        """What rank 0 says, in every process; the others say nothing. It is pickled."""
        said = [what]
        with lost():
            torch.distributed.broadcast_object_list(said, 0, device=torch.device("cpu"))
        return said[0]

    def number(self, what: int = 0) -> int:
        """The number that rank 0 says, in every process."""
        said = torch.tensor([what])
        with lost():
            torch.distributed.broadcast(said, 0)
        return int(said)

    def dismiss(self, code: int) -> None:
        """Rank 0 tells the others that nothing more comes, with its exit code; not where it has left them in a step."""
        if self.alone or not self.listening:
            return
        with contextlib.suppress(Lost):
            self.tell(code)
        self.leave()

    def leave(self) -> None:
        """Nothing more is told or heard: every process has heard the last word before one of them goes."""
        with contextlib.suppress(Lost):
            self.sum_([torch.zeros(1)])
        torch.distributed.destroy_process_group()

    def fails(self, error: BaseException) -> bool:
        """Let the others know that this process ends, and why; returns whether it is to say so.

        The first process always is. Another one says what went wrong in itself; of what it shares with others it is
        silent if these have said it, which a process that was killed has not.
        """
        shared = isinstance(error, Lost | OfAll)
        if self.first or not shared:
            with contextlib.suppress(RuntimeError, AttributeError):
                self.store.set("lost" if isinstance(error, Lost) else "said", "1")
            return True
        return not self._said("said", *(["lost"] if isinstance(error, Lost) else []))

    def _said(self, *words: str) -> bool:
        """Whether another process has let know one of these, or does so in a moment."""
        end = time.monotonic() + WORD
        with contextlib.suppress(RuntimeError, AttributeError):  # where the store is gone, so is who kept it
            while time.monotonic() < end:
                if any(self.store.check([word]) for word in words):
                    return True
                time.sleep(0.05)
        return False

    def split_of(self, batch: int) -> str:
        """How a batch is split, in a sentence."""
        sizes = sorted({(batch * (i + 1) // self.count) - (batch * i // self.count) for i in range(self.count)})
        return (
            f"trained by {self.count} processes: each computes {' or '.join(map(str, sizes))} of the {batch} items of "
            f"a batch"
        )


@contextlib.contextmanager
def lost() -> Iterator[None]:
    """A call that another process does not answer any more becomes an error in a sentence."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise Lost(
            "another process of this training has ended before its time, and the training with it: see what that one "
            "says, and go on with poise resume RUN"
        ) from error
