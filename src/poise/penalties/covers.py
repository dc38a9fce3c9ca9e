"""Which weights a penalty covers, and what they *effectively* are under a re-parametrisation.

By default: the weights of linear, convolutional, recurrent and attention layers. Not biases, not the gains of
normalisation layers, not embeddings. See `coverage.py`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from poise.errors import PoiseError
from poise.lazy import Lazy

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = Lazy("torch")

# A glob on the weight's full name, the name of a layer's class, a layer type, a function of (name, layer); or several.
Cover = str | type | Callable[[str, "nn.Module"], bool]
Covers = Cover | Sequence[Cover] | None

# What torch.compile, FSDP and activation checkpointing put into a weight's name.
_WRAPPINGS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")


class Weight(NamedTuple):
    """One covered weight. `raw` is the parameter itself, or None under a re-parametrisation; `sources` are then the raw
    parameters that it is made of."""

    name: str
    value: Tensor  # the effective weight; under a re-parametrisation a function of the raw parameters
    raw: nn.Parameter | None
    sources: tuple[nn.Parameter, ...] = ()

    def moved_by(self, parameters: Container[int]) -> bool:
        """Whether one of these parameters (by id) is the weight, or a part of what it is made of."""
        return any(id(p) in parameters for p in ((self.raw,) if self.raw is not None else self.sources))

    def gradient(self) -> Tensor:
        """`.grad` of `raw`, zeros where the loss did not reach it: the penalty does."""
        assert self.raw is not None
        if self.raw.grad is None:
            self.raw.grad = torch.zeros_like(self.raw)
        if self.raw.grad.is_sparse:
            raise PoiseError(
                f"the gradient of {self.name} is sparse, and a penalty reaches every row: use sparse=False"
            )
        return self.raw.grad


def _default(leaf: str, layer: nn.Module) -> bool:
    nn = torch.nn
    kinds = (
        nn.Linear,
        nn.Bilinear,
        nn.modules.conv._ConvNd,
        nn.RNNBase,
        nn.RNNCellBase,
        nn.MultiheadAttention,
    )
    dropped = leaf.startswith("weight_") and leaf.endswith("_raw")  # under weight drop, of whichever module wraps it
    return dropped or (isinstance(layer, kinds) and "weight" in leaf)


def within(part: str) -> Callable[[str, nn.Module], bool]:
    """A `covers` for the default weights of one part of a network: `within("decoder")`.

    Example:
        >>> net = torch.nn.ModuleDict({"encoder": torch.nn.Linear(3, 2), "decoder": torch.nn.Linear(2, 3)})
        >>> [weight.name for weight in covered(net, within("decoder"))]
        ['decoder.weight']
    """

    def inside(name: str, layer: nn.Module) -> bool:
        return name.startswith(f"{part}.") and _default(name.rpartition(".")[2], layer)

    return inside


def _covers_leaf(covers: Covers, name: str, leaf: str, layer: nn.Module) -> bool:
    if covers is None:
        return _default(leaf, layer)
    if isinstance(covers, str):
        return fnmatch.fnmatchcase(name, covers) or (covers in _classes(layer) and _is_weight(leaf, layer))
    if isinstance(covers, type):
        return isinstance(layer, covers) and _is_weight(leaf, layer)
    if isinstance(covers, Sequence):
        return any(_covers_leaf(cover, name, leaf, layer) for cover in covers)
    return bool(covers(name, layer))


def _classes(layer: nn.Module) -> set[str]:
    """The names of a layer's class and of those that it derives from, up to `Module`."""
    return {kind.__name__ for kind in type(layer).__mro__ if kind not in (torch.nn.Module, object)}


def _is_weight(leaf: str, layer: nn.Module) -> bool:
    """Of a layer that was asked for: what is called a weight or, where nothing is, what has two or more dimensions."""
    own = {name: p for name, p in layer._parameters.items() if p is not None}
    if any("weight" in name for name in (*own, leaf)):
        return "weight" in leaf
    return leaf not in own or own[leaf].ndim > 1


def plain_name(module: nn.Module, name: str) -> str:
    """The name of a weight without what DistributedDataParallel, FSDP and torch.compile put into it.

    Example:
        >>> plain_name(torch.nn.DataParallel(torch.nn.Linear(2, 1)), "module.weight")
        'weight'
    """
    parts = name.split(".")
    inner = module
    while parts and (parts[0] in _WRAPPINGS or (parts[0] == "module" and _is_parallel(inner))):
        inner = getattr(inner, parts.pop(0))
    return ".".join(part for part in parts if part not in _WRAPPINGS)


def _is_parallel(module: nn.Module) -> bool:
    return isinstance(module, (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel))


