"""The pictures of a run, opened as its recipe asks. Loads no torch, so that `poise data check` is quick."""

from __future__ import annotations

import inspect
from typing import Any

from poise.data.images.cache import Look
from poise.data.images.images import ImageSet, open_images
from poise.errors import PoiseError
from poise.limits import LARGEST_SIDE, SMALLEST_SIDE, check_side
from poise.terminal import pasted


def pictures(
    data: str,
    size: int | None,
    channels: int | None,
    labels: str,
    conditional: bool,
    fit: str,
    background: str,
    heldout: float,
    limit: int | None,
    seed: int,
    bits: int | None = None,
    splits: str = "auto",
    order: str = "content",
    look: Look | None = None,
) -> ImageSet:
    """The pictures of a run; `look` sees each."""
    how: dict[str, Any] = {"fit": fit, "background": background, "heldout": heldout, "limit": limit, "seed": seed,
                           "bits": bits, "splits": splits, "order": order, "largest": LARGEST_SIDE}  # fmt: skip
    found = open_images(data, size, channels, labels, look=look, **how)
    if size is None and found.size < SMALLEST_SIDE:
        found = open_images(data, SMALLEST_SIDE, channels, labels, **how)
    if conditional and found.labels is None:
        raise PoiseError(
            f"--conditional needs class labels and {found.name} has none: use --labels folders, or leave it out"
        )
    if conditional and len(found.classes) < 2:
        raise PoiseError(
            f"--conditional needs two classes at least and {found.name} has {len(found.classes)}: leave it out"
        )
    return found


def reads(arguments: dict[str, Any], look: Look | None = None) -> str:
    """What a run with these arguments reads, in a line. Errors: PoiseError where it would read nothing."""
    names = [name for name in inspect.signature(pictures).parameters if name != "look"]
    found = pictures(**{name: arguments.get(name, False) for name in names}, look=look)
    check_side(found.size)
    return found.describe()


def notes(pictures: ImageSet, data: str) -> list[str]:
    """What a user should know of the pictures before they are trained on; `data` as it was given."""
    lines = [*pictures.shown, *pictures.notes]
    lines += [f"left out {name}: {reason}" for name, reason in pictures.unreadable[:5]]
    if not len(pictures.heldout):
        lines.append(f"no pictures are held out, so samples are not scored; {pictures.share}")
    more = len(pictures.unreadable) - 5
    seen = f"left out {more:,} more unreadable files: poise data check {pasted(data)}"
    return [*lines, seen] if more > 0 else lines
