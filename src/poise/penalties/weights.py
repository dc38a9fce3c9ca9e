"""Penalties on the weights: L2 in the loss, decoupled decay; L2 towards a reference is in `towards.py`.

Three forms that are not interchangeable (Loshchilov & Hutter 2019):

    L2            minimise loss + (λ/2)·Σ‖w‖²          gradient  ∇loss + λ·w      = `weight_decay=` of SGD and Adam
    WeightDecay   w ← w − lr·λ·w before the step                                 = AdamW; total shrinkage exp(−Σ lr·λ)
    L2Towards     minimise loss + (λ/2)·Σ‖w − ref‖²    gradient  ∇loss + λ·(w − ref)

Sums run over weights, never a mean over layers. Under Adam, a decoupled λ acts as strongly as a roughly hundred
times smaller coupled one; docs/strengths.md tells how strengths convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from poise.errors import PoiseError
from poise.lazy import Lazy
from poise.penalties import places
from poise.penalties.base import Penalty, Strength, at_least_zero
from poise.penalties.coverage import Coverage, coverage, nothing_covered
from poise.penalties.covers import Covers, Weight, covered, first_learning, half_squares
from poise.penalties.watched import learning, watched
from poise.registry import register
from poise.rows.numbers import number
from poise.training.schedules import number_or_schedule

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.optim import Optimizer

    Group = Mapping[str, Any]
else:
    torch = Lazy("torch")


@dataclass(eq=False)
class OnWeights(Penalty):
    """What the three forms share: a strength that may be scheduled, and the weights that it reaches."""

    strength: Strength = 1e-4
    covers: Covers = None
    name: str = "weights"
    decoupled, factor = False, 1.0  # see poise.core.WeightPenalty; no options, so no fields

    def __post_init__(self) -> None:
        self.parsed("strength")
        self._trusted = False

    def over(self, steps: int) -> OnWeights:
        return replace(self, strength=number_or_schedule(self.strength, f"strength of {self.name}", steps))

    def weight_penalties(self) -> tuple[Any, ...]:
        return (self,)

    def strength_at(self, step: int = 0) -> float:
        """λ at a step, times `factor`."""
        known = self.parsed("strength")
        found = at_least_zero(known(step), f"the strength of '{self.name}'", step) if callable(known) else known
        return self.factor * float(found)

    def weights(self, module: nn.Module) -> list[Weight]:
        """The covered weights; a penalty that reaches none is an error."""
        found = list(covered(module, self.covers))
        if not found:
            raise nothing_covered(module, self.covers, self.name)
        return found

    def covered(self, module: nn.Module) -> dict[str, Tensor]:
        """Name -> effective weight of those that learn, for the record."""
        return {weight.name: weight.value.detach() for weight in learning(self.weights(module))}

    def references(self, weights: list[Weight]) -> list[Tensor] | None:
        """What the weights are pulled towards, in their order; None is the origin."""
        return None

    def covers_of(self, module: nn.Module) -> Coverage:
        """What it covers of a network and what it leaves out, with the reasons: `print(penalty.covers_of(net))`."""
        return coverage(module, self.covers, self.name)

    def watch(self, module: nn.Module, step: int = 0) -> dict[str, float]:
        """Numbers to log, after `backward()`: `NAME.strength`, `.value`, `.norm`, `.ratio`, `.share`; see `watched`."""
        return watched(self, module, step)

    def trust(self) -> None:
        """Its place in the loop is known to be right: nothing is looked at, and nothing is warned of."""
        self._trusted = True

    def __call__(self, module: nn.Module, step: int = 0) -> Tensor:
        """The scalar (λ/2)·Σ‖w − reference‖² of what learns, for a loss of one's own."""
        weights = learning(self.weights(module))
        value = half_squares(weights, self.references(weights), number(self.strength_at, step))
        if not self._trusted:
            self._first_use(module)
            places.in_the_loss(self, module, first_learning(weights), value, step, weights)
        return value

    def add_gradient_(self, module: nn.Module, step: int = 0) -> None:
        """Add λ·(w − reference) to `.grad` in one fused pass; no graph is built for plain weights.

        Where a weight is re-parametrised (spectral or weight norm) the penalty is on the effective weight, and reaches
        the raw parameters through it. Call it once for each step of the optimiser: `attach` does that in any loop.
        """
        with torch.enable_grad():  # what is under a re-parametrisation needs its graph
            weights = self.weights(module)
        if not self._trusted:
            self._first_use(module)
            places.before_adding(self, module, first_learning(weights))
        self.add_to_(weights, step)
        if not self._trusted:
            places.after_adding(self, module, first_learning(weights), step, weights)

    def add_to_(self, weights: list[Weight], step: int = 0, scale: Tensor | None = None) -> None:
        """Add λ·(w − reference) to the gradients of these weights; times `scale`, if they are scaled by that."""
        references = self.references(weights)
        if self.strength_at(step) == 0:
            return
        strength = number(self.strength_at, step)
        plain = [i for i, w in enumerate(weights) if w.raw is not None and w.raw.requires_grad]
        if plain:
            with torch.no_grad():
                gradients = [weights[i].gradient() for i in plain]
                values = [weights[i].value for i in plain]
                if references is not None:
                    values = list(torch._foreach_sub(values, [references[i] for i in plain]))
                if scale is not None:
                    values = [_scaled(value, scale) for value in values]
                _add(gradients, values, strength)
        through = [i for i, w in enumerate(weights) if w.raw is None and w.value.requires_grad]
        if through:
            towards = None if references is None else [references[i] for i in through]
            with torch.enable_grad():
                value = half_squares([weights[i] for i in through], towards, strength)
                (value if scale is None else value * scale.to(value.device)).backward()

    def _first_use(self, module: nn.Module) -> None:
        """Say what is covered where the default covers little of a network."""
        memory = places.seen(self, module)
        if memory.additions == 0 and self.covers is None and (sentence := self.covers_of(module).warning()):
            memory.say_once("coverage", sentence, stacklevel=4)

    def before_step_(self, module: nn.Module, optim: Optimizer, step: int = 0) -> None:
        """Just before the optimiser moves; only decoupled forms act here."""

    def after_step_(self, module: nn.Module, step: int = 0) -> None:
        """Just after the optimiser moved; only forms with a moving reference act here."""


