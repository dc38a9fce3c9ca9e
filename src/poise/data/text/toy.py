"""A language with exact ground truth: the oracle of Yu et al. (2017), an LSTM whose weights are drawn from N(0, 1).

Every sequence has T units out of V and no end. What a generator makes is judged without noise by the oracle's own
−log p (NLL_oracle: is it likely?), and the generator by the −log q of fresh oracle sequences (NLL_gen: is nothing
missing?). Both in nats per unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.data.tokenizers.alphabet import Units
from poise.data.tokenizers.joining import joined_by_spaces


class Oracle(nn.Module):
    """LSTM language model with frozen weights from N(0, 1).

    Args: vocabulary V = 500, length T = 20, size 32 of embedding and hidden state, seed of the weights. The first unit
    is guessed after reading unit 0 from a state of zeros.
    """

    def __init__(self, vocabulary: int = 500, length: int = 20, size: int = 32, seed: int = 0) -> None:
        super().__init__()
        self.vocabulary, self.length = vocabulary, length
        self.embedding = nn.Embedding(vocabulary, size)
        self.lstm, self.readout = nn.LSTM(size, size, batch_first=True), nn.Linear(size, vocabulary)
        rng = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=rng)
            parameter.requires_grad_(False)

    @torch.no_grad()
    def sample(self, n: int, seed: int) -> Tensor:
        """n sequences, ids [n,T]; sample i depends on (seed, n) and its place."""
        rng = torch.Generator().manual_seed(seed)
        x, state, found = torch.zeros(n, 1, dtype=torch.long), None, []
        for _ in range(self.length):
            h, state = self.lstm(self.embedding(x), state)
            noise = torch.empty(n, self.vocabulary).exponential_(generator=rng)
            x = (self.readout(h[:, 0]).log_softmax(1) - noise.log()).argmax(1, keepdim=True)
            found.append(x)
        return torch.cat(found, 1)

    @torch.no_grad()
    def nll(self, ids: Tensor, chunk: int = 1000) -> Tensor:
        """−log p of each sequence over T, nats per unit: ids [n,T] -> [n]."""
        found = []
        for part in ids.split(chunk):
            h, _ = self.lstm(self.embedding(F.pad(part[:, :-1], (1, 0))))
            loss = F.cross_entropy(self.readout(h).flatten(0, 1), part.flatten(), reduction="none")
            found.append(loss.view(part.shape).mean(1))
        return torch.cat(found)


class Numbers(Units):
    """Units of a made-up language: 0, 1, 2 ... all of them alike, written as numbers. There is no end and nothing that
    is unknown."""

    kind = "number"
    plural = "numbers"

    def __init__(self, size: int) -> None:
        super().__init__([str(i) for i in range(size)])
        self._ids = {name: i for i, name in enumerate(self.names)}

    @classmethod
    def fit(cls, sentences: Sequence[str], size: int | None = None, least: int = 1) -> Self:
        """All numbers below `size`, or up to the largest that occurs: a made-up language has no rare units."""
        return cls(size or 1 + max(int(unit) for sentence in sentences for unit in sentence.split()))

    def split(self, sentence: str) -> list[str]:
        return sentence.split()

    @property
    def joining(self) -> tuple[Callable[..., str], tuple[object, ...]]:
        return joined_by_spaces, ()

    def decode(self, ids: Iterable[int]) -> str:
        return self.join([self.names[int(i)] for i in ids])

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "size": len(self)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        return cls(int(content["size"]))
