"""Decoded pictures of any size -> squares or rectangles of one size, laid onto a colour or with their transparency."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor

from poise.data.images.sources.opening import in_mode
from poise.errors import PoiseError
from poise.pixels.size import height_and_width
from poise.pixels.transparency import WITH_ALPHA

FITS = ("crop", "pad")


def fitted(
    image: Image.Image, size: int | str, channels: int, fit: str = "crop", background: str = "white"
) -> np.ndarray:
    """The picture as uint8 [size, size, channels], or of WIDTHxHEIGHT as uint8 [HEIGHT, WIDTH, channels].

    channels is 1 (ITU-R 601 luma), 3, or 4: red, green, blue and straight alpha. With 1 and 3, transparency is laid
    onto `background` first, so that no dark fringe appears when it is resized; with 4 it is resized premultiplied, for
    the same reason, and what is transparent is black. fit="crop" cuts the largest part of these proportions out of the
    middle, "pad" keeps all and fills up with `background`, or with nothing where there is alpha. Resizing is Lanczos
    with antialiasing; a picture that has the size already keeps its exact pixels.
    """
    colour, (height, width) = colour_of(background), height_and_width(size)
    if channels == WITH_ALPHA:
        return _with_alpha(in_mode(image, "RGBA"), (width, height), fit)
    if image.mode in ("LA", "RGBA"):
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (*colour, 255)), rgba)
    image = in_mode(image, "RGB" if channels == 3 else "L")
    margins = Image.new("RGB", (width, height), colour).convert(image.mode)
    return np.frombuffer(_placed(image, fit, margins).tobytes(), np.uint8).reshape(height, width, channels)


def _with_alpha(image: Image.Image, size: tuple[int, int], fit: str) -> np.ndarray:
    """Of a picture in mode RGBA, size (width, height). Resized as RGBa, Pillow's premultiplied mode of 8 bits a
    channel."""
    if image.size == size:
        pixels = np.array(image)
    else:
        placed = _placed(image.convert("RGBa"), fit, Image.new("RGBa", size))
        pixels = np.frombuffer(placed.tobytes(), np.uint8).reshape(size[1], size[0], WITH_ALPHA).copy()
        alpha = np.maximum(pixels[..., 3:], 1).astype(np.float64)
        pixels[..., :3] = np.rint(np.minimum(pixels[..., :3] / alpha, 1) * 255).astype(np.uint8)
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def _placed(image: Image.Image, fit: str, margins: Image.Image) -> Image.Image:
    """The picture at the size of `margins`: its middle of the same proportions, or all of it, pasted there."""
    if image.size == margins.size:
        return image
    if fit == "crop":
        wide, high = _largest(image.size, margins.size)
        left, top = (image.width - wide) // 2, (image.height - high) // 2
        return _resize(image.crop((left, top, left + wide, top + high)), *margins.size)
    image = _resize(image, *_inside(image.size, margins.size))
    margins.paste(image, ((margins.width - image.width) // 2, (margins.height - image.height) // 2))
    return margins


def _largest(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the largest part of a picture that has the proportions of `wanted`, to whole pixels."""
    (width, height), (across, down) = size, wanted
    if width * down >= height * across:  # the picture is the wider one, and keeps its height
        return max(1, round(height * across / down)), height
    return width, max(1, round(width * down / across))


def cut_away(image: Image.Image, size: int | str, fit: str) -> float:
    """The share of its area that a picture loses when it is fitted.

    Example:
        >>> cut_away(Image.new("L", (96, 48)), 32, "crop"), cut_away(Image.new("L", (96, 48)), 32, "pad")
        (0.5, 0.0)
    """
    if fit != "crop":
        return 0.0
    height, width = height_and_width(size)
    wider = image.width * height / (image.height * width)
    return 1 - min(wider, 1 / wider)


def _inside(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the whole picture where it just fits into `wanted`, to whole pixels."""
    (width, height), (across, down) = size, wanted
    if width * down >= height * across:
        return across, max(1, round(height * across / width))
    return max(1, round(width * down / height)), down


def colour_of(background: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour name or #rrggbb; PoiseError if Pillow does not know it."""
    try:
        red, green, blue = ImageColor.getrgb(background)[:3]
    except ValueError:
        raise PoiseError(
            f"background '{background}' is not a colour: give a name such as 'white', or '#rrggbb'"
        ) from None
    return red, green, blue


def _resize(image: Image.Image, width: int, height: int) -> Image.Image:
    if image.size == (width, height):
        return image
    # reducing_gap: a box filter first where the picture is much larger; 3 is Pillow's "almost the same".
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
