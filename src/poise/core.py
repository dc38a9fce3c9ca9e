"""The nouns. Imports torch and nothing of the package but its errors; everything else imports this.

Shape letters: B batch, C channels, H W pixels, T tokens, V vocabulary, S audio samples, M mel bands, F frames,
Z noise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from poise.errors import PoiseError

R = TypeVar("R")  # the round that a term reads
Schedule = Callable[[int], float]


class Batch(NamedTuple):
    """One minibatch, on the device.

    `real`: image [B,C,H,W], one-hot text [B,T,V], wave [B,1,S] or token ids [B,T].
    `cond`: class ids [B], log-mel [B,M,F], token ids [B,L], or None.
    """

    real: Tensor
    cond: Tensor | None = None


class DiscriminatorOutput(NamedTuple):
    """What a discriminator returns, always: one logit tensor per head, and optionally each head's features.

    `weights`, one tensor for each head or none at all, says how much each position counts; a position of a text
    after its end counts 0. Without it all positions count alike.
    """

    logits: tuple[Tensor, ...]  # each [B] or [B, positions]
    features: tuple[tuple[Tensor, ...], ...] = ()  # [head][layer] -> [B, ...]
    weights: tuple[Tensor, ...] = ()  # each [B, positions]

    def means(self) -> Tensor:
        """The mean logit of each sample over positions and heads, in float32: [B]."""
        return torch.stack(
            [averaged(x.float(), w) for x, w in zip(self.logits, self.each_weights(), strict=True)]
        ).mean(0)

    def each_weights(self) -> tuple[Tensor | None, ...]:
        return self.weights or (None,) * len(self.logits)


def averaged(x: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean over positions, weighted if there are weights: x [B] or [B, ...] -> [B]."""
    if weights is not None:
        weights = weights.to(x.dtype)
        return (x * weights).flatten(1).sum(1) / weights.flatten(1).sum(1).clamp_min(1e-12)
    return x.flatten(1).mean(1) if x.ndim > 1 else x


def value_at(number: float | Schedule, step: int) -> float:
    """A constant, or a schedule's value at `step`."""
    return float(number(step)) if callable(number) else float(number)


@dataclass(eq=False)
class Term(Generic[R]):
    """One named summand of a player's objective: adversarial loss, R1, mel loss, KL ...

    `value` maps the round to a tensor [B] (averaged over the batch) or a scalar; it is an `nn.Module` when it keeps
    state. `every=k` is lazy regularisation: paid each k-th step at k times the weight. `second_order` says
    that the value contains gradients of a network, so the step differentiates that network twice. `regularises` marks a
    regulariser: its strength and its share of the gradient are recorded, as those of a penalty on the weights are.
    `whole` says that the value is that of a whole batch and no mean over its items, so that no process can take a part.
    `factor` multiplies the weight; it is 1 unless somebody weakens a regulariser while training.
    """

    name: str
    value: Callable[[R], Tensor]
    weight: float | Schedule = 1.0
    every: int = 1
    second_order: bool = False
    regularises: bool = False
    whole: bool = False
    factor: float = 1.0

    def __post_init__(self) -> None:
        if self.every < 1:
            raise PoiseError(f"term '{self.name}': every must be at least 1, not {self.every}")

    def strength_at(self, step: int) -> float:
        strength = value_at(self.weight, step)
        if self.regularises and not 0 <= strength < math.inf:
            raise PoiseError(f"the strength of '{self.name}' is {strength} at step {step}: it must be at least 0")
        return self.factor * strength

    def scale(self, step: int) -> float:
        return self.strength_at(step) * self.every


