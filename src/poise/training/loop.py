"""The one training loop. It knows players, terms and penalties; it does not know what a GAN is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from poise.core import Batch, Game, ScheduledValue
from poise.training.capture.optimisers import uncaptured
from poise.training.capture.record import Guard, Row
from poise.training.moves import measured, move
from poise.training.precision import Execution


def fold_seed(seed: int, step: int) -> int:
    """A 63-bit number from (seed, step) by splitmix64's finaliser, so that no two runs share their noise."""
    x = (seed * 0x9E3779B97F4A7C15 + step * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & (2**64 - 1)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = ((x ^ (x >> shift)) * factor) & (2**64 - 1)
    return (x ^ (x >> 31)) >> 1


def train(
    game: Game[Any],
    stream: Callable[[int], Batch],
    steps: int | Iterable[int],
    seed: int = 0,
    dials: Sequence[ScheduledValue] = (),
    watch: Callable[[int, Row], None] = lambda step, row: None,
    execution: Execution | None = None,
    detail_every: int = 1,
) -> None:
    """Alternate the players' moves for the given steps: the only loop.

    Args:
        game: players in the order in which they move.
        stream: draw number -> batch, a pure function; each move takes the next draw.
        steps: a number, or the range that is left when a run goes on: `range(done, total)`.
        seed: all randomness is a function of (seed, step), so a run that goes on needs no saved random state.
        dials: scheduled numbers, set before each step and recorded under their names.
        watch: called after each step with the step and its row; an exception from it ends the loop.
        execution: precision, micro-batches, device.
        detail_every: record penalty shares and norms on each k-th step; shares of lazy terms on steps at which they are
            paid, about as often.

    Raises:
        NonFinite: a loss or gradient is NaN or infinite; nothing is masked. On the CPU before any weight has moved.
    """
    execution = execution or Execution()
    draws = sum(player.turns for player in game.players)
    guard = Guard()
    if execution.captures is not None:
        why = uncaptured(game, game.players, execution.precision, execution.ranks.count)
        execution.captures.begin(why, game.players)
    with torch.random.fork_rng(
        devices=[] if execution.device.type == "cpu" else None, device_type=_forked(execution.device)
    ):
        for step in range(steps) if isinstance(steps, int) else steps:
            reseed(fold_seed(seed, step), execution.device)
            row: Row = {dial.name: dial.set(step) for dial in dials}
            draw = step * draws
            for player in game.players:
                shares, detail = measured(player, step, detail_every), step % detail_every == 0
                for _ in range(player.turns):
                    moved = move(game, player, stream(draw), step, execution, detail, shares)
                    guard.add(player.name, step, moved)
                    row |= {f"{player.name}/{name}": value for name, value in moved.items()}
                    draw += 1
            if (step + 1) % execution.check_every == 0:
                guard.check()
            watch(step, row)
    guard.check()


def reseed(number: int, device: torch.device) -> None:
    """Seed the CPU and the device in use. `torch.manual_seed` would also queue a call for every absent backend."""
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed_all(number)
    elif device.type == "mps":
        torch.mps.manual_seed(number)


def _forked(device: torch.device) -> str:
    return "cuda" if device.type == "cpu" else device.type
