"""Parts of a user's own: some that several processes can share, and some that they cannot."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from poise.networks import ImageNetworks
from poise.penalties.base import OnRound
from poise.rows.drawn import drawn


class Spread(nn.Module):
    def forward(self, x):
        return x + x.std(0, correction=0, keepdim=True).mean()


class Noise(nn.Module):
    def __init__(self):
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))  # at first it does nothing

    def forward(self, x):
        return x + self.strength * torch.randn_like(x)


class Dropped(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.1, self.training)


class Bank(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(8))

    def forward(self, x):
        if self.training:
            self.seen.lerp_(x.detach().mean(0), 0.1)
        return x


class Across(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2)

    def forward(self, x):
        return x + self.attention(x, x, x)[0]


class Instance(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Unflatten(1, (2, 4)), nn.InstanceNorm1d(2, track_running_stats=True), nn.Flatten())


@dataclass
class Plain(ImageNetworks):
    """Two small networks.

    Args:
        layer: in the middle of D.
    """

    layer: str = "Identity"

    def generator(self, size, channels, noise, classes):
        last = [nn.Linear(8, channels * size**2), nn.Tanh(), nn.Unflatten(1, (channels, size, size))]
        return nn.Sequential(nn.Linear(noise, 8), nn.ReLU(), *last)

    def discriminator(self, size, channels, classes):
        middle = globals().get(self.layer, nn.Identity)()
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * size**2, 8), middle, nn.ReLU(), nn.Linear(8, 1))


@dataclass(eq=False)
class Between(OnRound):
    """(|D'(x)| - 1)^2 at x between a real and a generated sample (Gulrajani et al. 2017).

    Args:
        strength: its weight.
        by_drawn: whether the places are drawn as Poise asks for.
        name: in the record.
    """

    strength: float = 0.1
    by_drawn: bool = True
    name: str = "between"

    def value(self, round):
        n = len(round.real)
        u = drawn(n, lambda n: torch.rand(n, 1, 1, 1)) if self.by_drawn else torch.rand(n, 1, 1, 1)
        x = (u * round.real.detach() + (1 - u) * round.fake.detach()).requires_grad_()
        (slope,) = torch.autograd.grad(round.game.discriminator(x, round.cond).means().sum(), x, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square()


@dataclass(eq=False)
class Level(OnRound):
    """The squared mean of D's output, in a shape.

    Args:
        strength: its weight.
        shape: "scalar" or "one".
        fails_in: the number of the process in which it fails.
        name: in the record.
    """

    strength: float = 0.1
    shape: str = "scalar"
    fails_in: str = ""
    name: str = "level"

    def value(self, round):
        each = round.on_real.means().square()
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls == 5 and os.environ.get("RANK") == self.fails_in:
            raise ValueError("a fault of its own")
        return {"scalar": each.mean(), "one": each.mean()[None], "each": each}[self.shape]
