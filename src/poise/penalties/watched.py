"""Whether a penalty acts, as numbers to log from a loop of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from poise.lazy import Lazy
from poise.penalties.covers import Weight, first_learning, half_squares

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = Lazy("torch")


def watched(
    penalty: Any,
    module: nn.Module,
    step: int = 0,
    added: bool | None = None,
    weights: list[Weight] | None = None,
) -> dict[str, float]:
    """What a penalty on the weights amounts to at this moment, under its name. Call it after `backward()`, and after
    `scaler.unscale_(optimizer)` where there is a scaler.

    Args:
        penalty: `L2` or `L2Towards`.
        module: the network.
        step: for a strength that is scheduled.
        added: whether the penalty is in `.grad` already; by default as its object remembers.
        weights: only these of the covered ones; frozen ones never count.

    Returns:
        NAME.strength   λ
        NAME.value      (λ/2)·Σ‖w − ref‖²
        NAME.norm       ‖w‖ of the covered weights
        NAME.ratio      p/l, p = ‖what it adds to the gradient‖, which is λ·‖w − ref‖ where weights are parameters
                        themselves and not, say, under spectral norm, and l = ‖gradient of the loss‖ over all weights
                        of the network, without what this and other penalties have added; 0 where the loss has none
        NAME.share      p/(p + l), the number that a run of Poise records, in [0, 1]

        >>> from poise.penalties import L2
        >>> from torch import nn
        >>> net = nn.Linear(2, 1, bias=False)
        >>> with torch.no_grad():
        ...     _ = net.weight.fill_(1.0)
        >>> net(torch.tensor([[3.0, 4.0]])).sum().backward()  # the gradient is (3, 4), its norm 5
        >>> {name: round(number, 3) for name, number in L2(0.5).watch(net).items()}
        {'l2.strength': 0.5, 'l2.value': 0.5, 'l2.norm': 1.414, 'l2.ratio': 0.141, 'l2.share': 0.124}
    """
    chosen = penalty.weights(module) if weights is None else weights
    learning = [w for w in chosen if any(p.requires_grad for p in ((w.raw,) if w.raw is not None else w.sources))]
    strength = penalty.strength_at(step)
    inside = _inside(module)
    if added is not None:
        others = [one for one in inside if one[0] is not penalty]
        inside = [*others, (penalty, step, learning)] if added else others
    of_penalties = _gradients(inside)
    reparametrised = any(weight.raw is None for weight in learning)
    own = _gradients([(penalty, step, learning)]) if reparametrised else {}
    with torch.no_grad():
        references = penalty.references(learning)
        pulls = [w.value.detach() for w in learning]
        if references is not None:
            pulls = [pull - reference for pull, reference in zip(pulls, references, strict=True)]
        of_loss = []
        for parameter in module.parameters():
            if parameter.grad is not None:
                known = of_penalties.get(id(parameter))
                of_loss.append(parameter.grad if known is None else parameter.grad - known)
        pulling = _norm(list(own.values())) if reparametrised else strength * _norm(pulls)
        loss = _norm(of_loss)
        return {
            f"{penalty.name}.strength": strength,
            f"{penalty.name}.value": 0.5 * strength * _norm(pulls) ** 2,
            f"{penalty.name}.norm": _norm([w.value.detach() for w in learning]),
            f"{penalty.name}.ratio": pulling / loss if loss else 0.0,
            f"{penalty.name}.share": pulling / (pulling + loss) if pulling + loss else 0.0,
        }


def _inside(module: nn.Module) -> list[tuple[Any, int, list[Weight]]]:
    """The penalties that the network's gradient holds now: each with its step and the weights that it was added to."""
    from poise.penalties import places

    found = []
    for penalty, networks in list(places.SEEN.items()):
        memory = networks.get(module)
        if memory is not None:
            weights = [weight for weight in penalty.weights(module) if weight.name in memory.names]
            if places.is_added(penalty, module, first_learning(weights)):
                found.append((penalty, memory.step, weights))
    return found


def _gradients(inside: list[tuple[Any, int, list[Weight]]]) -> dict[int, Tensor]:
    """The sum of what penalties on weights have added to the gradient of each parameter, by its id."""
    found: dict[int, Tensor] = {}
    for penalty, step, weights in inside:
        raw = [w.raw for w in weights if w.raw is not None]
        parameters = [p for p in (*raw, *(source for w in weights for source in w.sources)) if p.requires_grad]
        with torch.enable_grad():
            value = half_squares(weights, penalty.references(weights), penalty.strength_at(step))
            parts = torch.autograd.grad(value, parameters, allow_unused=True) if parameters else ()
        for parameter, part in zip(parameters, parts, strict=True):
            if part is not None:
                found[id(parameter)] = found.get(id(parameter), 0) + part
    return found


def _norm(tensors: list[Tensor]) -> float:
    """The Euclidean norm of all of them together; of tensors in shards, of the whole."""
    if not tensors:
        return 0.0
    tensors = [tensor.coalesce().values() if tensor.is_sparse else tensor for tensor in tensors]
    norms = [torch.linalg.vector_norm(tensor.float() if tensor.element_size() < 4 else tensor) for tensor in tensors]
    whole = [norm.full_tensor() if hasattr(norm, "full_tensor") else norm for norm in norms]
    return float(torch.linalg.vector_norm(torch.stack([norm.to(whole[0].device) for norm in whole])))


def learning(weights: list[Weight]) -> list[Weight]:
    """Those that learn; all where none does, as of a network that is switched off for a turn.

    Example:
        >>> from poise.penalties.covers import covered
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
        >>> _ = net[0].requires_grad_(False)
        >>> [weight.name for weight in learning(list(covered(net)))]
        ['1.weight']
    """
    return [w for w in weights if any(p.requires_grad for p in (w.raw, *w.sources) if p is not None)] or weights
