"""What comes out of an image GAN while it trains and afterwards: samples, the monitor, the judge of the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from poise.data.files.store import cache_dir
from poise.data.images.images import ImageSet
from poise.data.images.sources.fitting import colour_of
from poise.data.images.stream import ImageStream
from poise.errors import PoiseError
from poise.metrics.distributions.judge import LEAST, Judge
from poise.monitor.appearance import AppearanceOfData, appearance
from poise.monitor.measures import compact
from poise.monitor.signals import REFERENCES, AdversarialMonitor, MonitorInputs
from poise.pixels.transparency import as_pixels, as_trained, over, seen_over
from poise.recipes.common.parts import learning_rate
from poise.recipes.common.recipe import NoisePlace
from poise.recipes.images.drawing import CHUNK, kinds_like, pictures_of, take_turns
from poise.recipes.images.facts import ImageFacts
from poise.recipes.images.walking import along_sphere, noise_at
from poise.report.picture import save_grid
from poise.training.loop import fold_seed
from poise.training.precision import Execution

LOOK = 64  # pictures of each kind that the monitor likes to show to D: an AUC of 32 against 32 scatters by 0.07


GRID = 64  # pictures in a sample grid
GRID_SEED = 1_234_567  # the noise of the grids is the same in every run


def show(generator: nn.Module, facts: ImageFacts, stem: Path) -> Path:
    """A grid of the samples of this moment, always of the same noise."""
    path = stem.with_suffix(".png")
    save_grid(draw(generator, facts, GRID, GRID_SEED), path)
    return path


def show_real(pictures: ImageSet, stem: Path) -> Path:
    """A grid of training pictures of the same size, to compare with: the same in every run on the data."""
    path = stem.with_suffix(".png")
    picked = np.random.default_rng(GRID_SEED).permutation(pictures.train)[:GRID]
    save_grid(np.asarray(pictures.images[picked]), path)
    return path


def draw(
    generator: nn.Module,
    facts: ImageFacts,
    n: int,
    seed: int,
    label: str | None = None,
    truncation: float | None = None,
) -> np.ndarray:
    """n samples as uint8 [n,H,W,C]; sample i depends on (seed, i) alone, whatever n is.

    Four channels have straight alpha. Classes are as frequent as among the training pictures (`kinds_like`), as they
    would be of a perfect generator, or all are `label`. `truncation` cuts the noise off: see `truncated`.
    """
    kinds = None
    if label is not None:
        kinds = torch.full((n,), facts.number_of(label))
    elif facts.classes:
        kinds = kinds_like(facts.counts, n)
    was_training = generator.training
    generator.eval()
    pixels = pictures_of(generator, n, seed, kinds, truncation)
    generator.train(was_training)
    return pixels.numpy()


def draw_seen(generator: nn.Module, facts: ImageFacts, n: int, seed: int, background: str) -> np.ndarray:
    """n samples as they are scored: uint8 [n,H,W,C] with C 1 or 3, over the background where they have alpha."""
    return over(draw(generator, facts, n, seed), colour_of(background))


def by_class(generator: nn.Module, facts: ImageFacts, n: int, seed: int, truncation: float | None = None) -> np.ndarray:
    """n samples of each class that was learnt: uint8 [classes, n, H, W, C]. Column i has the noise of sample i in every
    row, so a row is what `draw` gives of that label. Errors: PoiseError for a run without classes."""
    if not facts.classes:
        raise PoiseError(
            "--by-class needs a run with classes, and this one has none: train one with --conditional true"
        )
    return np.stack([draw(generator, facts, n, seed, label, truncation) for label in facts.learnt])


@torch.no_grad()
def interpolate(generator: nn.Module, facts: ImageFacts, rows: int, between: int, seed: int) -> np.ndarray:
    """Ways from one sample to another along the sphere of the noise: uint8 [rows, between, H, W, C].

    With a and b the noise of the ends and ω the angle between them, z(t) = (sin((1 − t)ω) a + sin(tω) b) / sin ω
    (Shoemake 1985): each z is as long as noise is, which the middle of a straight line is not. Where a and b point the
    same or opposite ways, as noise of one number always does, the line is straight. Row r goes from sample 2r to sample
    2r + 1 of this seed; where there are classes, row r keeps the r-th that was learnt.
    """
    if rows < 1 or between < 2:
        raise PoiseError(f"interpolate needs at least 1 row and 2 pictures in it, not {rows} and {between}")
    device = next(generator.parameters()).device
    noise = noise_at([NoisePlace(seed, i) for i in range(2 * rows)], int(generator.noise_size))  # type: ignore[arg-type]
    start, end = noise[0::2], noise[1::2]
    t = torch.linspace(0, 1, between).repeat(rows).view(-1, 1)
    z = along_sphere(start.repeat_interleave(between, 0), end.repeat_interleave(between, 0), t)
    labels = None
    if facts.classes:
        ids = torch.tensor([facts.number_of(name) for name in facts.learnt])
        labels = ids[torch.arange(rows) % len(ids)].repeat_interleave(between).to(device)
    flat = z.to(device)
    parts = [
        as_pixels(generator(flat[at : at + CHUNK], None if labels is None else labels[at : at + CHUNK]))
        for at in range(0, len(flat), CHUNK)
    ]
    made = np.concatenate(parts)
    return made.reshape(rows, between, *made.shape[1:])


def monitor(
    game: Any,
    averaged: nn.Module,
    pictures: ImageSet,
    facts: ImageFacts,
    batch: int,
    seed: int,
    execution: Execution,
    roles: Mapping[str, str] = {},
) -> Callable[[], AdversarialMonitor]:
    """The monitor of this game, built when first needed. It sees other batches of the data than training does.

    `roles`: player -> generator or discriminator, where it has another name.
    """
    conditional = bool(facts.classes)
    splits = {"training": pictures.train, "heldout": pictures.heldout}

    def noise(n: int, number: int) -> Tensor:
        rng = torch.Generator().manual_seed(fold_seed(seed, number))
        return torch.randn(n, game.generator.noise_size, generator=rng).to(execution.device)

    def conditions(n: int, number: int) -> Tensor | None:
        return kinds_like(facts.counts, n).to(execution.device) if conditional else None

    def built() -> AdversarialMonitor:
        streams = {}
        for (name, rows), split in zip(splits.items(), ("train", "heldout"), strict=True):
            if len(rows):
                n = min(max(batch, min(LOOK, 2 * batch)), len(rows))  # at most two batches, for the sake of time
                streams[name] = ImageStream(pictures, n, seed + 1, execution.device, labels=conditional, split=split)
        rates = {roles.get(p.name, p.name): partial(learning_rate, p.optim) for p in game.players}
        chosen = {name: reference_rows(rows, seed) for name, rows in splits.items() if len(rows)}
        return AdversarialMonitor(
            MonitorInputs(
                game.generator,
                game.discriminator,
                averaged,
                noise,
                streams,
                {name: measured(pictures, rows, compact).to(execution.device) for name, rows in chosen.items()},
                lambda: execution.autocast(False),
                conditions,
                rates,
                kinds=_kinds(pictures, chosen["training"]) if conditional else None,
                classes=len(facts.classes),
                looks=looks(pictures, chosen["training"], conditional and take_turns(facts.counts)),
                seen=partial(seen_over, colour=colour_of(pictures.background)),
            )
        )

    return built


def _kinds(pictures: ImageSet, rows: np.ndarray) -> Tensor:
    """The classes [n] of these pictures."""
    return torch.from_numpy(np.asarray(pictures.labels)[rows]).long()


def reference_rows(rows: np.ndarray, seed: int) -> np.ndarray:
    """At most 2,000 rows of a split in random order, for comparisons.

    The order matters: whoever takes the first few must not get those of one folder.
    """
    return np.random.default_rng((seed, len(rows))).permutation(rows)[:REFERENCES]


def measured(pictures: ImageSet, rows: np.ndarray, of: Callable[[Tensor], Tensor]) -> Tensor:
    """`of` pictures [n,C,H,W] in [−1, 1], a few at a time: float32 [N,F]."""
    parts = []
    for start in range(0, len(rows), CHUNK):
        part = torch.from_numpy(np.asarray(pictures.images[rows[start : start + CHUNK]]))
        parts.append(of(as_trained(part.permute(0, 3, 1, 2))))
    return torch.cat(parts)


def looks(pictures: ImageSet, rows: np.ndarray, turns: bool) -> AppearanceOfData:
    """How light, how rich in contrast and how colourful pictures are, over the background where they have alpha; each
    class counts alike where samples take `turns`."""
    colour = colour_of(pictures.background)
    by_class = turns and pictures.labels is not None
    labels = _kinds(pictures, rows) if by_class else None
    return AppearanceOfData.of(measured(pictures, rows, lambda x: appearance(seen_over(x, colour))), labels)


def judge(pictures: ImageSet, n: int, seed: int, unseen: bool = False) -> Callable[[], Judge] | None:
    """The judge of this data set, built when first needed: it reads weights and may train a small classifier.

    It sees pictures over the background where they have alpha. `unseen`: one that compares with the held-out pictures
    which the other leaves out. None where nothing is held out: there is nothing to compare with.
    """
    if n < LEAST:
        raise PoiseError(f"scores need at least {LEAST} samples (--score-samples), not {n}")
    if not len(pictures.heldout):
        return None
    return lambda: Judge(
        pictures.seen,
        pictures.train,
        pictures.heldout,
        labels=pictures.labels,
        n=n,
        cache=cache_dir() / "features",
        fingerprint=pictures.fingerprint,
        seed=seed,
        unseen=unseen,
    )
