"""Penalties on the weights: L2 in the loss, decoupled decay, L2 towards a reference.

Three forms that are not interchangeable (Loshchilov & Hutter 2019):

    L2            minimise loss + (λ/2)·Σ‖w‖²          gradient  ∇loss + λ·w      = `weight_decay=` of SGD and Adam
    WeightDecay   w ← w − lr·λ·w before the step                                 = AdamW; total shrinkage exp(−Σ lr·λ)
    L2Towards     minimise loss + (λ/2)·Σ‖w − ref‖²    gradient  ∇loss + λ·(w − ref)

Sums run over weights, never a mean over layers. Under Adam, a decoupled λ acts as strongly as a roughly hundred
times smaller coupled one; docs/strengths.md tells how strengths convert.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from poise.errors import PoiseError
from poise.lazy import Lazy
from poise.penalties.base import Penalty, Strength
from poise.penalties.covers import Covers, Weight, covered, nothing_covered
from poise.registry import register
from poise.training.dials import number_or_schedule

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.optim import Optimizer
else:
    torch = Lazy("torch")


@dataclass(eq=False)
class OnWeights(Penalty):
    """What the three forms share: a strength that may be scheduled, and the weights that it reaches."""

    strength: Strength = 1e-4
    covers: Covers = None
    name: str = "weights"
    decoupled = False
    factor = 1.0  # see poise.core.WeightPenalty; not an option, so no field

    def __post_init__(self) -> None:
        self._strength = number_or_schedule(self.strength, f"strength of {type(self).__name__}")

    def over(self, steps: int) -> OnWeights:
        return replace(self, strength=number_or_schedule(self.strength, f"strength of {self.name}", steps))

    def weight_penalties(self) -> tuple[Any, ...]:
        return (self,)

    def strength_at(self, step: int = 0) -> float:
        """λ at a step, times `factor`."""
        return self.factor * (float(self._strength(step)) if callable(self._strength) else self._strength)

    def weights(self, module: nn.Module) -> list[Weight]:
        """The covered weights; a penalty that reaches none is an error."""
        found = list(covered(module, self.covers))
        if not found:
            raise nothing_covered(module, self.covers, self.name)
        return found

    def covered(self, module: nn.Module) -> dict[str, Tensor]:
        """Name -> effective weight, for the record."""
        return {weight.name: weight.value.detach() for weight in self.weights(module)}

    def references(self, weights: list[Weight]) -> list[Tensor] | None:
        """What the weights are pulled towards, in their order; None is the origin."""
        return None

    def __call__(self, module: nn.Module, step: int = 0) -> Tensor:
        """The scalar (λ/2)·Σ‖w − reference‖², for a loss of one's own."""
        weights = self.weights(module)
        return _half_squares(weights, self.references(weights), self.strength_at(step))

    def add_gradient_(self, module: nn.Module, step: int = 0) -> None:
        """Add λ·(w − reference) to `.grad` in one fused pass; no graph is built for plain weights.

        Where a weight is re-parametrised (spectral or weight norm) the penalty is on the effective weight, and its
        gradient reaches the raw parameters through the re-parametrisation.
        """
        weights = self.weights(module)
        references = self.references(weights)
        strength = self.strength_at(step)
        if strength == 0:
            return
        plain = [i for i, w in enumerate(weights) if w.raw is not None and w.raw.requires_grad]
        if plain:
            with torch.no_grad():
                gradients = [_gradient(weights[i].raw) for i in plain]
                torch._foreach_add_(gradients, [weights[i].value for i in plain], alpha=strength)
                if references is not None:
                    torch._foreach_add_(gradients, [references[i] for i in plain], alpha=-strength)
        through = [i for i, w in enumerate(weights) if w.raw is None]
        if through:
            towards = None if references is None else [references[i] for i in through]
            with torch.enable_grad():
                _half_squares([weights[i] for i in through], towards, strength).backward()

    def before_step_(self, module: nn.Module, optim: Optimizer, step: int = 0) -> None:
        """Just before the optimiser moves; only decoupled forms act here."""

    def after_step_(self, module: nn.Module, step: int = 0) -> None:
        """Just after the optimiser moved; only forms with a moving reference act here."""


