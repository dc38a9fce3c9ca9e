"""Sets of features: what is computed of one set, or between two, once and kept.

made, heldout = Features(x), Features(y)            # float [n,d], arrays or memory maps
made.moments                                        # streamed: any number of rows
made.against(heldout, Sums(CubicKernel()), NearestRows(1))    # one pass over the products, answers kept

A set is never copied whole for its moments. What needs all pairs is for sets of some 10,000 rows: it holds them as
float64 and tiles of the products, never all products.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poise.errors import PoiseError
from poise.metrics.core.moments import Moments, moments
from poise.metrics.core.reductions import NearestRows
from poise.metrics.core.tiles import Ask, run

T = TypeVar("T")
CHUNK = 4096  # rows in memory at once while a set is looked through
AT_ONCE = 1 << 24  # numbers in memory at once while a set is streamed


class Picked:
    """Chosen rows of an array or a memory map [N,d], read when they are asked for and never copied whole.

    Example:
        >>> array = np.arange(10.0).reshape(5, 2)
        >>> Picked(array, np.array([4, 0]))[:1].tolist()
        [[8.0, 9.0]]
    """

    ndim = 2

    def __init__(self, array: NDArray[Any], chosen: NDArray[np.int64]) -> None:
        self.array, self.chosen = array, chosen
        self.dtype: np.dtype[Any] = array.dtype
        self.shape: tuple[int, int] = (len(chosen), array.shape[1])

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return np.asarray(self.array[self.chosen[key]])


class Features:
    """One set of features, rows float [n,d].

    Args: rows, an array or a memory map; they are read, not changed. `what` names the set in errors.

    Errors: `PoiseError` for anything but [n,d] with n, d >= 1 of real numbers, and for NaN or infinite values.

    Example:
        >>> rows = Features(np.array([[0.0, 3.0], [4.0, 0.0], [0.0, 0.0]]))
        >>> len(rows), rows.d, rows.squares.tolist(), rows.radii(1).tolist()  # squared, to the nearest
        (3, 2, [9.0, 16.0, 0.0], [9.0, 16.0, 9.0])
    """

    def __init__(self, rows: NDArray[Any] | Picked, what: str = "features") -> None:
        if not isinstance(rows, Picked):
            rows = np.asanyarray(rows)
            _check(rows, what)
        self.rows, self.what = rows, what
        self._taken: dict[tuple[int, int], Features] = {}
        self._kept: WeakKeyDictionary[Features, dict[Ask, Any]] = WeakKeyDictionary()
        self._own: dict[Ask, Any] = {}
        self._memo: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def d(self) -> int:
        return int(self.rows.shape[1])

    def chunks(self) -> Iterator[Tensor]:
        """The rows in order as float64 [.,d], at most 128 MiB or 4,096 rows at once."""
        size = max(CHUNK, AT_ONCE // self.d)
        for start in range(0, len(self), size):
            yield torch.from_numpy(np.array(self.rows[start : start + size], np.float64))

    def take(self, n: int, seed: int) -> Features:
        """The set itself if it has at most n rows, else n rows chosen by the seed, in order."""
        if len(self) <= n:
            return self
        if (n, seed) not in self._taken:
            chosen = np.sort(np.random.default_rng((seed, len(self))).permutation(len(self))[:n])
            self._taken[n, seed] = self.pick(chosen)
        return self._taken[n, seed]

    def pick(self, chosen: NDArray[np.int64]) -> Features:
        """These rows as a set of their own, not copied."""
        rows = self.rows
        return Features(
            Picked(rows.array, rows.chosen[chosen]) if isinstance(rows, Picked) else Picked(rows, chosen), self.what
        )

    @cached_property
    def values(self) -> Tensor:
        """All rows as float64 [n,d]."""
        rows = self.rows
        if isinstance(rows, Picked):
            return torch.cat(list(self.chunks()))
        if rows.dtype == np.float64 and rows.flags.c_contiguous and rows.flags.writeable:
            return torch.from_numpy(np.asarray(rows))  # the same memory
        return torch.from_numpy(np.array(rows, np.float64, order="C"))

    @cached_property
    def squares(self) -> Tensor:
        """Squared norms [n]."""
        return torch.cat([part.square().sum(1) for part in self.values.split(CHUNK)])

    @cached_property
    def moments(self) -> Moments:
        """Mean and root of the covariance, read in blocks. Needs 2 rows."""
        return moments(self.chunks(), self.d)

    def within(self, *asks: Ask) -> list[Any]:
        """The answers about pairs of rows of this set; those that are not kept yet are gathered in one pass."""
        return _answers(self, self, asks, self._own)

    def against(self, other: Features, *asks: Ask) -> list[Any]:
        """The answers about pairs of a row of this set (rows) and a row of the other (columns)."""
        return _answers(self, other, asks, self._kept.setdefault(other, {}))

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for a key and kept as long as this set."""
        if key not in self._memo:
            self._memo[key] = make()
        kept: T = self._memo[key]
        return kept

    def radii(self, k: int) -> Tensor:
        """Squared distance [n] of each row to its k-th nearest other row. Needs k + 1 rows."""
        farther = [ask for ask in self._own if isinstance(ask, NearestRows) and ask.k >= k]
        near: Tensor = self.within(*(farther or [NearestRows(k)]))[0].rows.squared
        return near[:, k - 1]


