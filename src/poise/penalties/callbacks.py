"""`attach` as a callback of Lightning and of Hugging Face's Trainer.

Neither package is needed: the classes are made when they are asked for, from whichever of them is installed.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from poise.errors import PenaltyWarning, PoiseError
from poise.penalties.attached import Attached, attach

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from poise.penalties.weights import OnWeights

    Parts = OnWeights | Sequence[OnWeights] | Mapping[str, OnWeights | Sequence[OnWeights]]


def lightning_callback(penalties: Parts) -> Any:
    """A Lightning callback that attaches penalties when training starts: automatic or manual optimisation.

    Args:
        penalties: for the whole `LightningModule`, or name of a part -> penalties of that part, for a GAN
            `{"generator": L2(1e-4), "discriminator": L2(1e-3)}`.

    Returns:
        A callback for `Trainer(callbacks=[...])`, of `lightning` or `pytorch_lightning`, whichever is loaded. Its
        `.attached` are the connections, while training. Schedules of strengths go on when a checkpoint is resumed.

    Example:
        >>> from poise.penalties import L2
        >>> callback = lightning_callback({"generator": L2(1e-4), "discriminator": L2(1e-3)})
        >>> callback.state_key
        'PenaltyCallback[generator:l2,discriminator:l2]'
    """

    class PenaltyCallback(*_lightning()):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.attached: list[Attached] = []
            self.restored: list[dict[str, Any]] = []

        @property
        def state_key(self) -> str:
            return f"PenaltyCallback[{told(penalties)}]"

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            self.attached = attach_parts(trainer.optimizers, pl_module, penalties)
            for one, state in zip(self.attached, self.restored, strict=False):
                one.load_state_dict(state)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            detach(self.attached)

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            detach(self.attached)

        def state_dict(self) -> dict[str, Any]:
            return {"attached": [one.state_dict() for one in self.attached]}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            self.restored = state_dict["attached"]

    return PenaltyCallback()


def trainer_callback(penalties: Parts) -> Any:
    """A `transformers.TrainerCallback` that attaches penalties when training begins.

    Args:
        penalties: for the whole model, or name of a part -> penalties of that part: `{"transformer": L2(1e-4)}`.

    Returns:
        A callback for `Trainer(callbacks=[...])`. Its `.attached` are the connections, while training. Schedules of
        strengths follow the Trainer's global step.

    Example:
        >>> from poise.penalties import L2
        >>> trainer_callback({"transformer": L2(1e-4)}).attached  # none before training begins
        []
    """
    try:
        base = importlib.import_module("transformers").TrainerCallback
    except ImportError:
        raise PoiseError("trainer_callback needs transformers: pip install transformers accelerate") from None

    class PenaltyCallback(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            self.attached: list[Attached] = []

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.attached = attach_parts([kwargs["optimizer"]], kwargs["model"], penalties)
            for one in self.attached:
                one.steps = state.global_step

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            detach(self.attached)

    return PenaltyCallback()


def attach_parts(optimizers: Sequence[Optimizer], module: nn.Module, penalties: Parts) -> list[Attached]:
    """Attach the penalties of each part to whichever of the optimisers moves its weights.

    Example:
        >>> import torch
        >>> from poise.penalties import L2
        >>> net = torch.nn.ModuleDict({"body": torch.nn.Linear(3, 2), "head": torch.nn.Linear(2, 1)})
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> [one.module for one in attach_parts([optimizer], net, {"head": L2(0.5)})]
        [Linear(in_features=2, out_features=1, bias=True)]
    """
    parts = penalties if isinstance(penalties, Mapping) else {"": penalties}
    connections = []
    for name, own in parts.items():
        part = _part(module, name)
        chosen = list(own) if isinstance(own, Sequence) else [own]
        weights = [weight for penalty in chosen for weight in penalty.weights(part)]
        moved = [{id(p) for group in one.param_groups for p in group["params"]} for one in optimizers]
        holders = [one for one, mine in zip(optimizers, moved, strict=True) if any(w.moved_by(mine) for w in weights)]
        if not holders:
            raise PoiseError(f"no optimiser moves the weights of '{name or type(module).__name__}' that are penalised")
        with warnings.catch_warnings():
            if all(w.moved_by(set().union(*moved)) for w in weights):  # the others have the rest
                warnings.filterwarnings("ignore", "this .* moves", PenaltyWarning)
            connections += [attach(one, part, own) for one in holders]
    return connections


def told(penalties: Parts) -> str:
    """Parts and names, so that two callbacks of one trainer keep states of their own.

    Example:
        >>> from poise.penalties import L2
        >>> told({"generator": L2(1e-4), "discriminator": [L2(1e-3)]})
        'generator:l2,discriminator:l2'
    """
    parts = penalties if isinstance(penalties, Mapping) else {"": penalties}
    chosen = {part: own if isinstance(own, Sequence) else [own] for part, own in parts.items()}
    return ",".join(f"{part}:{penalty.name}" for part, own in chosen.items() for penalty in own)


def detach(connections: list[Attached]) -> None:
    """End them all.

    Example:
        >>> import torch
        >>> from poise.penalties import L2
        >>> net = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> attached = attach(optimizer, net, L2(0.5))
        >>> detach([attached])
        >>> optimizer.step()
        >>> attached.steps  # it is told of no step any more
        0
    """
    for one in connections:
        one.detach()


def _part(module: nn.Module, name: str) -> nn.Module:
    try:
        return module.get_submodule(name)
    except AttributeError:
        known = ", ".join(child for child, _ in module.named_children())
        raise PoiseError(f"{type(module).__name__} has no part '{name}'; its parts: {known}") from None


def _lightning() -> tuple[type, ...]:
    """`Callback` of Lightning under each of the two names by which it is loaded, so that it fits either trainer."""
    names = ("lightning.pytorch", "pytorch_lightning")
    for name in (*[n for n in names if n in sys.modules], *names):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        return tuple(sys.modules[n].Callback for n in names if n in sys.modules)
    raise PoiseError("lightning_callback needs Lightning: pip install lightning, or pytorch-lightning")
