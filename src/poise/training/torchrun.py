"""What torchrun says in the environment of each process that it starts. No torch in here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from poise.errors import PoiseError

NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


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
