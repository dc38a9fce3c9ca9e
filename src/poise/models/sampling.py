"""Sentences from a recurrent network, one unit at a time: temperature, top-k, top-p, units that are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from poise.errors import PoiseError
from poise.models.rnn import State
from poise.models.text import END, NEVER, drawn


@dataclass(frozen=True)
class Sampling:
    """How units are drawn from the logits s.

    temperature τ > 0: softmax(s/τ). top_k ≥ 1: only the k likeliest units (Fan et al. 2018). top_p in (0, 1]: only the
    likeliest units whose probabilities reach p together (nucleus, Holtzman et al. 2020). Both after τ, k first.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0.01 <= self.temperature <= 100:
            raise PoiseError(f"--temperature {self.temperature} is out of reach: give 0.01 to 100, such as 0.8")
        if self.top_k is not None and self.top_k < 1:
            raise PoiseError(f"--top-k must be at least 1, not {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise PoiseError(f"--top-p must be above 0 and at most 1, not {self.top_p}")

    def __call__(self, logits: Tensor) -> Tensor:
        """Logits [B,V] with what may not be drawn at −10⁹."""
        logits = logits / self.temperature
        if self.top_k is not None and self.top_k < logits.shape[1]:
            least = logits.topk(self.top_k).values[:, -1:]
            logits = logits.masked_fill(logits < least, NEVER)
        if self.top_p is not None and self.top_p < 1:
            ordered, places = logits.sort(descending=True)
            before = ordered.softmax(1).cumsum(1) - ordered.softmax(1)
            logits = logits.scatter(1, places, ordered.masked_fill(before >= self.top_p, NEVER))
        return logits


@torch.no_grad()
def generate(
    net: Any,
    u: Tensor,
    sampling: Sampling = Sampling(),
    *,
    ends: bool = True,
    never: Sequence[int] = (),
    given: Sequence[int | None] = (),
    bare: Sequence[int] = (),
    state: State | None = None,
) -> Tensor:
    """Ids [B,T] from uniform noise u [B,T].

    Args: net, of the family "sequence", in evaluation mode; ends: whether 0 ends a sentence (see `poise.models.text`);
    never: ids that are not drawn; given: for the first places the id that stands there, or None for a free place;
    bare: ids that a free place among `given` may not hold besides, such as punctuation and the end; state: what was
    read before, by default nothing.
    """
    state = net.begin(len(u)) if state is None else state
    x = torch.zeros(len(u), dtype=torch.long, device=u.device)
    over, found = torch.zeros(len(u), dtype=torch.bool, device=u.device), []
    mask, narrow = (_mask(net.vocabulary, ids, u.device) for ids in (never, [*never, *bare]))
    for place, noise in enumerate(u.unbind(1)):
        logits, state = net.step(x, state)
        stands = given[place] if place < len(given) else None
        if stands is not None:
            x = torch.full_like(x, stands)
        else:
            x = drawn(sampling(logits + (narrow if place < len(given) else mask)), noise)
        if ends:
            x = x.masked_fill(over, END)
            over = over | (x == END)
        found.append(x)
        if ends and bool(over.all()):
            break
    return torch.stack(found, 1)


@torch.no_grad()
def after_a_sentence(net: Any, u: Tensor, never: Sequence[int] = ()) -> State:
    """The state after a sentence from uniform noise u [B,T], before its end is read.

    A network that learnt to read one long text has hardly ever begun with nothing before: the first word of what it
    writes would be a strange one. So it begins after a sentence of its own.
    """
    state: State = net.begin(len(u))
    x = torch.zeros(len(u), dtype=torch.long, device=u.device)
    over, mask = torch.zeros(len(u), dtype=torch.bool, device=u.device), _mask(net.vocabulary, never, u.device)
    for noise in u.unbind(1):
        logits, new = net.step(x, state)
        state = tuple(
            torch.where(over.view(-1, *[1] * (old.ndim - 1)), old, part) for old, part in zip(state, new, strict=True)
        )
        x = drawn(logits + mask, noise).masked_fill(over, END)
        over = over | (x == END)
        if bool(over.all()):
            break
    return state


def _mask(vocabulary: int, ids: Sequence[int], device: torch.device) -> Tensor:
    mask = torch.zeros(vocabulary, device=device)
    mask[list(ids)] = NEVER
    return mask
