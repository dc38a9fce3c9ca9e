"""Features of any number of items, computed once and kept: files that are mapped into memory, and trained networks.

Keys are made of the fingerprint of the items, the rows and the digest of the extractor, so nothing has to be forgotten.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from poise.data.files import store
from poise.data.files.items import Items, Progress, Rows
from poise.metrics.features.classifier import STEPS, VERSION, SmallClassifier
from poise.metrics.features.features import Extractor, ItemBatch, Material, features


def kept_features(
    extractor: Extractor, items: Items, rows: Rows, progress: Progress | None = None
) -> NDArray[np.float32]:
    """Features [len(rows), dim] of `items` at `rows`, as a read-only map of a file in the cache.

    They are computed 256 items at a time and written as they come, so memory does not grow with the rows; the file
    appears when it is whole. A second call only opens it. progress(done, total) counts items.

    Errors: `PoiseError` where the cache cannot be written, or the disk is too small.

    Example:
        >>> from poise.data.text.text import Sentences
        >>> class Length:
        ...     name, dim, digest = "length", 1, "1"
        ...     def __call__(self, sentences):
        ...         return torch.tensor([[float(len(sentence))] for sentence in sentences])
        >>> kept_features(Length(), Sentences("two", ["the cat", "a cat"]), np.arange(2)).tolist()
        [[7.0], [5.0]]
    """
    folder = store.cache_dir() / "features"
    plain = re.sub(r"[^\w@.-]+", "-", extractor.name)
    path = folder / f"{plain}-{len(rows)}-{_key(items, rows, extractor.digest)}.npy"
    found = _mapped(path, (len(rows), extractor.dim))
    if found is not None:
        return found
    store.need_room(folder, 4 * len(rows) * extractor.dim, f"keeping the features of {len(rows):,} {items.noun}")
    with store.temporary(folder) as scratch:
        with store.RowWriter(scratch / path.name, (extractor.dim,), np.float32) as file:
            for chunk in items.chunks(rows):
                for row in features(extractor, batch_of(chunk)):
                    file.append(row)
                if progress:
                    progress(file.count, len(rows))
        os.replace(scratch / path.name, path)
    found = _mapped(path, (len(rows), extractor.dim))
    if found is None:
        raise store.cannot_write(folder, OSError("the file cannot be read back"))
    return found


def kept_network(member: type[SmallClassifier], material: Material, fingerprint: str, rows: Rows) -> SmallClassifier:
    """`member.made(material)`, trained once for these rows, labels and seed; a damaged file is made anew.

    Example:
        >>> from poise.metrics.features.classifier import train_classifier
        >>> class Quick(SmallClassifier):
        ...     @classmethod
        ...     def made(cls, material):
        ...         return cls(train_classifier(material.images, material.labels, steps=1).state())
        >>> material = Material(np.zeros((20, 8, 8, 1), np.uint8), np.arange(20) % 2)
        >>> first, again = (kept_network(Quick, material, "black pictures", np.arange(20)) for _ in range(2))
        >>> first.digest == again.digest  # the second was read
        True
    """
    labels = b"" if material.labels is None else material.labels.astype("<i8").tobytes()
    parts = (fingerprint, VERSION, STEPS, material.seed, rows.astype("<i8").tobytes(), labels)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
    path = store.cache_dir() / "features" / f"{member.kind}-{key}.safetensors"
    try:
        return member(safetensors.torch.load(path.read_bytes()))
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError):
        pass  # not there, or damaged
    made = member.made(material)
    store.atomic_write(path, safetensors.torch.save(made.state()))
    return made


def batch_of(chunk: ItemBatch | NDArray[np.uint8]) -> ItemBatch:
    """A chunk of items as an extractor takes it: pictures uint8 [B,H,W,C] become [B,C,H,W], the rest stays.

    Example:
        >>> tuple(batch_of(np.zeros((5, 8, 8, 3), np.uint8)).shape), batch_of(["the cat"])
        ((5, 3, 8, 8), ['the cat'])
    """
    return torch.from_numpy(chunk).permute(0, 3, 1, 2) if isinstance(chunk, np.ndarray) else chunk


def _key(items: Items, rows: Rows, digest: str) -> str:
    total = hashlib.sha256(f"{items.fingerprint} {digest} ".encode())
    total.update(np.ascontiguousarray(rows, "<i8").data)
    return total.hexdigest()[:24]


def _mapped(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The file, if it is whole: of this shape, and without a value that is not finite."""
    try:
        found: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if found.shape != shape or found.dtype != np.float32:
        return None
    whole = all(np.isfinite(found[start : start + 4096]).all() for start in range(0, shape[0], 4096))
    return found if whole else None
