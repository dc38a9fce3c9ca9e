"""Options of pictures: which are possible, and what is taken where nobody says."""

from __future__ import annotations

import numpy as np

from poise.data.files.items import ORDERS, larger_share
from poise.data.images.cache import Cached
from poise.data.images.options import KINDS
from poise.data.images.sources.fitting import FITS
from poise.data.images.sources.layout import SPLITS
from poise.data.images.sources.source import Source
from poise.errors import PoiseError

LABELS = ("auto", "none", "folders", "file")
LARGEST_SIZE = 4096
DEFAULT_SIZE = 64


def usable_labels(source: Source) -> tuple[str, list[str]]:
    """("file" or "none", why labels that are there are not used): nobody asked for them, so they stop nothing."""
    if not source.brings_labels:
        return "none", []
    try:
        source.labels("file")
    except PoiseError as error:
        return "none", [f"labels are not used, for they cannot be: {error} (--labels none says nothing of them)"]
    return "file", []


def without_labels(source: Source, labels: str) -> str:
    """Whether "auto" is "none", as for a table that counts only for who asks; labels that nobody wants are left out."""
    if labels == "auto" and source.offers_labels:
        source.notes.append(f"{source.offers_labels} has classes of the pictures: --labels file uses them")
        labels = "none"
    if labels in ("none", "folders"):
        source.leave_labels()
    return labels


def check(
    size: int | str | None,
    channels: int | None,
    labels: str,
    fit: str,
    heldout: float,
    splits: str,
    order: str = "names",
) -> None:
    """Errors: PoiseError for options that cannot be."""
    if isinstance(size, int) and not 1 <= size <= LARGEST_SIZE:
        raise PoiseError(f"--size {size} is not possible: give a number of pixels from 1 to {LARGEST_SIZE}")
    if channels not in (None, *KINDS):
        kinds = ", ".join(f"{count} ({kind})" for count, kind in KINDS.items())
        raise PoiseError(f"--channels {channels} is not possible: give {kinds}")
    if labels not in LABELS:
        raise PoiseError(f"labels '{labels}' is not known: give auto, none, folders or file")
    if fit not in FITS:
        raise PoiseError(f"fit '{fit}' is not known: give crop or pad")
    if splits not in SPLITS:
        raise PoiseError(f"splits '{splits}' is not known: give auto or none")
    if order not in ORDERS:
        raise PoiseError(f"order '{order}' is not known: give content or names")
    if not 0 <= heldout < 1:
        raise PoiseError(f"--heldout {heldout} is not possible: give a share from 0 to below 1, such as 0.1")


def default_size(source: Source, largest: int = LARGEST_SIZE) -> int:
    """The side that pictures are brought to where nobody says; `largest` that they may keep."""
    widths, heights, _ = source.survey()
    return side_of(widths, heights, largest)


def side_of(widths: np.ndarray, heights: np.ndarray, largest: int = LARGEST_SIZE) -> int:
    """The same from the sizes of all pictures."""
    if not len(widths):
        return DEFAULT_SIZE
    shorter = np.minimum(widths, heights)
    if (widths == heights).all() and (shorter == shorter[0]).all() and shorter[0] <= largest:
        return int(shorter[0])
    # Not the very smallest: one stray icon must not make thumbnails of all.
    side = int(np.quantile(shorter, 0.05, method="lower"))
    return 1 << (min(DEFAULT_SIZE, max(8, side)).bit_length() - 1)


def default_channels(source: Source, background: tuple[int, int, int]) -> int:
    """1 where all pictures and the background are grey, else 3."""
    _, _, grey = source.survey()
    return 1 if len(set(background)) == 1 and len(grey) and bool(grey.all()) else 3


def share_of(places: np.ndarray, own: int, heldout: float) -> str:
    """Which share would hold out how many, where `heldout` holds out none."""
    if own:
        return f"--heldout 0.1, or any share above 0, holds out the {own:,} pictures of the set's own test split"
    return larger_share(places, heldout)


def shared_pictures(cached: Cached) -> list[str]:
    """A line on pictures of a set's own test split that are copies of training ones; [] where there is none."""
    own, count = cached.meta.own_test, len(cached.hashes)
    digests = cached.hashes[:, :8].copy().view(">u8")[:, 0]
    train, held = digests[: count - own - cached.meta.unused], digests[count - own :]
    same = int(np.isin(held, train).sum())
    if not same:
        return []
    return [
        f"{same:,} of {own:,} held-out pictures are copies of training ones: scores that look for copying, or for "
        "what was never seen, are too kind"
    ]
