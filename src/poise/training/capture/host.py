"""Whether a move asks the device for something that the host has to wait for, which no capture outlives.

A capture that breaks off costs more than itself: before torch 2.12 or so the device's random numbers stay told to be
captured, and the next draw is an error. So a move is listened to while it is computed, before it is captured.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

HOST = (
    "_local_scalar_dense",
    "nonzero",
    "lift_fresh",
    "equal",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "masked_select",
    "is_nonzero",
)
BETWEEN = ("_to_copy", "copy_")  # from the host's memory or to it


class Listening(TorchDispatchMode):
    """Inside, the first operation is remembered that needs the host; all are done as always.

    Example:
        >>> with Listening(torch.device("cpu")) as heard:
        ...     _ = float(torch.ones(2).sum())
        >>> heard.why
        '_local_scalar_dense needs the host, which no captured step has'
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device, self.why = device, ""

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = operation(*args, **(kwargs or {}))
        name = operation._schema.name.split("::")[1]
        if not self.why and name in (*HOST, *BETWEEN):
            tensors = [x for x in tree_leaves((args, kwargs, found)) if isinstance(x, Tensor)]
            places = {x.device.type for x in tensors}
            if self.device.type in places and (name in HOST or len(places) > 1):
                self.why = f"{name} needs the host, which no captured step has"
        return found
