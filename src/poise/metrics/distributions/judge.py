"""Scores of a generator against held-out pictures, beside what real pictures score against each other.

judge = Judge(open_images("photos"))
floor = judge.floor()               # real training pictures against held-out ones
scores = judge.score(sample)        # generated pictures against the same held-out ones
print("\\n".join([*judge.missing, *lines(scores, floor, judge.extractors)]))

More than 250 lines, because what is drawn, kept back and scored, and in which order, is to be read in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poise.core import Timed
from poise.data.files.items import Rows, drawn
from poise.errors import PoiseError
from poise.metrics.core.feature_metric import FeatureMetric, share_pass
from poise.metrics.core.metric import find_metrics
from poise.metrics.core.sets import Compared, Features
from poise.metrics.distributions.modes import effective_classes
from poise.metrics.features.cache import Cache
from poise.metrics.features.classifier import SmallClassifier
from poise.metrics.features.features import EffLite0, Extractor, MissingFeatures, features, to_uint8

# (n, seed) -> uint8 array [n,H,W,C], or tensor [n,C,H,W], uint8 or floats in [-1, 1]
Sample = Callable[[int, int], NDArray[np.uint8] | Tensor]

LEAST = 4  # pictures that a score needs on either side
LABELLED = 2000  # held-out pictures with labels, from which on half of them train the small classifier
FLAT = 128  # pictures of one colour: KID is unbiased at any number
LARGEST_BLOCK = 10_000  # at most so many of them


class Judge(Timed):
    """Scores generated pictures on features, against the held-out part of a data set.

    Args:
        images: uint8 [N,H,W,C], an array or a memory map.
        train, heldout: rows of `images`.
        labels: int [N], or None. With labels and at least 2,000 held-out pictures, these are split by a fixed draw:
            half of them (at most 10,000) train a small classifier, a second extractor that also gives class shares; all
            scores then refer to the rest. The pictures that the generator trains on never train an extractor.
        n: generated pictures in a score, default 1,000; fewer where the training part is smaller, because the floor
            can only be compared at equal n. As many held-out pictures are the reference, or all there are.
        cache: folder for the features of real pictures and for the classifier.
        fingerprint: of `images`; with the rows, the key of the cache.
        seed: decides which pictures are drawn, and the classifier.
        extractors: default `EffLite0()`, or none and a sentence in `missing` where its weights are not installed.
        metrics: names of metrics of features, default KID and FD. Those that need the training set get
            `n` training rows, other ones than those that the floor is made of.
        unseen: compare with held-out pictures that the judge of the same arguments without it leaves out, to have the
            last word on a checkpoint that was chosen by that one. There are no scores where it leaves none.

    Attributes: `n` and `m`, generated and held-out pictures in a score; `missing`, sentences for the user: what cannot
    be scored or kept, and why; `extractors`; `classifier`, or None; `shares`, the share of each class in the last
    `score`; `seconds` spent in all, and `last_seconds` in the last `score`.

    With fewer than 4 training or held-out pictures, or with no extractor, there are no scores but a sentence in
    `missing`. Errors: `PoiseError` for n below 4.

    Example:
        >>> from poise.metrics.features.classifier import train_classifier
        >>> images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), np.uint8)
        >>> extractor = train_classifier(images, np.arange(60) % 2, steps=1)  # or EffLite0()
        >>> judge = Judge(images, range(30), range(30, 60), cache="cache", fingerprint="noise", extractors=[extractor])
        >>> sorted(judge.score(lambda n, seed: images[:n]))[:4]
        ['FD-classifier', 'FD-classifier.high', 'FD-classifier.low', 'KID-classifier']
    """

    noun = "pictures"

    def __init__(
        self,
        images: NDArray[np.uint8],
        train: NDArray[Any],
        heldout: NDArray[Any],
        *,
        labels: NDArray[Any] | None = None,
        n: int = 1000,
        cache: str | Path,
        fingerprint: str,
        seed: int = 0,
        extractors: Sequence[Extractor] | None = None,
        metrics: Sequence[str] = ("KID", "FD"),
        unseen: bool = False,
    ) -> None:
        if n < LEAST:
            raise PoiseError(f"scores need at least {LEAST} pictures, not {n}")
        self._images, self._seed = images, seed
        self._cache = Cache(Path(cache), fingerprint)
        self._metrics = find_metrics(FeatureMetric, metrics)
        self._floor: dict[str, float] | None = None
        self._flat_kid: dict[str, float] | None = None
        self._kept: dict[tuple[str, str], Features] = {}
        self.missing = self._cache.notes
        self.extractors: list[Extractor] = []
        self.classifier: SmallClassifier | None = None
        self.shares: list[float] = []
        self.last_seconds = 0.0
        with self.timed():
            train, held = np.asarray(train, np.int64), np.asarray(heldout, np.int64)
            if self._enough(len(train), len(held)):
                self._find(extractors)
                held = self._split(labels, held)
            self.n = min(n, len(train))
            self._train_rows, self._held_rows = self._draw(train, self.n, 1), self._draw(held, n, 2)
            if unseen:
                self._held_rows = self._draw(_without(held, self._held_rows), n, 4)
                if len(self._held_rows) < LEAST and self.extractors:
                    self.extractors, self.classifier = [], None
                    self.missing.append("no last word: every held-out picture was looked at by the other scores")
            self._other_rows = self._draw(_without(train, self._train_rows), self.n, 3)
            self.m = len(self._held_rows)
            self._leave_out()

    def floor(self) -> dict[str, float]:
        """`n` real training pictures against the `m` held-out ones; the keys are those of `score`."""
        with self.timed():
            if self._floor is None:
                drawn = {e.name: self._real(e, self._train_rows, "train") for e in self.extractors}
                self._floor, _ = self._values(drawn, floor=True)
            return dict(self._floor)

    def score(self, sample: Sample, seed: int = 0) -> dict[str, float]:
        """`n` generated pictures against the `m` held-out ones; with no extractor an empty dict.

        `sample(n, seed)` returns n pictures that depend on the weights and the seed alone: a uint8 array [n,H,W,C], or
        a tensor [n,C,H,W], uint8 or floats in [-1, 1]. Then equal weights give equal scores, bit for bit on one machine
        with one number of threads.

        Keys for every extractor E and metric M: "M-E", its 95 % interval "M-E.low" and "M-E.high", and the two numbers
        of pictures "E.n" and "E.m"; "KID-E.flat", the KID of pictures of one colour each, the mean colours of training
        pictures, which whoever has learnt anything beats; with a classifier also "class_share.min", the share of the
        class that it sees least often, and "class_share.effective", over how many classes the pictures spread (exp of
        the entropy) as a part of the number that the held-out ones spread over. See the metrics for formulas and units.
        """
        if not self.extractors:
            return {}
        start = self.seconds
        with self.timed():
            made = self._checked(sample(self.n, seed))
            values, self.shares = self._values({e.name: features(e, made) for e in self.extractors})
            values |= self._flat()
        self.last_seconds = self.seconds - start
        return values

    def _values(
        self, drawn: dict[str, NDArray[np.float32]], floor: bool = False
    ) -> tuple[dict[str, float], list[float]]:
        values: dict[str, float] = {}
        shares: list[float] = []
        metrics = [m for m in self._metrics if not (floor and m.needs_train and self._trained_on == "train")]
        for extractor in self.extractors if drawn else ():
            made, short = Features(drawn[extractor.name], "generated features"), extractor.name.partition("@")[0]
            train = self._reference(extractor, self._trained_on) if any(m.needs_train for m in metrics) else None
            sets = Compared(self._reference(extractor, "heldout"), made, train)
            share_pass(sets, metrics, self._seed)
            for metric in metrics:
                result, key = metric.estimate(sets, self._seed), f"{metric.name}-{short}"
                values |= {key: result.value, f"{key}.low": result.low, f"{key}.high": result.high}
            values |= {f"{short}.n": float(len(made)), f"{short}.m": float(len(sets.heldout))}
        if self.classifier is not None:
            seen = self.classifier.classes_of(drawn[self.classifier.name])
            shares = [float(x) for x in np.bincount(seen, minlength=self.classifier.classes) / len(seen)]
            values["class_share.min"] = min(shares)
            held = self._reference(self.classifier, "heldout").rows[:]
            real = self.classifier.classes_of(np.asarray(held, np.float32))
            known = np.bincount(real, minlength=self.classifier.classes) / len(real)
            values["class_share.effective"] = effective_classes(np.array(shares)) / effective_classes(known)
        return values, shares

    def _flat(self) -> dict[str, float]:
        """KID of pictures of one colour each, the mean colours of training pictures, on each extractor."""
        if self._flat_kid is None:
            some = self._images[self._train_rows[:FLAT]]
            colours = some.mean((1, 2), keepdims=True, dtype=np.float64).round().astype(np.uint8)
            plain = torch.from_numpy(np.broadcast_to(colours, some.shape).copy()).movedim(-1, 1)
            self._flat_kid = {}
            for metric in (m for m in self._metrics if m.name == "KID"):
                for extractor in self.extractors:
                    rows = Features(features(extractor, plain), "features of plain colours")
                    sets = Compared(self._reference(extractor, "heldout"), rows, None)
                    share_pass(sets, [metric], self._seed)
                    short = extractor.name.partition("@")[0]
                    self._flat_kid[f"{metric.name}-{short}.flat"] = metric.estimate(sets, self._seed).value
        return self._flat_kid

    def _checked(self, made: NDArray[np.uint8] | Tensor) -> Tensor:
        if isinstance(made, np.ndarray):
            made = torch.from_numpy(made).movedim(-1, 1) if made.ndim == 4 else torch.from_numpy(made)
        height, width, channels = self._images.shape[1:]
        if tuple(made.shape) != (self.n, channels, height, width):
            raise PoiseError(
                f"the generator was asked for pictures {[self.n, channels, height, width]} (N, C, H, W) "
                f"and made {list(made.shape)}"
            )
        return to_uint8(made)

    def _reference(self, extractor: Extractor, split: str) -> Features:
        """Features of real pictures of one split, with all that has been computed of them."""
        if (extractor.name, split) not in self._kept:
            rows = {"heldout": self._held_rows, "train": self._train_rows, "other": self._other_rows}[split]
            what = "held-out features" if split == "heldout" else "training features"
            self._kept[extractor.name, split] = Features(self._real(extractor, rows, split), what)
        return self._kept[extractor.name, split]

    def _leave_out(self) -> None:
        """Decide what the training set of the metrics is, and drop metrics for which there are too few pictures."""
        if self.extractors:
            for metric in [m for m in self._metrics if m.least > min(self.n, self.m)]:
                self._metrics.remove(metric)
                self.missing.append(
                    f"no {metric.name}: it needs {metric.least} pictures on either side, "
                    f"and there are {self.n} and {self.m}"
                )
        needed = [m for m in self._metrics if m.needs_train]
        enough = len(self._other_rows) >= max((m.least for m in needed), default=0)
        self._trained_on = "other" if enough else "train"
        if needed and not enough:
            self.missing.append(
                f"no floor of {', '.join(m.name for m in needed)}: it needs {max(m.least for m in needed)} more "
                f"training pictures than the {self.n:,} that stand for generated ones"
            )

    def _real(self, extractor: Extractor, rows: Rows, split: str) -> NDArray[np.float32]:
        return self._cache.features(extractor, self._images, rows, split)

    def _enough(self, train: int, heldout: int) -> bool:
        if min(train, heldout) < LEAST:
            self.missing.append(
                f"no scores: they need at least {LEAST} training and {LEAST} held-out pictures, "
                f"and there are {train} and {heldout}"
            )
        return min(train, heldout) >= LEAST

    def _find(self, extractors: Sequence[Extractor] | None) -> None:
        try:
            self.extractors = [EffLite0()] if extractors is None else list(extractors)
        except MissingFeatures as error:
            self.missing.append(str(error))

    def _split(self, labels: NDArray[Any] | None, heldout: Rows) -> Rows:
        """Half of the labelled held-out rows train the classifier; the other half is returned."""
        if labels is None:
            return heldout
        if len(heldout) < LABELLED or len(np.unique(labels[heldout])) < 2:
            self.missing.append(
                f"no scores of a small classifier: it needs {LABELLED:,} held-out pictures of 2 or more classes, "
                f"and there are {len(heldout):,}"
            )
            return heldout
        size = min(len(heldout) // 2, LARGEST_BLOCK)
        taught = drawn(heldout, size, (self._seed, 0))
        if len(np.unique(labels[taught])) < 2:  # the others are too rare
            self.missing.append(
                f"no scores of a small classifier: the {size:,} held-out pictures that would train it are of one class"
            )
            return heldout
        self.classifier = self._cache.classifier(self._images, labels, taught, self._seed)
        self.extractors.append(self.classifier)
        return _without(heldout, taught)

    def _draw(self, rows: Rows, n: int, stream: int) -> Rows:
        return drawn(rows, n, (self._seed, stream))


def _without(rows: Rows, taken: Rows) -> Rows:
    """The rows that are not among those taken, in the order in which they stand."""
    return rows[~np.isin(rows, taken)]
