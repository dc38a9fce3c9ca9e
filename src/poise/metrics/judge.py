"""Scores of a generator against held-out pictures, beside what real pictures score against each other.

judge = Judge(images, train_rows, heldout_rows, labels=labels, cache=folder, fingerprint=fingerprint)
floor = judge.floor()               # real training pictures against held-out ones
scores = judge.score(sample)        # generated pictures against the same held-out ones
print("\\n".join(lines(scores, floor)))
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from poise.data.store import atomic_write
from poise.errors import PoiseError
from poise.metrics.classifier import STEPS, VERSION, SmallClassifier, train_classifier
from poise.metrics.features import EffLite0, Extractor, MissingFeatures, features, to_uint8
from poise.metrics.statistics import Estimate
from poise.registry import find

Sample = Callable[[int, int], Tensor]  # (count, seed) -> pictures [count,C,H,W], uint8 or floats in [-1, 1]
Features = NDArray[np.float32]
Rows = NDArray[np.int64]

CHUNK = 256  # pictures in memory at once; a multiple of features.BATCH
LEAST = 4  # pictures that a score needs on either side
LABELLED = 2000  # held-out pictures with labels, from which on half of them train the small classifier
LARGEST_BLOCK = 10_000  # of these train it at the most


class Judge:
    """Scores generated pictures on features, against the held-out part of a data set.

    Args:
        images: uint8 [N,H,W,C], an array or a memory map.
        train, heldout: rows of `images`.
        labels: int [N], or None. With at least 2,000 held-out pictures, these are split by a fixed draw: one half
            (at most 10,000) trains a small classifier, a second extractor that also gives class shares; all scores
            then refer to the other half. The generator's training pictures never train an extractor.
        extractors: default `EffLite0()`, or none with a sentence in `missing` where its weights are not installed.
        metrics: names in the registry's family "metric", default KID and FD.
        n: generated pictures in a score, default 1,000; fewer when the training part is smaller, because the floor
            is only comparable at equal n. As many held-out pictures are the reference, or all there are (`m`).
        cache: folder for features of real pictures and for the classifier.
        fingerprint: of the pictures; with the rows, the key of the cache.
        seed: decides the classifier, and which pictures are drawn.

    Attributes: `n`, `m`; `extractors`; `missing`, sentences on what could not be scored and why; `classifier`, or None;
    `shares`, share of each class in the last `score`; `seconds` spent in all and `last_seconds` in the last `score`.

    Errors: `PoiseError` for fewer than 4 training or held-out pictures.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        train: NDArray[Any],
        heldout: NDArray[Any],
        *,
        labels: NDArray[Any] | None = None,
        extractors: Sequence[Extractor] | None = None,
        metrics: Sequence[str] = ("KID", "FD"),
        n: int = 1000,
        cache: str | Path,
        fingerprint: str,
        seed: int = 0,
    ) -> None:
        train, heldout = np.asarray(train, np.int64), np.asarray(heldout, np.int64)
        if min(n, len(train), len(heldout)) < LEAST:
            raise PoiseError(
                f"scores need at least {LEAST} pictures on either side: there are {len(train)} to train on and "
                f"{len(heldout)} held out, and n is {n}"
            )
        self._images, self._cache, self._fingerprint, self._seed = images, Path(cache), fingerprint, seed
        self._metrics = {name: find("metric", name) for name in metrics}
        self.missing: list[str] = []
        self.seconds, self.last_seconds = 0.0, 0.0
        self.classifier: SmallClassifier | None = None
        self.shares: list[float] = []
        self._floor: dict[str, float] | None = None
        self._held: dict[str, Features] = {}
        with self._clock():
            self.extractors = self._found(extractors)
            if labels is not None:
                heldout = self._split(np.asarray(labels), heldout)
        self.n = min(n, len(train))
        self._train_rows, self._held_rows = self._draw(train, self.n, 1), self._draw(heldout, n, 2)
        self.m = len(self._held_rows)

    def floor(self) -> dict[str, float]:
        """`n` real training pictures against the `m` held-out ones; the keys are those of `score`."""
        with self._clock():
            if self._floor is None:
                drawn = {e.name: self._real(e, self._train_rows, "train") for e in self.extractors}
                self._floor, _ = self._values(drawn)
            return dict(self._floor)

    def score(self, sample: Sample, seed: int = 0) -> dict[str, float]:
        """`n` generated pictures against the `m` held-out ones.

        `sample(count, seed)` returns `count` pictures [count,C,H,W], uint8 or floats in [-1, 1], that depend on the
        weights and `seed` alone; it is called for 256 pictures at a time with seeds made from `seed`. Then equal
        weights give equal scores, bit for bit on one machine with one number of threads.

        Keys for every extractor E and metric M: "M-E", its interval "M-E.low" and "M-E.high" where it has one, and
        the two numbers of pictures "E.n", "E.m"; with a classifier also "class_share.min", the share of the class
        that is drawn least, by the classifier's own eyes. See `statistics` for formulas and units.
        """
        start = self.seconds
        with self._clock():
            drawn = self._features(self.extractors, self._sampled(sample, seed))
            values, self.shares = self._values(drawn)
        self.last_seconds = self.seconds - start
        return values

    def _values(self, drawn: dict[str, Features]) -> tuple[dict[str, float], list[float]]:
        values: dict[str, float] = {}
        shares: list[float] = []
        for extractor in self.extractors:
            fake, short = drawn[extractor.name], extractor.name.partition("@")[0]
            if extractor.name not in self._held:
                self._held[extractor.name] = self._real(extractor, self._held_rows, "heldout")
            real = self._held[extractor.name]
            for metric, measure in self._metrics.items():
                result = measure(real, fake)
                values[f"{metric}-{short}"] = float(result.value if isinstance(result, Estimate) else result)
                if isinstance(result, Estimate):
                    values |= {f"{metric}-{short}.low": result.low, f"{metric}-{short}.high": result.high}
            values |= {f"{short}.n": float(len(fake)), f"{short}.m": float(len(real))}
            if extractor is self.classifier:
                counts = np.bincount(self.classifier.classes_of(fake), minlength=self.classifier.classes)
                shares = [float(count) / len(fake) for count in counts]
                values["class_share.min"] = min(shares)
        return values, shares

    def _sampled(self, sample: Sample, seed: int) -> Iterator[Tensor]:
        height, width, channels = self._images.shape[1:]
        for start in range(0, self.n, CHUNK):
            count = min(CHUNK, self.n - start)
            words = np.random.SeedSequence((seed, start)).generate_state(1, np.uint64)
            pictures = to_uint8(sample(count, int(words[0]) >> 1))
            if tuple(pictures.shape) != (count, channels, height, width):
                raise PoiseError(
                    f"the generator was asked for pictures {[count, channels, height, width]} and "
                    f"returned {list(pictures.shape)}"
                )
            yield pictures

    def _real(self, extractor: Extractor, rows: Rows, split: str) -> Features:
        """Features of real pictures, from the cache where they are there."""
        key = self._key("features", split, extractor.digest, hashlib.sha256(rows.tobytes()).hexdigest())
        path = self._cache / f"{split}-{extractor.name}-{len(rows)}-{key[:24]}.npy"
        try:
            kept = np.load(path, allow_pickle=False)
            if kept.shape == (len(rows), extractor.dim) and kept.dtype == np.float32 and np.isfinite(kept).all():
                return kept
        except (OSError, ValueError, EOFError):
            pass  # not there, or damaged: computed anew
        parts = (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
        pictures = (torch.from_numpy(np.asarray(self._images[part])).permute(0, 3, 1, 2) for part in parts)
        found = self._features([extractor], pictures)[extractor.name]
        buffer = io.BytesIO()
        np.save(buffer, found, allow_pickle=False)
        atomic_write(path, buffer.getvalue())
        return found

    def _features(self, extractors: Sequence[Extractor], chunks: Iterable[Tensor]) -> dict[str, Features]:
        parts: dict[str, list[Features]] = {extractor.name: [] for extractor in extractors}
        for chunk in chunks:
            for extractor in extractors:
                parts[extractor.name].append(features(extractor, chunk))
        return {name: np.concatenate(found) for name, found in parts.items() if found}

    def _found(self, extractors: Sequence[Extractor] | None) -> list[Extractor]:
        if extractors is not None:
            return list(extractors)
        try:
            return [EffLite0()]
        except MissingFeatures as error:
            self.missing.append(str(error))
            return []

    def _split(self, labels: NDArray[Any], heldout: Rows) -> Rows:
        """Half of the held-out rows train the classifier; the other half is returned."""
        if len(heldout) < LABELLED or len(np.unique(labels[heldout])) < 2:
            self.missing.append(
                f"the scores of a small classifier need at least {LABELLED:,} held-out pictures of 2 or more classes, "
                f"and there are {len(heldout):,}"
            )
            return heldout
        order = np.random.default_rng((self._seed, 0)).permutation(heldout)
        size = min(len(order) // 2, LARGEST_BLOCK)
        self.classifier = self._classifier(np.sort(order[:size]), labels)
        self.extractors.append(self.classifier)
        return np.sort(order[size:])

    def _classifier(self, rows: Rows, labels: NDArray[Any]) -> SmallClassifier:
        content = hashlib.sha256(rows.tobytes() + labels[rows].astype(np.int64).tobytes()).hexdigest()
        path = self._cache / f"classifier-{self._key(content, VERSION, self._seed, STEPS)[:24]}.safetensors"
        try:
            return SmallClassifier(safetensors.torch.load(path.read_bytes()))
        except (OSError, SafetensorError, KeyError, RuntimeError, ValueError):
            pass  # not there, or damaged: trained anew
        trained = train_classifier(np.asarray(self._images[rows]), labels[rows], self._seed)
        atomic_write(path, safetensors.torch.save(trained.state()))
        return trained

    def _draw(self, rows: Rows, n: int, stream: int) -> Rows:
        draw = np.random.default_rng((self._seed, stream))
        return np.sort(draw.permutation(rows)[:n])

    def _key(self, *parts: object) -> str:
        return hashlib.sha256(repr((self._fingerprint, *parts)).encode()).hexdigest()

    @contextmanager
    def _clock(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start
