"""Which moves can be captured at all, and an optimiser whose learning rate is read on the device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from poise.core import Player
from poise.rows.numbers import held, number
from poise.training.capture.adam import adam_


def _rate_of_group(group: Mapping[str, Any], step: int) -> float:
    """The learning rate of an optimiser's group at the present step."""
    return float(group["lr"])


def stepped(optim: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
    """The optimiser's step; while a board is held one whose learning rate, and second beta if it is scheduled, are its
    scalars."""
    with rates_held(optim):
        if held() and isinstance(optim, torch.optim.Adam) and second_beta_varies(optim):
            adam_(optim)
        else:
            scaler.step(optim)


def second_beta_varies(optim: torch.optim.Optimizer) -> bool:
    """Whether somebody sets another second beta before each step, and has said so by `second_beta_varies`."""
    return bool(getattr(optim, "second_beta_varies", False))


def _is_captured() -> bool:
    """Whether what is told now is captured by a GPU."""
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()


@contextmanager
def rates_held(optim: torch.optim.Optimizer) -> Iterator[None]:
    """Inside, while a board is held, the rate of each group is a scalar of it, and in a capture CUDA's Adam may be
    captured; outside it is the number that it was. Told so without a capture, Adam would warn; what a fused one does is
    the same."""
    if not held():
        yield
        return
    set_here = ("lr", "capturable")
    before = [{name: group[name] for name in set_here if name in group} for group in optim.param_groups]
    capturing = _is_captured()
    for group in optim.param_groups:
        rate = number(partial(_rate_of_group, group))
        if isinstance(rate, Tensor) and rate.device.type == "cuda":  # its kernel reads single precision
            rate = rate.float()
        group["lr"] = rate
        if capturing:
            group["capturable"] = True
    try:
        yield
    finally:
        for group, kept in zip(optim.param_groups, before, strict=True):
            group.update(kept)


def uncaptured(game: object, players: Sequence[Player[Any]], precision: str, processes: int) -> str | None:
    """Why no move of a game can be captured; None where they can.

    A game says why by `not_captured`, as a network may by an attribute of that name.
    """
    if precision == "fp16":
        return "fp16 looks at every step whether a gradient was too large for it; use bf16"
    if processes > 1:
        return f"{processes} processes train together"
    if why := getattr(game, "not_captured", ""):
        return str(why)
    for player in players:
        if not (isinstance(player.optim, torch.optim.Adam) and player.optim.defaults.get("fused")):
            return f"the optimiser of the {player.name} is no fused Adam"
        for layer in player.module.modules():
            if why := getattr(layer, "not_captured", ""):
                return f"the {player.name} cannot be, for {why}"
    return None
