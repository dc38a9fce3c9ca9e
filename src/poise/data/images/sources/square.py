"""Decoded pictures of any size -> squares of one size, laid onto a colour or with their transparency."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor

from poise.data.images.sources.opening import in_mode
from poise.errors import PoiseError
from poise.pixels.transparency import WITH_ALPHA

FITS = ("crop", "pad")


def square(image: Image.Image, size: int, channels: int, fit: str = "crop", background: str = "white") -> np.ndarray:
    """The picture as uint8 [size, size, channels].

    channels is 1 (ITU-R 601 luma), 3, or 4: red, green, blue and straight alpha. With 1 and 3, transparency is laid
    onto `background` first, so that no dark fringe appears when it is resized; with 4 it is resized premultiplied, for
    the same reason, and what is transparent is black. fit="crop" cuts the middle square, "pad" keeps all and fills up
    with `background`, or with nothing where there is alpha. Resizing is Lanczos with antialiasing; a picture that has
    the size already keeps its exact pixels.
    """
    colour = colour_of(background)
    if channels == WITH_ALPHA:
        return _with_alpha(in_mode(image, "RGBA"), size, fit)
    if image.mode in ("LA", "RGBA"):
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (*colour, 255)), rgba)
    image = in_mode(image, "RGB" if channels == 3 else "L")
    margins = Image.new("RGB", (size, size), colour).convert(image.mode)
    return np.frombuffer(_placed(image, fit, margins).tobytes(), np.uint8).reshape(size, size, channels)


def _with_alpha(image: Image.Image, size: int, fit: str) -> np.ndarray:
    """Of a picture in mode RGBA. Resized as RGBa, Pillow's premultiplied mode of 8 bits a channel."""
    if image.size == (size, size):
        pixels = np.array(image)
    else:
        placed = _placed(image.convert("RGBa"), fit, Image.new("RGBa", (size, size)))
        pixels = np.frombuffer(placed.tobytes(), np.uint8).reshape(size, size, WITH_ALPHA).copy()
        alpha = np.maximum(pixels[..., 3:], 1).astype(np.float64)
        pixels[..., :3] = np.rint(np.minimum(pixels[..., :3] / alpha, 1) * 255).astype(np.uint8)
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def _placed(image: Image.Image, fit: str, margins: Image.Image) -> Image.Image:
    """The picture at the size of `margins`: its middle square, or all of it, pasted there."""
    (width, height), size = image.size, margins.width
    if width == height == size:
        return image
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return _resize(image.crop((left, top, left + side, top + side)), size, size)
    side = max(width, height)
    image = _resize(image, max(1, round(width * size / side)), max(1, round(height * size / side)))
    margins.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return margins


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
