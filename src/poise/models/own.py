"""Networks that a user brought, as the game sees them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from poise.core import DiscriminatorOutput
from poise.errors import PoiseError


class OwnGenerator(nn.Module):
    """Noise for a network of a user's: z [B,Z], and class ids [B] where there are classes -> [B,C,S,S]."""

    def __init__(self, net: nn.Module, noise: int, classes: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.net, self.noise_size, self.classes = _module(net, "generator"), noise, classes
        self.shape = shape

    def noise(self, n: int) -> Tensor:
        like = next(self.net.parameters())
        return torch.randn(n, self.noise_size, device=like.device, dtype=like.dtype)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        x: Any = self.net(z, y) if self.classes else self.net(z)
        if not isinstance(x, Tensor) or x.shape[1:] != self.shape:
            found = list(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise PoiseError(f"the generator of --network gives {found}, not [{len(z)}, {str(list(self.shape))[1:]}")
        return x


class OwnDiscriminator(nn.Module):
    """A network of a user's that gives logits [B] or [B, positions], or several of them -> `DiscriminatorOutput`."""

    def __init__(self, net: nn.Module, classes: int) -> None:
        super().__init__()
        self.net, self.classes = _module(net, "discriminator"), classes

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        found: Any = self.net(x, y) if self.classes else self.net(x)
        if isinstance(found, DiscriminatorOutput):
            return found
        heads = found if isinstance(found, tuple) else (found,)
        if not heads or not all(isinstance(head, Tensor) and len(head) == len(x) for head in heads):
            raise PoiseError(f"the discriminator of --network must give logits for each of {len(x)} pictures")
        return DiscriminatorOutput(
            tuple(head.squeeze(1) if head.ndim == 2 and head.shape[1] == 1 else head for head in heads)
        )


def _without_column(logits: Tensor) -> Tensor:
    """[B,1], as a linear layer gives it -> [B]."""
    return logits.squeeze(1) if logits.ndim == 2 and logits.shape[1] == 1 else logits


def _module(net: Any, what: str) -> nn.Module:
    if not isinstance(net, nn.Module) or not any(True for _ in net.parameters()):
        raise PoiseError(f"--network: its {what} must be an nn.Module with weights, not {type(net).__name__}")
    return net
