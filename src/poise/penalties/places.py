"""Where in a loop a penalty is added, and the places at which it would act too strongly or too weakly.

The right place is once for each real step of the optimiser: after the last backward pass of an accumulation, after a
scaled gradient was divided by its scale. Elsewhere the penalty is silently 4 times too strong
or 65,536 times too weak. What can be seen from a weight, its gradient and the objects that are alive is looked at here,
at the first few additions only, and said in a warning; nothing is changed.
"""

from __future__ import annotations

import gc
import sys
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakKeyDictionary, ref

from poise.errors import PenaltyWarning
from poise.lazy import Lazy

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.optim import Optimizer
else:
    torch = Lazy("torch")

LOOKED = (1, 2, 16)  # additions at which the living scalers are looked for: a walk over all objects, some 50 ms
FEW = 64  # additions that are watched for being made twice


class Place:
    """Where a weight is, by a few of its numbers: fused optimisers, and those that write to `.data`, leave no trace in
    its version. Numbers are compared, and waited for, only where the version is the same."""

    def __init__(self, weight: Tensor) -> None:
        self.version, self.numbers = weight._version, _few(weight)

    def is_of(self, weight: Tensor) -> bool:
        return weight._version == self.version and torch.equal(_few(weight), self.numbers)


@dataclass
class Seen:
    """What was seen of one network when a penalty was last added to its gradient or to its loss."""

    additions: int = 0
    gradient: ReferenceType[Tensor] | None = None  # to which it was added
    version: int = -1  # of that gradient just after
    where: Place | None = None  # the weight when it was added to the gradient
    where_term: Place | None = None  # the weight when the loss term was first made there
    passes: int = 0  # backward passes through the loss term since the weights moved
    paid: Tensor | None = None  # the sum of the factors with which they reached the penalty
    said: set[str] = field(default_factory=set)

    def say_once(self, kind: str, sentence: str, stacklevel: int) -> None:
        """Warn, once for each penalty, network and kind."""
        if kind not in self.said:
            self.said.add(kind)
            warnings.warn(sentence, PenaltyWarning, stacklevel=stacklevel)


_SEEN: WeakKeyDictionary[Any, WeakKeyDictionary[nn.Module, Seen]] = WeakKeyDictionary()


def seen(penalty: Any, module: nn.Module) -> Seen:
    """The memory of a penalty on a network."""
    return _SEEN.setdefault(penalty, WeakKeyDictionary()).setdefault(module, Seen())


def say(penalty: Any, memory: Seen, kind: str, sentence: str) -> None:
    """Warn at the line that called `add_gradient_`."""
    memory.say_once(kind, f"the penalty '{penalty.name}' {sentence}", stacklevel=5)


def before_adding(penalty: Any, module: nn.Module, weight: nn.Parameter | None, optim: Optimizer | None = None) -> None:
    """Look at the place at which a penalty is about to be added to `.grad` of a network."""
    memory = seen(penalty, module)
    memory.additions += 1
    if weight is None or memory.additions > FEW:
        return
    if accumulates(module):
        say(penalty, memory, "accumulation", UNFINISHED)
    if _unmoved(memory, weight):
        say(penalty, memory, "twice", TWICE)
    if memory.passes and memory.where_term is not None and memory.where_term.is_of(weight):
        say(penalty, memory, "both", BOTH)
    if memory.additions in LOOKED and _is_long(weight) and (scale := scale_of(weight, optim)):
        say(penalty, memory, "scaled", SCALED.format(scale=scale))


def after_adding(penalty: Any, module: nn.Module, weight: nn.Parameter | None) -> None:
    """Remember the weight and the gradient to which it was added."""
    memory = seen(penalty, module)
    if weight is not None and weight.grad is not None:
        memory.where, memory.gradient, memory.version = Place(weight), ref(weight.grad), weight.grad._version


def is_added(penalty: Any, module: nn.Module, weight: nn.Parameter | None) -> bool:
    """Whether the network's gradient is one to which the penalty has been added."""
    memory = seen(penalty, module)
    if weight is None or weight.grad is None:
        return False
    in_loss = memory.passes > 0 and memory.where_term is not None and memory.where_term.is_of(weight)
    same = memory.gradient is not None and memory.gradient() is weight.grad
    return in_loss or (same and weight.grad._version == memory.version)