def _check(rows: NDArray[Any], what: str) -> None:
    if rows.ndim != 2 or not rows.size or rows.dtype.kind not in "fiu":
        raise PoiseError(f"{what} must be real numbers [n,d], not {rows.dtype} {list(rows.shape)}")
    for start in range(0, len(rows), CHUNK):
        if not np.isfinite(rows[start : start + CHUNK]).all():
            raise PoiseError(f"{what} hold NaN or infinite values: the samples or the extractor's weights are broken")


def _answers(x: Features, y: Features, asks: tuple[Ask, ...], kept: dict[Ask, Any]) -> list[Any]:
    missing = [ask for ask in dict.fromkeys(asks) if ask not in kept]
    if missing:
        kept.update(zip(missing, run(x, y, missing), strict=True))
    return [kept[ask] for ask in asks]


class Compared(NamedTuple):
    """What a metric compares. All three have features of one extractor, [.,d].

    Example:
        >>> x = np.arange(20.0)[:, None]
        >>> [len(part) for part in compare(x, x, x).limited(8, seed=0)]
        [8, 8, 8]
    """

    heldout: Features  # real and never trained on: the reference
    made: Features  # generated
    train: Features | None = None  # real, what the model was trained on

    def limited(self, largest: int | None, seed: int) -> Compared:
        """Each set with at most `largest` rows, chosen by the seed, for each set in its own way."""
        if largest is None:
            return self
        train = None if self.train is None else self.train.take(largest, 3 * seed + 2)
        return Compared(self.heldout.take(largest, 3 * seed), self.made.take(largest, 3 * seed + 1), train)


def compare(heldout: NDArray[Any], made: NDArray[Any], train: NDArray[Any] | None = None) -> Compared:
    """`Compared` of arrays or memory maps [n,d]. Errors: as `Features`, and where the sets differ in d.

    Example:
        >>> sets = compare(heldout=np.zeros((5, 2)), made=np.ones((3, 2)))
        >>> len(sets.heldout), len(sets.made), sets.train
        (5, 3, None)
        >>> compare(np.zeros((5, 2)), np.ones((3, 4)))
        Traceback (most recent call last):
            ...
        poise.errors.PoiseError: features to compare must have one number of columns d, not [2, 4]: use one extractor
    """
    sets = Compared(
        Features(heldout, "held-out features"),
        Features(made, "generated features"),
        None if train is None else Features(train, "training features"),
    )
    widths = [s.d for s in sets if s is not None]
    if len(set(widths)) > 1:
        raise PoiseError(f"features to compare must have one number of columns d, not {widths}: use one extractor")
    return sets
