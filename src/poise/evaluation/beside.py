"""Samples of a run, each beside the training pictures that are nearest to it: whether the generator copies, to be seen.

Distances are those of the metrics of copying: Euclidean, of the features by which `poise evaluate` scores pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.data.images.sources.fitting import colour_of
from poise.data.plain import Pictures
from poise.errors import PoiseError
from poise.evaluation.choice import EvaluationOptions, extractors_for
from poise.evaluation.items import Side
from poise.evaluation.sides import MOST_TRAINED
from poise.evaluation.sources import OWN, TaskProgress, background_of
from poise.metrics.core.sets import Features
from poise.metrics.distributions.copying import nearest_rows
from poise.metrics.features.feature_files import batch_of, kept_features
from poise.metrics.features.features import Extractor, features
from poise.pixels.transparency import over
from poise.report.picture import check_pictures, save_pictures, strips
from poise.report.progress import ProgressView
from poise.runs.load import Run
from poise.runs.place import check_there

MOST_HELD = 1000  # held-out pictures whose distances are set beside those of samples
NEAR = 0.05  # share of them that counts as near
DRAW_SEED = 0  # of what is looked at where there is more: that of `poise evaluate`, so that features are shared
GAP = 6  # pixels between two groups


@dataclass(frozen=True, eq=False)
class NearestTraining:
    """The k training pictures that are nearest to each of n samples, nearest first.

    Args: pictures uint8 [n,k,H,W,C]; distances float64 [n,k]; floor float64 [m], of held-out pictures to their nearest
    training picture (empty where nothing is held out); features, the name of the extractor; looked, how many of
    `trained` training pictures were looked at.
    """

    pictures: NDArray[np.uint8]
    distances: NDArray[np.float64]
    floor: NDArray[np.float64]
    features: str
    looked: int
    trained: int

    def lines(self) -> list[str]:
        """What the distances are, of samples and of held-out pictures."""
        first = self.distances[:, 0]
        of = f"{self.looked:,} training pictures"
        if self.looked < self.trained:
            of = (
                f"{self.looked:,} of {self.trained:,} training pictures, drawn at random: copies of others are not seen"
            )
        said = [
            f"  distance: Euclidean, of {self.features} features, to the nearest of {of}",
            f"  samples: {np.median(first):.3g} in the median, {first.min():.3g} the nearest (sample {first.argmin()})",
        ]
        if not len(self.floor):
            return [*said, "  nothing is held out, so there are no fresh pictures to compare with"]
        limit = np.quantile(self.floor, NEAR)
        near = int((first < limit).sum())
        return [
            *said,
            f"  held-out pictures, which cannot be copies: {np.median(self.floor):.3g} in the median, "
            f"{self.floor.min():.3g} the nearest of {len(self.floor):,}",
            f"  nearer than {limit:.3g}, as {100 * NEAR:.0f} % of held-out pictures are: {near:,} of {len(first):,} "
            f"samples ({100 * near / len(first):.0f} %)",
        ]


def nearest_training(run: Run, samples: NDArray[np.uint8], k: int, task: TaskProgress) -> NearestTraining:
    """The training pictures nearest to samples uint8 [n,H,W,C] of a run.

    At most 10,000 training and 1,000 held-out pictures are looked at; their features are kept in the cache. Pictures
    with alpha are compared over the background of the run, and returned with their alpha.
    Errors: PoiseError for data that have moved or changed since the run, for a k above their number, and where the
    weights of the extractor are not installed.
    """
    (extractor, *_), _ = extractors_for("image", EvaluationOptions(), {})
    colour = colour_of(background_of(run))
    check_there(run.folder, run.spec)
    train, heldout = OWN["image"](run)
    looked = train.at_most(MOST_TRAINED, DRAW_SEED)
    assert isinstance(looked.items, Pictures)
    if k > len(looked):
        raise PoiseError(f"--beside-nearest {k} is not possible: {run.name} had {len(looked):,} training pictures")
    among = Features(_kept(extractor, looked, task))
    blocks = [over(samples[i : i + 256], colour) for i in range(0, len(samples), 256)]
    made = np.concatenate([features(extractor, batch_of(block)) for block in blocks])
    distances, index = nearest_rows(Features(made), among, k)
    floor = np.empty(0)
    if len(heldout):
        fresh = Features(_kept(extractor, heldout.at_most(MOST_HELD, DRAW_SEED), task))
        floor = nearest_rows(fresh, among, 1)[0][:, 0].numpy()
    near = looked.rows[index.flatten().numpy()]
    pictures = np.asarray(looked.items.set.images[near]).reshape(*index.shape, *samples.shape[1:])
    return NearestTraining(pictures, distances.numpy(), floor, extractor.name, len(looked), len(train))


def _kept(extractor: Extractor, side: Side, task: TaskProgress) -> NDArray[np.float32]:
    return kept_features(extractor, side.items, side.rows, task(f"{extractor.name} of {side.items.name}"))


def beside_nearest_to(run: Run, n: int, seed: int, out: str | None, k: int, asked: Mapping[str, object]) -> list[str]:
    """Draw n samples, each at the left of its k nearest training pictures, into a .png or a folder.

    Returns what to tell. `asked`: as of `sample_to`. Errors: PoiseError for a run of no pictures, and as of
    `nearest_training`.
    """
    if run.recipe.modality != "image":
        raise PoiseError(f"--beside-nearest is for runs of pictures and {run.name} is one of {run.spec.recipe}")
    path = Path(out or run.recipe.default_out)
    check_pictures(path)
    with ProgressView() as view:
        samples = run.sample(n, seed, **asked)
        found = nearest_training(run, samples, k, view.task)
    made = strips(np.concatenate([samples[:, None], found.pictures], 1))
    across = max(1, round(np.sqrt(n / (k + 1))))
    save_pictures(made, path, across, GAP)
    neighbours = "its nearest training picture" if k == 1 else f"its {k} nearest training pictures"
    return [f"{path}: {n:,} samples of {run.name}, each at the left of {neighbours}", *found.lines()]