def in_the_loss(penalty: Any, module: nn.Module, weight: nn.Parameter | None, value: Tensor) -> None:
    """Look at how often, and with which factor, the loss term of a penalty is paid before the weights move."""
    memory = seen(penalty, module)
    if weight is None or not value.requires_grad or memory.additions > FEW:
        return
    if memory.where_term is None or not memory.where_term.is_of(weight):
        memory.additions += 1
        memory.where_term, memory.passes, memory.paid = Place(weight), 0, None

    def paid(factor: Tensor) -> None:
        if weight.grad is None or not bool(weight.grad.any()):  # gradients begin anew, moved or not
            memory.passes, memory.paid = 0, None
        memory.passes += 1
        memory.paid = factor.detach() if memory.paid is None else memory.paid + factor.detach()
        if memory.passes > 1 and memory.additions <= 3:  # a number is waited for on the first steps only
            times = float(memory.paid)
            if times > 1.01 * memory.passes:  # a factor above 1 is a scaler's
                times /= scale_of(weight, None) or 1.0
            if times > 1.01:
                say(penalty, memory, "several", SEVERAL.format(passes=memory.passes, times=times))

    value.register_hook(paid)


UNFINISHED = (
    "is added while gradients are still being accumulated, so it would act several times in one step of the optimiser: "
    "add it when gradients are synchronised (`if accelerator.sync_gradients:`), or use poise.penalties.attach"
)
TWICE = (
    "is added twice before the optimiser moved the weights, so it acts twice in one step: add it once for each step of "
    "the optimiser, after the last backward pass, or use poise.penalties.attach"
)
SCALED = (
    "is added to a gradient that a GradScaler has multiplied by {scale:,.0f} and not yet divided again, so it would be "
    "that many times too weak: call scaler.unscale_(optimizer) before, or use poise.penalties.attach and "
    "scaler.step(optimizer)"
)
BOTH = (
    "is in the loss and is added to the gradient as well, so it acts twice in one step: `loss + penalty(net)` or "
    "`penalty.add_gradient_(net)`, not both"
)
SEVERAL = (
    "was in the loss of {passes} backward passes before the optimiser moved the weights, {times:.4g} times its "
    "strength in all: divide each loss by the number of passes that are accumulated, or use poise.penalties.attach"
)


def accumulates(module: nn.Module) -> bool:
    """Whether Accelerate, and so Hugging Face's Trainer, is in the middle of an accumulation of a network of its."""
    if not getattr(module, "_is_accelerate_prepared", False):
        return False
    state = sys.modules.get("accelerate.state")
    known = getattr(getattr(state, "GradientState", None), "_shared_state", None) or {}
    return known.get("sync_gradients") is False


def _few(weight: Tensor) -> Tensor:
    local: Tensor = getattr(weight, "_local_tensor", weight)  # of a tensor in shards, what lies here
    return local.detach().flatten()[:8].clone()


def _is_long(weight: nn.Parameter) -> bool:
    """Whether the gradient is longer than the weight, as scaled ones are; a scaler of an earlier run may still live."""
    return weight.grad is not None and bool(weight.grad.norm() > weight.detach().norm())


def _unmoved(memory: Seen, weight: nn.Parameter) -> bool:
    """Whether the gradient is the one to which the penalty was added already, with one backward pass since at most (one
    that was zeroed in place has another pass more), and the weight where it was."""
    if memory.where is None or memory.gradient is None or weight.grad is None:
        return False
    same = memory.gradient() is weight.grad and weight.grad._version - memory.version <= 1
    return same and memory.where.is_of(weight)


def scale_of(weight: nn.Parameter, optim: Optimizer | None) -> float | None:
    """The factor by which a living GradScaler has multiplied the gradient of a weight; None where none has."""
    kinds = {torch.amp.GradScaler, *_below(torch.amp.GradScaler)}
    optims = {torch.optim.Optimizer, *_below(torch.optim.Optimizer)}
    alive = gc.get_objects()
    scalers = [item for item in _of(alive, kinds) if item._enabled and item._scale is not None]
    if not scalers:
        return None
    holders = [optim] if optim is not None else []
    if not holders:
        holders = [item for item in _of(alive, optims) if _holds(item, weight)]
    for states in (scaler._per_optimizer_states for scaler in scalers):
        if any(_is_divided(states, holder) for holder in holders) if holders else states:
            return None
    return float(scalers[0]._scale)


def _of(alive: list[Any], kinds: set[type]) -> list[Any]:
    """Those objects whose class is one of these; by identity, since some classes cannot be hashed."""
    wanted = {id(kind) for kind in kinds}
    return [item for item in alive if id(type(item)) in wanted]


def _is_divided(states: dict[int, dict[str, Any]], optim: Optimizer) -> bool:
    """Whether the scaler has divided this optimiser's gradients, or the optimiser will do it itself."""
    known = states[id(optim)]["stage"].name if id(optim) in states else "READY"
    return known != "READY" or getattr(optim, "grad_scale", None) is not None


def _holds(optim: Any, weight: nn.Parameter) -> bool:
    groups = optim.__dict__.get("param_groups", ())
    return any(weight is parameter for group in groups for parameter in group["params"])


def _below(kind: type) -> set[type]:
    found: set[type] = set()
    lower: list[type] = kind.__subclasses__()
    for below in lower:
        found |= {below, *_below(below)}
    return found
