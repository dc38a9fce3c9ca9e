"""How the other processes follow rank 0: a stretch of steps at a time, from the state that it tells.

Rank 0 tells a `Stretch` before it trains and, after each step, whether it goes on. The others train the same steps and
write nothing. A number that is not finite is one in every process, so all leave the stretch at the same place, and rank
0 decides what comes next.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from poise.core import Game, ScheduledValue
from poise.errors import NonFinite
from poise.training.capture.record import Row
from poise.training.checkpoint import SavedBeside, beside, initial
from poise.training.loop import train
from poise.training.moves import memory
from poise.training.precision import Execution
from poise.training.ranks import Lost, Ranks

GO_ON, LEAVE = 1, 0


@dataclass(frozen=True)
class Stretch:
    """Steps `start` to before `stop` of a stage, from a state.

    Args: stage, its number; seed and detail_every, as of `train`; state, of `packed`; remedies, what was changed by
    rolling back, as its owner knows it.
    """

    stage: int
    start: int
    stop: int
    seed: int
    detail_every: int
    state: bytes
    remedies: Sequence[Any] = ()


class LeftOff(Exception):
    """Rank 0 has left the stretch."""


def packed(game: Game[Any], execution: Execution) -> bytes:
    """All that a game's next step depends on."""
    buffer = io.BytesIO()
    spent = {player.name: dict(player.cumulative_decay) for player in game.players}
    scalers = {name: scaler.state_dict() for name, scaler in execution.scalers.items()}
    torch.save({"parts": initial(game), "spent": spent, "scalers": scalers}, buffer)
    return buffer.getvalue()


def unpacked(state: bytes, game: Game[Any], execution: Execution) -> None:
    """Put that into the game of another process."""
    found = torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)
    for name, part in memory(game).items():
        part.load_state_dict(found["parts"][name])
    beside(SavedBeside(found["spent"], found["scalers"]), game, execution)


@contextmanager
def leading(ranks: Ranks, stretch: Callable[[], Stretch]) -> Iterator[None]:
    """Rank 0 trains a stretch inside, and the others with it."""
    if ranks.alone:
        yield
        return
    ranks.tell(stretch())
    ranks.listening = False
    try:
        yield
    except NonFinite:  # in every process
        ranks.listening = True
        raise
    ranks.listening = True


def led(ranks: Ranks, watch: Callable[[int, Row], None]) -> Callable[[int, Row], None]:
    """What rank 0 does after each step, and then tells the others whether it goes on."""
    if ranks.alone:
        return watch

    def watching(step: int, row: Row) -> None:
        try:
            watch(step, row)
        except BaseException:
            with suppress(Lost):  # what went wrong here is what is told, whether or not the others are there
                ranks.number(LEAVE)
            ranks.listening = True
            raise
        ranks.number(GO_ON)

    return watching


def follow(
    stretch: Stretch,
    game: Game[Any],
    stream: Callable[[int], Any],
    dials: Sequence[ScheduledValue],
    execution: Execution,
) -> None:
    """Train a stretch together with rank 0. Args as of `train`; the game's state becomes that of the stretch."""
    ranks = execution.ranks

    def watch(step: int, row: Row) -> None:
        if ranks.number() == LEAVE:
            raise LeftOff

    try:
        steps = range(stretch.start, stretch.stop)
        train(game, stream, steps, stretch.seed, dials, watch, execution, stretch.detail_every)
    except (LeftOff, NonFinite):
        return
