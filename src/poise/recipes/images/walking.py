"""Pictures on the way from one noise to another: between any two samples, of one seed or of two. Loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from poise.errors import PoiseError
from poise.pixels.transparency import levels
from poise.recipes.common.recipe import NoisePlace
from poise.recipes.images.drawing import CHUNK, kinds_like, truncated
from poise.recipes.images.facts import ImageFacts
from poise.training.loop import fold_seed


def along_sphere(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Noise at the share t [N,1] of the ways from a to b, both [N,Z], along the sphere (Shoemake 1985).

    With ω the angle between a and b: (sin((1 − t)ω) a + sin(tω) b) / sin ω. At t = 0 and 1, and where a and b point the
    same way or opposite ways (sin ω < 10⁻⁶), it is (1 − t)a + tb: a and b themselves at the ends.
    """
    angle = torch.acos(torch.cosine_similarity(a, b).clamp(-1, 1)).view(-1, 1)
    straight = (1 - t) * a + t * b
    sine = torch.sin(angle)
    flat = (sine < 1e-6) | (t == 0) | (t == 1)
    curved = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.where(flat, 1.0, sine)
    return torch.where(flat, straight, curved)


def noise_at(places: Sequence[NoisePlace], size: int, truncation: float | None = None) -> Tensor:
    """The noise of each place: float32 [N,size]; that of `draw` for sample `index` of `seed` where `toward` is 0."""
    chunks: dict[tuple[int, int], Tensor] = {}

    def of(seed: int, index: int) -> Tensor:
        key = (seed, index // CHUNK)
        if key not in chunks:
            rng = torch.Generator().manual_seed(fold_seed(*key))
            z = torch.randn(CHUNK, size, generator=rng)
            chunks[key] = z if truncation is None else truncated(z, truncation)
        return chunks[key][index % CHUNK]

    starts = torch.stack([of(place.seed, place.index) for place in places])
    ends = torch.stack([of(place.seed + bool(place.toward), place.index) for place in places])
    return along_sphere(starts, ends, torch.tensor([[place.toward] for place in places]))


@torch.no_grad()
def walk(
    generator: nn.Module,
    facts: ImageFacts,
    starts: Sequence[NoisePlace | int],
    ends: Sequence[NoisePlace | int],
    at: Sequence[float],
    truncation: float | None = None,
    label: str | None = None,
) -> np.ndarray:
    """Way i from the sample at starts[i] to that at ends[i], at the shares `at` in [0, 1]: uint8 [N, len(at), H, W, C].

    A number i stands for sample i of seed 0; `label` is the class of places that name none. Each picture has the class
    of the end that is nearer. Errors: PoiseError for no ways, ends that are not as many, shares outside [0, 1], and
    classes that the run does not have.
    """
    if label is not None:
        facts.number_of(label)
    starts, ends = _places(starts, label), _places(ends, label)
    if not starts or len(starts) != len(ends) or not len(at):
        raise PoiseError(f"a walk needs a start and an end each, and shares; not {len(starts)}, {len(ends)}, {len(at)}")
    if not all(0 <= share <= 1 for share in (*at, *(place.toward for place in (*starts, *ends)))):
        raise PoiseError("shares of a way are from 0, its start, to 1, its end")
    size = int(generator.noise_size)  # type: ignore[arg-type]
    a, b = noise_at(starts, size, truncation), noise_at(ends, size, truncation)
    share = torch.tensor(list(at), dtype=torch.float32).repeat(len(starts)).view(-1, 1)
    z = along_sphere(a.repeat_interleave(len(at), 0), b.repeat_interleave(len(at), 0), share)
    kinds = None
    if facts.classes:
        first, last = ([_class_of(place, facts) for place in places] for places in (starts, ends))
        chosen = [(first if t < 0.5 else last)[i] for i in range(len(starts)) for t in at]
        kinds = torch.tensor(chosen)
    made = _drawn(generator, z, kinds)
    return made.reshape(len(starts), len(at), *made.shape[1:])


def _places(given: Sequence[NoisePlace | int], label: str | None) -> list[NoisePlace]:
    """Samples of seed 0 as places; those that name no class have this one."""
    found = []
    for one in given:
        if isinstance(one, int | np.integer) and one >= 0:
            one = NoisePlace(0, int(one))
        if not isinstance(one, NoisePlace):
            raise PoiseError(f"a walk goes from a NoisePlace, or the number of a sample of seed 0, not from {one!r}")
        found.append(replace(one, label=label) if one.label is None else one)
    return found


def _drawn(generator: nn.Module, z: Tensor, kinds: Tensor | None) -> np.ndarray:
    device, was_training, found = next(generator.parameters()).device, generator.training, []
    generator.eval()
    for start in range(0, len(z), CHUNK):
        y = None if kinds is None else kinds[start : start + CHUNK].to(device)
        made = levels(generator(z[start : start + CHUNK].to(device), y))
        found.append(made.round().byte().permute(0, 2, 3, 1).cpu())
    generator.train(was_training)
    array: np.ndarray = torch.cat(found).numpy()
    return array


def _class_of(place: NoisePlace, facts: ImageFacts) -> int:
    """The id of its class: the one that is named, or that of this sample among those of all classes."""
    if place.label is None:
        return int(kinds_like(facts.counts, place.index + 1)[-1])
    return facts.number_of(place.label)