def _half_squares(weights: list[Weight], references: list[Tensor] | None, strength: float) -> Tensor:
    """(λ/2)·Σ‖w − reference‖² over all weights."""
    values = [w.value for w in weights]
    if references is not None:
        values = [value - reference for value, reference in zip(values, references, strict=True)]
    return 0.5 * strength * torch.stack([value.square().sum() for value in values]).sum()


def _gradient(parameter: Tensor | None) -> Tensor:
    """The parameter's `.grad`, zeros where the loss did not reach it: the penalty does."""
    assert parameter is not None
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


@register("penalty", "L2")
@dataclass(eq=False)
class L2(OnWeights):
    """(λ/2)·Σ‖w‖², in the loss. Its gradient λ·w is the same as `weight_decay=λ` of SGD and of Adam (coupled).

    Args:
        strength: λ, at least 0: a number, a schedule string (`cosine:1e-3:1e-5`) or a function of the step.
        covers: which weights: a glob on the name (`"head.*"`), a layer type, or a function (name, layer) -> bool.
            Default: weights of linear, convolutional, recurrent and attention layers.
        name: its name in the record.

    Use it in one of three ways: `loss + penalty(module)`; `penalty.add_gradient_(module)` between `backward()` and
    `step()`; or in a player's list of penalties.
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

    def before_step_(self, module: nn.Module, optim: Optimizer, step: int = 0) -> None:
        """w ← (1 − lr·λ)·w, each weight with the learning rate of its group."""
        strength = self.strength_at(step)
        if strength == 0:
            return
        plain = {id(w.raw) for w in self.weights(module)}
        for group in optim.param_groups:
            mine = [p for p in group["params"] if id(p) in plain]
            if mine:
                with torch.no_grad():
                    torch._foreach_mul_(mine, 1.0 - float(group["lr"]) * strength)


@register("penalty", "L2Towards")
@dataclass(eq=False)
class L2Towards(OnWeights):
    """(λ/2)·Σ‖w − ref‖²: a pull towards where the weights began, or towards their own running average.

    Args:
        strength: λ, at least 0; as for `L2`.
        reference: "start": the weights at first use (L2-SP, Li et al. 2018). "average": ref ← ref + rate·(w − ref)
            after each step; the term vanishes at every stationary point, so it damps and does not bias. It does not
            bound ‖w‖: for that, add `L2`.
        rate: of the running average, in (0, 1].
        covers: as for `L2`.
        name: its name in the record.

    One object serves one module. In a loop of one's own, call `after_step_(module)` after each step.
    """

    strength: Strength = 1e-2
    reference: Literal["start", "average"] = "start"
    rate: float = 1e-3
    name: str = "l2_towards"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reference not in ("start", "average"):
            raise PoiseError(f"reference of L2Towards must be 'start' or 'average', not {self.reference!r}")
        if not 0 < self.rate <= 1:
            raise PoiseError(f"rate of L2Towards must be above 0 and at most 1, not {self.rate}")
        self._reference: dict[str, Tensor] = {}

    def references(self, weights: list[Weight]) -> list[Tensor]:
        if not self._reference:
            self._reference = {w.name: w.value.detach().clone() for w in weights}
        if {w.name: w.value.shape for w in weights} != {n: r.shape for n, r in self._reference.items()}:
            raise PoiseError(f"the penalty '{self.name}' was first used on another module: give each its own")
        for weight in weights:
            self._reference[weight.name] = self._reference[weight.name].to(weight.value)
        return [self._reference[w.name] for w in weights]

    def after_step_(self, module: nn.Module, step: int = 0) -> None:
        """Move the running average; nothing for reference="start"."""
        if self.reference == "average":
            with torch.no_grad():
                weights = self.weights(module)
                torch._foreach_lerp_(self.references(weights), [w.value for w in weights], self.rate)

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self._reference)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self._reference = {name: tensor.clone() for name, tensor in state.items()}
