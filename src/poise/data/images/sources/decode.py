"""One encoded picture -> 8-bit pixels -> a square of the data set. Pillow only; nothing here writes.

The steps are apart because the content hash is taken between them: it must not depend on the size, the
colours or the background that a run asks for. The second one is `square`.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from poise.data.files.turns import still_wanted, wait_for_turn
from poise.data.images.sources import depth
from poise.data.images.sources.depth import TooDeep
from poise.data.images.sources.opening import Unreadable, in_mode, opened, unreadable, upright

SUFFIXES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .webp .gif .bmp .dib .tif .tiff .pnm .pbm .pgm .ppm".split()  # noqa: SIM905
)
LARGE = 25_000_000  # pixels from which on pictures are decoded one at a time: see `turns.turns`
ROUNDING = 1e-3  # by how much floats in [0, 1] may lie outside
_WIDE = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
_NO_FRAMES = ("MPO", "PSD", "ICNS")  # further pictures are previews (as telephones write them), layers, other sizes
_GREY = _WIDE | {"1", "L", "LA", "La", "F"}


class Header(NamedTuple):
    """What a picture says of itself before its pixels are decoded."""

    width: int
    height: int
    grey: bool


class Decoded(NamedTuple):
    """A picture in mode L, LA, RGB or RGBA, upright, and what it was in its file.

    `low`, `high`: the values in the file, where they are not those of `image`. `deep`: "grey" or "colour" where it has
    16 bits; of colour Pillow keeps the upper 8.
    """

    image: Image.Image
    format: str
    mode: str
    animated: bool
    low: float | None = None
    high: float | None = None
    deep: str = ""


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow's warnings (large picture, damaged EXIF, odd palette): reasons are reported instead.

    Filters belong to the whole process, so this goes once around a pool of decoding threads, never inside one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def header(data: bytes, name: str = "") -> Header:
    """Size and greyness from the header alone; `name` of the file: some formats have no signature.

    Errors: Unreadable.
    """
    with opened(data, name) as image:
        try:
            return Header(*image.size, _is_grey(image))
        except Exception as error:  # a palette may lie behind damaged pixels
            raise unreadable(error) from None


def decode(data: bytes, count_frames: bool = False, name: str = "", bits: int | None = None) -> Decoded:
    """The first frame of an encoded picture, turned upright by its EXIF orientation, in 8 bits.

    16-bit grey v becomes round(v / 257); 32-bit integers are read as 16-bit ones when all lie in 0..65535;
    floats when all lie in [0, 1]. CMYK, YCbCr, Lab and palettes become RGB, or RGBA where anything is
    transparent; colour profiles are not applied. `count_frames` fills `animated`, which costs a GIF a second
    decoding. `name` of the file, for formats without a signature. `bits`: how many of the 16 carry the values (see
    `depth`). Raises Unreadable, and `depth.TooDeep` for a value that needs more bits.
    """
    with opened(data, name) as image:
        form, mode = image.format or "?", image.mode
        if image.width * image.height > LARGE:
            wait_for_turn()
        try:
            animated = count_frames and form not in _NO_FRAMES and bool(getattr(image, "is_animated", False))
            colour = _deep_colour(image)
            image.load()
            key = image.info.get("transparency")
            still_wanted()
        except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
            raise unreadable(error) from None
        turned = upright(image, LARGE)
        try:
            eight, low, high = _eight_bits(turned, bits, key)
        except (TooDeep, Unreadable):
            raise
        except Exception as error:
            raise unreadable(error) from None
        if colour and key is not None:
            raise Unreadable(
                "16-bit colour with one colour that counts as transparent, of which Pillow keeps the upper 8 bits: "
                "save it with 8 bits, or with a channel for transparency"
            )
        if colour and bits is not None:
            raise Unreadable(
                f"16-bit colour, of which Pillow keeps the upper 8 bits, so --bits {bits} cannot mend it: "
                "save it with 8 bits"
            )
        return Decoded(eight, form, mode, animated, low, high, "colour" if colour else "grey" if mode in _WIDE else "")


def largest(picture: Decoded) -> float | None:
    """The largest value of a picture of 16 bits; of colour, of which the upper 8 are left, what it may be at most."""
    if picture.deep != "colour":
        return picture.high
    return 256 * values_of(picture.image)[1] + 255


def values_of(image: Image.Image) -> tuple[int, int]:
    """The least and the largest value of a picture in mode L, LA, RGB or RGBA, whatever its transparency."""
    found: Any = image.getextrema()
    bands = found[: 3 if image.mode in ("RGB", "RGBA") else 1] if isinstance(found[0], tuple) else [found]
    return min(int(low) for low, _ in bands), max(int(high) for _, high in bands)


def is_transparent(image: Image.Image) -> bool:
    """Whether a picture in mode L, LA, RGB or RGBA is transparent anywhere."""
    if image.mode not in ("LA", "RGBA"):
        return False
    lowest: Any = image.getchannel("A").getextrema()[0]
    return bool(lowest < 255)


def content_hash(image: Image.Image) -> bytes:
    """sha256 (32 bytes) of "WxH:RGB" or "WxH:RGBA" and the pixels at their original size.

    Grey counts as RGB with equal channels, an all-opaque alpha as none, and the colour under full
    transparency as black, so the same picture in another container (PNG, BMP, TIFF, lossless WebP) has the
    same hash.
    """
    mode = "RGBA" if is_transparent(image) else "RGB"
    digest = hashlib.sha256(f"{image.width}x{image.height}:{mode}".encode())
    for top, bottom in _strips(image):
        part = in_mode(image if bottom - top == image.height else image.crop((0, top, image.width, bottom)), mode)
        if mode == "RGBA":
            pixels = np.array(part)
            pixels[pixels[..., 3] == 0] = 0
            digest.update(pixels.data)
        else:
            digest.update(part.tobytes())
    return digest.digest()


def _eight_bits(
    image: Image.Image, bits: int | None, key: object = None
) -> tuple[Image.Image, float | None, float | None]:
    """In mode L, LA, RGB or RGBA, and the least and the largest value where they were no bytes. `key`: of 16-bit grey,
    the value that counts as transparent."""
    if image.mode in _WIDE:
        out = np.empty((image.height, image.width), np.uint8)
        shown = np.full(out.shape, 255, np.uint8) if isinstance(key, int) else None
        low, high = 0, 0
        for top, bottom in _strips(image):
            values = np.asarray(image.crop((0, top, image.width, bottom))).astype(np.int64)
            least, most = int(values.min()), int(values.max())
            low, high = (min(low, least), max(high, most)) if top else (least, most)
            out[top:bottom] = depth.eight_bits(values, bits)
            if shown is not None:
                shown[top:bottom][values == key] = 0
        if low < 0 or high > 65535:
            raise Unreadable(f"values from {low} to {high} are outside 0..65535")
        depth.check(high, bits)
        eight = Image.fromarray(out)
        if shown is not None:
            eight = Image.merge("LA", (eight, Image.fromarray(shown)))
        return eight, low, high
    if image.mode == "F":
        floats = np.asarray(image)
        ends = float(floats.min()), float(floats.max())
        if not (ends[0] >= -ROUNDING and ends[1] <= 1 + ROUNDING):  # written so that NaN fails
            raise Unreadable(
                f"floating-point values outside [0, 1], from {ends[0]:g} to {ends[1]:g}: rescale them, or save 8 bits"
            )
        return Image.fromarray(np.rint(floats.clip(0, 1) * 255).astype(np.uint8)), *ends
    grey, transparent = _is_grey(image), image.has_transparency_data
    if image.mode in ("P", "PA"):  # a palette goes through its colours, which keeps any kind of transparency
        image = image.convert("RGBA" if transparent else "RGB")
    mode = ("LA" if grey else "RGBA") if transparent else "L" if grey else "RGB"
    return in_mode(image, mode), None, None


def _deep_colour(image: Image.Image) -> bool:
    """Whether an opened picture has 16 bits a channel, of which its mode keeps 8."""
    tiles: Any = getattr(image, "tile", None)
    return bool(tiles) and image.mode not in _WIDE and ";16" in str(tiles[0][3])


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        entries = np.array(image.getpalette() or [0, 0, 0]).reshape(-1, 3)
        return bool((entries == entries[:, :1]).all())
    return image.mode in _GREY


def _strips(image: Image.Image) -> Iterator[tuple[int, int]]:
    """(first row, row after the last) of parts of a million pixels or so: copies of a picture stay small."""
    rows = max(1, 2**20 // image.width)
    for top in range(0, image.height, rows):
        still_wanted()
        yield top, min(image.height, top + rows)
