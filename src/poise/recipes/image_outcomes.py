"""What comes out of an image GAN while it trains and afterwards: samples, D's opinions, the judge of the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from poise.core import Batch
from poise.data.images import ImageSet
from poise.data.store import cache_dir
from poise.data.stream import ImageStream
from poise.errors import PoiseError
from poise.games.adversarial import Adversarial
from poise.metrics.judge import LEAST, Judge
from poise.training.loop import mixed
from poise.training.precision import Execution

CHUNK = 256  # pictures drawn at a time


@torch.no_grad()
def draw(generator: nn.Module, facts: dict[str, Any], n: int, seed: int, label: str | None = None) -> np.ndarray:
    """n samples as uint8 [n,H,W,C]; sample i depends on (seed, i) alone, whatever n is.

    With classes they take turns, or are all of `label`.
    """
    device = next(generator.parameters()).device
    classes = facts["classes"]
    if label is not None and label not in classes:
        known = ", ".join(classes[:8]) or "none: this run has no classes"
        raise PoiseError(f"--label {label} is unknown; the classes are {known}")
    kinds = torch.arange(n) % max(len(classes), 1) if label is None else torch.full((n,), classes.index(label))
    out = np.empty((n, facts["size"], facts["size"], facts["channels"]), np.uint8)
    was_training = generator.training
    generator.eval()
    for chunk, start in enumerate(range(0, n, CHUNK)):
        rng = torch.Generator().manual_seed(mixed(seed, chunk))
        z = torch.randn(CHUNK, generator.noise_size, generator=rng).to(device)  # type: ignore[call-overload]
        y = kinds[start : start + CHUNK].to(device)
        x = generator(z[: len(y)], y if classes else None)
        out[start : start + len(y)] = to_uint8(x)
    generator.train(was_training)
    return out


def to_uint8(x: Tensor) -> np.ndarray:
    """[B,C,H,W] in [−1, 1] -> uint8 [B,H,W,C], rounded."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def probe(
    game: Adversarial, pictures: ImageSet, conditional: bool, seed: int, how: Execution
) -> Callable[[], dict[str, float]]:
    """D's mean logit on 64 fixed training pictures, 64 held-out ones and 64 samples."""
    batches = {}
    for name, split in (("training", "train"), ("heldout", "heldout")):
        n = min(64, len(pictures.train if split == "train" else pictures.heldout))
        if n:
            batches[name] = ImageStream(pictures, n, seed + 1, how.device, labels=conditional, split=split)(0)

    @torch.no_grad()
    def opinions() -> dict[str, float]:
        d, g = game.discriminator, game.generator
        modes = d.training, g.training
        d.eval(), g.eval()
        with how.autocast(False):
            first = next(iter(batches.values()))
            rng = torch.Generator().manual_seed(mixed(seed, 1))
            z = torch.randn(len(first.real), g.noise_size, generator=rng).to(how.device)
            seen = {**batches, "generated": Batch(g(z, first.cond), first.cond)}
            logits = {name: d(batch.real, batch.cond).logits for name, batch in seen.items()}
        d.train(modes[0]), g.train(modes[1])
        return {
            f"discriminator/on_{name}": float(torch.stack([x.float().mean() for x in heads]).mean())
            for name, heads in logits.items()
        }

    return opinions


def judge(pictures: ImageSet, n: int, seed: int) -> Callable[[], Judge] | None:
    """The judge of this data set, built when first needed: it reads weights and may train a small classifier.

    None where nothing is held out: there is nothing to compare with.
    """
    if n < LEAST:
        raise PoiseError(f"scores need at least {LEAST} samples (--score-samples), not {n}")
    if not len(pictures.heldout):
        return None
    return lambda: Judge(
        pictures.images,
        pictures.train,
        pictures.heldout,
        labels=pictures.labels,
        n=n,
        cache=cache_dir() / "features",
        fingerprint=pictures.fingerprint,
        seed=seed,
    )
