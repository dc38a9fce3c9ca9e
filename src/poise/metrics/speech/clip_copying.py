"""Are generated clips played back from the training set? Distances to training clips, beside those of real ones.

Letters: N pairs of a real held-out clip and the one made for it, T training clips. A clip is its features [F,d], such
as `paired_features.cepstra`; the distance is that of `align`, so with those cepstra it is MCD but for a factor.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.intervals import median_interval, wilson
from poise.metrics.core.statistics import Estimate, Floats
from poise.metrics.speech.align import aligned_costs

ClipFeatures = Sequence[NDArray[Any]]
CLOSE = 0.5  # of the distance of the real clip


def nearest_clip(
    clips: ClipFeatures, train: ClipFeatures, tell: Callable[[int], object] | None = None
) -> tuple[Floats, NDArray[np.int64]]:
    """Distance [N] of each clip to the nearest of the training clips, and which [N] that is, the first of equal ones.

    Errors: PoiseError for no training clips, and for features that are empty, not finite or of different size.

    Example:
        >>> train = [np.array([[9.0], [9.0]]), np.array([[0.0], [1.0]])]
        >>> distance, row = nearest_clip([np.array([[0.0], [3.0]])], train)
        >>> distance.tolist(), row.tolist()  # (0 + 2) / 2 away from the second
        ([1.0], [1])
    """
    if not len(train):
        raise PoiseError("a test of copying compares with the training clips: give at least one")
    distance, row = np.empty(len(clips)), np.empty(len(clips), np.int64)
    for i, clip in enumerate(clips):
        costs = aligned_costs(clip, train)
        row[i] = costs.argmin()
        distance[i] = costs[row[i]]
        if tell:
            tell(i + 1)
    return distance, row


@dataclass(frozen=True, eq=False)
class Copying:
    """Of N pairs: distances and what they show.

    `ratio`: distance of the made clip to its nearest training clip over that of its real clip to the real clip's;
    below `CLOSE` a made clip is nearer to a training clip than half of what a new recording is. `to_same`: distance of
    the made clip to the training clip that is nearest to its real one, over that of the real one. `row`: the training
    clip nearest to each made one. `floor`: the least distance of two training recordings with equal labels, NaN where
    no label comes twice.

    Example:
        >>> made, real, to_same, row = np.array([0.1, 2.0]), np.ones(2), np.array([0.5, 2.0]), np.array([0, 3])
        >>> found = Copying(made, real, to_same, row, floor=0.3)
        >>> found.ratio.tolist(), found.estimates()["closer than half"].value
        ([0.1, 2.0], 0.5)
    """

    made: Floats  # [N] to the nearest training clip
    real: Floats  # [N]
    to_same: Floats  # [N]
    row: NDArray[np.int64]  # [N]
    floor: float

    @property
    def ratio(self) -> Floats:
        return _over(self.made, self.real)

    def estimates(self) -> dict[str, Estimate]:
        """With 95 % intervals, n = m = N pairs.

        "nearest training clip": the median ratio, interval by order statistics. Real clips have 1. A copy has about 0,
        through a vocoder what the vocoder loses. Values somewhat below 1 are no copies: a model that leaves out the
        accidents of a recording is nearer to all recordings than these are to each other.
        "training clip of the real one": the median of `to_same`.
        "closer than half": the share of made clips with a ratio under 0.5. Real clips have 0.
        "closer than two recordings": the share nearer to a training clip than any two training recordings of one label
        are to each other, where a label comes twice, and beside it the same share of the real clips, which is not 0
        where the two recordings are of two voices. Wilson intervals.

        A median far below 1 and a share of "closer than half" far above 0 show copies, and `row` which ones to hear.
        """
        n = len(self.made)
        medians = {"nearest training clip": self.ratio, "training clip of the real one": self.to_same}
        shares = {"closer than half": self.ratio < CLOSE}
        if np.isfinite(self.floor):
            shares["closer than two recordings"] = self.made < self.floor
            shares["closer than two recordings, real clips"] = self.real < self.floor
        found = {name: Estimate(*median_interval(values), n, n) for name, values in medians.items()}
        for name, which in shares.items():
            share = float(which.mean())
            found[name] = Estimate(share, *wilson(share, n), n, n)
        return found


def copied_clips(
    made: ClipFeatures,
    real: ClipFeatures,
    train: ClipFeatures,
    labels: Sequence[Hashable] | None = None,
    tell: Callable[[int], object] | None = None,
) -> Copying:
    """Compare made clips [N] and the real held-out clips [N] that they should be with all T training clips.

    Args: labels [T] of the training clips, such as their syllables: equal for recordings of the same thing. `tell` is
    given how many of the 2 N clips are done. Errors: PoiseError for other numbers of clips, and those of
    `nearest_clip`.

    Example:
        >>> train, real = [np.array([[0.0], [1.0]]), np.array([[5.0], [6.0]])], [np.array([[1.0], [2.0]])]
        >>> found = copied_clips(made=[train[1]], real=real, train=train)
        >>> found.made.tolist(), found.ratio.tolist(), found.row.tolist()  # an exact copy of the second
        ([0.0], [0.0], [1])
    """
    if len(made) != len(real) or not len(made):
        raise PoiseError(f"each made clip comes with its real one, at least one pair, not {len(made)} with {len(real)}")
    if labels is not None and len(labels) != len(train):
        raise PoiseError(f"{len(train):,} training clips come with {len(labels):,} labels: give one each")
    to_train, near = nearest_clip(real, train, tell)
    own, row = nearest_clip(made, train, None if tell is None else lambda done: tell(len(real) + done))
    same = np.array([aligned_costs(clip, [train[i]])[0] for clip, i in zip(made, near, strict=True)])
    return Copying(own, to_train, _over(same, to_train), row, _least_within(train, labels))


def _over(a: Floats, b: Floats) -> Floats:
    """a / b; where both are 0, as of a real clip that is itself in the training set, 1."""
    return np.divide(a, b, out=np.where(a > 0, np.inf, 1.0), where=b > 0)


def _least_within(train: ClipFeatures, labels: Sequence[Hashable] | None) -> float:
    """The least distance of two training clips of one label."""
    groups: dict[Hashable, list[int]] = {}
    for row, label in enumerate(labels or ()):
        groups.setdefault(label, []).append(row)
    found = [
        float(aligned_costs(train[row], [train[i] for i in rows[place + 1 :]]).min())
        for rows in groups.values()
        for place, row in enumerate(rows[:-1])
    ]
    return min(found, default=float("nan"))