def _reparametrised(layer: nn.Module) -> dict[str, Callable[[], Tensor]]:
    """Leaf name -> function that computes the effective weight, without a side effect on the layer."""
    found: dict[str, Callable[[], Tensor]] = {}
    if torch.nn.utils.parametrize.is_parametrized(layer):
        chains: Any = layer.parametrizations
        found |= {leaf: partial(_without_training, chain) for leaf, chain in chains.items()}
    for hook in layer._forward_pre_hooks.values():  # the older interface of torch, by hooks
        old: Any = hook
        kind = type(old).__name__  # torch hides the classes behind functions of the same name
        if kind == "SpectralNorm":
            found[old.name] = partial(old.compute_weight, layer, do_power_iteration=False)
        elif kind == "WeightNorm":
            found[old.name] = partial(old.compute_weight, layer)
    return found


def _sources(layer: nn.Module, leaf: str) -> tuple[nn.Parameter, ...]:
    """The raw parameters of a weight under a re-parametrisation, of the newer or the older interface."""
    if torch.nn.utils.parametrize.is_parametrized(layer, leaf):
        chains: Any = layer.parametrizations
        return tuple(chains[leaf].parameters())
    found = [layer._parameters.get(leaf + end) for end in ("_orig", "_g", "_v")]
    return tuple(parameter for parameter in found if parameter is not None)


def _made(layer: nn.Module, leaf: str) -> tuple[object, ...]:
    """What a weight under a re-parametrisation is made of and by: equal for one that is tied."""
    chains: Any = layer.parametrizations if torch.nn.utils.parametrize.is_parametrized(layer, leaf) else {leaf: ()}
    return (*map(id, _sources(layer, leaf)), *map(type, chains[leaf] or layer._forward_pre_hooks.values()))


def _without_training(chain: nn.Module) -> Tensor:
    """The parametrisation's value in evaluation mode: spectral norm then takes no power iteration."""
    modes = [(part, part.training) for part in chain.modules()]
    try:
        chain.eval()
        found: Tensor = chain()
        return found
    finally:
        for part, mode in modes:
            part.training = mode


def _inner(module: nn.Module) -> set[int]:
    """Modules that belong to a parametrisation: their parameters are raw, never covered by themselves."""
    kind = torch.nn.utils.parametrize.ParametrizationList
    return {id(part) for m in module.modules() if isinstance(m, kind) for part in m.modules()}


def covered(module: nn.Module, covers: Covers = None) -> Iterator[Weight]:
    """Each covered weight once, however often it is tied.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
        >>> [weight.name for weight in covered(net)], [weight.name for weight in covered(net, "*.bias")]
        (['0.weight'], ['0.bias', '1.bias'])
    """
    seen: set[int] = set()
    known: dict[tuple[object, ...], list[Tensor]] = {}  # what weights under a rule are made of -> their values
    inner = _inner(module)
    for prefix, layer in module.named_modules():
        if id(layer) in inner:
            continue
        effective = _reparametrised(layer)
        raw_names = {leaf + end for leaf in effective for end in ("_orig", "_g", "_v")}
        for leaf, compute in effective.items():
            made, value = _made(layer, leaf), compute()
            if any(torch.allclose(value, other, rtol=0.1) for other in known.get(made, ())):
                continue  # tied; estimates of spectral norms differ a little
            if _covers_leaf(covers, name := plain_name(module, f"{prefix}.{leaf}".lstrip(".")), leaf, layer):
                known.setdefault(made, []).append(value)
                yield Weight(name, value, None, _sources(layer, leaf))
        for leaf, parameter in layer._parameters.items():
            if parameter is None or leaf in raw_names or id(parameter) in seen:
                continue
            if isinstance(parameter, torch.nn.parameter.UninitializedParameter):
                raise PoiseError(f"{prefix or 'the network'}.{leaf} has no shape yet: run the network once before")
            if _covers_leaf(covers, name := plain_name(module, f"{prefix}.{leaf}".lstrip(".")), leaf, layer):
                seen.add(id(parameter))
                yield Weight(name, parameter, parameter)


def first_learning(weights: Sequence[Weight]) -> nn.Parameter | None:
    """A parameter to look at: the first weight that is one itself and learns, else the first of which one is made.

    Example:
        >>> net = torch.nn.Linear(3, 2)
        >>> first_learning(list(covered(net))) is net.weight
        True
    """
    parameters = [*(w.raw for w in weights if w.raw is not None), *(p for w in weights for p in w.sources)]
    return next((p for p in parameters if p.requires_grad), None)


def half_squares(weights: list[Weight], references: list[Tensor] | None, strength: float | Tensor) -> Tensor:
    """(λ/2)·Σ‖w − reference‖² over all weights.

    Args: weights; references in their order, None for the origin; strength λ.

    Example:
        >>> layer = torch.nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
        >>> half_squares(list(covered(layer, None)), None, 0.1).item()
        1.25
    """
    values = [w.value for w in weights]
    if references is not None:
        values = [value - reference for value, reference in zip(values, references, strict=True)]
    squares = torch.stack([_wide(value).square().sum() for value in values]).sum()
    half = 0.5 * strength
    return (half.to(squares.dtype) if isinstance(half, torch.Tensor) else half) * squares


def _wide(value: Tensor) -> Tensor:
    """Half precision as float32, whose squares would overflow; complex numbers by their lengths."""
    if value.is_complex():
        return value.abs()
    return value.float() if value.element_size() < 4 else value
