"""Any folder or file of pictures -> one memory-mapped uint8 array, decoded once, and a split into two parts.

    images = open_images("photos", size=64)
    images.images[images.train[0]]        # uint8 [64, 64, 3]

The decoded pictures lie in `<cache>/images/<key>/`, where the key is a sha256 over the content and the
options. A second call with the same content and options reads no picture at all. Nothing grows with the data
set but the list of its file names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np

from poise.data.catalogue.catalogue import entry_of
from poise.data.catalogue.locate import locate
from poise.data.files import store
from poise.data.files.contents import is_idx
from poise.data.files.items import among, by_content, drawn
from poise.data.files.reading import ReadingProgress, reading
from poise.data.files.walking import Progress
from poise.data.images.cache import Cached, Look, build, load, look_again
from poise.data.images.chosen import (
    LARGEST_SIZE,
    check,
    default_channels,
    default_size,
    share_of,
    shared_pictures,
    usable_labels,
    without_labels,
)
from poise.data.images.examples import examples
from poise.data.images.options import PictureKey
from poise.data.images.sources import depth
from poise.data.images.sources.decode import quiet
from poise.data.images.sources.files import FolderSource, ZipSource
from poise.data.images.sources.fitting import colour_of
from poise.data.images.sources.formats import idx_folder, idx_source, npy_source, npz_source
from poise.data.images.sources.source import Source
from poise.errors import PoiseError
from poise.pixels.size import dimensions, read_size, size_of
from poise.pixels.transparency import WITH_ALPHA, Flattened

DESCRIBED = {1: "grey", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Decoded pictures and how they are split; `train` and `heldout` are rows of `images`, as in `order`."""

    images: np.memmap  # uint8 [N, H, W, C], read-only; four channels have straight alpha
    labels: np.ndarray | None  # int64 [N], or None
    classes: tuple[str, ...]
    train: np.ndarray  # int64
    heldout: np.ndarray  # int64
    fingerprint: str  # hex sha256 of content, options and split
    name: str
    unreadable: list[tuple[str, str]]  # (file, reason) of what was left out
    notes: list[str] = field(default_factory=list)  # what else a user should know
    shown: list[str] = field(default_factory=list)  # how the first pictures were read
    share: str = ""  # which share would hold some out, where none are
    order: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))  # int64 [N], all rows
    transparent: int | None = None  # pictures that are so anywhere; None where an earlier version has decoded them
    mirrored: bool = False  # whether mirror images are trained on as well
    background: str = "white"  # what lies under transparency, or is laid under it where there is alpha

    @property
    def size(self) -> int | str:
        """The side of squares, or "WIDTHxHEIGHT"."""
        return size_of(*self.images.shape[1:3])

    @property
    def channels(self) -> int:
        return int(self.images.shape[3])

    @property
    def seen(self) -> np.ndarray:
        """The pictures as they are scored: uint8 [N, H, W, C], C 1 or 3; over `background` where they have alpha."""
        if self.channels != WITH_ALPHA:
            return self.images
        return cast(np.ndarray, Flattened(self.images, colour_of(self.background)))

    def describe(self) -> str:
        """One line: "cats: 1,234 pictures 64x64 RGB, 1,111 to train on and 123 held out, 2 classes"."""
        text = (
            f"{self.name}: {len(self.images):,} pictures {dimensions(self.size)} "
            f"{DESCRIBED[self.channels]}, {len(self.train):,} to train on and "
            f"{len(self.heldout):,} held out"
        )
        if self.labels is not None:
            text += f", {len(self.classes):,} class{'es' if len(self.classes) != 1 else ''}"
        return text + (f", {len(self.unreadable):,} unreadable left out" if self.unreadable else "")


