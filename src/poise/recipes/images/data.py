"""The pictures of a run, opened as its recipe asks. Loads no torch, so that `poise data check` is quick."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from poise.data.images.cache import Look
from poise.data.images.images import ImageSet, open_images
from poise.data.images.mirror import FOREIGN, mirror_share
from poise.errors import PoiseError
from poise.limits import LARGEST_SIDE, SMALLEST_SIDE, check_side
from poise.pixels.size import height_and_width
from poise.pixels.transparency import WITH_ALPHA
from poise.recipes.common.recipe import Arguments
from poise.recipes.images.options import PictureOptions
from poise.terminal import pasted

FEW = 500  # training pictures of a class; measured with 189, which were too few, and with 6,000, which were not


def pictures(
    data: str, options: PictureOptions, seed: int, conditional: bool = False, look: Look | None = None
) -> ImageSet:
    """The pictures of a run; `look` sees each. Errors: PoiseError for `conditional` ones that have no two classes."""
    how: dict[str, Any] = {"fit": options.fit, "background": options.background, "heldout": options.heldout,
                           "limit": options.limit, "seed": seed, "bits": options.bits, "splits": options.splits,
                           "order": options.order, "largest": LARGEST_SIDE}  # fmt: skip
    found = open_images(data, options.size, options.channels, options.labels, look=look, **how)
    if options.size is None and min(height_and_width(found.size)) < SMALLEST_SIDE:
        found = open_images(data, SMALLEST_SIDE, options.channels, options.labels, **how)
    if conditional and found.labels is None:
        raise PoiseError(
            f"--conditional needs class labels and {found.name} has none: use --labels folders, or leave it out"
        )
    if conditional and len(found.classes) < 2:
        raise PoiseError(
            f"--conditional needs two classes at least and {found.name} has {len(found.classes)}: leave it out"
        )
    if conditional:
        found = _with_few(_with_unlearnt(found))
    return _mirrored(found, options.flip, seed)


def pictures_then(arguments: Arguments, size: int | str, channels: int, called: str | None = None) -> ImageSet:
    """The pictures of a run that is there, split as then, at the size that it found; `called` as in `open_images`."""
    as_before = {"labels": "none", "splits": "none", "order": "names"}  # of runs that do not say
    read = PictureOptions.of({**as_before, **arguments})
    return open_images(
        arguments["data"], size, channels, read.labels, fit=read.fit, background=read.background, heldout=read.heldout,
        limit=read.limit, seed=arguments["seed"], bits=read.bits, splits=read.splits, order=read.order, called=called,
    )  # fmt: skip


def reads(arguments: Arguments, look: Look | None = None) -> str:
    """What a run with these arguments reads, in a line. Errors: PoiseError where it would read nothing."""
    conditional = arguments.get("conditional", False)
    found = pictures(arguments["data"], PictureOptions.of(arguments), arguments["seed"], conditional, look)
    for side in height_and_width(found.size):
        check_side(side)
    return found.describe()


def _with_unlearnt(found: ImageSet) -> ImageSet:
    """The same, with a note of classes without training pictures. Errors: PoiseError where fewer than two have some."""
    of_train = set(np.asarray(found.labels)[found.train].tolist())
    unlearnt = [name for number, name in enumerate(found.classes) if number not in of_train]
    if len(of_train) < 2:
        only = found.classes[of_train.pop()]
        raise PoiseError(
            f"--conditional needs training pictures of two classes at least, and those of {found.name} are all of "
            f"'{only}': leave it out, or change --limit and --heldout"
        )
    if not unlearnt:
        return found
    names = ", ".join(unlearnt[:8]) + (f" and {len(unlearnt) - 8:,} more" if len(unlearnt) > 8 else "")
    note = f"classes without training pictures, which are not learnt: {names}"
    return replace(found, notes=[*found.notes, note])


def _with_few(found: ImageSet) -> ImageSet:
    """The same, with a note where there are few training pictures of a class."""
    each = len(found.train) // len(set(np.asarray(found.labels)[found.train].tolist()))
    if each >= FEW:
        return found
    note = (
        f"training pictures of a class in the mean: {each:,}; with as few, runs with classes made fewer kinds of "
        "pictures than runs without (docs/pictures.md): compare with one of those"
    )
    return replace(found, notes=[*found.notes, note])


def _mirrored(found: ImageSet, flip: bool | str, seed: int) -> ImageSet:
    """The same pictures with the choice whether mirror images are trained on, and why where it was left to the data."""
    if isinstance(flip, bool):
        return replace(found, mirrored=flip)
    told = mirror_share(found, seed)
    share = (
        f"{told.share:.0%} [{told.low:.0%}, {told.high:.0%}] of {told.n:,} pictures are told from their mirror images"
    )
    why = f"{FOREIGN:.0%} or more, so mirror images are not trained on"
    if not told.foreign:
        why = f"fewer than {FOREIGN:.0%}, so mirror images are trained on as well"
    return replace(found, mirrored=not told.foreign, notes=[*found.notes, f"--flip auto: {share}, {why}"])


def notes(pictures: ImageSet, data: str) -> list[str]:
    """What a user should know of the pictures before they are trained on; `data` as it was given."""
    lines = [*pictures.shown, *pictures.notes, *_transparency(pictures)]
    lines += [f"left out {name}: {reason}" for name, reason in pictures.unreadable[:5]]
    if not len(pictures.heldout):
        lines.append(f"no pictures are held out, so samples are not scored; {pictures.share}")
    more = len(pictures.unreadable) - 5
    seen = f"left out {more:,} more unreadable files: poise data check {pasted(data)}"
    return [*lines, seen] if more > 0 else lines


def _transparency(pictures: ImageSet) -> list[str]:
    """What becomes of transparent pictures, where there are any or they are asked for."""
    count, colour = pictures.transparent or 0, pictures.background
    if pictures.channels == WITH_ALPHA:
        if not count:
            return ["no picture is transparent: alpha is 255 everywhere, so --channels 3 would do"]
        return [
            f"{count:,} of {len(pictures.images):,} pictures are transparent in part; scores and the finding about "
            f"lightness and colour see them, and samples, over {colour} (--background), grids over a checkerboard"
        ]
    if not count:
        return []
    return [
        f"{count:,} of {len(pictures.images):,} pictures are transparent in part and are laid onto {colour} "
        "(--background); poise train images --channels 4 keeps transparency"
    ]
