"""One move of one player: its terms, the penalties, the optimiser's step. What plays, and what a move may change."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from poise.core import Batch, Game, Noticing, Player, Stateful, Term, WeightPenalty
from poise.rows.drawn import computing
from poise.rows.numbers import number
from poise.training.capture.captures import kind_of
from poise.training.capture.optimisers import stepped
from poise.training.capture.record import Row, verify
from poise.training.measure import Measure, TermShares
from poise.training.precision import Execution, norm


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
) -> Row:
    """Gradients of the player's terms over the whole batch, in as many pieces as asked; the terms' values.

    Of several processes each computes its rows of every piece, and the sums over all of them are everybody's.
    For the terms named in `shares`, if they are due, also the strength and the share of the gradient.
    """
    due = [term for term in player.terms if step % term.every == 0]
    scales = {term.name: number(term.scale, step) for term in due}
    scaler, second_order = execution.scaler(player.name), any(term.second_order for term in due)
    row: Row = {}
    alone = TermShares(player, [term.name for term in due if term.name in shares])
    for piece in split(batch, execution.micro_batches):
        rows = execution.ranks.rows(len(piece.real))
        piece = execution.ranks.part(piece, rows)
        share = len(piece.real) / len(batch.real)
        with execution.autocast(second_order), computing(rows):
            round = game.round(player, piece, due)
            values = {t.name: execution.ranks.of_items(t, t.value(round), len(piece.real)).mean() * share for t in due}
            weighed = {name: _times(scales[name], value) for name, value in values.items()}
            loss = torch.stack(list(weighed.values())).sum()
        alone.add({name: weighed[name] for name in alone.names})
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
    return row | alone.row({term.name: number(term.strength_at, step) for term in due if term.name in alone.names})


def move(
    game: Game[Any],
    player: Player[Any],
    batch: Batch,
    step: int,
    execution: Execution | None = None,
    detail: bool = False,
    shares: Collection[str] | None = None,
) -> Row:
    """One optimiser update of one player: its terms, backward, penalties, clipping, step, hooks.

    Weight penalties act exactly once, whatever the micro-batches: after accumulation and unscaling, before
    clipping. Returns the player's row of the record; `detail` adds penalty values, shares and weight norms. `shares`
    names the terms whose share of the gradient is measured; by default those that penalise, if `detail`.
    """
    execution = execution or Execution()
    if shares is None:
        shares = [term.name for term in player.terms if term.regularises] if detail else []
    for penalty in player.penalties:
        before = player.cumulative_decay.get(penalty.name, 0.0)
        player.cumulative_decay[penalty.name] = before + spent_at(player, penalty, step)
    compute = partial(computed, game, player, step, execution, detail, shares)
    captures = execution.captures
    if captures is None:
        row = compute(batch)
    else:
        kind = captures.flags(), kind_of(player, batch, step, detail, shares)
        row = captures.move(kind, batch, step, compute, partial(moving, game))
    for hook in player.after:
        if callable(followed := getattr(hook, "followed", None)):
            followed()
    return row


def spent_at(player: Player[Any], penalty: WeightPenalty, step: int) -> float:
    """What a move adds to the sum of rate times strength, by which decays of different schedules are compared."""
    return float(player.optim.param_groups[0]["lr"]) * penalty.strength_at(step)


def computed(
    game: Game[Any],
    player: Player[Any],
    step: int,
    execution: Execution,
    detail: bool,
    shares: Collection[str],
    batch: Batch,
) -> Row:
    """What a move does on the device; on the host nothing that another step would not find as it was."""
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
        skipped = scaler.is_enabled() and not bool(torch.as_tensor(row["grad_norm"]).isfinite())
        for penalty in () if skipped else player.penalties:
            penalty.before_step_(player.module, player.optim, step)
            measure.after_shrinking(penalty)
        scale = scaler.get_scale() if scaler.is_enabled() else 0.0
        stepped(player.optim, scaler)
        scaler.update()
        for penalty in () if skipped else player.penalties:
            penalty.after_step_(player.module, step)
        row |= measure.finish()
        if skipped:
            for penalty in player.penalties:  # which `move` has counted
                player.cumulative_decay[penalty.name] -= spent_at(player, penalty, step)
        if scaler.is_enabled() and scaler.get_scale() < scale:  # overflow: the step was skipped, its gradients are void
            row = {name: value for name, value in row.items() if name in {term.name for term in player.terms}}
    for hook in player.after:
        getattr(hook, "follow", hook)()
    return row


def _times(scale: float | Tensor, value: Tensor) -> Tensor:
    return (scale.to(value.dtype) if isinstance(scale, Tensor) else scale) * value


def moving(game: Game[Any]) -> list[object]:
    """Everything that a move may change."""
    found: list[object] = list(memory(game).values())
    for player in game.players:
        found += [*(term.value for term in player.terms), *player.penalties, *player.after]
    return [*found, game]


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
