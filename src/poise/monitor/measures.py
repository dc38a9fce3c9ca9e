"""Pure functions of tensors that the monitor's signals are made of. Shapes: logits [n], items [n,F] (flattened)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

SIDE = 16  # pictures are averaged down to this many pixels before they are compared with each other


def auc(high: Tensor, low: Tensor) -> float:
    """P(a > b) + ½·P(a = b) for a from `high` [n] and b from `low` [m] (Mann & Whitney 1947). 0.5 if D cannot tell.

    The standard error of one value under equality is √((n + m + 1)/(12·n·m)): 0.051 for n = m = 64.
    """
    high, ordered = high.cpu().contiguous(), low.cpu().sort().values  # few numbers; Apple's GPU has no float64
    above = torch.searchsorted(ordered, high, right=False).double()
    upto = torch.searchsorted(ordered, high, right=True).double()
    return float((above + upto).mean() / (2 * len(low)))


def compact(x: Tensor) -> Tensor:
    """Items as rows [n,F] in float32, cheap to compare: pictures [n,C,H,W] are averaged down to 16 by 16 pixels."""
    x = x.detach().float()
    if x.ndim == 4 and max(x.shape[-2:]) > SIDE:
        x = nn.functional.adaptive_avg_pool2d(x, SIDE)
    return x.flatten(1)


def spread(x: Tensor) -> float:
    """Mean distance between two different rows of x [n,F]; 0 when all are equal."""
    n = len(x)
    return float(torch.cdist(x, x).sum() / (n * (n - 1))) if n > 1 else 0.0


def spread_within(x: Tensor, kinds: Tensor, classes: int) -> Tensor:
    """`spread` of the rows of x [n,F] of each class: float32 [classes], NaN for a class of fewer than two rows.

    Args: kinds, int64 [n], the class of each row.
    """
    member = nn.functional.one_hot(kinds.to(x.device), classes).to(x.dtype)
    counts = member.sum(0)
    return (member * (torch.cdist(x, x) @ member)).sum(0) / (counts * (counts - 1)).where(counts > 1, torch.nan)


class NearestShare(NamedTuple):
    """Where each item's nearest neighbour lies."""

    distance: float  # median distance to the nearest training item
    inside: float  # share of the items whose nearest neighbour is a training item and not a held-out one
    null: float  # that share for a generator that knows nothing of the split: T/(T + H), exactly
    z: float  # (inside − null) over its standard deviation when the labels of the references are exchanged


def nearest(items: Tensor, training: Tensor, heldout: Tensor) -> NearestShare:
    """Nearest neighbours of items [n,F] among training [T,F] and held-out [H,F] items.

    A generator that is independent of the split finds its nearest neighbour among the T training items with
    probability T/(T + H), by exchangeability, whatever it generates. With w_j the share of the items whose nearest
    neighbour is reference j, exchanging the labels of the references gives the variance

        π(1 − π)·(Σ w_j² − 1/(T + H))·(T + H)/(T + H − 1),   π = T/(T + H),

    which counts that few references may be the nearest of many items.
    """
    t, h = len(training), len(heldout)
    distances = torch.cdist(items, torch.cat([training, heldout]))
    to_training = distances[:, :t].min(1).values
    which = distances.argmin(1).cpu()
    weights = torch.bincount(which, minlength=t + h).double() / len(items)
    inside = float((which < t).double().mean())
    null = t / (t + h)
    if not h:
        return NearestShare(float(to_training.median()), inside, null, 0.0)
    total = t + h
    variance = null * (1 - null) * (float(weights.square().sum()) - 1 / total) * total / (total - 1)
    return NearestShare(float(to_training.median()), inside, null, (inside - null) / max(variance, 1e-12) ** 0.5)


def split_z(training: Tensor, heldout: Tensor, permutations: int = 200) -> float:
    """Whether training [T,F] and held-out items [H,F] can be told apart by nearest neighbours (Henze 1988).

    The statistic is the share of all items whose nearest other item is of the same part; z is its distance from the
    mean over permuted labels, in their standard deviations. Around 0 for a random split.
    """
    # Copies of one item lie on one side, by the way data are split: only one of them counts.
    training, heldout = (torch.unique(part.cpu(), dim=0) for part in (training, heldout))
    items = torch.cat([training, heldout])
    distances = torch.cdist(items, items).fill_diagonal_(torch.inf)
    which = distances.argmin(1).cpu()
    labels = torch.arange(len(items)) < len(training)
    rng = torch.Generator().manual_seed(0)
    orders = [torch.arange(len(items)), *(torch.randperm(len(items), generator=rng) for _ in range(permutations))]
    same = torch.stack([(labels[order] == labels[order][which]).double().mean() for order in orders])
    return float((same[0] - same[1:].mean()) / same[1:].std().clamp_min(1e-12))


@torch.no_grad()
def scale_invariant(module: nn.Module, forward: Callable[[], Tensor], tolerance: float = 0.02) -> list[str]:
    """Names of the weights whose scale does not change what the module computes.

    Found by trying: each weight with two or more axes is made 16 times as large, and `forward()` computed again on the
    same input, with the same dropout where the module is in training mode. On such a weight L2 only sets the effective
    learning rate lr/‖w‖² (van Laarhoven 2017). Weights that are all 0, as the last of a block that begins as the
    identity, hide those before them: they are numbers while this is tried, and 0 again afterwards. `tolerance`: largest
    relative change of the output; normalisation's ε leaves a little.
    """

    def computed() -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return forward().float()

    buffers = {name: b.clone() for name, b in module.named_buffers()}
    weights = {name: weight for name, weight in module.named_parameters() if weight.ndim >= 2}
    zeros = [weight for weight in weights.values() if not weight.any()]
    rng = torch.Generator().manual_seed(0)
    for weight in zeros:
        weight.copy_(torch.randn(weight.shape, generator=rng) * weight[0].numel() ** -0.5)
    plain = computed()
    found = []
    for name, weight in weights.items():
        kept = weight.detach().clone()
        weight.mul_(16)
        changed = float((computed() - plain).norm() / plain.norm().clamp_min(1e-30))
        weight.copy_(kept)
        if changed < tolerance:
            found.append(name)
    for name, buffer in module.named_buffers():
        buffer.copy_(buffers[name])
    for weight in zeros:
        weight.zero_()
    return found


def with_gap(found: dict[str, float], name: str) -> dict[str, float]:
    """The same numbers with `name_gap`, `name_heldout` less `name_training`, where something is held out."""
    heldout = found.get(f"{name}_heldout")
    if heldout is None:
        return found
    return {**found, f"{name}_gap": heldout - found[f"{name}_training"]}
