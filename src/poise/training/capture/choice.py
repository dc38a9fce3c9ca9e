"""Whether the moves of a run are captured."""

from __future__ import annotations

from typing import Literal

import torch

from poise.errors import PoiseError
from poise.training.capture.captures import Captures
from poise.training.capture.graphs import CudaGraphs

Capture = Literal["auto", "on", "off"]


def captures_of(asked: Capture, device: torch.device) -> Captures | None:
    """What captures the moves of a run; None where all are computed one by one, which "auto" means as long as nobody
    has measured captured ones on a GPU.

    Errors: PoiseError where it is asked for and the device has no graphs.
    """
    if asked != "on":
        return None
    if device.type != "cuda":
        raise PoiseError(f"--capture on: {device} has no graphs to capture steps in, CUDA has; leave it out")
    return Captures(CudaGraphs(device))
