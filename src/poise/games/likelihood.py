"""Games with one player: a network that is fitted to sequences by maximum likelihood.

Two scenes: sentences, each by itself (the warm start of a text GAN), and one long text in windows with the state
carried over (a recurrent language model: truncated back-propagation through time, Werbos 1990).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.core import Batch, Player, Term

LARGEST = math.log(sys.float_info.max)  # nats whose exponential is a number


def nats(logits: Tensor, targets: Tensor) -> Tensor:
    """−log p of each target: logits [B,T,V] (widened to float32), targets [B,T] -> [B,T]."""
    wide = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    return F.cross_entropy(wide.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)


class SentenceRound:
    """What one turn may look at: sentences [B,T], the logits of each unit given those before it."""

    def __init__(self, game: SentenceGame, batch: Batch) -> None:
        self.game, self.ids = game, batch.real

    @property
    def embedding(self) -> Tensor:
        found: Tensor = self.game.generator.net.embedding.weight
        return found

    @property
    def read_ids(self) -> Tensor:
        """The units that the network reads: 0 first, and all but the last place."""
        return F.pad(self.ids[:, :-1], (1, 0))

    @cached_property
    def nll(self) -> Tensor:
        """Nats of each sentence, its end included and nothing after it: [B]."""
        found = nats(self.game.generator.logits(self.ids), self.ids)
        return (found * self.game.counted(self.ids)).sum(1)


@dataclass
class SentenceGame:
    """A generator alone with sentences. `counted(ids)` says which places count: bool [B,T]."""

    generator: Any
    counted: Callable[[Tensor], Tensor]
    players: Sequence[Player[SentenceRound]] = ()

    def round(self, player: Player[SentenceRound], batch: Batch, due: Sequence[Term[SentenceRound]]) -> SentenceRound:
        return SentenceRound(self, batch)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        found: Tensor = self.generator(self.generator.noise(n), cond)
        return found


def sentence_term(units: float, name: str = "nll") -> Term[SentenceRound]:
    """The negative log-likelihood of a sentence over a constant `units`, the mean number of units in one: about nats
    per unit, [B]. A constant, and not each batch's own count, so that micro-batches add up to one batch."""

    def value(round: SentenceRound) -> Tensor:
        return round.nll / units

    return Term(name, value)


class Carried:
    """The recurrent state between two windows. Committed after the move that made it, and kept in checkpoints."""

    name = "carried"

    def __init__(self) -> None:
        self.state: tuple[Tensor, ...] | None = None
        self.pending: tuple[Tensor, ...] | None = None

    def __call__(self) -> None:
        if self.pending is None:
            return
        new, self.pending = self.pending, None
        if self.state is None or [part.shape for part in self.state] != [part.shape for part in new]:
            self.state = tuple(part.clone() for part in new)
            return
        for part, now in zip(self.state, new, strict=True):  # in place: a step that is repeated finds it where it was
            part.copy_(now)

    def state_dict(self) -> dict[str, Tensor]:
        return {str(i): part.clone() for i, part in enumerate(self.state or ())}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.state = tuple(state[str(i)].clone() for i in range(len(state))) or None


class WindowRound:
    """What one turn may look at: a window of B parallel texts; the last unit of a window is the first of the next.

    `batch.real` ids [B,T+1]; `batch.cond` bool [B]: texts that begin anew, whose state is forgotten.
    """

    def __init__(self, game: LanguageModelGame, batch: Batch) -> None:
        self.game, self.ids, self.anew = game, batch.real, batch.cond

    @cached_property
    def read(self) -> Any:
        """The network's `Read` of the window, from the carried state."""
        state = self.game.model.begin(len(self.ids)) if self.game.carried.state is None else self.game.carried.state
        if self.anew is not None:
            fresh = self.game.model.begin(len(self.ids))
            state = tuple(
                torch.where(self.anew.view(-1, *[1] * (old.ndim - 1)), new, old)
                for old, new in zip(state, fresh, strict=True)
            )
        found = self.game.model(self.ids[:, :-1], state)
        self.game.carried.pending = tuple(part.detach() for part in found.state)
        return found

    @property
    def embedding(self) -> Tensor:
        found: Tensor = self.game.model.embedding.weight
        return found

    @property
    def read_ids(self) -> Tensor:
        """The units that the network reads: all but the last place."""
        return self.ids[:, :-1]

    @cached_property
    def nll(self) -> Tensor:
        """Mean nats per unit of each text: [B]."""
        return nats(self.read.logits, self.ids[:, 1:]).mean(1)


@dataclass
class LanguageModelGame:
    """A recurrent language model alone with a long text; `length` units are in a sample."""

    model: Any
    carried: Carried
    players: Sequence[Player[WindowRound]] = ()
    length: int = 128

    def round(self, player: Player[WindowRound], batch: Batch, due: Sequence[Term[WindowRound]]) -> WindowRound:
        return WindowRound(self, batch)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """n texts of `length` units, ids [n,length], each begun after an end with nothing before it."""
        state, x = self.model.begin(n), torch.zeros(n, dtype=torch.long, device=next(self.model.parameters()).device)
        found = []
        for _ in range(self.length):
            logits, state = self.model.step(x, state)
            x = torch.multinomial(logits.float().softmax(1), 1).squeeze(1)
            found.append(x)
        return torch.stack(found, 1)


def window_term(name: str = "nll") -> Term[WindowRound]:
    """Mean nats per unit: [B]."""

    def value(round: WindowRound) -> Tensor:
        return round.nll

    return Term(name, value)


def perplexity(nats: float) -> float:
    """exp of the mean nats per unit; infinite where no number is large enough."""
    return math.exp(nats) if nats < LARGEST else math.inf


@torch.no_grad()
def heldout_nats(model: nn.Module, text: Tensor, window: int = 256) -> Tensor:
    """Nats of every unit of one text but the first, read once from the beginning with the state carried over.

    text: ids [N] -> float32 [N−1]. The network is evaluated without dropout; its mode is put back.
    """
    was_training = model.training
    model.eval()
    state, found = model.begin(1), []  # type: ignore[operator]
    for start in range(0, len(text) - 1, window):
        piece = text[start : start + window + 1].unsqueeze(0)
        read = model(piece[:, :-1], state)
        found.append(nats(read.logits, piece[:, 1:]).squeeze(0))
        state = read.state
    model.train(was_training)
    return torch.cat(found)
