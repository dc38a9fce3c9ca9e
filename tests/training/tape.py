"""A stand-in for CUDA graphs that runs on the CPU: it records what torch is told below autograd, and tells it again.

Like a graph of CUDA it repeats every operation on the same memory with the numbers that Python had at that time, and
refuses what would need the host: reading a number, a shape that hangs on numbers, a tensor made of numbers.
"""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from poise.training.capture.host import HOST


class Refused(RuntimeError):
    """An operation that cannot be captured."""


class Recording(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.told = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation._schema.name.split("::")[1]
        if name in HOST:
            raise Refused(f"{name} needs the host, which no captured step has")
        found = operation(*args, **(kwargs or {}))
        self.told.append((operation, args, kwargs or {}, found))
        return found

    def again(self):
        with torch.no_grad():
            for operation, args, kwargs, before in self.told:
                found = operation(*args, **kwargs)
                returns = operation._schema.returns
                if any(one.alias_info is not None for one in returns):
                    continue  # a view, or in place: the memory is that of an argument
                for old, new in zip(tree_leaves(before), tree_leaves(found), strict=True):
                    if isinstance(old, torch.Tensor) and old is not new:
                        old.copy_(new)


class Tape:
    """`Graphs` of the CPU, which count what they were asked for."""

    def __init__(self):
        self.device = torch.device("cpu")
        self.computed = self.captured = self.repeated = 0

    def compute(self, work):
        self.computed += 1
        return work()

    def capture(self, work):
        with Recording() as recording:
            found = work()
        self.captured += 1

        def again():
            self.repeated += 1
            recording.again()

        return found, again
