"""Any folder or file of pictures -> one memory-mapped uint8 array, decoded once, and a split into two parts.

    images = open_images("photos", size=64)
    images.images[images.train[0]]        # uint8 [64, 64, 3]

The decoded pictures lie in `<cache>/images/<key>/`, where the key is a sha256 over the content and the
options. A second call with the same content and options reads no picture at all. Nothing grows with the data
set but the list of its file names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from poise.data import catalogue, store
from poise.data.cache import Cached, Options, build, load
from poise.data.decode import FITS, colour_of, quiet
from poise.data.files import FolderSource, ZipSource
from poise.data.formats import idx_folder, idx_source, is_idx, npy_source, npz_source
from poise.data.sources import Progress, Source
from poise.errors import PoiseError, nearest

LABELS = ("auto", "none", "folders", "file")
LARGEST_SIZE = 4096
DEFAULT_SIZE = 64


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Decoded pictures and how they are split; `train` and `heldout` are ascending rows of `images`."""

    images: np.memmap  # uint8 [N, H, W, C], read-only
    labels: np.ndarray | None  # int64 [N], or None
    classes: tuple[str, ...]
    train: np.ndarray  # int64
    heldout: np.ndarray  # int64
    fingerprint: str  # hex sha256 of content, options and split
    name: str
    unreadable: list[tuple[str, str]]  # (file, reason) of what was left out
    notes: list[str] = field(default_factory=list)  # what else a user should know

    @property
    def size(self) -> int:
        return int(self.images.shape[1])

    @property
    def channels(self) -> int:
        return int(self.images.shape[3])

    def describe(self) -> str:
        """One line: "cats: 1,234 pictures 64x64 RGB, 1,111 to train on and 123 held out, 2 classes"."""
        text = (
            f"{self.name}: {len(self.images):,} pictures {self.size}x{self.size} "
            f"{'RGB' if self.channels == 3 else 'grey'}, {len(self.train):,} to train on and "
            f"{len(self.heldout):,} held out"
        )
        if self.labels is not None:
            text += f", {len(self.classes):,} class{'es' if len(self.classes) != 1 else ''}"
        return text + (f", {len(self.unreadable):,} unreadable left out" if self.unreadable else "")


