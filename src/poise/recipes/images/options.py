"""Options of reading pictures, for every recipe that is trained on them. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from poise.pixels.size import read_size
from poise.recipes.common.options import Group


@dataclass(frozen=True)
class PictureOptions(Group):
    """Which pictures are read, and how.

    Args:
        size: side of the pictures in pixels, 16 to 256, or WIDTHxHEIGHT such as 96x64; by default the side of the data,
            at most 64 where it varies.
        channels: 1 for grey, 3 for colour, 4 for colour and transparency (images alone); by default grey or colour, as
            the data are.
        labels: where classes come from: sub-folders, a file that belongs to the data, nowhere, or auto (that file
            if there is one).
        fit: how pictures of other proportions are made to fit: the middle is cut out, or margins are added.
        background: colour under transparent pictures and beside padded ones; with --channels 4 they are scored over it.
        heldout: share of the pictures that is kept from training and used to judge; sets with a test split use it.
        limit: train on so many pictures only, drawn by the seed, to see what less data would give; by default on all.
        bits: how many of the 16 bits of grey pictures carry the values, such as 12; by default all.
        splits: auto (folders train/, test/, val/ right below the data are splits) or none (they are ordinary folders).
        order: content (the order in which pictures come does not depend on how their files are called), or names, as in
            runs of earlier versions.
        flip: also train on mirror images: true, false, or auto (where pictures cannot be told from theirs).
    """

    size: str | int | None = None  # in this order the parser leaves a word as it is: it would read 0x64 as 100
    channels: Literal[1, 3, 4] | None = None
    labels: Literal["auto", "none", "folders", "file"] = "auto"
    fit: Literal["crop", "pad"] = "crop"
    background: str = "white"
    heldout: float = 0.1
    limit: int | None = None
    bits: int | None = None
    splits: Literal["auto", "none"] = "auto"
    order: Literal["content", "names"] = "content"
    flip: bool | Literal["auto"] = False

    @classmethod
    def kept(cls, arguments: Mapping[str, object]) -> dict[str, object]:
        """The size is a number where the pictures are squares."""
        size = arguments.get("size")
        return {"size": read_size(size)} if isinstance(size, int | str) else {}
