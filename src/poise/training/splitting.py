"""Which trainings several processes may share: those that come out as by one. The others are refused in a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from poise.core import Player
from poise.errors import PoiseError
from poise.training.precision import Execution
from poise.training.ranks import Ranks


def check_device(ranks: Ranks, execution: Execution) -> None:
    """One device of CUDA for each process, or the CPU.

    Errors: PoiseError for Apple's GPU, for one device by its number, and for fewer devices than processes.
    """
    device = execution.device
    if device.type not in ("cpu", "cuda"):
        raise PoiseError(
            f"--device {device}: several processes train on CPUs or CUDA; use --device cpu, or one process"
        )
    if device.index is not None:
        raise PoiseError(f"--device {device}: each process takes the device of its own number; use --device cuda")
    if device.type == "cuda" and ranks.here > torch.cuda.device_count():
        raise PoiseError(
            f"--device cuda: {ranks.here} processes and {torch.cuda.device_count()} devices; start as many processes "
            f"as there are devices, or use --device cpu"
        )


def check_batch(ranks: Ranks, batch: int, micro_batches: int) -> None:
    """Every process has an item of each piece of a batch. Errors: PoiseError."""
    ranks.rows(batch // micro_batches)


def check_games(games: Iterable[Any]) -> None:
    """No network mixes the items of a batch or draws by itself, and no term keeps what it saw of other items.

    Errors: PoiseError that names the part and what to do.
    """
    for player in (player for game in games for player in game.players):
        _check_network(player)
        for term in player.terms:
            if term.whole or hasattr(term.value, "commit"):
                raise PoiseError(
                    f"the term '{term.name}' of the {player.name} needs the mean over a whole batch, which several "
                    f"processes would take apart: train by one process, or leave it out"
                )


def _check_network(player: Player[Any]) -> None:
    for layer in player.module.modules():
        kind, flag = type(layer).__name__, f"--{player.name.replace('_', '-')}"
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            raise PoiseError(
                f"the {player.name} has batch normalisation ({kind}), whose statistics several processes would take "
                f"of their own rows: use {flag}.norm none, or train by one process"
            )
        dropped = isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0
        if dropped or (isinstance(layer, nn.RNNBase) and layer.dropout > 0):
            raise PoiseError(
                f"the {player.name} has dropout ({kind}), which several processes would draw for their own rows alone: "
                f"set it to 0, or train by one process"
            )
