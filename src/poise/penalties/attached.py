"""A penalty that goes with an optimiser: once for each step that is really made, whoever makes it.

Accelerate, Lightning, Hugging Face's Trainer, a GradScaler: each calls `optimizer.step()` when gradients are complete
and unscaled, or leaves it out. A hook on that step is the one place that is right in all of them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from poise.errors import PenaltyWarning, PoiseError
from poise.lazy import Lazy
from poise.penalties import places
from poise.penalties.covers import Weight, first_learning
from poise.penalties.watched import watched

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.optim import Optimizer

    from poise.penalties.weights import OnWeights
else:
    torch = Lazy("torch")


def attach(optimizer: Optimizer, module: nn.Module, penalties: OnWeights | Sequence[OnWeights]) -> Attached:
    """Let a penalty act in each step of an optimiser; nothing else in the loop changes.

    The gradient λ·w is added just before the weights move: after accumulation, after a GradScaler has divided the
    gradients (or multiplied by its scale, for an optimiser that divides by itself), and after clipping, as
    `weight_decay` of the optimiser would be. A step that is left out, for accumulation or an overflow, adds nothing. A
    closure is followed by the penalty each time it is evaluated. Decoupled forms shrink the weights, a moving reference
    follows them.

    Args:
        optimizer: the optimiser, as it was made or as Accelerate or Lightning have wrapped it.
        module: the network; what DistributedDataParallel, FSDP or torch.compile made of it will do.
        penalties: `L2`, `WeightDecay` or `L2Towards`, or several of different names. Of what they cover, only weights
            that this optimiser moves are penalised.

    Returns:
        The connection: `.detach()` ends it, `.steps` counts steps (schedules follow it), `.watch()` has numbers to log,
        `.state_dict()` and `.load_state_dict()` keep it in a checkpoint.

    Raises:
        PoiseError: the optimiser moves none of the weights, or has such a penalty already.

        >>> net = torch.nn.Linear(2, 1, bias=False)
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> from poise.penalties import L2
        >>> attached = attach(optimizer, net, L2(0.5))
        >>> before = net.weight.detach().clone()
        >>> (0 * net(torch.ones(1, 2)).sum()).backward()  # a loss without gradient: the penalty alone moves the weights
        >>> _ = optimizer.step()
        >>> bool(torch.allclose(net.weight, (1 - 0.1 * 0.5) * before))
        True
    """
    chosen = list(penalties) if isinstance(penalties, Sequence) else [penalties]
    return Attached(_innermost(optimizer), module, chosen)


class Attached:
    """What `attach` returns. `steps` counts the steps that the optimiser has made since, or as loaded.

    Example:
        >>> net = torch.nn.Linear(2, 1)
        >>> from poise.penalties import L2
        >>> attached = attach(torch.optim.SGD(net.parameters(), lr=0.1), net, L2(0.5))
        >>> attached.optimizer.step()
        >>> attached.state_dict()
        {'steps': 1, 'penalties': {}}
        >>> attached.detach()
    """

    def __init__(self, optimizer: Optimizer, module: nn.Module, penalties: list[OnWeights]) -> None:
        self.optimizer, self.module, self.penalties, self.steps = optimizer, module, penalties, 0
        names = [penalty.name for penalty in penalties]
        others = [other for other in _attached(optimizer) if other.module is module]
        taken = {penalty.name for other in others for penalty in other.penalties}
        twice = [name for name in names if name in taken or names.count(name) > 1]
        if twice:
            raise PoiseError(
                f"the penalty '{twice[0]}' is attached to this {type(optimizer).__name__} already: detach the "
                f"other, or give this one another name="
            )
        for penalty in penalties:
            self._check(penalty)
        self._decayed = False
        self._connect()

    def _connect(self) -> None:
        before, after = self.optimizer.register_step_pre_hook, self.optimizer.register_step_post_hook
        self._hooks: tuple[Any, ...] = (before(self._before), after(self._after))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_hooks"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy of network, optimiser and connection is connected as well: torch itself drops hooks."""
        self.__dict__.update(state)
        self._connect()

    def _check(self, penalty: OnWeights) -> None:
        """Say what the penalty does not reach, and what is penalised twice."""
        weights, kind = penalty.weights(self.module), type(self.optimizer).__name__
        mine = self._mine(weights)
        if not mine:
            raise PoiseError(
                f"this {kind} moves none of the {len(weights)} weights that the penalty '{penalty.name}' covers: "
                f"attach it to the optimiser of that network, after the network is where it will be trained"
            )
        if not any(p.requires_grad for w in mine for p in (w.raw, *w.sources) if p is not None):
            said = f"nothing that '{penalty.name}' covers learns (requires_grad is False): it does not act until then"
            warnings.warn(said, PenaltyWarning, stacklevel=5)
        if sentence := penalty.covers_of(self.module).warning():
            warnings.warn(sentence, PenaltyWarning, stacklevel=5)
        if len(mine) < len(weights):
            said = f"this {kind} moves {len(mine)} of the {len(weights)} weights that '{penalty.name}' covers"
            warnings.warn(f"{said}; the others are not penalised", PenaltyWarning, stacklevel=5)
        inside = {id(p) for weight in mine for p in (weight.raw, *weight.sources) if p is not None}
        groups = self.optimizer.param_groups
        touched = [group for group in groups if any(id(parameter) in inside for parameter in group["params"])]
        decays = [decay for group in touched if (decay := group.get("weight_decay"))]
        if decays:
            said = f"this {kind} has weight_decay={decays[0]} on weights that '{penalty.name}' covers"
            warnings.warn(f"{said}: both act", PenaltyWarning, stacklevel=5)
        for group in touched:
            if group.get("maximize") and not penalty.decoupled:
                raise PoiseError(
                    f"this {kind} maximises, and the penalty '{penalty.name}' would make weights grow: let it minimise "
                    f"the negative of what it maximises"
                )

    def _mine(self, weights: list[Weight]) -> list[Weight]:
        """Those that this optimiser moves; under a re-parametrisation, those of which it moves a part."""
        moved = {id(parameter) for group in self.optimizer.param_groups for parameter in group["params"]}
        return [weight for weight in weights if weight.moved_by(moved)]

    def _before(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The hook: act now, or as soon as the closure has made the gradients."""
        if _is_inner(optimizer):
            return None
        self._decayed = False
        if kwargs.get("closure") is not None:
            return args, {**kwargs, "closure": self._followed(kwargs["closure"])}
        if len(args) > 1 and callable(args[1]):
            return (args[0], self._followed(args[1]), *args[2:]), kwargs
        self._act()
        return None

    def _followed(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        def with_penalty() -> Any:
            loss = closure()
            self._act()
            if isinstance(self.optimizer, torch.optim.LBFGS) and loss is not None:  # it compares values of the loss
                with torch.no_grad():
                    loss = loss + sum(p(self.module, self.steps) for p in self.penalties if not p.decoupled)
            return loss

        return with_penalty

    def _act(self) -> None:
        scale = getattr(self.optimizer, "grad_scale", None)  # a fused optimiser divides by it while it steps
        for penalty in self.penalties:
            with torch.enable_grad():
                weights = self._mine(penalty.weights(self.module))
            first = first_learning(weights)
            if not penalty.decoupled:
                places.before_adding(penalty, self.module, first, self.optimizer)
                penalty.add_to_(weights, self.steps, scale)
                places.after_adding(penalty, self.module, first, self.steps, weights)
            if not self._decayed and not _overflown(self.optimizer):
                penalty.before_step_(self.module, self.optimizer, self.steps)
        self._decayed = True  # once, however often a closure is evaluated

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if _is_inner(optimizer) or _overflown(optimizer):
            return
        for penalty in self.penalties:
            follow = getattr(penalty, "follow_", None)
            if follow is not None:
                follow(self._mine(penalty.weights(self.module)))
            else:
                penalty.after_step_(self.module, self.steps)
        self.steps += 1

    def watch(self) -> dict[str, float]:
        """Numbers to log (`watched`), of all its penalties, while the gradients of a step are there."""
        coupled = [p for p in self.penalties if not p.decoupled]
        rows = [watched(p, self.module, self.steps, weights=self._mine(p.weights(self.module))) for p in coupled]
        return {name: number for row in rows for name, number in row.items()}

    def detach(self) -> None:
        """End it: the optimiser steps as before."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = ()

    def state_dict(self) -> dict[str, Any]:
        """The count of steps, and what penalties keep."""
        kept = {p.name: p.state_dict() for p in self.penalties if hasattr(p, "state_dict")}
        return {"steps": self.steps, "penalties": kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps, kept = int(state["steps"]), state["penalties"]
        for penalty in self.penalties:
            if penalty.name in kept and hasattr(penalty, "load_state_dict"):
                penalty.load_state_dict(kept[penalty.name])


def _is_inner(optimizer: Optimizer) -> bool:
    """Whether a step of this optimiser is being made inside another one: a class whose `step` calls that of its parent
    runs the hooks of both."""
    frame = sys._getframe(2)  # what calls the hook: torch's wrapper of `step`
    code, above = frame.f_code, frame.f_back
    while above is not None:
        if above.f_code is code and above.f_locals.get("self") is optimizer:
            return True
        above = above.f_back
    return False


def _overflown(optimizer: Optimizer) -> bool:
    """Whether a fused optimiser is about to leave this step out: a scaler has found gradients that are not finite."""
    found = getattr(optimizer, "found_inf", None)
    return found is not None and bool(found)


def _attached(optimizer: Optimizer) -> list[Attached]:
    """What is attached to an optimiser now."""
    owners = [getattr(hook, "__self__", None) for hook in optimizer._optimizer_step_pre_hooks.values()]
    return [owner for owner in owners if isinstance(owner, Attached)]


def _innermost(optimizer: Any) -> Optimizer:
    """The optimiser itself where Accelerate or Lightning have put another around it."""
    while isinstance(inner := getattr(optimizer, "optimizer", None), torch.optim.Optimizer):
        optimizer = inner
    if not isinstance(optimizer, torch.optim.Optimizer):
        kind = type(optimizer).__name__
        raise PoiseError(f"attach needs a torch optimiser, not {kind}: attach(optimizer, net, penalty)")
    return optimizer
