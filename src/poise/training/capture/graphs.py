"""What computes a move, remembers what the device was told, and has it repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import torch

R = TypeVar("R")


class Graphs(Protocol):
    """A way to have work repeated: always on the same memory, without Python."""

    device: torch.device

    def compute(self, work: Callable[[], R]) -> R:
        """Do the work as always, where it will be captured afterwards."""
        ...

    def capture(self, work: Callable[[], R]) -> tuple[R, Callable[[], None]]:
        """Do the work once; what it gives, whose tensors stay where they are, and what does the same again."""
        ...


class CudaGraphs:
    """Graphs of CUDA, which share their memory: no two of them are ever at work at once.

    Random numbers inside are those of the device's own generator, which is seeded before each step: a repeated step
    draws what a computed one would. All work goes through one stream of its own, on which it is captured.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    def compute(self, work: Callable[[], R]) -> R:
        outside = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(outside)
        with torch.cuda.stream(self.stream):
            found = work()
        outside.wait_stream(self.stream)
        return found

    def capture(self, work: Callable[[], R]) -> tuple[R, Callable[[], None]]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"):
            found = work()  # told, and not done yet
        graph.replay()
        return found, graph.replay
