"""How large pictures are: the side of squares; WIDTHxHEIGHT as users write rectangles, (height, width) in arrays.

In options, facts and keys a square is always the number, as before there were rectangles, and so are its networks.
"""

from __future__ import annotations

import re

from poise.errors import PoiseError
from poise.limits import LARGEST_SIDE, SMALLEST_SIDE

Sides = int | tuple[int, int]  # of a square, or (height, width): what networks are given
WRITTEN = re.compile(r"([0-9]{1,9})(?:[xX]([0-9]{1,9}))?")


def read_size(given: int | str) -> int | str:
    """A size as a user wrote it -> as it is kept: the number of a square, or "WIDTHxHEIGHT".

    Numbers are not looked at here. Errors: PoiseError for a text that is neither, and for a side of a rectangle that is
    not from 16 to 256 pixels.

    Example:
        >>> read_size("64"), read_size("64x64"), read_size("96x64"), read_size(28)
        (64, 64, '96x64', 28)
    """
    if isinstance(given, int):
        return given
    found = WRITTEN.fullmatch(given.strip())
    if found is None:
        raise PoiseError(
            f"--size {given[:40]!r} is no size: give the side of squares in pixels, such as 64, or WIDTHxHEIGHT, such "
            "as 96x64"
        )
    if found[2] is None:
        return int(found[1])
    width, height = int(found[1]), int(found[2])
    for side in (width, height):
        if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
            raise PoiseError(
                f"--size {width}x{height} is out of reach: each side of the pictures may be {SMALLEST_SIDE} to "
                f"{LARGEST_SIDE} pixels"
            )
    return size_of(height, width)


def size_of(height: int, width: int) -> int | str:
    """How that is kept: the number of a square, or "WIDTHxHEIGHT"."""
    return height if height == width else f"{width}x{height}"


def height_and_width(size: int | str | tuple[int, int]) -> tuple[int, int]:
    """Of a size as it is kept, or as networks are given it. Errors: PoiseError as of `read_size`.

    Example:
        >>> height_and_width(64), height_and_width("96x64"), height_and_width((64, 96))
        ((64, 64), (64, 96), (64, 96))
    """
    if isinstance(size, tuple):
        return size
    known = read_size(size)
    if isinstance(known, int):
        return known, known
    width, height = known.split("x")
    return int(height), int(width)


def both_sides(size: Sides) -> tuple[int, int]:
    """(height, width) of what networks are given.

    Example:
        >>> both_sides(64), both_sides((64, 96))
        ((64, 64), (64, 96))
    """
    return size if isinstance(size, tuple) else (size, size)


def sides_of(size: int | str) -> Sides:
    """What networks are given: the number of a square, or (height, width).

    Example:
        >>> sides_of(64), sides_of("96x64")
        (64, (64, 96))
    """
    height, width = height_and_width(size)
    return height if height == width else (height, width)


def dimensions(size: int | str) -> str:
    """In words, of squares too: "64x64", "96x64"."""
    height, width = height_and_width(size)
    return f"{width}x{height}"
