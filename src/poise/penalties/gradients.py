"""Penalties on the discriminator's gradient with respect to its input (Mescheder et al. 2018).

    R1 = (γ/2)·E_real ‖∇_x D(x)‖²        R2 = (γ/2)·E_fake ‖∇_x D(x)‖²

The norm is summed over all dimensions of one sample and averaged over the batch. D's logits are summed over heads
and positions that count. Units: ours are the paper's, with ½; a toolkit without ½ that says 10 means γ = 20 here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from poise.errors import PoiseError
from poise.lazy import Lazy
from poise.penalties.base import Penalty, at_least_zero
from poise.registry import register
from poise.training.schedules import number_or_schedule

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from poise.core import DiscriminatorOutput
else:
    torch = Lazy("torch")


def half_squared_slope(verdict: DiscriminatorOutput, x: Tensor) -> Tensor:
    """½‖∂(sum of logits)/∂x‖² for each sample, of the positions that count: [B].

    Example:
        >>> from poise.core import DiscriminatorOutput
        >>> x = torch.tensor([[1.0, 2.0]], requires_grad=True)
        >>> half_squared_slope(DiscriminatorOutput((x.square().sum(1),)), x).tolist()  # ∇ = 2x = (2, 4): ½·20
        [10.0]
    """
    heads = zip(verdict.logits, verdict.each_weights(), strict=True)
    total = torch.stack([(x if weights is None else x * weights).sum() for x, weights in heads]).sum()
    (gradient,) = torch.autograd.grad(total, x, create_graph=True)
    wide = gradient.abs() if gradient.is_complex() else gradient
    wide = wide if wide.dtype == torch.float64 else wide.float()
    return 0.5 * wide.square().flatten(1).sum(1)


def _verdict(found: Any) -> DiscriminatorOutput:
    """What a discriminator of somebody's returned, as ours would say it."""
    from poise.core import DiscriminatorOutput

    if isinstance(found, DiscriminatorOutput):
        return found
    logits = getattr(found, "logits", found)
    heads = (logits,) if isinstance(logits, torch.Tensor) else logits
    if not isinstance(heads, tuple | list) or not heads or not all(isinstance(h, torch.Tensor) for h in heads):
        raise PoiseError(f"R1 and R2 need a discriminator that returns logits as tensors, not {type(found).__name__}")
    if not any(head.requires_grad for head in heads):
        raise PoiseError(
            "the discriminator's logits do not depend on x by a gradient: is it called without torch.no_grad?"
        )
    return DiscriminatorOutput(tuple(heads))


@dataclass(eq=False)
class GradientPenalty(Penalty, ABC):
    """A weight γ, which may be scheduled, and lazy payment each `every`-th step at `every` times the weight."""

    gamma: float | str | Callable[[int], float] = 1.0
    every: int = 16
    name: str = "gradient"
    reads: ClassVar[str] = "slopes"

    def __post_init__(self) -> None:
        self.parsed("gamma")
        if self.every < 1:
            raise PoiseError(f"every of {type(self).__name__} must be at least 1, not {self.every}")

    def over(self, steps: int) -> GradientPenalty:
        return replace(self, gamma=number_or_schedule(self.gamma, f"gamma of {self.name}", steps))

    @abstractmethod
    def value(self, round: Any) -> Tensor:
        """½‖∇‖² for each sample of the round: [B]."""

    def __call__(
        self, discriminator: Callable[..., Any], x: Tensor, *args: Any, step: int = 0, **kwargs: Any
    ) -> Tensor:
        """The scalar (γ/2)·E‖∇_x D(x)‖², for a loss of one's own; a graph is kept, so that it can be minimised.

        Args:
            discriminator: D(x, *args, **kwargs) returns logits, [B] or [B, ...]: a tensor, several of them (the heads
                are summed), or an object with such `.logits`.
            x: real samples for R1, generated ones for R2, [B, ...].
            args, kwargs: what else D takes, a class for instance.
            step: for a γ that is scheduled.

        Returns γ of every call: `every` is left to the loop, which adds `k * penalty(D, x)` each k-th step.

            >>> def D(x):
            ...     return 3 * x.sum(1)
            >>> float(R1(10.0)(D, torch.zeros(5, 2)))  # ∇D = (3, 3), its square 18
            90.0
        """
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            verdict = _verdict(discriminator(x, *args, **kwargs))
            known = self.parsed("gamma")
            gamma = at_least_zero(known(step), "gamma", step) if callable(known) else known
            return gamma * half_squared_slope(verdict, x).mean()

    def terms(self) -> tuple[Any, ...]:
        from poise.core import Term

        return (Term(self.name, self.value, self.parsed("gamma"), self.every, second_order=True, regularises=True),)


@register("penalty", "R1")
@dataclass(eq=False)
class R1(GradientPenalty):
    """(γ/2)·E_real‖∇_x D(x)‖² on real samples (Mescheder et al. 2018, eq. 9).

    Args:
        gamma: γ, at least 0: a number, a schedule string or a function of the step.
        every: pay each k-th step at k times the weight (lazy regularisation, Karras et al. 2020).
        name: its name in the record.

    Example:
        >>> R1(10.0)(lambda x: 3 * x.sum(1), torch.zeros(5, 2)).item()  # ∇D = (3, 3): 10/2·18
        90.0
    """

    name: str = "r1"

    def value(self, round: Any) -> Tensor:
        return half_squared_slope(round.on_real, round.real)


@register("penalty", "R2")
@dataclass(eq=False)
class R2(GradientPenalty):
    """(γ/2)·E_fake‖∇_x D(x)‖² on generated samples (Mescheder et al. 2018).

    Args:
        gamma: γ, at least 0: a number, a schedule string or a function of the step.
        every: pay each k-th step at k times the weight.
        name: its name in the record.

    Example:
        >>> R2(2.0)(lambda x: x.square().sum(1), torch.tensor([[1.0, 2.0]])).item()  # ∇D = (2, 4): 2/2·20
        20.0
    """

    name: str = "r2"

    def value(self, round: Any) -> Tensor:
        return half_squared_slope(round.on_fake, round.fake)
