"""The adversarial game with sentences: ids where nothing is differentiated, one-hot rows where something is.

Two ways to tell a generator of discrete units what the discriminator thinks:

    straight-through   the gradient of the relaxed samples, see `poise.models.text.TextGenerator`: the terms of pictures
    REINFORCE          Σ_t (R_t − b)·∇log p(x_t | x_<t), with R_t = Σ_{s≥t} γ^(s−t)·r_s and r_s = 2σ(D_s) − 1
                       (Williams 1992; reward and running baseline of d'Autume et al. 2019)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.core import Batch, Player, Term, averaged
from poise.games.adversarial import Adversarial, Round, wide
from poise.games.likelihood import nats
from poise.rows.units import one_hot


class TextRound(Round):
    """A round of sentences. `real` and, on D's turn, `fake` are ids [B,T], unless their slopes are wanted."""

    game: TextGame

    def __init__(self, game: TextGame, generates: bool, batch: Batch, due: Sequence[Term[Any]]) -> None:
        if any(term.second_order for term in due):
            rows = one_hot(batch.real, game.generator.net.vocabulary, torch.get_default_dtype())
            batch = Batch(rows, batch.cond)
        super().__init__(game, generates, batch, due)

    @cached_property
    def fake(self) -> Tensor:
        if self.generates:
            found: Tensor = Round.fake.func(self)  # type: ignore[attr-defined]
            return found
        ids: Tensor = self.game.generator.ids(self.game.generator.uniform(len(self.real)))
        if self.slopes:
            return one_hot(ids, self.real.shape[2], self.real.dtype).requires_grad_()
        return ids

    @cached_property
    def nll(self) -> Tensor:
        """Nats of each real sentence under the generator, its end included and nothing after it: [B]."""
        real = self.real.argmax(2) if self.real.is_floating_point() else self.real
        return (nats(self.game.generator.logits(real), real) * self.game.counted(real)).sum(1)

    @cached_property
    def ids(self) -> Tensor:
        """Sampled sentences [B,T] without a gradient: what REINFORCE is about."""
        found: Tensor = self.game.generator.ids(self.game.generator.uniform(len(self.real)))
        return found

    @cached_property
    def on_ids(self) -> Tensor:
        """D's logit after each unit of `ids`, without a gradient: [B,T], or [B,1] for one opinion on the whole."""
        with torch.no_grad():
            verdict = self.game.discriminator(self.ids, self.cond)
        logits = [wide(x) for x in verdict.logits]
        if not verdict.weights:  # opinions on the whole, however many: a D that reads units says which of them count
            logits = [averaged(x).unsqueeze(1) for x in logits]
        return torch.stack(logits).mean(0)

    @cached_property
    def log_probability(self) -> Tensor:
        """log p(x_t | x_<t) of `ids`, 0 after the end: [B,T]. Without dropout, for that is how they were sampled."""
        found = -nats(self.game.generator.logits(self.ids, dropping=False), self.ids)
        return found * self.game.counted(self.ids)


@dataclass
class TextGame(Adversarial):
    """Generator of sentences against discriminator. `counted(ids)` says which places count: bool [B,T]."""

    counted: Callable[[Tensor], Tensor] = torch.ones_like

    def round(self, player: Player[Round], batch: Batch, due: Sequence[Term[Round]]) -> TextRound:
        return TextRound(self, player.module is self.generator, batch, due)


def returns(rewards: Tensor, discount: float) -> Tensor:
    """R_t = Σ_{s≥t} γ^(s−t)·r_s for rewards [B,T]."""
    found, total = [], torch.zeros_like(rewards[:, 0])
    for reward in reversed(rewards.unbind(1)):
        total = reward + discount * total
        found.append(total)
    return torch.stack(found[::-1], 1)


class Reinforce(nn.Module):
    """The generator's term −Σ_t (R_t − b)·log p(x_t | x_<t) / `units`, for each sentence: [B].

    Its value means nothing; its gradient is an unbiased estimate of that of −E[Σ_t r_t] / units when γ = 1. The
    baseline b is a running average of the returns, b ← d·b + (1 − d)·mean R, moved after the update by `commit`.

    Args: discount γ; decay d; units: mean length of a sentence, a constant so that micro-batches add up.
    A D with one opinion on the whole sentence rewards the last unit that counts.
    """

    baseline: Tensor
    total: Tensor
    count: Tensor

    def __init__(self, discount: float = 0.23, decay: float = 0.92, units: float = 1.0) -> None:
        super().__init__()
        self.discount, self.decay, self.units = discount, decay, units
        self.register_buffer("baseline", torch.zeros(()))
        self.register_buffer("total", torch.zeros(()), persistent=False)
        self.register_buffer("count", torch.zeros(()), persistent=False)
        # A move that was broken off leaves its returns behind; a run that goes back to a checkpoint has not seen them.
        nn.Module.register_load_state_dict_post_hook(self, lambda module, _: module.forget())

    def forward(self, round: TextRound) -> Tensor:
        counts = round.game.counted(round.ids)
        opinion = 2 * round.on_ids.sigmoid() - 1
        if opinion.shape[1] == 1:
            last = counts & ~F.pad(counts[:, 1:], (0, 1))
            opinion = opinion * last
        rewards = returns(opinion * counts, self.discount)
        self.total += (rewards * counts).sum()
        self.count += counts.sum()
        advantage = (rewards - self.baseline) * counts
        return -(advantage.detach() * round.log_probability).sum(1) / self.units

    @torch.no_grad()
    def commit(self) -> None:
        """Move the baseline by the returns seen since the last time."""
        moved = self.baseline.lerp(self.total / self.count, 1 - self.decay)
        self.baseline.copy_(torch.where(self.count > 0, moved, self.baseline))
        self.forget()

    def forget(self) -> None:
        """Drop the returns that were not committed."""
        self.total.zero_()
        self.count.zero_()
