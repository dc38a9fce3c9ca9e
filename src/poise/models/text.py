"""Networks of a text GAN: a generator around any recurrent network, and two discriminators.

Text is ids [B,T] or one-hot rows [B,T,V]; id 0 ends a sentence and fills the places after it. Where a language has no
end (`ends=False`) every sequence has T units and 0 is a unit like any other; it also stands before the first unit.
"""

from __future__ import annotations

from collections.abc import Sequence as Several
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.core import DiscriminatorOutput
from poise.models.rnn import embedded
from poise.models.shared.layers import spectrally_normalised
from poise.registry import register
from poise.rows.numbers import number
from poise.rows.units import one_hot

END = 0
NEVER = -1e9  # logit of a unit that must not be generated


def gumbel(u: Tensor) -> Tensor:
    """Standard Gumbel noise −log(−log u), in place, of uniform numbers u in [0, 1)."""
    return u.log_().neg_().log_().neg_()


def drawn(logits: Tensor, u: Tensor) -> Tensor:
    """Units by inversion: the first whose cumulated probability exceeds u. logits [B,V], u [B] in [0, 1) -> ids [B].

    Cheaper than Gumbel noise for every unit of the vocabulary, where no gradient is wanted (docs/decisions/0006).
    """
    cumulated = logits.double().softmax(1).cumsum(1)
    return (
        torch.searchsorted(cumulated, u.double().unsqueeze(1) * cumulated[:, -1:], right=True)
        .squeeze(1)
        .clamp_max(logits.shape[1] - 1)
    )


def counted(ids: Tensor, ends: bool = True) -> Tensor:
    """Which places count: those up to and including a sentence's first end. bool [B,T]."""
    if not ends:
        return torch.ones_like(ids, dtype=torch.bool)
    over = (ids == END).cumsum(1)
    return (over - (ids == END).long()) == 0


def before(ids: Tensor) -> Tensor:
    """What has been read when each unit is to be guessed: ids [B,T] shifted by one place, 0 first."""
    return F.pad(ids[:, :-1], (1, 0))


class TextGenerator(nn.Module):
    """A recurrent network that generates sentences of at most T units, end included.

    Straight-through Gumbel-softmax (Jang et al. 2017): unit t is one-hot(argmax(s + g)) with logits s and Gumbel noise
    g, which is an exact sample of softmax(s); its gradient is that of softmax((s + g)/τ). After the end only ends
    follow, without gradient.

    Args: net: of the family "sequence"; length T; ends: see the module; never: ids that are not generated.
    `temperature` τ > 0 is a dial.
    """

    mask: Tensor

    def __init__(self, net: Any, length: int, ends: bool = True, never: Several[int] = ()) -> None:
        super().__init__()
        self.net, self.length, self.ends, self.temperature = net, length, ends, 1.0
        mask = torch.zeros(net.vocabulary)
        mask[list(never)] = NEVER
        self.register_buffer("mask", mask, persistent=False)

    def noise(self, n: int) -> Tensor:
        """Gumbel noise [n,T,V] on the generator's device."""
        return gumbel(torch.rand(n, self.length, len(self.mask), device=self.mask.device))

    def uniform(self, n: int) -> Tensor:
        """Noise for `ids`: uniform in [0, 1), [n,T]."""
        return torch.rand(n, self.length, device=self.mask.device)

    def logits(self, ids: Tensor, dropping: bool = True) -> Tensor:
        """Of each unit given those before it: ids [B,T] -> [B,T,V]. Without dropout they are those of a sample."""
        found: Tensor = self.net(before(ids), self.net.begin(len(ids)), dropping).logits + self.mask
        return found

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        """z [B,T,V] Gumbel noise -> one-hot [B,T,V] with a straight-through gradient."""
        state, x, rows = self.net.begin(len(z)), z.new_zeros(len(z), dtype=torch.long), []
        alive = torch.ones(len(z), 1, dtype=z.dtype, device=z.device)
        end = one_hot(torch.full((), END, device=z.device), z.shape[2], z.dtype)
        temperature = number(lambda _: self.temperature, like=z)
        for noise in z.unbind(1):
            logits, state = self.net.step(x, state)
            noisy = logits + self.mask + noise
            hard = one_hot(noisy.argmax(1), z.shape[2], z.dtype)
            if torch.is_grad_enabled():
                soft = (noisy / temperature).softmax(1)
                row = hard + (soft - soft.detach())
            else:
                row = hard
            if self.ends:
                row = alive * row + (1 - alive) * end
                alive = alive * (1 - hard[:, END : END + 1])
            rows.append(row)
            x = row
        return torch.stack(rows, 1)

    @torch.no_grad()
    def ids(self, u: Tensor) -> Tensor:
        """Sentences as ids [B,T] without a gradient, from uniform noise u [B,T]: cheaper, and of the same law."""
        state, x = self.net.begin(len(u)), torch.zeros(len(u), dtype=torch.long, device=u.device)
        over, found = torch.zeros(len(u), dtype=torch.bool, device=u.device), []
        for place in u.unbind(1):
            logits, state = self.net.step(x, state)
            x = drawn(logits + self.mask, place)
            if self.ends:
                x = x.masked_fill(over, END)
                over = over | (x == END)
            found.append(x)
        return torch.stack(found, 1)


