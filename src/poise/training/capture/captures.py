"""Moves of a few kinds, each computed a few times, then captured, compared once, and from then on repeated.

A kind is everything that Python decides: who moves, which terms are due, what is measured, the shape of the batch,
which strengths are 0. What changes from step to step within a kind are the batch, random numbers, and the numbers of a
`Board`. The record of a repeated move lies in one vector on the device, of which a copy is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from poise.core import Batch, Player
from poise.rows.numbers import Board, holding
from poise.training.capture.graphs import Graphs
from poise.training.capture.holdings import Holdings
from poise.training.capture.host import Listening
from poise.training.capture.optimisers import second_beta_varies
from poise.training.capture.proof import Moment
from poise.training.capture.record import Row, fetched

Compute = Callable[[Batch], Row]
Parts = Callable[[], Iterable[Any]]
COMPUTED = 2  # moves of a kind before it is captured: plans are made and memory is taken in the first ones
KINDS = 32  # of moves at most; more of them means that every step is another one


class Kind:
    """One kind of move: how often it was computed, its numbers, and what repeats it."""

    def __init__(self, device: torch.device) -> None:
        self.board = Board(device)
        self.moves = 0
        self.batch: Batch | None = None
        self.names: list[str] = []
        self.constants: dict[str, float] = {}
        self.vector = torch.zeros(0)
        self.repeat: Callable[[], None] | None = None
        self.proved = False

    def computed(self, batch: Batch, compute: Compute) -> Row:
        """The move by Python."""
        with holding(self.board):
            return compute(batch)

    def told(self, compute: Compute) -> Tensor:
        """The move with its own batch, its record as one vector."""
        assert self.batch is not None
        row = self.computed(self.batch, compute)
        self.constants = {name: value for name, value in row.items() if not isinstance(value, Tensor)}
        values = {name: value.detach() for name, value in row.items() if isinstance(value, Tensor)}
        self.names = list(row)
        return torch.stack([value.reshape(()).double() for value in values.values()])

    def row(self) -> Row:
        """The record of the move that was made last."""
        values = iter(self.vector.clone().unbind())
        return {name: self.constants[name] if name in self.constants else next(values) for name in self.names}

    def takes(self, batch: Batch, step: int) -> None:
        """Put a batch and a step's numbers where they are read."""
        assert self.batch is not None
        self.batch.real.copy_(batch.real, non_blocking=True)
        if self.batch.cond is not None and batch.cond is not None:
            self.batch.cond.copy_(batch.cond, non_blocking=True)
        self.board.fill(step)


