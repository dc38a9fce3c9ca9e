"""The one training loop. It knows players, terms and penalties; it does not know what a GAN is."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from poise.core import Batch, Game, Noticing, Player, ScheduledValue, Stateful, Term
from poise.errors import NonFinite
from poise.rows.drawn import computing
from poise.training.measure import Measure, TermShares
from poise.training.precision import Execution, norm

Row = dict[str, float | Tensor]  # tensors stay on the device until somebody needs a number


def fold_seed(seed: int, step: int) -> int:
    """A 63-bit number from (seed, step) by splitmix64's finaliser, so that no two runs share their noise."""
    x = (seed * 0x9E3779B97F4A7C15 + step * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & (2**64 - 1)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = ((x ^ (x >> shift)) * factor) & (2**64 - 1)
    return (x ^ (x >> 31)) >> 1


@contextmanager
def alone(player: Player[Any], game: Game[Any]) -> Iterator[None]:
    """Only `player`'s weights collect gradients inside."""
    nets = [other.module for other in game.players if other is not player]
    nets += [part for part in resting(game).values() if isinstance(part, nn.Module)]
    rest = [parameter for net in nets for parameter in net.parameters() if parameter.requires_grad]
    for parameter in rest:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in rest:
            parameter.requires_grad_(True)


def split(batch: Batch, parts: int) -> list[Batch]:
    """The batch in `parts` consecutive pieces."""
    if parts == 1:
        return [batch]
    conds = [None] * parts if batch.cond is None else batch.cond.tensor_split(parts)
    pieces = [Batch(r, c) for r, c in zip(batch.real.tensor_split(parts), conds, strict=True)]
    return [piece for piece in pieces if len(piece.real)]


def measured(player: Player[Any], step: int, every: int) -> list[str]:
    """Names of the penalising terms whose share of the gradient is measured at this step: about each `every` steps, and
    of a lazy term at steps at which it is paid. A function of the step, so that a resumed run has the same record."""

    def interval(term: Term[Any]) -> int:
        return term.every * max(1, every // term.every)

    return [term.name for term in player.terms if term.regularises and step % interval(term) == 0]


def backward(
    game: Game[Any], player: Player[Any], batch: Batch, step: int, execution: Execution, shares: Collection[str] = ()
) -> dict[str, Tensor | float]:
    """Gradients of the player's terms over the whole batch, in as many pieces as asked; the terms' values.

    Of several processes each computes its rows of every piece, and the sums over all of them are everybody's.
    For the terms named in `shares`, if they are due, also the strength and the share of the gradient.
    """
    due = [term for term in player.terms if step % term.every == 0]
    scales = {term.name: term.scale(step) for term in due}
    scaler, second_order = execution.scaler(player.name), any(term.second_order for term in due)
    row: dict[str, Tensor | float] = {}
    alone = TermShares(player, [term.name for term in due if term.name in shares])
    for piece in split(batch, execution.micro_batches):
        rows = execution.ranks.rows(len(piece.real))
        piece = execution.ranks.part(piece, rows)
        share = len(piece.real) / len(batch.real)
        with execution.autocast(second_order), computing(rows):
            round = game.round(player, piece, due)
            values = {t.name: execution.ranks.of_items(t, t.value(round), len(piece.real)).mean() * share for t in due}
            loss = torch.stack([scales[name] * value for name, value in values.items()]).sum()
        alone.add({name: scales[name] * values[name] for name in alone.names})
        scaler.scale(loss).backward()
        for name, value in values.items():
            row[name] = row.get(name, 0.0) + value.detach()
        if isinstance(round, Noticing):
            for name, value in round.noticed.items():
                row[name] = row.get(name, 0.0) + (value / scaler.get_scale() if scaler.is_enabled() else value)
    # Before unscaling: all see the same overflow.
    row = execution.ranks.combined(player.module, row, alone.sums, alone.names)
    scaler.unscale_(player.optim)
    row["grad_norm"] = norm([p.grad for p in player.module.parameters() if p.grad is not None])
    return row | alone.row({name: scales[name] for name in alone.names})


def move(
    game: Game[Any],
    player: Player[Any],
    batch: Batch,
    step: int,
    execution: Execution | None = None,
    detail: bool = False,
    shares: Collection[str] | None = None,
) -> dict[str, Tensor | float]:
    """One optimiser update of one player: its terms, backward, penalties, clipping, step, hooks.

    Weight penalties act exactly once, whatever the micro-batches: after accumulation and unscaling, before
    clipping. Returns the player's row of the record; `detail` adds penalty values, shares and weight norms. `shares`
    names the terms whose share of the gradient is measured; by default those that penalise, if `detail`.
    """
    execution = execution or Execution()
    if shares is None:
        shares = [term.name for term in player.terms if term.regularises] if detail else []
    scaler = execution.scaler(player.name)
    player.optim.zero_grad(set_to_none=True)
    with alone(player, game):
        row = backward(game, player, batch, step, execution, shares)
        if execution.check_every == 1 and not scaler.is_enabled():
            verify(player.name, step, row)
        measure = Measure(player, step, detail)
        for penalty in player.penalties:
            measure.about_to_add(penalty)
            penalty.add_gradient_(player.module, step)
            measure.added(penalty)
        if player.clip is not None:
            torch.nn.utils.clip_grad_norm_(player.module.parameters(), player.clip)
        measure.about_to_shrink()
        for penalty in player.penalties:
            penalty.before_step_(player.module, player.optim, step)
            measure.after_shrinking(penalty)
        scale = scaler.get_scale() if scaler.is_enabled() else 0.0
        scaler.step(player.optim)
        scaler.update()
        for penalty in player.penalties:
            penalty.after_step_(player.module, step)
            spent = float(player.optim.param_groups[0]["lr"]) * penalty.strength_at(step)
            player.cumulative_decay[penalty.name] = player.cumulative_decay.get(penalty.name, 0.0) + spent
        row |= measure.finish()
        if scaler.is_enabled() and scaler.get_scale() < scale:  # overflow: the step was skipped, its gradients are void
            row = {name: value for name, value in row.items() if name in {term.name for term in player.terms}}
    for hook in player.after:
        hook()
    return row


def verify(player: str, step: int, row: Row) -> None:
    """Stop with the player, the term and the step if a number of the row is not finite."""
    for name, value in row.items():
        if not math.isfinite(number := float(value)):
            raise NonFinite(player, name, number, step)


class Guard:
    """Keeps rows until their numbers have been seen to be finite, so that a GPU is not waited for at each step."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, int, Row]] = []

    def add(self, player: str, step: int, row: Row) -> None:
        self.waiting.append((player, step, row))

    def check(self) -> None:
        """Raise `NonFinite` for the first bad number since the last check. Call it before saving anything."""
        while self.waiting:
            verify(*self.waiting.pop(0))


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


def resting(game: Game[Any]) -> dict[str, Stateful]:
    """The networks and averages of a game that are saved although they do not play, by name."""
    return dict(getattr(game, "modules", {}))


def memory(game: Game[Any]) -> dict[str, Stateful]:
    """Everything that must survive a restart, by name."""
    kept = resting(game)
    for player in game.players:
        kept |= player.resting()
        kept[f"{player.name}.optim"] = player.optim
        parts: list[tuple[str, Any]] = [(t.name, t.value) for t in player.terms]
        parts += [(p.name, p) for p in player.penalties]
        kept |= {f"{player.name}.{name}": part for name, part in parts if hasattr(part, "state_dict")}
    return kept