class Highway(nn.Module):
    """σ(Tx)·relu(Hx) + (1 − σ(Tx))·x (Srivastava et al. 2015)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.transform, self.gate = nn.Linear(size, size), nn.Linear(size, size)
        nn.init.constant_(self.gate.bias, -1.0)

    def forward(self, x: Tensor) -> Tensor:
        share = self.gate(x).sigmoid()
        found: Tensor = share * self.transform(x).relu() + (1 - share) * x
        return found


class MultiRepresentation(nn.Module):
    """Several embedded representations of a sentence, each judged by the same convolutions (Nie et al. 2019).

    The embedding [V,E] is cut into R representations of E/R numbers; each passes convolutions of several widths over
    the places, the largest response over the sentence, a highway layer and two linear ones: logits [B,R] in one head.

    Args: vocabulary V; length T; embed E; representations R; filters for each width; widths; hidden; dropout; spectral.
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        embed: int = 64,
        representations: int = 8,
        filters: int = 64,
        widths: Several[int] = (2, 3, 4, 5),
        hidden: int = 64,
        dropout: float = 0.25,
        spectral: bool = False,
    ) -> None:
        super().__init__()
        self.representations = representations
        self.embedding = nn.Embedding(vocabulary, embed)
        nn.init.normal_(self.embedding.weight, 0.0, 0.1)
        part = embed // representations
        self.convolutions = nn.ModuleList(nn.Conv1d(part, filters, min(w, length)) for w in widths)
        self.highway = Highway(filters * len(widths))
        self.dropout = nn.Dropout(dropout)
        self.linear, self.logit = nn.Linear(filters * len(widths), hidden), nn.Linear(hidden, 1)
        if spectral:
            spectrally_normalised(self)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> DiscriminatorOutput:
        b, t = x.shape[:2]
        rows = embedded(x, self.embedding.weight)  # [B,T,E]
        rows = rows.view(b, t, self.representations, -1).permute(0, 2, 3, 1).reshape(b * self.representations, -1, t)
        seen = torch.cat([conv(rows).relu().amax(2) for conv in self.convolutions], 1)
        features = self.dropout(self.highway(seen))
        return DiscriminatorOutput((self.logit(self.linear(features).relu()).view(b, self.representations),))


class RecurrentDiscriminator(nn.Module):
    """An LSTM that judges a sentence after each unit (d'Autume et al. 2019): logits [B,T], places after the end
    weighing nothing.

    Args: vocabulary V; embed; hidden; ends: see the module; dropout on the embedded units; spectral.
    """

    def __init__(
        self,
        vocabulary: int,
        embed: int = 64,
        hidden: int = 128,
        ends: bool = True,
        dropout: float = 0.1,
        spectral: bool = False,
    ) -> None:
        super().__init__()
        self.ends = ends
        self.embedding = nn.Embedding(vocabulary, embed)
        nn.init.normal_(self.embedding.weight, 0.0, 0.1)
        self.dropout = nn.Dropout(dropout)
        self.lstm, self.logit = nn.LSTM(embed, hidden, batch_first=True), nn.Linear(hidden, 1)
        if spectral:
            spectrally_normalised(self)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> DiscriminatorOutput:
        ids = x.argmax(2) if x.is_floating_point() else x
        states, _ = self.lstm(self.dropout(embedded(x, self.embedding.weight)))
        weights = counted(ids, self.ends).to(states.dtype)
        return DiscriminatorOutput((self.logit(states).squeeze(2),), weights=(weights,))


@register("critic", "cnn")
def cnn(vocabulary: int, length: int, ends: bool, options: Any) -> nn.Module:
    return MultiRepresentation(
        vocabulary, length, options.embed, options.representations, options.width, hidden=options.hidden,
        dropout=options.dropout, spectral=options.spectral,
    )  # fmt: skip


@register("critic", "recurrent")
def recurrent(vocabulary: int, length: int, ends: bool, options: Any) -> nn.Module:
    return RecurrentDiscriminator(vocabulary, options.embed, options.hidden, ends, options.dropout, options.spectral)