def _add(to: list[Tensor], values: list[Tensor], strength: float | Tensor) -> None:
    """to += strength·values, in place."""
    if isinstance(strength, torch.Tensor):
        torch._foreach_add_(to, [value * strength.to(value.dtype) for value in values])
    else:
        torch._foreach_add_(to, values, alpha=strength)


def _scaled(value: Tensor, scale: Tensor) -> Tensor:
    """value·scale; half precision, which would overflow, by one factor."""
    scale = scale.to(value.device)
    return value * scale if value.element_size() >= 4 else value.float() * scale


@register("penalty", "L2")
@dataclass(eq=False)
class L2(OnWeights):
    """(λ/2)·Σ‖w‖², in the loss. Its gradient λ·w is the same as `weight_decay=λ` of SGD and of Adam (coupled).

    Args:
        strength: λ, at least 0: a number, a schedule string (`cosine:1e-3:1e-5`) or a function of the step.
        covers: which weights: a glob on the name (`"head.*"`), a layer type or the name of its class (`"Conv1D"`), a
            function (name, layer) -> bool, or a list of these. Default: weights of linear, convolutional, recurrent and
            attention layers; `covers_of(net)` tells what that takes in and leaves out.
        name: its name in the record.

    Use it in one of four ways: `attach(optimizer, net, penalty)`, right in every loop; `penalty.add_gradient_(net)`
    once for each step of the optimiser, between the last `backward()` and `step()`; `loss + penalty(net)`; or in a
    player's list of penalties.

    Example:
        >>> net = torch.nn.Linear(2, 1)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
        >>> round(L2(0.1)(net).item(), 4)  # 0.1/2·(3² + 4²)
        1.25
    """

    name: str = "l2"


@register("penalty", "WeightDecay")
@dataclass(eq=False)
class WeightDecay(OnWeights):
    """Decoupled decay w ← w − lr·λ·w just before the optimiser's step: AdamW's (Loshchilov & Hutter 2019).

    Args:
        strength: λ, at least 0; as for `L2`, but in AdamW's units.
        covers: as for `L2`. A weight under spectral or weight norm is refused: shrinking its raw parameter would
            change nothing but the step size.
        name: its name in the record.

    Example:
        >>> net = torch.nn.Linear(1, 1)
        >>> net.weight.data[:], net.weight.grad = 1.0, torch.zeros(1, 1)
        >>> WeightDecay(0.5).before_step_(net, torch.optim.SGD(net.parameters(), lr=0.1))
        >>> round(net.weight.item(), 4)  # 1 − 0.1·0.5
        0.95
    """

    strength: Strength = 1e-2
    name: str = "weight_decay"
    decoupled = True

    def __call__(self, module: nn.Module, step: int = 0) -> Tensor:
        """There is no loss term: a decoupled decay is no gradient of anything under Adam."""
        raise PoiseError(
            "WeightDecay is decoupled and has no loss term: call before_step_(module, optim) before optim.step(), "
            "or use L2"
        )

    def weights(self, module: nn.Module) -> list[Weight]:
        """The covered weights; one that is re-parametrised is an error."""
        found = super().weights(module)
        if any(weight.raw is None for weight in found):
            raise PoiseError(
                f"the penalty '{self.name}' meets a weight under spectral or weight norm, where decaying the raw "
                f"parameter would only change the step size: use L2, or covers= that leaves it out"
            )
        return found

    def add_gradient_(self, module: nn.Module, step: int = 0) -> None:
        """Nothing: the decoupled form is no part of the gradient."""

    def _factor(self, group: Group, step: int) -> float:
        """1 − lr·λ, by which a step multiplies the weights of a group."""
        return 1.0 - float(group["lr"]) * self.strength_at(step)

    def before_step_(self, module: nn.Module, optim: Optimizer, step: int = 0) -> None:
        """w ← (1 − lr·λ)·w, each weight with the learning rate of its group; like AdamW, none without a gradient."""
        if self.strength_at(step) == 0:
            return
        plain = {id(w.raw) for w in self.weights(module)}
        for group in optim.param_groups:
            mine = [p for p in group["params"] if id(p) in plain and p.requires_grad and p.grad is not None]
            if mine:
                factor = number(partial(self._factor, group), step)
                with torch.no_grad():
                    torch._foreach_mul_(mine, factor.to(mine[0].dtype) if isinstance(factor, torch.Tensor) else factor)
