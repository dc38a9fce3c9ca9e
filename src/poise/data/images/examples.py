"""What was read, by an example of each kind: this file has this size and these values and becomes this."""

from __future__ import annotations

from poise.data.images.options import KINDS, PictureKey
from poise.data.images.sources.decode import Decoded, values_of
from poise.data.images.sources.opening import Unreadable
from poise.data.images.sources.source import Source
from poise.errors import PoiseError
from poise.pixels.size import dimensions

_MODES = {"L": "grey", "LA": "grey with transparency", "RGB": "colour", "RGBA": "colour with transparency"}


def values(picture: Decoded) -> tuple[float, float]:
    """The least and the largest value in the file, as far as Pillow keeps them."""
    if picture.low is None or picture.high is None:
        return values_of(picture.image)
    return picture.low, picture.high


def description(name: str, form: str, mode: str, size: tuple[int, int], kept: str, ends: tuple[float, float]) -> str:
    """Such as "a.png: PNG, mode P, 40x30, colour, values 3 to 251"."""
    low, high = (f"{end:g}" for end in ends)
    return f"{name}: {form}, {mode}, {size[0]}x{size[1]}, {_MODES.get(kept, kept)}, values {low} to {high}"


def examples(source: Source, options: PictureKey) -> list[str]:
    """A line for one picture of each kind, with what it becomes and the flags that say so; none for what cannot be
    read, which is told elsewhere."""
    lines = []
    for row, job in source.samples():
        try:
            picture = job()
        except Unreadable:
            continue
        image = picture.image
        seen = description(
            source.picture_name(row), picture.format, picture.mode, image.size, image.mode, values(picture)
        )
        colour = KINDS[options.channels]
        depth = f", {options.bits} bits (--bits)" if options.bits else ""
        lines.append(
            f"example: {seen} -> {dimensions(options.size)} (--size), {colour} (--channels), --fit {options.fit}"
            f"{depth}, {class_of(source, row, options.labels)}"
        )
    return lines


def class_of(source: Source, row: int, where: str) -> str:
    """The class of a picture and the flag that says where it comes from."""
    try:
        labelled = source.labels(where)
    except PoiseError:  # whoever needs the labels tells that
        labelled = None
    if labelled is None:
        return "no class (--labels)"
    numbers, names = labelled
    return f"class {names[int(numbers[row])]} (--labels {where})"
