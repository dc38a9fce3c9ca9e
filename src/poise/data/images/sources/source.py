"""Where pictures come from: what every source offers, whatever the kind of its files.

A source lists its files, knows what they hold (a digest each, kept between runs), and hands out one job per
picture. A job is a call without arguments that returns a `Decoded` or raises `Unreadable`; jobs may run on
any thread.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from poise.data.files import index
from poise.data.files.others import Others
from poise.data.files.walking import Progress, in_order
from poise.data.images.sources.decode import Decoded

Job = Callable[[], Decoded]


class Source(ABC):
    """Pictures at one path; `files`, `sizes` and `stamps` (`walking.stamp_of`) are what its content depends on."""

    kind: str
    own_test: int = 0  # how many pictures at the end are the data set's own test split
    unused: int = 0  # how many before these are in neither part
    named: bool = False  # whether each picture is a file of its own, whose name says where it stands
    split: bool = False  # whether the first folder of each name is a split
    bits: int | None = None  # how many of 16 carry the values: see `depth`

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: list[str] = []
        self.sizes = np.empty(0, np.int64)
        self.stamps = np.empty(0, np.int64)
        self.info = np.empty(0, index.FILE_INFO)
        self.lost: list[tuple[str, str]] = []  # what could not even be listed, and why
        self.others = Others()  # files that are no pictures, or none that can be read here
        self.notes: list[str] = []  # what was recognised, and the flag that turns it off
        self.passing = False  # whether some of it may be there another time

    @abstractmethod
    def __len__(self) -> int:
        """How many pictures there may be, readable or not."""

    @abstractmethod
    def picture_name(self, i: int) -> str: ...

    @abstractmethod
    def jobs(self, count_frames: bool = False) -> Iterator[Job]:
        """One job per picture, in order; `count_frames` as in `decode`. Iterate on one thread only."""

    @abstractmethod
    def survey(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Widths, heights and greyness of the pictures whose header is readable. After `look`."""

    @abstractmethod
    def labels(self, where: str) -> tuple[np.ndarray, list[str]] | None:
        """Class number int64 of every picture and the names of the classes; `where`: none, folders or file."""

    @property
    @abstractmethod
    def brings_labels(self) -> bool:
        """Whether labels come with the pictures, so that `labels("file")` has an answer."""

    @property
    def offers_labels(self) -> str:
        """The table of labels that counts only for who asks for it, or nothing."""
        return ""

    @abstractmethod
    def look_at(self, row: int) -> tuple[bytes, int, int, bool]:
        """Digest, width, height and greyness of file `row`, read now."""

    def look(self, progress: Progress | None = None) -> None:
        """Fill `info`, reading only the files whose size or time stamp is new."""
        self.info, fresh = index.recall(self.path, self.files, self.sizes, self.stamps)
        fresh = np.union1d(fresh, self.doubtful()).astype(np.int64)
        seen = in_order(lambda row: self.look_at(int(row)), fresh)
        for done, (row, fact) in enumerate(zip(fresh, seen, strict=True), 1):
            self.info[row] = (np.frombuffer(fact[0], np.uint8), *fact[1:])
            if progress:
                progress(done, len(fresh))
        if len(fresh):
            index.remember(self.path, self.files, self.sizes, self.stamps, self.info)

    def samples(self) -> list[tuple[int, Job]]:
        """The rows of a few pictures, one of each kind, to show how they are read. After `look`."""
        return [(0, next(iter(self.jobs())))]

    def leave_labels(self) -> None:  # noqa: B027 - most sources have none that would count as content
        """Do without labels that nobody wants: what only came in with them is not part of the content."""

    def doubtful(self) -> np.ndarray:
        """Rows whose known info are looked at again, for what can be read may have become more."""
        return np.empty(0, np.int64)

    def names_then(self, called: str) -> list[str]:
        """`files` as they were while the one at `path` was called so: the same, but for files that are a set each."""
        return self.files

    def identity(self, called: str | None = None) -> str:
        """sha256 over names, sizes and digests: the content, wherever it lies; `called`: as in `names_then`. After
        `look`."""
        names = self.files if called is None else self.names_then(called)
        total = hashlib.sha256("\0".join(names).encode(errors="surrogateescape"))
        total.update(self.sizes.astype("<i8").tobytes())
        total.update(np.ascontiguousarray(self.info["digest"]).tobytes())
        return total.hexdigest()

    def close(self) -> None:  # noqa: B027 - most sources keep nothing open
        """Let go of what is open."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