def open_images(
    source: str | Path,
    size: int | str | None = None,
    channels: int | None = None,
    labels: str = "none",
    fit: str = "crop",
    background: str = "white",
    heldout: float = 0.1,
    progress: Progress | None = None,
    limit: int | None = None,
    seed: int = 0,
    bits: int | None = None,
    splits: str = "auto",
    order: str = "names",
    largest: int = LARGEST_SIZE,
    look: Look | None = None,
    called: str | None = None,
) -> ImageSet:
    """Open a folder, zip, .npy, .npz or IDX file, or a fetched set of the catalogue, as an `ImageSet`.

    size: side in pixels, or "WIDTHxHEIGHT". None: the pictures' own, if all are squares of one size; else the largest
        power of two, at most 64 and at least 8, that is no larger than the shorter side of 95 % of the pictures.
    channels: 1, 3, or 4 (colour and straight alpha). None: 1 if all pictures (and `background`) are grey, else 3.
    labels: "none"; "folders" (the first folder below `source`, or below its splits, is the class); "file" (what comes
        with the data: the IDX file of labels, `labels` or `y` in an npz, labels.json or NVIDIA's dataset.json in a
        folder or zip); "auto": "file" where such labels are, else "none".
    fit: "crop" cuts the middle of other proportions than those of `size`; "pad" keeps all of it, with margins.
    background: any Pillow colour name or #rrggbb; lies under transparent pixels and fills the margins of "pad". With 4
        channels these stay transparent, and it is what the pictures are scored over.
    heldout: the share of pictures to hold out, in [0, 1). A picture is held out when the first 64 bits of its
        content hash, divided by 2^64, are below it, so copies of one picture are on one side, and adding
        pictures never moves another one. A set with a test split of its own holds out that instead, whole,
        for every share above 0; with 0 its test pictures are not used at all.
    progress: called as progress(done, total) while files are read, and again while they are decoded. None: told on
        standard error where it lasts.
    limit: keep so many of the training pictures, drawn by `seed`, the others unused; None: all. A smaller draw of the
        same seed is part of a larger one. What is held out does not change.
    bits: how many of the 16 bits of grey pictures carry the values: see `depth`. None: all.
    splits: "auto": folders train/, test/, val/ right below `source` are splits and no classes; "none": they are not.
    order: of `train` and `heldout`, which is what draws go by. "names": ascending rows, files by their names;
        "content": files of a folder or zip by their content hashes, so that other names change nothing. Arrays keep
        their order.
    largest: side that squares of one size keep where `size` is None; larger ones are brought to 64 like others.
    called: what an array file was called when its fingerprint was taken, which depends on it. None: as it is now.
    look: is shown every picture as it is decoded, and those of a set that was decoded before once more.

    Unreadable pictures are left out and named in `.unreadable`. Raises PoiseError for options that cannot be,
    and where no picture is left.
    """
    size = None if size is None else read_size(size)
    check(size, channels, labels, fit, heldout, splits, order)
    bits = depth.checked(bits)
    colour = colour_of(background)
    name, path, classes = locate(source)
    catalogued = entry_of(source) is not None
    with quiet(), reading(name, shown=progress is None) as far, listed(path, splits, far) as opened:
        opened.bits = bits
        labels = without_labels(opened, labels)
        far.begin("looking at files")
        opened.look(progress or far)
        side = size or default_size(opened, largest)
        planes = channels or default_channels(opened, colour)
        notes = list(opened.notes)
        if labels == "auto":
            labels, why = usable_labels(opened)
            notes += why
        parted = "folders" if opened.own_test or opened.unused or labels == "folders" else None
        options = PictureKey(
            side, planes, fit, "#{:02x}{:02x}{:02x}".format(*colour), labels, bits=bits,
            splits=parted if opened.split else None,
        )  # fmt: skip
        key = options.key(opened.identity(called))
        folder = store.cache_dir() / "images" / key
        far.begin("decoding")
        cached = load(folder)
        if cached is not None and look is not None:
            look_again(opened, look, progress or far)
        cached = (cached or build(opened, options, folder, progress or far, look)).with_lost(opened.lost)
        if look is not None:
            look.finish(opened)
        if len(opened.others) and not catalogued:  # of a catalogued set they are known: licences, tables
            notes.append(opened.others.line())
        notes += cached.meta.notes(bits) + (shared_pictures(cached) if heldout else [])
        places = by_content(cached.hashes) if order == "content" and opened.named else np.arange(len(cached.images))
        found = _split(cached, places, key, heldout, name, classes, limit, seed)
        shown = list(cached.meta.examples) or examples(opened, options)  # a cache of an earlier version has none
        return replace(found, notes=notes, shown=shown, background=background)


def listed(path: Path, splits: str, progress: ReadingProgress) -> Source:
    """The source of a path, while `progress` shows how many files there are."""
    progress.begin("listing files")
    return open_source(path, splits, progress)


def open_source(path: Path, splits: str = "auto", progress: ReadingProgress | None = None) -> Source:
    """The source of an existing path, by what it is. PoiseError for a kind that is not known."""
    if path.is_dir():
        return idx_folder(path) or FolderSource(path, splits, progress)
    if path.suffix.lower() == ".zip":
        return ZipSource(path, splits, progress)
    makers: dict[str, Callable[[Path], Source]] = {".npy": npy_source, ".npz": npz_source}
    maker = idx_source if is_idx(path) else makers.get(path.suffix.lower())
    if maker is None:
        raise PoiseError(f"{path} is no collection of pictures: give a folder, or a .zip, .npy, .npz or IDX file")
    return maker(path)


def _split(
    cached: Cached,
    order: np.ndarray,
    key: str,
    heldout: float,
    name: str,
    classes: tuple[str, ...],
    limit: int | None,
    seed: int,
) -> ImageSet:
    count, own, unused = len(cached.images), cached.meta.own_test, cached.meta.unused
    places = cached.hashes[:, :8].copy().view(">u8")[:, 0] / 2.0**64
    if own or unused:
        train, held = np.arange(count - own - unused), np.arange(count - own, count if heldout > 0 else count - own)
    else:
        out = places < heldout
        train, held = np.flatnonzero(~out), np.flatnonzero(out)
    if not len(train):
        raise PoiseError(
            f"{name}: all {count:,} pictures would be held out at --heldout {heldout}: give a smaller share, or 0"
        )
    if limit is not None:
        if not 1 <= limit <= len(train):
            raise PoiseError(f"--limit {limit} is not possible: {name} has {len(train):,} pictures to train on")
        train = np.sort(drawn(among(order, train), limit, (seed, len(train))))
    digest = hashlib.sha256(key.encode())
    digest.update(train.astype("<i8").tobytes() + b"|" + held.astype("<i8").tobytes())
    found = tuple(cached.meta.classes)
    return ImageSet(
        images=cached.images,
        labels=cached.labels,
        classes=classes if found and len(classes) == len(found) else found,
        train=among(order, train),
        heldout=among(order, held),
        fingerprint=digest.hexdigest(),
        name=name,
        unreadable=[(file, reason) for file, reason in cached.meta.unreadable],
        share="" if len(held) else share_of(places, own, heldout),
        order=order,
        transparent=cached.meta.transparent,
    )
