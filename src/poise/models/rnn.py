"""Recurrent language models: units in, a distribution over the next unit out.

One protocol for all members of the family "sequence" (`lstm`, `gru`, `relational`):

    begin(n)                  the state before the first unit, a tuple of tensors [n, ...]
    step(x, state)            one unit further: logits [B,V] and the new state. x: ids [B], or one-hot rows [B,V]
    forward(ids, state)       ids [B,T] -> `Read`: all T distributions of the next unit, each after reading ids[:, :t+1]

Shapes: B batch, T units, V vocabulary, E embedding, H hidden. Dropout acts in `forward` while training, unless
`dropping` is false, and never in `step`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.errors import PoiseError
from poise.registry import register

State = tuple[Tensor, ...]


class Read(NamedTuple):
    """What a network makes of a sequence."""

    logits: Tensor  # [B,T,V]
    dropped: Tensor  # [B,T,H]: the last layer's output with dropout, as the readout sees it
    raw: Tensor  # [B,T,H]: the same without dropout
    state: State


class Sequence(Protocol):
    """A recurrent network over units."""

    vocabulary: int

    def begin(self, n: int) -> State: ...
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]: ...
    def __call__(self, ids: Tensor, state: State, dropping: bool = True) -> Read: ...


@dataclass(frozen=True)
class Dropouts:
    """Shares that are set to 0 while training, each with one mask for a whole sequence (Gal & Ghahramani 2016).

    embedding: whole units; input: of the embedded units; hidden: between layers; output: before the readout; weight: of
    the hidden-to-hidden weights (DropConnect, Merity et al. 2018).
    """

    embedding: float = 0.0
    input: float = 0.0
    hidden: float = 0.0
    output: float = 0.0
    weight: float = 0.0

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            if not 0 <= share < 1:
                raise PoiseError(f"dropout.{name} must be at least 0 and below 1, not {share}")


def variational_dropout(x: Tensor, share: float, training: bool) -> Tensor:
    """x [B,T,D] with one dropout mask for all T places, scaled by 1/(1 − share)."""
    if not training or share == 0:
        return x
    return x * F.dropout(torch.ones_like(x[:, :1]), share)


def embedded(x: Tensor, weight: Tensor) -> Tensor:
    """Rows of `weight` [V,E] for ids [...], or their mixture for rows [...,V] that sum to one."""
    return x.to(weight.dtype) @ weight if x.is_floating_point() else F.embedding(x, weight)


class Recurrent(nn.Module):
    """Embedding [V,E] -> layers of LSTM or GRU -> logits [V].

    Args:
        vocabulary, embed, hidden, layers: V, E, H and how many layers.
        cell: lstm or gru.
        tied: the readout uses the embedding's weights (Press & Wolf 2017), and the last layer has E units.
        dropouts: see `Dropouts`.
    """

    def __init__(
        self,
        vocabulary: int,
        embed: int = 64,
        hidden: int = 128,
        layers: int = 1,
        cell: str = "lstm",
        tied: bool = False,
        dropouts: Dropouts = Dropouts(),
    ) -> None:
        super().__init__()
        if cell not in ("lstm", "gru"):
            raise PoiseError(f"cell {cell} is unknown; use lstm or gru")
        self.vocabulary, self.hidden, self.tied, self.dropouts = vocabulary, hidden, tied, dropouts
        self.tensors = 2 if cell == "lstm" else 1  # of the state, for each layer
        self.embedding = nn.Embedding(vocabulary, embed)
        sizes = [embed, *[hidden] * (layers - 1), embed if tied else hidden]
        kind = nn.LSTM if cell == "lstm" else nn.GRU
        self.layers = nn.ModuleList(kind(a, b, batch_first=True) for a, b in pairwise(sizes))
        self.readout = None if tied else nn.Linear(hidden, vocabulary)
        self.bias = nn.Parameter(torch.zeros(vocabulary)) if tied else None
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        if self.readout is not None:
            nn.init.zeros_(self.readout.bias)

    def begin(self, n: int) -> State:
        weight = self.embedding.weight
        sizes = [int(layer.hidden_size) for layer in self.layers for _ in range(self.tensors)]  # type: ignore[arg-type]
        return tuple(weight.new_zeros(n, size) for size in sizes)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        h, after = embedded(x, self.embedding.weight).unsqueeze(1), []
        for i, layer in enumerate(self.layers):
            h, new = self._run(layer, h, state[i * self.tensors : (i + 1) * self.tensors], {})
            after += new
        return self._read(h.squeeze(1)), tuple(after)

    def forward(self, ids: Tensor, state: State, dropping: bool = True) -> Read:
        drop, training = self.dropouts, self.training and dropping
        weight = self.embedding.weight
        if training and drop.embedding:
            weight = weight * F.dropout(weight.new_ones(len(weight), 1), drop.embedding)
        h, after = variational_dropout(embedded(ids, weight), drop.input, training), []
        for i, layer in enumerate(self.layers):
            weights = self._thinned(layer) if training and drop.weight else {}
            raw, new = self._run(layer, h, state[i * self.tensors : (i + 1) * self.tensors], weights)
            last = i == len(self.layers) - 1
            h = variational_dropout(raw, drop.output if last else drop.hidden, training)
            after += new
        return Read(self._read(h), h, raw, tuple(after))

    def _thinned(self, layer: nn.Module) -> dict[str, Tensor]:
        """The hidden-to-hidden weights with DropConnect."""
        return {"weight_hh_l0": F.dropout(layer.weight_hh_l0, self.dropouts.weight)}  # type: ignore[arg-type]

    def _run(
        self, layer: nn.Module, x: Tensor, state: State, weights: dict[str, Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """One layer over [B,T,D]; `weights` stand in for its own."""
        inner = tuple(part.unsqueeze(0).contiguous() for part in state)
        given = (x, inner if self.tensors == 2 else inner[0])
        out, new = torch.func.functional_call(layer, weights, given) if weights else layer(*given)
        return out, [part.squeeze(0) for part in (new if self.tensors == 2 else (new,))]

    def _read(self, h: Tensor) -> Tensor:
        if self.readout is not None:
            found: Tensor = self.readout(h)
            return found
        return F.linear(h, self.embedding.weight, self.bias)


class RelationalMemory(nn.Module):
    """A relational memory core (Santoro et al. 2018; as the generator of RelGAN, Nie et al. 2019).

    The memory M [B,S,H] of S slots attends to itself and the embedded unit with several heads, passes a two-layer
    perceptron, and is gated as in an LSTM. The readout sees all slots.

    Args: vocabulary V; embed E; hidden H of a slot, a multiple of `heads`; slots S; heads.
    """

    not_compiled = "its recurrent layers"

    def __init__(self, vocabulary: int, embed: int = 32, hidden: int = 128, slots: int = 1, heads: int = 2) -> None:
        super().__init__()
        if hidden % heads:
            raise PoiseError(f"hidden {hidden} must be a multiple of the {heads} heads of a relational memory")
        self.vocabulary, self.hidden, self.slots = vocabulary, hidden, slots
        self.embedding = nn.Embedding(vocabulary, embed)
        self.input = nn.Linear(embed, hidden)
        self.attention = nn.MultiheadAttention(hidden, heads, batch_first=True)
        self.perceptron = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.first, self.second = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.of_input, self.of_memory = nn.Linear(hidden, 2 * hidden), nn.Linear(hidden, 2 * hidden, bias=False)
        self.readout = nn.Linear(slots * hidden, vocabulary)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.zeros_(self.readout.bias)

    def begin(self, n: int) -> State:
        """Slots that differ: rows of the identity, repeated."""
        eye = torch.eye(self.slots, self.hidden, device=self.readout.weight.device, dtype=self.readout.weight.dtype)
        return (eye.expand(n, -1, -1).contiguous(),)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        memory = self._turn(embedded(x, self.embedding.weight), state[0])
        return self.readout(memory.flatten(1)), (memory,)

    def forward(self, ids: Tensor, state: State, dropping: bool = True) -> Read:
        memory, seen = state[0], []
        for x in embedded(ids, self.embedding.weight).unbind(1):
            memory = self._turn(x, memory)
            seen.append(memory.flatten(1))
        h = torch.stack(seen, 1)
        return Read(self.readout(h), h, h, (memory,))

    def _turn(self, x: Tensor, memory: Tensor) -> Tensor:
        """One step of the memory: x [B,E], memory [B,S,H]."""
        unit = self.input(x).unsqueeze(1)
        both = torch.cat([memory, unit], 1)
        new = self.first(memory + self.attention(memory, both, both, need_weights=False)[0])
        new = self.second(new + self.perceptron(new))
        forget, take = (self.of_input(unit) + self.of_memory(memory.tanh())).chunk(2, -1)
        found: Tensor = (forget + 1).sigmoid() * memory + take.sigmoid() * new.tanh()
        return found


@register("sequence", "lstm")
def lstm(vocabulary: int, embed: int, hidden: int, layers: int, dropouts: Dropouts) -> nn.Module:
    return Recurrent(vocabulary, embed, hidden, layers, "lstm", dropouts=dropouts)


@register("sequence", "gru")
def gru(vocabulary: int, embed: int, hidden: int, layers: int, dropouts: Dropouts) -> nn.Module:
    return Recurrent(vocabulary, embed, hidden, layers, "gru", dropouts=dropouts)


WITHOUT_DROPOUT = ("relational",)  # members of the family


@register("sequence", "relational")
def relational(vocabulary: int, embed: int, hidden: int, layers: int, dropouts: Dropouts) -> nn.Module:
    """`layers` is the number of slots; dropout has no place in it."""
    if any(vars(dropouts).values()):
        raise PoiseError("a relational memory has no dropout: leave out --generator.dropout, or use --network lstm")
    return RelationalMemory(vocabulary, embed, hidden, slots=layers)
