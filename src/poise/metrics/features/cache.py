"""What a judge computes of real pictures once and keeps on the disk: their features, and the small classifier."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from poise.data.files.items import Rows
from poise.data.files.store import atomic_write
from poise.errors import PoiseError
from poise.metrics.features.classifier import STEPS, VERSION, SmallClassifier, train_classifier
from poise.metrics.features.features import Extractor, features

CHUNK = 256  # real pictures in memory at once; a multiple of features.BATCH


class Cache:
    """Files in one folder, each whole or absent; a damaged one is made anew, a full disk only costs time.

    Keys are made of the fingerprint of the pictures, the rows that are drawn from them, and the digest of the extractor
    or the way that the classifier is trained. `notes` holds a sentence where something could not be written.

    Example:
        >>> import tempfile
        >>> from poise.metrics.features.classifier import train_classifier
        >>> images, rows = np.arange(40 * 64, dtype=np.uint8).reshape(40, 8, 8, 1), np.arange(20)
        >>> extractor = train_classifier(images, np.arange(40) % 2, steps=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Cache(Path(folder), "fingerprint").features(extractor, images, rows, "heldout").shape
        (20, 64)
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        self.notes: list[str] = []

    def features(self, extractor: Extractor, images: NDArray[np.uint8], rows: Rows, split: str) -> NDArray[np.float32]:
        """Features [len(rows), dim] of `images[rows]`, uint8 [N,H,W,C]."""
        key = self._key(split, extractor.digest, len(rows), rows.astype("<i8").tobytes())
        path = self.folder / f"{split}-{extractor.name}-{len(rows)}-{key}.npy"
        try:
            kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
            if kept.shape == (len(rows), extractor.dim) and kept.dtype == np.float32 and np.isfinite(kept).all():
                return kept
        except (OSError, ValueError, EOFError):
            pass  # not there, or damaged
        found = np.concatenate([features(extractor, part) for part in chunks(images, rows)])
        buffer = io.BytesIO()
        np.save(buffer, found, allow_pickle=False)
        self._write(path, buffer.getvalue())
        return found

    def classifier(self, images: NDArray[np.uint8], labels: NDArray[Any], rows: Rows, seed: int) -> SmallClassifier:
        """The small classifier trained on `images[rows]`, uint8 [N,H,W,C], and their labels."""
        labels = labels[rows].astype("<i8")
        key = self._key(VERSION, STEPS, seed, rows.astype("<i8").tobytes(), labels.tobytes())
        path = self.folder / f"classifier-{key}.safetensors"
        try:
            return SmallClassifier(safetensors.torch.load(path.read_bytes()))
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError):
            pass  # not there, or damaged
        trained = train_classifier(np.asarray(images[rows]), labels, seed)
        self._write(path, safetensors.torch.save(trained.state()))
        return trained

    def _key(self, *parts: object) -> str:
        return hashlib.sha256(repr((self.fingerprint, *parts)).encode()).hexdigest()[:24]

    def _write(self, path: Path, data: bytes) -> None:
        try:
            atomic_write(path, data)
        except PoiseError as error:
            self.notes.append(f"features of real pictures are not kept: {error}")


def chunks(images: NDArray[np.uint8], rows: Rows) -> Iterator[Tensor]:
    """`images[rows]`, uint8 [N,H,W,C], as uint8 [B,C,H,W] of at most 256 at a time.

    Example:
        >>> images = np.zeros((300, 8, 8, 3), np.uint8)
        >>> [tuple(part.shape) for part in chunks(images, np.arange(300))]
        [(256, 3, 8, 8), (44, 3, 8, 8)]
    """
    for start in range(0, len(rows), CHUNK):
        yield torch.from_numpy(np.asarray(images[rows[start : start + CHUNK]])).permute(0, 3, 1, 2)