@runtime_checkable
class WeightPenalty(Protocol):
    """A penalty that reads weights, not data: L2, decoupled decay, L2 towards a reference ...

    In the loop, once per optimiser step: `add_gradient_` after accumulation and unscaling and before clipping;
    `before_step_` just before the optimiser moves; `after_step_` just after.
    """

    name: str
    decoupled: bool

    factor: float  # multiplies the strength; 1 unless somebody weakens the penalty while training

    def strength_at(self, step: int) -> float: ...

    def __call__(self, module: nn.Module, step: int = 0) -> Tensor: ...

    def add_gradient_(self, module: nn.Module, step: int = 0) -> None: ...

    def before_step_(self, module: nn.Module, optim: Optimizer, step: int = 0) -> None: ...

    def after_step_(self, module: nn.Module, step: int = 0) -> None: ...

    def covered(self, module: nn.Module) -> dict[str, Tensor]: ...


class Timed:
    """What knows how long it has worked in all: `seconds`, spent inside `with self.timed():`."""

    seconds: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began


class Stateful(Protocol):
    """What is saved with a checkpoint: a network, its average, an optimiser, a term or a hook that keeps a state."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


@dataclass
class Player(Generic[R]):
    """Some weights, what moves them, what they want, and what they cost."""

    name: str
    module: nn.Module
    optim: Optimizer
    terms: Sequence[Term[R]]
    penalties: Sequence[WeightPenalty] = ()
    turns: int = 1  # moves per step (n_critic)
    clip: float | None = None  # largest norm of the whole gradient
    after: Sequence[Callable[[], Any]] = ()  # hooks, after each move: EMA, weight clipping
    cumulative_decay: dict[str, float] = field(default_factory=dict)  # penalty name -> sum of lr * strength so far

    def __post_init__(self) -> None:
        if not any(term.every == 1 for term in self.terms):
            raise PoiseError(f"player '{self.name}' needs at least one term that is due at every step")
        labels = [*(t.name for t in self.terms), *(p.name for p in self.penalties)]
        reserved = {"optim", "ema"} & set(labels)
        labels += [name for name, _ in self.hooks()]
        twice = {label for label in labels if labels.count(label) > 1}
        if reserved:
            raise PoiseError(f"player '{self.name}' keeps '{min(reserved)}' for itself: give that part another name")
        if twice:
            raise PoiseError(f"player '{self.name}' has two parts called '{min(twice)}': give one another name")
        for penalty in self.penalties:  # `move` adds each once, after accumulation and unscaling
            if callable(trust := getattr(penalty, "trust", None)):
                trust()

    def hooks(self) -> list[tuple[str, Stateful]]:
        """The hooks that keep a state, each with its `name`, or that of its class where it has none."""
        keeping: list[Any] = [hook for hook in self.after if hasattr(hook, "state_dict")]
        return [(getattr(hook, "name", type(hook).__name__), hook) for hook in keeping]

    def resting(self) -> dict[str, Stateful]:
        """What is saved of it while it does not play: name -> its network, and its hooks that keep a state."""
        return {self.name: self.module, **{f"{self.name}.{name}": hook for name, hook in self.hooks()}}


@runtime_checkable
class Noticing(Protocol):
    """A round that notices numbers on the way, to be recorded beside the terms of its turn.

    `noticed` is filled during the forward and the backward pass: name -> scalar, additive over micro-batches and
    proportional to the loss (so that it can be unscaled with it).
    """

    noticed: dict[str, Tensor]


class Game(Protocol[R]):
    """Who plays, what they see, and what the trained thing produces.

    A game may have `modules` too: name -> a network, or its average, that is saved although it does not play.
    """

    @property
    def players(self) -> Sequence[Player[R]]: ...

    def round(self, player: Player[R], batch: Batch, due: Sequence[Term[R]]) -> R:
        """The lazy context that the terms `due` on this turn read."""
        ...

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor: ...


@dataclass(frozen=True)
class ScheduledValue:
    """Any scheduled number: learning rate, temperature, augmentation strength. Recorded under its own name."""

    name: str
    schedule: Schedule
    apply: Callable[[float], Any]

    def set(self, step: int) -> float:
        value = self.schedule(step)
        self.apply(value)
        return value
