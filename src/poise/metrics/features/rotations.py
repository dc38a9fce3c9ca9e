"""Features for pictures without labels and without weights from outside: a network that tells how they were turned.

As for the small classifier, it is trained on real pictures that the generative model never sees.
"""

from __future__ import annotations

from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.features.classifier import STEPS, SmallClassifier, train_classifier
from poise.metrics.features.features import Material
from poise.registry import register


@register("extractor", "rotations")
class Rotations(SmallClassifier):
    """The same network, trained to tell by how many quarter turns a picture was rotated (Gidaris et al. 2018).

    It needs no labels and no weights from outside. See docs/evaluate.md for what it notices and what it does not.
    """

    kind = "rotations"
    least = 1000

    @classmethod
    def made(cls, material: Material) -> Self:
        """Trained on the material's pictures. Errors: `PoiseError` where it has none, or fewer than 5."""
        if material.images is None:
            raise PoiseError("features of rotations need held-out pictures to be trained on")
        return cls(train_rotations(material.images, material.seed).state())


class Turned:
    """Four rows for each picture: after no, one, two and three quarter turns. Nothing is turned before it is used.

    Example:
        >>> turned = Turned(np.array([[[[1], [2]], [[3], [4]]]], np.uint8))  # one picture, 1 2 over 3 4
        >>> turned[np.array([0, 1])][..., 0].tolist()
        [[[1, 2], [3, 4]], [[2, 4], [1, 3]]]
    """

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = images
        self.shape, self.ndim, self.dtype = (4 * len(images), *images.shape[1:]), images.ndim, images.dtype

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        out = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for turns in range(4):
            here = rows % 4 == turns
            out[here] = np.rot90(self._images[rows[here] // 4], turns, (1, 2))
        return out

    def __len__(self) -> int:
        found: int = self.shape[0]
        return found


def train_rotations(images: NDArray[np.uint8], seed: int = 0, steps: int = STEPS) -> Rotations:
    """Train `Rotations` on square pictures uint8 [N,H,H,C], N at least 5, as `train_classifier` trains on labels.

    Errors: `PoiseError` for shapes that do not fit, and for fewer than 5 pictures.

    Example:
        >>> images = np.arange(10 * 64, dtype=np.uint8).reshape(10, 8, 8, 1)
        >>> rotations = train_rotations(images, steps=1)
        >>> rotations.name, rotations.classes
        ('rotations@8', 4)
    """
    if images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise PoiseError(f"rotations are learnt from square pictures [N,H,H,C], not from {images.shape}")
    labels = np.arange(4 * len(images)) % 4
    return Rotations(train_classifier(cast(Any, Turned(images)), labels, seed, steps).state())
