"""Whether the networks that are asked for fit into memory, told before they are built."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from poise.errors import PoiseError

PER_WEIGHT = 20  # bytes: the weight, its gradient, Adam's two moments, and the average, in single precision
GB = 1e9


def check_affordable(device: torch.device, makers: Mapping[str, Callable[[], Any]]) -> None:
    """Refuse networks whose training would take more memory than is free; activations come on top and are not counted.

    The networks are made without storage (PyTorch's "meta" device), so nothing is allocated and no random number is
    drawn from the CPU's generator. What cannot be made so is not judged.

    Args: device, on which they will be trained; makers: name of a player -> what makes its network.

    Errors: PoiseError with the number of weights, the memory that they need, and the memory that is free.
    """
    free = free_memory(device)
    weights = {name: _weights(make) for name, make in makers.items()}
    needed = PER_WEIGHT * sum(weights.values())
    if free is None or needed <= free:
        return
    largest = max(weights, key=lambda name: weights[name])
    raise PoiseError(
        f"the {largest} that is asked for has {weights[largest]:,} weights; to train the run's networks takes "
        f"{needed / GB:,.1f} GB of memory at least, and {free / GB:,.1f} GB are free: give smaller --{largest} "
        "options, such as the defaults"
    )


def _weights(make: Callable[[], Any]) -> int:
    """How many numbers the network of `make` holds; 0 where that cannot be told without building it."""
    untold = (PoiseError, RuntimeError, NotImplementedError, TypeError, ValueError)
    with contextlib.suppress(*untold), torch.device("meta"):
        net = make()
        return sum(p.numel() for p in net.parameters()) if isinstance(net, nn.Module) else 0
    return 0


def free_memory(device: torch.device) -> int | None:
    """Bytes that a process could still take on a device; None where nobody tells."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    with contextlib.suppress(OSError, ValueError), open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
