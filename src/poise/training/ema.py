"""The moving average of a player's weights, which is what is shown, scored, watched and saved.

An average of weights is a network of its own: what its layers put out is not what the layers of the trained network
put out. So it cannot use the running statistics of that network, and has its own, computed from fixed inputs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm

from poise.errors import PoiseError
from poise.rows.numbers import number

BATCHES = 8  # of fixed inputs, over which running statistics are averaged
ROWS = 64  # inputs in each
POWER_ITERATIONS = 15  # of spectral norm, from the vectors of the trained network

Feed = Callable[[nn.Module, int], Any]


class Ema:
    """θ̄ ← θ̄ + (1 − β_t)(θ − θ̄) after each move, β_t = min(β, (1 + t)/(10 + t)).

    The ramp lets short runs forget their first steps. Put the object into `Player.after`; `module` is the averaged
    copy, in evaluation mode and without gradients.

    **Statistics.** Running means and variances (batch and instance normalisation, and whatever else keeps buffers
    called `running_...`) are those of the averaged network: the plain average of its batch statistics over `BATCHES`
    fixed batches (Izmailov et al. 2018, section 3.2, for averages of weights; Wu & Johnson 2021, "PreciseBN"). The
    singular vectors of spectral norm are iterated on the averaged weights. Both are computed when somebody reads them,
    at most once between two moves: at the first forward pass through a layer that has them, and when the module's
    state is taken; a state that is read brings those that it was saved with. They are a function of the trained and
    the averaged weights alone, so it does not matter who looks when, and a run that is resumed finds the same. They
    are computed in full precision, whatever the context. Other buffers are copied after each move.

    Args:
        module: the network that is trained.
        decay: β, at least 0 and below 1.
        feed: (network, i) -> computes the network on the i-th fixed batch; a pure function of the two. Needed where a
            layer keeps running statistics.

    Raises: PoiseError for a decay out of range, or for statistics without a feed.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        >>> noise = torch.randn(20, 64, 2, generator=torch.Generator().manual_seed(0))
        >>> average = Ema(net, 0.9, feed=lambda network, i: network(noise[i]))
        >>> average()  # after each step of the optimiser
        >>> average.module(noise[0]).shape
        torch.Size([64, 3])
    """

    name = "ema"

    def __init__(self, module: nn.Module, decay: float = 0.999, feed: Feed | None = None) -> None:
        if not 0 <= decay < 1:
            raise PoiseError(f"the decay of a moving average must be at least 0 and below 1, not {decay}")
        self.source, self.decay, self.feed, self.moves = module, decay, feed, 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        for layer in self.module.modules():  # a copy's weights lie apart, which CUDA would put together at every call
            if isinstance(layer, nn.RNNBase):
                layer.flatten_parameters()
        self._pairs = list(zip(self.module.parameters(), module.parameters(), strict=True))
        self._normalising = [layer for layer in self.module.modules() if keeps_statistics(layer)]
        self._spectral = [layer for layer in self.module.modules() if has_spectral_norm(layer)]
        if self._normalising and feed is None:
            kinds = ", ".join(sorted({type(layer).__name__ for layer in self._normalising}))
            raise PoiseError(
                f"an average over weights with {kinds} needs inputs from which its statistics are computed: pass feed="
            )
        statistics = [buffer for layer in self._normalising for buffer in layer.buffers(recurse=False)]
        self._first = [(buffer, buffer.clone()) for buffer in statistics]
        own = {id(buffer) for buffer in statistics}
        both = zip(self.module.buffers(), module.buffers(), strict=True)
        self._copied = [(mine, theirs) for mine, theirs in both if id(mine) not in own]
        self.stale, self._refreshing = True, False
        for layer in [*self._normalising, *self._spectral]:
            layer.register_forward_pre_hook(lambda *_: self.refresh())
        self.module.register_state_dict_pre_hook(lambda *_: self.refresh())
        self.module.register_load_state_dict_post_hook(lambda *_: self._loaded())

    def __call__(self) -> None:
        self.follow()
        self.followed()

    @torch.no_grad()
    def follow(self) -> None:
        """What a call does on the device."""
        if self._pairs:
            averaged: list[Tensor] = [a for a, _ in self._pairs]
            new = number(lambda _: 1 - min(self.decay, (1 + self.moves) / (10 + self.moves)), like=averaged[0])
            shares = [new] * len(averaged) if isinstance(new, Tensor) else new
            torch._foreach_lerp_(averaged, [p.detach() for _, p in self._pairs], shares)
        for averaged_buffer, buffer in self._copied:
            averaged_buffer.copy_(buffer)

    def followed(self) -> None:
        """What a call does in Python."""
        self.moves += 1
        self.stale = True

    def _loaded(self) -> None:
        """What is read has been saved with its own statistics."""
        self.stale = False

    @torch.no_grad()
    def refresh(self) -> None:
        """Compute the statistics of the averaged network, unless they are those of its present weights."""
        if not self.stale or self._refreshing:
            return
        self._refreshing = True
        device = next((p.device.type for p in self.module.parameters()), "cpu")
        try:
            with torch.autocast(device, enabled=False):
                self._singular_vectors()
                self._statistics()
        finally:
            self._refreshing = False
        self.stale = False

    def _singular_vectors(self) -> None:
        """Those of the trained network, iterated on the averaged weights."""
        theirs = dict(self.source.named_modules())
        for name, layer in self.module.named_modules():
            if not isinstance(layer, _SpectralNorm):
                continue
            for mine, other in zip(layer.buffers(recurse=False), theirs[name].buffers(recurse=False), strict=True):
                mine.copy_(other)
        for layer in self._spectral:
            for part, rules in _spectral_parts(layer):
                rules.train()
                for _ in range(POWER_ITERATIONS):
                    getattr(layer, part)
                rules.eval()

    def _statistics(self) -> None:
        """The mean over the fixed batches of what the layers see."""
        if self.feed is None or not self._normalising:
            return
        for buffer, first in self._first:
            buffer.copy_(first)
        with _gathering(self._normalising) as weigh:
            for i in range(BATCHES):
                weigh(1 / (i + 1))
                self.feed(self.module, i)

    def state_dict(self) -> dict[str, Any]:
        return {"moves": self.moves, "module": self.module.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.moves = state["moves"]
        self.module.load_state_dict(state["module"])


def keeps_statistics(layer: nn.Module) -> bool:
    """Whether a layer has running statistics of its own."""
    return any(name.startswith("running_") for name, _ in layer.named_buffers(recurse=False))


def has_spectral_norm(layer: nn.Module) -> bool:
    return bool(_spectral_parts(layer))


def _spectral_parts(layer: nn.Module) -> list[tuple[str, nn.Module]]:
    """The weights of a layer that are under spectral norm, by name, each with its rule."""
    found = getattr(layer, "parametrizations", {})
    return [(part, rules) for part, rules in found.items() if any(isinstance(rule, _SpectralNorm) for rule in rules)]


@contextmanager
def _gathering(layers: list[nn.Module]) -> Iterator[Callable[[float], None]]:
    """Layers gather statistics inside; the function sets the weight of the next batch."""
    kept: list[Any] = [getattr(layer, "momentum", None) for layer in layers]

    def weigh(share: float) -> None:
        for layer in layers:
            if hasattr(layer, "momentum"):
                layer.momentum = share  # type: ignore[assignment]

    for layer in layers:
        layer.train()
    try:
        yield weigh
    finally:
        for layer, momentum in zip(layers, kept, strict=True):
            layer.eval()
            if hasattr(layer, "momentum"):
                layer.momentum = momentum


def noise_feed(noise_size: int, device: torch.device, kinds: Callable[[int], Tensor] | None = None) -> Feed:
    """Fixed noise for a generator `network(z, y)`: z ~ N(0, 1) [64, noise_size], the classes `kinds(n)` [n], which are
    to be as frequent as in training.

    Drawn on the CPU, so that the noise is the same on every device.
    """
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(BATCHES, ROWS, noise_size, generator=rng).to(device)
    y = kinds(BATCHES * ROWS).view(BATCHES, ROWS).to(device) if kinds is not None else None
    return lambda network, i: network(z[i]) if y is None else network(z[i], y[i])