class Captures:
    """The moves of one training.

    Args: graphs, what repeats work; capturing, whether anything is captured: without, every move is computed with the
    same numbers on the device, which is what repeated moves are compared with; say, is told in a line what is not
    captured, and why.
    """

    def __init__(self, graphs: Graphs, capturing: bool = True, say: Callable[[str], None] = lambda line: None) -> None:
        self.graphs, self.capturing, self.say = graphs, capturing, say
        self.kinds: dict[Hashable, Kind] = {}
        self.repeated = 0  # moves that were made without Python
        self.reason: str | None = None  # why nothing is captured any more
        self.layers: list[nn.Module] = []
        self.weights: list[nn.Parameter] = []

    def begin(self, reason: str | None = None, players: Sequence[Player[Any]] = ()) -> None:
        """Before a stretch of training, whose tensors may be new ones: nothing is known any more."""
        self.kinds = {}
        self.layers = [layer for player in players for layer in player.module.modules()]
        self.weights = [weight for player in players for weight in player.module.parameters()]
        if reason is not None and self.reason != reason:
            self.give_up(reason)
        self.reason = reason

    def flags(self) -> Hashable:
        """Which layers train and which weights learn, as a schedule of a user's may change it."""
        return tuple(layer.training for layer in self.layers), tuple(weight.requires_grad for weight in self.weights)

    def give_up(self, reason: str) -> None:
        """Compute all moves from now on."""
        self.reason = reason
        self.kinds = {}
        if self.capturing:
            self.say(f"steps are not captured, but computed one by one: {reason}")

    def move(self, key: Hashable, batch: Batch, step: int, compute: Compute, parts: Parts) -> Row:
        """One move of a kind: computed or repeated.

        Args: key, its kind; compute, the move of a batch; parts, all objects that a move changes.
        """
        if self.reason is not None or not self.capturing:
            return self.graphs.compute(lambda: Kind(self.graphs.device).computed(batch, compute))
        kind = self.kinds.setdefault(key, Kind(self.graphs.device))
        if len(self.kinds) > KINDS:
            self.give_up(f"there are more than {KINDS} kinds of them, as with shapes that change all the time")
            return self.move(key, batch, step, compute, parts)
        if kind.moves < COMPUTED:
            kind.moves += 1
            return self._heard(kind, batch, compute)
        if kind.repeat is None:
            return self._captured(kind, batch, step, compute, parts)
        kind.takes(batch, step)
        if not kind.proved:
            return self._proved(kind, batch, compute, parts)
        kind.repeat()
        self.repeated += 1
        return kind.row()

    def _heard(self, kind: Kind, batch: Batch, compute: Compute) -> Row:
        """A computed move; the last one is listened to, but for compiled code, which that would keep from use."""
        compiled = any(getattr(layer, "_compiled_call_impl", None) is not None for layer in self.layers)
        if kind.moves < COMPUTED or compiled:
            return self.graphs.compute(lambda: kind.computed(batch, compute))
        with Listening(self.graphs.device) as heard:
            row = self.graphs.compute(lambda: kind.computed(batch, compute))
        if heard.why:
            self.give_up(heard.why)
        return row

    def _captured(self, kind: Kind, batch: Batch, step: int, compute: Compute, parts: Parts) -> Row:
        """The move that is captured while it is made."""
        kind.batch = Batch(batch.real.clone(), None if batch.cond is None else batch.cond.clone())
        kind.board.fixed()
        kind.board.fill(step)
        held = Holdings(parts())
        before = Moment(held.tensors, self.graphs.device)
        try:
            kind.vector, kind.repeat = self.graphs.capture(lambda: kind.told(compute))
        except Exception as error:  # whatever a user's code does to a capture
            held.back()
            before.back()
            self.give_up(" ".join(str(error).split())[:200] or type(error).__name__)
            return self.graphs.compute(lambda: Kind(self.graphs.device).computed(batch, compute))
        return kind.row()

    def _proved(self, kind: Kind, batch: Batch, compute: Compute, parts: Parts) -> Row:
        """The move in both ways from the same state; where the numbers are not the same, that by Python counts.

        Nor may Python keep anything that changes, as a count of calls does: no repeated move would count on.
        """
        assert kind.repeat is not None
        held = Holdings(parts())
        before = Moment(held.tensors, self.graphs.device)
        row = self.graphs.compute(lambda: Kind(self.graphs.device).computed(batch, compute))
        computed, other = Moment(held.tensors, self.graphs.device), held.other(Holdings(parts()))
        if other is None:
            before.back()
            kind.repeat()
            other = computed.differs(Moment(held.tensors, self.graphs.device)) or _differing(row, kind.row())
        kind.proved = other is None
        if other is not None:
            computed.back()
            self.give_up(f"a repeated step was not the same as a computed one ({other})")
        return row


def _differing(row: Row, other: Row) -> str | None:
    """The name of the first number of two records that is not the same."""
    mine, theirs = fetched([row, other])
    if list(mine) != list(theirs):
        return "other names in the record"
    return next((name for name, value in mine.items() if value == value and value != theirs[name]), None)


def kind_of(player: Player[Any], batch: Batch, step: int, detail: bool, shares: Collection[str]) -> Hashable:
    """All that Python decides in a move of this player at this step, but for `Captures.flags`."""
    due = tuple(term.name for term in player.terms if step % term.every == 0)
    shapes = tuple((x.shape, x.dtype, x.stride()) for x in batch if x is not None)
    rules = []
    for penalty in player.penalties:
        strength = penalty.strength_at(step)
        known = type(penalty).__module__.startswith("poise.")
        rules.append(strength == 0 if known else strength)  # one of a user's may read its strength as a number
    varies = second_beta_varies(player.optim)
    options = tuple(_options(group, varies) for group in player.optim.param_groups)
    return player.name, due, detail, tuple(sorted(set(shares) & set(due))), shapes, tuple(rules), options


def _options(group: Mapping[str, Any], varies: bool) -> Hashable:
    """What an optimiser is told of a group beside its rate, and its second beta where that varies: β, ε, decay."""
    told = {name: value for name, value in group.items() if name not in ("params", "lr", "capturable")}
    if varies:
        told["betas"] = told["betas"][:1]
    return tuple((name, str(value)) for name, value in told.items())