def open_images(
    source: str | Path,
    size: int | None = None,
    channels: int | None = None,
    labels: str = "none",
    fit: str = "crop",
    background: str = "white",
    heldout: float = 0.1,
    progress: Progress | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> ImageSet:
    """Open a folder, zip, .npy, .npz or IDX file, or a fetched set of the catalogue, as an `ImageSet`.

    size: side in pixels. None: the pictures' own, if all are squares of one size; else the largest power of
        two, at most 64 and at least 8, that is no larger than the shorter side of 95 % of the pictures.
    channels: 1 or 3. None: 1 if all pictures (and `background`) are grey, else 3.
    labels: "none"; "folders" (the first folder below `source` is the class); "file" (what comes with the
        data: the IDX file of labels, `labels` or `y` in an npz, labels.json in a folder or zip); "auto": "file"
        where such labels are, else "none".
    fit: "crop" cuts the middle square of a picture that is none; "pad" keeps it whole, with margins.
    background: any Pillow colour name or #rrggbb; lies under transparent pixels and fills the margins of "pad".
    heldout: the share of pictures to hold out, in [0, 1). A picture is held out when the first 64 bits of its
        content hash, divided by 2^64, are below it, so copies of one picture are on one side, and adding
        pictures never moves another one. A set with a test split of its own holds out that instead, whole,
        for every share above 0; with 0 its test pictures are not used at all.
    progress: called as progress(done, total) while files are read, and again while they are decoded.
    limit: keep so many of the training pictures, drawn by `seed`, the others unused; None: all. A smaller draw of the
        same seed is part of a larger one. What is held out does not change.

    Unreadable pictures are left out and named in `.unreadable`. Raises PoiseError for options that cannot be,
    and where no picture is left.
    """
    _check(size, channels, labels, fit, heldout)
    colour = colour_of(background)
    name, path, classes = locate(source)
    with quiet(), open_source(path) as opened:
        opened.look(progress)
        side = size or _default_size(opened)
        planes = channels or _default_channels(opened, colour)
        notes: list[str] = []
        if labels == "auto":
            labels, notes = _usable_labels(opened)
        options = Options(side, planes, fit, "#{:02x}{:02x}{:02x}".format(*colour), labels)
        key = options.key(opened.identity())
        folder = store.cache_dir() / "images" / key
        cached = load(folder) or build(opened, options, folder, progress)
    return replace(_split(cached, key, heldout, name, classes, limit, seed), notes=notes)


def locate(source: str | Path) -> tuple[str, Path, tuple[str, ...]]:
    """A path, or the name of a set in the catalogue, as (name to show, path, names of the classes or ())."""
    path = Path(source).expanduser()
    # os.path.exists, unlike Path.exists, is never an error: not for a forbidden folder, nor for a long name.
    if str(source) and os.path.exists(path):
        return path.resolve().name or str(path), path, ()
    entry = next((e for e in catalogue.catalogue() if e.name == str(source)), None)
    if entry is None:
        known = [e.name for e in catalogue.catalogue() if e.modality != "scorer"]
        raise PoiseError(
            f"there is no file, folder or data set called '{source}'{nearest(str(source), known)}; "
            "`poise data list` shows the data sets"
        )
    if entry.modality == "scorer":
        raise PoiseError(f"{entry.name} is a scorer's weights and holds no data: `poise data list` shows what does")
    where = catalogue.located(entry.name)
    if where is None:
        raise PoiseError(f"{entry.title} is not here yet: get it with `poise data get {entry.name}`")
    return entry.name, where, entry.classes


def open_source(path: Path) -> Source:
    """The source of an existing path, by what it is. PoiseError for a kind that is not known."""
    if path.is_dir():
        return idx_folder(path) or FolderSource(path)
    makers: dict[str, Callable[[Path], Source]] = {".zip": ZipSource, ".npy": npy_source, ".npz": npz_source}
    maker = idx_source if is_idx(path) else makers.get(path.suffix.lower())
    if maker is None:
        raise PoiseError(f"{path} is no collection of pictures: give a folder, or a .zip, .npy, .npz or IDX file")
    return maker(path)


def _usable_labels(source: Source) -> tuple[str, list[str]]:
    """("file" or "none", why labels that are there are not used): nobody asked for them, so they stop nothing."""
    if not source.brings_labels:
        return "none", []
    try:
        source.labels("file")
    except PoiseError as error:
        return "none", [f"labels are not used, for they cannot be: {error} (--labels none says nothing of them)"]
    return "file", []


def _check(size: int | None, channels: int | None, labels: str, fit: str, heldout: float) -> None:
    if size is not None and not 1 <= size <= LARGEST_SIZE:
        raise PoiseError(f"--size {size} is not possible: give a number of pixels from 1 to {LARGEST_SIZE}")
    if channels not in (None, 1, 3):
        raise PoiseError(f"--channels {channels} is not possible: give 1 (grey) or 3 (colour)")
    if labels not in LABELS:
        raise PoiseError(f"labels '{labels}' is not known: give auto, none, folders or file")
    if fit not in FITS:
        raise PoiseError(f"fit '{fit}' is not known: give crop or pad")
    if not 0 <= heldout < 1:
        raise PoiseError(f"--heldout {heldout} is not possible: give a share from 0 to below 1, such as 0.1")


def _default_size(source: Source) -> int:
    widths, heights, _ = source.survey()
    if not len(widths):
        return DEFAULT_SIZE
    shorter = np.minimum(widths, heights)
    if (widths == heights).all() and (shorter == shorter[0]).all() and shorter[0] <= LARGEST_SIZE:
        return int(shorter[0])
    # Not the very smallest: one stray icon must not make thumbnails of all.
    side = int(np.quantile(shorter, 0.05, method="lower"))
    return 1 << (min(DEFAULT_SIZE, max(8, side)).bit_length() - 1)


def _default_channels(source: Source, background: tuple[int, int, int]) -> int:
    _, _, grey = source.survey()
    return 1 if len(set(background)) == 1 and len(grey) and bool(grey.all()) else 3


def _split(
    cached: Cached, key: str, heldout: float, name: str, classes: tuple[str, ...], limit: int | None, seed: int
) -> ImageSet:
    count, own = len(cached.images), int(cached.meta["own_test"])
    if own:
        out = np.arange(count) >= count - own
        train, held = np.flatnonzero(~out), np.flatnonzero(out & (heldout > 0))
    else:
        first = cached.hashes[:, :8].copy().view(">u8")[:, 0]
        out = first / 2.0**64 < heldout
        train, held = np.flatnonzero(~out), np.flatnonzero(out)
    if not len(train):
        raise PoiseError(
            f"{name}: all {count:,} pictures would be held out at --heldout {heldout}: give a smaller share, or 0"
        )
    if limit is not None:
        if not 1 <= limit <= len(train):
            raise PoiseError(f"--limit {limit} is not possible: {name} has {len(train):,} pictures to train on")
        train = np.sort(np.random.default_rng((seed, len(train))).permutation(train)[:limit])
    digest = hashlib.sha256(key.encode())
    digest.update(train.astype("<i8").tobytes() + b"|" + held.astype("<i8").tobytes())
    found = tuple(cached.meta["classes"])
    return ImageSet(
        images=cached.images,
        labels=cached.labels,
        classes=classes if found and len(classes) == len(found) else found,
        train=train.astype(np.int64),
        heldout=held.astype(np.int64),
        fingerprint=digest.hexdigest(),
        name=name,
        unreadable=[(file, reason) for file, reason in cached.meta["unreadable"]],
    )
