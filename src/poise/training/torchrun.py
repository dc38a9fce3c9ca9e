"""What torchrun says in the environment of each process that it starts, and how these find each other.

torch is loaded by `joined` alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from poise.errors import PoiseError

if TYPE_CHECKING:
    from poise.training.ranks import Ranks

NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
PATIENCE = timedelta(days=7)  # rank 0 scores while the others wait; when a process dies torchrun ends the others
JOINING = timedelta(minutes=5)  # for all processes to be there


class World(NamedTuple):
    """Process `rank` of `size`; `local` is its number on its machine, where there are `here` of them."""

    rank: int
    size: int
    local: int
    here: int


def world(environment: Mapping[str, str] = os.environ) -> World | None:
    """Who this process is among several; None where it trains alone, as without torchrun.

    Errors: PoiseError where a variable is no number or out of range.

    Example:
        >>> world({}) is None
        True
        >>> address = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
        >>> world({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", **address})
        World(rank=1, size=2, local=1, here=2)
    """
    if any(name not in environment for name in NEEDED):
        return None
    try:
        rank, size, local = (int(environment[name]) for name in NEEDED[:3])
        here = int(environment.get("LOCAL_WORLD_SIZE", size))
    except ValueError:
        rank, size, local, here = -1, 0, -1, 0
    if not 0 <= rank < size or not 0 <= local < here <= size:
        said = ", ".join(f"{name}={environment[name]}" for name in NEEDED[:3])
        raise PoiseError(
            f"{said} in the environment are no numbers of processes: start them by torchrun, or unset them"
        )
    return World(rank, size, local, here) if size > 1 else None


def joined(me: World, made_by: Mapping[str, str] | None = None) -> Ranks:
    """Find the other processes: by gloo on the CPU, by NCCL on CUDA, each with the device of its number.

    Args: made_by, names and versions that must be the same in all processes.
    Errors: PoiseError where this build of torch has no torch.distributed, or the others are not found within JOINING,
    or are made by something else; OfAll for the latter in all but the first.
    """
    import torch

    from poise.training.ranks import Ranks

    if not torch.distributed.is_available():
        raise PoiseError("this build of torch has no torch.distributed: train by one process, without torchrun")
    devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if me.local < devices:
        torch.cuda.set_device(me.local)
    from torch.distributed.rendezvous import rendezvous

    try:
        store, *_ = next(rendezvous("env://", me.rank, me.size, timeout=JOINING))
        mine = {**(made_by or {}), "CUDA": "on" if devices else "off"}
        all_alike(me.rank, _exchanged(me, mine, store))
        backend = "cpu:gloo,cuda:nccl" if devices else "gloo"
        torch.distributed.init_process_group(backend, store=store, rank=me.rank, world_size=me.size, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise PoiseError(
            f"the {me.size} processes of this training do not find each other ({str(error).splitlines()[0]}): start "
            f"them by torchrun, or unset WORLD_SIZE to train by one"
        ) from None
    return Ranks(me.rank, me.size, me.here, store)


def _exchanged(me: World, mine: Mapping[str, str], store: Any) -> list[dict[str, str]]:
    """What every process says of itself, in the order of their numbers."""
    store.set(f"process {me.rank}", json.dumps(dict(mine)))
    names = [f"process {rank}" for rank in range(me.size)]
    store.wait(names, JOINING)
    return [json.loads(store.get(name)) for name in names]


def all_alike(rank: int, found: Sequence[Mapping[str, str]]) -> None:
    """Every process says of itself what the first one does. Errors: PoiseError in the first, OfAll in the others."""
    from poise.rows.drawn import OfAll

    for other, said in enumerate(found):
        for name, value in found[0].items():
            if said.get(name) != value:
                kind = OfAll if rank else PoiseError
                raise kind(
                    f"process {other} has {name} {said.get(name)}, process 0 has {value}: give every process the same"
                )
