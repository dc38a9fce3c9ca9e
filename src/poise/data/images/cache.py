"""The memory-mapped cache of decoded pictures: `<cache>/images/<key>/`.

`images.npy` uint8 [N, H, W, C], `hashes.npy` uint8 [N, 32] (`decode.content_hash`), `labels.npy` int64 [N] if
there are labels, `names.json` (the file of each row) and `meta.json`, which is written last. N counts
readable pictures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from poise.data.files import store
from poise.data.files.contents import READER, now_readable
from poise.data.files.turns import turns
from poise.data.files.walking import Progress, in_order
from poise.data.images.examples import examples
from poise.data.images.options import VERSION, PictureKey
from poise.data.images.sources.decode import Decoded, content_hash, is_transparent, largest
from poise.data.images.sources.depth import Deep
from poise.data.images.sources.fitting import cut_away, fitted
from poise.data.images.sources.opening import Unreadable
from poise.data.images.sources.source import Job, Source
from poise.errors import PoiseError
from poise.pixels.size import height_and_width

MUCH = 1 / 3 + 1e-9  # of a picture's area; just more than three to two loses as a square


@dataclass(frozen=True)
class CacheMeta:
    """`meta.json`. What caches of an earlier version lack has a default."""

    version: int
    count: int
    classes: Sequence[str]
    labelled: bool
    unreadable: Sequence[tuple[str, str]]  # (file, reason)
    passing: bool = False  # whether some may be read another time
    own_test: int = 0
    unused: int = 0
    reader: int = 1  # version of what knows kinds of files
    deep: Deep | None = None
    examples: Sequence[str] = ()
    transparent: int | None = None
    cut: int | None = None  # how many lose more than MUCH of their area
    lost: Sequence[tuple[str, str]] = ()  # of those that are unreadable, what could not even be listed then

    def notes(self, bits: int | None) -> list[str]:
        """What the pictures lose that a user should know."""
        told = self.deep.notes() if self.deep is not None and bits is None else []
        if self.cut:
            told.append(
                f"--fit crop cuts more than a third away from {self.cut:,} of {self.count:,} pictures; --fit pad keeps "
                "all of them, with margins"
            )
        return told

    @classmethod
    def of(cls, folder: Path) -> Self:
        content = json.loads((folder / "meta.json").read_text())
        deep = content.pop("deep", None)
        return cls(**content, deep=None if deep is None else Deep(**deep))


@dataclass(frozen=True)
class Cached:
    images: np.memmap
    labels: np.ndarray | None
    hashes: np.ndarray  # uint8 [N, 32]
    meta: CacheMeta

    def with_lost(self, lost: Sequence[tuple[str, str]]) -> Cached:
        """The same, with what cannot be listed today in the place of what could not be listed then: no pictures come
        of it, so it may come and go while these stay."""
        gone = {tuple(one) for one in (*self.meta.lost, *lost)}
        rest = [one for one in self.meta.unreadable if tuple(one) not in gone]
        return replace(self, meta=replace(self.meta, unreadable=[*lost, *rest]))


class Look(Protocol):
    """Whoever wants to see every picture while it is decoded."""

    def describe(self, picture: Decoded, digest: bytes) -> Any:
        """About one picture that can be read and its content hash; called on any thread."""

    def add(self, name: str, row: int, found: Any | Unreadable) -> None:
        """What `describe` gave, or why there is nothing; called in the order of the pictures."""

    def finish(self, source: Source) -> None:
        """There are no more."""


class _Worked(NamedTuple):
    """About one picture that was decoded; `seen` is what a `Look` saw in it."""

    pixels: np.ndarray
    digest: bytes
    deep: str
    largest: float | None
    transparent: bool
    cut: bool
    seen: Any


def look_again(source: Source, look: Look, progress: Progress | None) -> None:
    """Show every picture to `look`; nothing is written."""
    for i, found in enumerate(in_order(partial(_looked, look), source.jobs(count_frames=True))):
        look.add(source.picture_name(i), i, found)
        if progress:
            progress(i + 1, len(source))


def _looked(look: Look, job: Job) -> Any | Unreadable:
    def seen() -> Any:
        picture = job()
        return look.describe(picture, content_hash(picture.image))

    return _in_turn(seen)


def _in_turn(seen: Callable[[], Any]) -> Any | Unreadable:
    """What a function has of a picture, or why nothing: the picture is gone before the next one has its turn."""
    try:
        with turns():
            return seen()
    except Unreadable as error:
        return error


def build(
    source: Source, options: PictureKey, folder: Path, progress: Progress | None, look: Look | None = None
) -> Cached:
    """Decode everything into `folder`, which appears only when it is whole, while `look` sees it."""
    labelled = source.labels(options.labels)
    shape = (*height_and_width(options.size), options.channels)
    bytes_each = math.prod(shape) + 40  # the pixels, a hash and a label
    store.need_room(folder.parent, len(source) * bytes_each, f"decoding {len(source):,} pictures")

    deep = Deep()
    kept: list[int] = []
    transparent = cut = 0
    unreadable = list(source.lost)
    passing = source.passing  # a folder that cannot be read today may be tomorrow
    with store.building(folder, anew=True) as temporary:
        with (
            store.RowWriter(temporary / "images.npy", shape, np.uint8) as pixels,
            store.RowWriter(temporary / "hashes.npy", (32,), np.uint8) as hashes,
        ):
            jobs = source.jobs(count_frames=look is not None)
            for i, result in enumerate(in_order(partial(_worked, options, look), jobs)):
                if look is not None:
                    look.add(source.picture_name(i), i, result if isinstance(result, Unreadable) else result.seen)
                if isinstance(result, Unreadable):
                    unreadable.append((source.picture_name(i), str(result)))
                    passing |= result.passing
                else:
                    pixels.append(result.pixels)
                    hashes.append(np.frombuffer(result.digest, np.uint8))
                    kept.append(i)
                    deep.add(result.deep, result.largest)
                    transparent += result.transparent
                    cut += result.cut
                if progress:
                    progress(i + 1, len(source))
        if kept:
            deep.check(source.path, options.bits)
        meta = _finish(source, temporary, kept, unreadable, labelled, passing)
        meta = replace(meta, deep=deep, examples=examples(source, options), transparent=transparent, cut=cut)
        meta = replace(meta, lost=source.lost)
        (temporary / "meta.json").write_text(json.dumps(asdict(meta)))
    return store.built(folder, partial(_read, True))


def _worked(options: PictureKey, look: Look | None, job: Job) -> _Worked | Unreadable:
    def made() -> _Worked:
        picture = job()
        pixels = fitted(picture.image, options.size, options.channels, options.fit, options.background)
        digest = content_hash(picture.image)
        seen = None if look is None else look.describe(picture, digest)
        cut = cut_away(picture.image, options.size, options.fit) > MUCH
        return _Worked(pixels, digest, picture.deep, largest(picture), is_transparent(picture.image), cut, seen)

    try:
        return _in_turn(made)
    except MemoryError:
        return Unreadable("there is not enough memory for it", passing=True)


def _finish(
    source: Source,
    folder: Path,
    kept: list[int],
    unreadable: list[tuple[str, str]],
    labelled: tuple[np.ndarray, list[str]] | None,
    passing: bool,
) -> CacheMeta:
    """Write what belongs to the pixels, labels of the pictures kept and names; what is known of them."""
    if not kept:
        name, reason = unreadable[0]
        raise PoiseError(
            f"{source.path}: none of {len(unreadable):,} pictures can be read, the first being "
            f"{name} ({reason}); give a source with readable pictures"
        )
    classes: list[str] = []
    if labelled is not None:
        used, numbers = np.unique(labelled[0][kept], return_inverse=True)
        classes = [labelled[1][int(i)] for i in used]
        np.save(folder / "labels.npy", numbers.astype(np.int64))
    first_test = len(source) - source.own_test
    (folder / "names.json").write_text(json.dumps([source.picture_name(i) for i in kept]))
    return CacheMeta(
        VERSION,
        len(kept),
        classes,
        labelled is not None,
        unreadable,
        passing,
        own_test=sum(i >= first_test for i in kept) if source.own_test else 0,
        unused=sum(first_test - source.unused <= i < first_test for i in kept) if source.unused else 0,
        reader=READER,
    )


def load(folder: Path) -> Cached | None:
    """What `build` made, or None: there is nothing, it is damaged (by hand, or by the disk), or pictures are missing
    from it that may be read another time (or now: another Pillow, a plugin). Then it is built again and replaced."""
    return store.sound(folder, partial(_read, False))


def _read(passing: bool, folder: Path) -> Cached | None:
    """None for what is damaged, or is to be decoded again: see `load`. `passing`: it is taken although pictures are
    missing, by who has just built it."""
    meta = CacheMeta.of(folder)
    images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
    hashes = np.load(folder / "hashes.npy", allow_pickle=False)
    labels = np.load(folder / "labels.npy", allow_pickle=False) if meta.labelled else None
    counts = {meta.count, len(images), len(hashes), *([] if labels is None else [len(labels)])}
    more = any(now_readable(str(reason), meta.reader) for _, reason in meta.unreadable)
    if len(counts) == 1 and meta.version == VERSION and (passing or not (meta.passing or more)):
        return Cached(images, labels, hashes, meta)
    return None
