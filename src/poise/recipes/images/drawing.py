"""Pictures out of a generator, by noise that depends on a seed. Loads torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from poise.errors import PoiseError
from poise.pixels.transparency import levels
from poise.training.loop import fold_seed

CHUNK = 256  # pictures drawn at a time
EVEN = 1.2  # the most frequent class beside the rarest, up to which they are about as frequent


def truncated(z: Tensor, limit: float) -> Tensor:
    """Normal noise -> noise of the normal law cut off at ±limit: z' = Φ⁻¹(Φ(−t) + Φ(z)·(Φ(t) − Φ(−t))), t the limit.

    It keeps the order, so the same noise gives the same picture nearer to the mean. With φ the density, the mean is 0
    and the variance 1 − 2tφ(t)/(2Φ(t) − 1): 0.29 for a limit of 1, 0.77 for 2. Computed in float64.

    Errors: PoiseError for a limit that is not above 0, or not finite.
    """
    if not 0 < limit < math.inf:
        raise PoiseError(f"--truncation must be above 0 and finite, not {limit}; 2 cuts off little, 0.5 much")
    wide = z.double()
    below = torch.special.ndtr(torch.tensor(-limit, dtype=torch.float64, device=z.device))
    inside: Tensor = torch.special.ndtri(below + torch.special.ndtr(wide) * (1 - 2 * below))
    return inside.clamp(-limit, limit).to(z.dtype)


@torch.no_grad()
def pictures_of(
    generator: nn.Module, n: int, seed: int, kinds: Tensor | None = None, truncation: float | None = None
) -> Tensor:
    """n samples of a generator in evaluation mode: uint8 [n,H,W,C], on the CPU; n at least 1.

    Sample i depends on (seed, i) alone. `kinds`: class ids [n]. `truncation` cuts the noise off: see `truncated`.
    """
    device, found = next(generator.parameters()).device, []
    for chunk, start in enumerate(range(0, n, CHUNK)):
        rng = torch.Generator().manual_seed(fold_seed(seed, chunk))
        z = torch.randn(CHUNK, generator.noise_size, generator=rng)  # type: ignore[call-overload]
        z = (z if truncation is None else truncated(z, truncation)).to(device)
        count = min(CHUNK, n - start)
        y = None if kinds is None else kinds[start : start + count].to(device)
        found.append(levels(generator(z[:count], y)).round().byte().permute(0, 2, 3, 1).cpu())
    return torch.cat(found)


def take_turns(counts: Sequence[int]) -> bool:
    """Whether classes are about as frequent."""
    return max(counts) <= EVEN * min(counts)


def kinds_like(counts: Sequence[int], n: int) -> Tensor:
    """Classes [n] of samples: in turn where all are about as frequent, else in these proportions, spread evenly (the
    golden ratio's multiples, modulo 1), so that the class of sample i depends on i alone.

    Example:
        >>> kinds_like([9, 1], 10).tolist(), kinds_like([5, 5], 4).tolist()
        ([0, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 1])
    """
    found = torch.tensor(counts, dtype=torch.float64)
    if take_turns(counts):
        return torch.arange(n) % len(found)
    places = ((torch.arange(n, dtype=torch.float64) + 0.5) * (5**0.5 - 1) / 2) % 1
    return torch.searchsorted(found.cumsum(0) / found.sum(), places, right=True)
