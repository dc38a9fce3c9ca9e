"""Whether pictures can be told from their mirror images: where not, mirror images are further data for nothing."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.data.images.images import ImageSet
from poise.intervals import wilson

SIDE = 16  # pixels at which they are looked at
MOST = 2000  # pictures that are looked at
FOLDS = 5
RIDGE = 10.0  # times √n, for differences of mean square 1
ROUNDING = 1e-9  # of values in 0..1
FOREIGN = 0.6  # share of pictures from which on mirror images are foreign to the data

Floats = NDArray[np.float64]


class MirrorShare(NamedTuple):
    """Share of n pictures that are told from their mirror images, and its interval of 95 %; ½ by guessing."""

    share: float
    low: float
    high: float
    n: int

    @property
    def foreign(self) -> bool:
        """Whether mirror images would be foreign to the data."""
        return self.share >= FOREIGN


def mirror_share(images: ImageSet, seed: int) -> MirrorShare:
    """How many training pictures a linear classifier tells from their own mirror images.

    A picture x of 16x16 pixels and its mirror image x' differ by d, the left half of x − x', and −d the other way
    round. w minimises Σ (1 − w·d)² + 10 √n ‖w‖² over four fifths of the pictures, and one of the last fifth is told
    where w·d > 0; so each is judged by a w that has not seen it. Drawn by the seed where there are more than 2,000.
    """
    rng = np.random.default_rng(seed)
    rows = images.train
    if len(rows) > MOST:
        rows = np.sort(rng.choice(rows, MOST, replace=False))
    differences = _differences(np.stack([_small(images.images[row]) for row in rows]))
    return _share_of(differences, rng)


def _small(picture: NDArray[np.uint8]) -> Floats:
    """uint8 [H,W,C] -> [16,16,C], the means of equal areas, in 0..1; colour under alpha counts as far as it is seen."""
    parts = picture / 255.0
    if parts.shape[-1] == 4:
        parts = np.concatenate([parts[..., :3] * parts[..., 3:], parts[..., 3:]], axis=-1)
    found: Floats = np.einsum("ih,jw,hwc->ijc", _areas(len(parts)), _areas(parts.shape[1]), parts, optimize=True)
    return found


@functools.cache
def _areas(side: int) -> Floats:
    """[16,side]: the share of each pixel in the mean of each sixteenth. Symmetric, as filters of libraries are not."""
    ends = np.linspace(0, side, SIDE + 1)
    pixels = np.arange(side)
    overlap = np.minimum(ends[1:, None], pixels + 1) - np.maximum(ends[:-1, None], pixels)
    found: Floats = np.maximum(overlap, 0) * SIDE / side
    return found


def _differences(pictures: Floats) -> Floats:
    """[N,16,16,C] -> [N,D], of mean square 1 unless nothing differs; what is only rounding is 0."""
    found = (pictures - pictures[:, :, ::-1])[:, :, : SIDE // 2].reshape(len(pictures), -1)
    found[np.abs(found) < ROUNDING] = 0
    size = float(np.sqrt(np.mean(found**2)))
    return found / size if size > 0 else found


def _share_of(differences: Floats, rng: np.random.Generator) -> MirrorShare:
    """Cross-validated over five folds; a picture that is its own mirror image counts a half."""
    n, width = differences.shape
    order = rng.permutation(n)
    right = 0.0
    for fold in range(min(FOLDS, n)):
        judged = order[fold::FOLDS]
        seen = differences[np.setdiff1d(order, judged)]
        ridge = RIDGE * np.sqrt(len(seen)) * np.eye(width)
        weights = np.linalg.solve(seen.T @ seen + ridge, seen.sum(axis=0)) if len(seen) else np.zeros(width)
        scores = differences[judged] @ weights
        right += float(np.sum(scores > 0) + 0.5 * np.sum(scores == 0))
    share = right / n
    return MirrorShare(share, *wilson(share, n), n)
