"""What it costs to look at an auto-encoder, and how the NLL falls with the number of samples of z.

    python bench/latent.py            # one thread, Fashion-MNIST; about one minute

Prints for two widths: a step of training, a probe of the monitor as a share of the 64 steps between two, and
`heldout_scores` of 500 pictures with 64 samples. Then the NLL of 200 held-out pictures by the weights after 600 steps.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from poise.data.images.images import open_images
from poise.metrics.latent.judge import heldout_scores, look
from poise.recipes.common.recipe import Recipe
from poise.specs.spec import instantiated, kind_of
from poise.training.loop import train

DATA, BETWEEN, SAMPLES = "fashion-mnist", 64, (1, 16, 64, 256, 1024)


def built(width: int, steps: int) -> Recipe:
    own = {"data": DATA, "steps": steps, "autoencoder": {"width": width}, "precision": "fp32", "threads": 1}
    return kind_of("vae").build(**instantiated("vae", own))


def trained(recipe: Recipe, steps: range) -> float:
    """Seconds."""
    stage, began = recipe.stages[0], time.perf_counter()
    train(stage.game, stage.stream, steps, recipe.seed, stage.dials, lambda *_: None, recipe.execution, detail_every=16)
    return time.perf_counter() - began


def timed(what: Any, times: int = 1) -> float:
    began = time.perf_counter()
    for _ in range(times):
        what()
    return (time.perf_counter() - began) / times


def heldout(n: int) -> torch.Tensor:
    """n held-out pictures: uint8 [n,C,H,W]."""
    found = open_images(DATA)
    rows = np.sort(np.random.default_rng(0).permutation(found.heldout)[:n])
    return torch.from_numpy(np.asarray(found.images[rows])).permute(0, 3, 1, 2)


def main() -> None:
    for width in (16, 32):
        recipe = built(width, 40)
        monitor: Any = recipe.stages[0].monitor and recipe.stages[0].monitor()
        trained(recipe, range(5))
        step = trained(recipe, range(5, 37)) / 32
        monitor(0)
        probe, x = timed(lambda m=monitor: m(1), 5), heldout(500)
        score = timed(lambda m=recipe.stages[0].game.model, x=x: heldout_scores(m, x, 0))
        print(
            f"width {width}: step {1e3 * step:.0f} ms, probe {1e3 * probe:.0f} ms = "
            f"{100 * probe / (BETWEEN * step):.2f} % of the time, scores {score:.1f} s = {score / step:.0f} steps"
        )
    recipe = built(16, 600)
    trained(recipe, range(600))
    x = heldout(200)
    for samples in SAMPLES:
        looked = look(recipe.stages[0].game.model, x, 0, samples)
        print(f"K = {samples}: {looked.nll.mean():.1f} nats at a rate of {looked.kl.sum(1).mean():.1f}")


if __name__ == "__main__":
    main()
