"""Where in a loop a penalty is added, and the places at which it would act too strongly or too weakly.

The right place is once for each real step of the optimiser: after the last backward pass of an accumulation, after a
scaled gradient was divided by its scale. Elsewhere the penalty is silently 4 times too strong
or 65,536 times too weak. What can be seen from a weight, its gradient and the objects that are alive is looked at here,
at the first few additions only, and said in a warning; nothing is changed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakKeyDictionary, ref

from poise.errors import PenaltyWarning
from poise.lazy import Lazy
from poise.penalties.scalers import accumulates, is_long, scale_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from poise.penalties.covers import Weight
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
    warned: set[str] = field(default_factory=set)
    step: int = 0  # for which it was added, to the weights of these names
    names: frozenset[str] = frozenset()
    held: bool = False  # whether it was in the gradient when another penalty was about to be added

    def is_in(self) -> bool:
        """Whether that gradient is there and nothing has been done to it since."""
        gradient = None if self.gradient is None else self.gradient()
        return gradient is not None and gradient._version == self.version

    def say_once(self, kind: str, sentence: str, stacklevel: int) -> None:
        """Warn, once for each penalty, network and kind."""
        if kind not in self.warned:
            self.warned.add(kind)
            warnings.warn(sentence, PenaltyWarning, stacklevel=stacklevel)


# Penalty -> network -> what was seen when it was last added there.
SEEN: WeakKeyDictionary[Any, WeakKeyDictionary[nn.Module, Seen]] = WeakKeyDictionary()


def seen(penalty: Any, module: nn.Module) -> Seen:
    """The memory of a penalty on a network.

    Example:
        >>> from poise.penalties import L2
        >>> net, penalty = torch.nn.Linear(2, 1), L2(1e-4)
        >>> penalty.add_gradient_(net)
        >>> seen(penalty, net).additions
        1
    """
    return SEEN.setdefault(penalty, WeakKeyDictionary()).setdefault(module, Seen())


def say(penalty: Any, memory: Seen, kind: str, sentence: str) -> None:
    """Warn at the line that called `add_gradient_`.

    Example:
        >>> from poise.penalties import L2
        >>> with warnings.catch_warnings(record=True, action="always") as said:
        ...     say(L2(1e-4), Seen(), "twice", "is added twice")
        >>> str(said[0].message)
        "the penalty 'l2' is added twice"
    """
    memory.say_once(kind, f"the penalty '{penalty.name}' {sentence}", stacklevel=5)


def before_adding(penalty: Any, module: nn.Module, weight: nn.Parameter | None, optim: Optimizer | None = None) -> None:
    """Look at the place at which a penalty is about to be added to `.grad` of a network.

    Example:
        >>> from poise.penalties import L2
        >>> net, penalty = torch.nn.Linear(2, 1), L2(1e-4)
        >>> penalty.add_gradient_(net)
        >>> with warnings.catch_warnings(record=True, action="always") as said:
        ...     before_adding(penalty, net, net.weight)  # as a second call of add_gradient_ would
        >>> str(said[0].message)[:43]
        "the penalty 'l2' is added twice before the "
    """
    memory = seen(penalty, module)
    memory.additions += 1
    for other in _others(memory, module):
        other.held = other.is_in()
    if weight is None or memory.additions > FEW:
        return
    if accumulates(module):
        say(penalty, memory, "accumulation", UNFINISHED)
    if _unmoved(memory, weight):
        say(penalty, memory, "twice", TWICE)
    if memory.passes and memory.where_term is not None and memory.where_term.is_of(weight):
        say(penalty, memory, "both", BOTH)
    if memory.additions in LOOKED and is_long(weight) and (scale := scale_of(weight, optim)):
        say(penalty, memory, "scaled", SCALED.format(scale=scale))


def after_adding(
    penalty: Any, module: nn.Module, weight: nn.Parameter | None, step: int = 0, weights: Iterable[Weight] = ()
) -> None:
    """Remember the weight to look at and the gradient to which it was added, for which step, and to which weights.

    Example:
        >>> from poise.penalties import L2
        >>> net, penalty = torch.nn.Linear(2, 1), L2(1e-4)
        >>> net.weight.grad = torch.ones(1, 2)
        >>> after_adding(penalty, net, net.weight)
        >>> is_added(penalty, net, net.weight)
        True
    """
    memory = seen(penalty, module)
    memory.step, memory.names = step, frozenset(one.name for one in weights)
    if weight is not None and weight.grad is not None:
        memory.where, memory.gradient, memory.version = Place(weight), ref(weight.grad), weight.grad._version
    for other in _others(memory, module):
        if other.held and other.gradient is not None and (held := other.gradient()) is not None:
            other.version = held._version  # this one has been added to it, and that one is still in there


def is_added(penalty: Any, module: nn.Module, weight: nn.Parameter | None) -> bool:
    """Whether the network's gradient is one to which the penalty has been added.

    Example:
        >>> from poise.penalties import L2
        >>> net, penalty = torch.nn.Linear(2, 1), L2(1e-4)
        >>> net.weight.sum().backward()
        >>> before = is_added(penalty, net, net.weight)
        >>> penalty.add_gradient_(net)
        >>> before, is_added(penalty, net, net.weight)
        (False, True)
    """
    memory = seen(penalty, module)
    if weight is None or weight.grad is None:
        return False
    in_loss = memory.passes > 0 and memory.where_term is not None and memory.where_term.is_of(weight)
    same = memory.gradient is not None and memory.gradient() is weight.grad
    return in_loss or (same and memory.is_in())


def in_the_loss(
    penalty: Any, module: nn.Module, weight: nn.Parameter | None, value: Tensor, step: int, weights: Iterable[Weight]
) -> None:
    """Look at how often, and with which factor, the loss term of a penalty is paid before the weights move.

    Example:
        >>> from poise.penalties import L2
        >>> net, penalty = torch.nn.Linear(2, 1), L2(1e-4)
        >>> with warnings.catch_warnings(record=True, action="always") as said:
        ...     penalty(net).backward()  # calls it
        ...     penalty(net).backward()  # again, before a step of the optimiser
        >>> str(said[0].message)[:53]
        "the penalty 'l2' was in the loss of 2 backward passes"
    """
    memory = seen(penalty, module)
    if weight is None or not value.requires_grad or memory.additions > FEW:
        return
    memory.step, memory.names = step, frozenset(one.name for one in weights)
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


def _few(weight: Tensor) -> Tensor:
    local: Tensor = getattr(weight, "_local_tensor", weight)  # of a tensor in shards, what lies here
    return local.detach().flatten()[:8].clone()


def _others(memory: Seen, module: nn.Module) -> list[Seen]:
    """Of the other penalties on a network."""
    found = [networks.get(module) for networks in list(SEEN.values())]
    return [other for other in found if other is not None and other is not memory]


def _unmoved(memory: Seen, weight: nn.Parameter) -> bool:
    """Whether the gradient is the one to which the penalty was added already, with one backward pass since at most (one
    that was zeroed in place has another pass more), and the weight where it was."""
    if memory.where is None or memory.gradient is None or weight.grad is None:
        return False
    same = memory.gradient() is weight.grad and weight.grad._version - memory.version <= 1
    return same and memory.where.is_of(weight)
