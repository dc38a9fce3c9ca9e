"""One encoded picture -> 8-bit pixels -> a square of the data set. Pillow only; nothing here writes.

The steps are apart because the content hash is taken between them: it must not depend on the size, the
colours or the background that a run asks for.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError

from poise.data.turns import wait_for_turn
from poise.errors import PoiseError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM")
SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif"),
        *(".bmp", ".dib", ".tif", ".tiff", ".pnm", ".pbm", ".pgm", ".ppm"),
    )
)
LARGEST = 178_956_970  # pixels: the limit at which Pillow calls a picture a decompression bomb (twice its 1/4 GB)
LONGEST = 200_000  # pixels of a side: Pillow gathers a row piece by piece, in a time that grows as its square
LARGE = 25_000_000  # pixels from which on pictures are decoded one at a time: see `turns.turns`
ROUNDING = 1e-3  # by how much floats in [0, 1] may lie outside
FITS = ("crop", "pad")
_WIDE = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
_GREY = _WIDE | {"1", "L", "LA", "La", "F"}


class Unreadable(Exception):
    """A picture that has to be left out; the message is the reason, without the name of the file.

    `passing`: it may be read another time, because what failed was the permission, the disk or the memory and not the
    bytes. Such a reason is never kept under a hash of the bytes.
    """

    def __init__(self, reason: str, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing


class Header(NamedTuple):
    """What a picture says of itself before its pixels are decoded."""

    width: int
    height: int
    grey: bool


class Decoded(NamedTuple):
    """A picture in mode L, LA, RGB or RGBA, upright, and what it was in its file."""

    image: Image.Image
    format: str
    mode: str
    animated: bool


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow's warnings (large picture, damaged EXIF, odd palette): reasons are reported instead.

    Filters belong to the whole process, so this goes once around a pool of decoding threads, never inside one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def header(data: bytes) -> Header:
    """Size and greyness from the header alone. Raises Unreadable."""
    with _opened(data) as image:
        try:
            return Header(*image.size, _is_grey(image))
        except Exception as error:  # a palette may lie behind damaged pixels
            raise _unreadable(error) from None


def decode(data: bytes, count_frames: bool = False) -> Decoded:
    """The first frame of an encoded picture, turned upright by its EXIF orientation, in 8 bits.

    16-bit grey v becomes round(v / 257); 32-bit integers are read as 16-bit ones when all lie in 0..65535;
    floats when all lie in [0, 1]. CMYK, YCbCr, Lab and palettes become RGB, or RGBA where anything is
    transparent; colour profiles are not applied. `count_frames` fills `animated`, which costs a GIF a second
    decoding. Raises Unreadable.
    """
    with _opened(data) as image:
        form, mode = image.format or "?", image.mode
        if image.width * image.height > LARGE:
            wait_for_turn()
        try:
            # The second picture of an MPO, as telephones write it, is a preview or a depth map.
            animated = count_frames and form != "MPO" and bool(getattr(image, "is_animated", False))
            image.load()
        except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
            raise _unreadable(error) from None
        try:
            upright = ImageOps.exif_transpose(image)
        except Exception:  # a damaged EXIF block says nothing about the pixels
            upright = image
        try:
            return Decoded(_eight_bits(upright), form, mode, animated)
        except (OSError, ValueError, MemoryError) as error:
            raise _unreadable(error) from None


def content_hash(image: Image.Image) -> bytes:
    """sha256 (32 bytes) of "WxH:RGB" or "WxH:RGBA" and the pixels at their original size.

    Grey counts as RGB with equal channels, an all-opaque alpha as none, and the colour under full
    transparency as black, so the same picture in another container (PNG, BMP, TIFF, lossless WebP) has the
    same hash.
    """
    mode = "RGB"
    if image.mode in ("LA", "RGBA"):
        lowest, _ = image.getchannel("A").getextrema()
        mode = "RGB" if lowest == 255 else "RGBA"
    digest = hashlib.sha256(f"{image.width}x{image.height}:{mode}".encode())
    for top, bottom in _strips(image):
        pixels = np.array(image.crop((0, top, image.width, bottom)).convert(mode))
        if mode == "RGBA":
            pixels[pixels[..., 3] == 0] = 0
        digest.update(pixels.data)
    return digest.digest()


def square(image: Image.Image, size: int, channels: int, fit: str = "crop", background: str = "white") -> np.ndarray:
    """The picture as uint8 [size, size, channels].

    Transparency is laid onto `background` first, so that no dark fringe appears when it is resized.
    fit="crop" cuts the middle square, "pad" keeps all and fills up with `background`. Resizing is Lanczos
    with antialiasing; a picture that has the size already keeps its exact pixels. channels is 1 (ITU-R 601
    luma) or 3.
    """
    colour = colour_of(background)
    if image.mode in ("LA", "RGBA"):
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (*colour, 255)), rgba)
    image = image.convert("RGB" if channels == 3 else "L")
    width, height = image.size
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = _resize(image.crop((left, top, left + side, top + side)), size, size)
    else:
        side = max(width, height)
        image = _resize(image, max(1, round(width * size / side)), max(1, round(height * size / side)))
        canvas = Image.new("RGB", (size, size), colour).convert(image.mode)
        canvas.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
        image = canvas
    return np.asarray(image, dtype=np.uint8).reshape(size, size, channels)


def colour_of(background: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour name or #rrggbb; PoiseError if Pillow does not know it."""
    try:
        red, green, blue = ImageColor.getrgb(background)[:3]
    except ValueError:
        raise PoiseError(
            f"background '{background}' is not a colour: give a name such as 'white', or '#rrggbb'"
        ) from None
    return red, green, blue


def from_array(pixels: np.ndarray) -> Image.Image:
    """uint8 [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] as a picture in mode L, RGB or RGBA."""
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def _opened(data: bytes) -> Image.Image:
    if not data:
        raise Unreadable("the file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise Unreadable("not a picture in a known format, whatever its name says") from None
    except Image.DecompressionBombError:
        raise Unreadable(_too_large()) from None
    except Exception as error:
        raise _unreadable(error) from None
    if image.width * image.height > LARGEST:  # where somebody has raised or removed Pillow's own limit
        image.close()
        raise Unreadable(_too_large())
    if max(image.size) > LONGEST:
        raise Unreadable(f"a side of more than {LONGEST:,} pixels: decoding it would take too long")
    return image


def _resize(image: Image.Image, width: int, height: int) -> Image.Image:
    if image.size == (width, height):
        return image
    # reducing_gap: a box filter first where the picture is much larger; 3 is Pillow's "almost the same".
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in _WIDE:
        out = np.empty((image.height, image.width), np.uint8)
        low = high = 0
        for top, bottom in _strips(image):
            values = np.asarray(image.crop((0, top, image.width, bottom))).astype(np.int64)
            low, high = min(low, int(values.min())), max(high, int(values.max()))
            out[top:bottom] = ((values * 255 + 32767) // 65535).clip(0, 255)
        if low < 0 or high > 65535:
            raise Unreadable(f"values from {low} to {high} are outside 0..65535")
        return Image.fromarray(out)
    if image.mode == "F":
        floats = np.asarray(image)
        if not bool(np.all((floats >= -ROUNDING) & (floats <= 1 + ROUNDING))):
            raise Unreadable("floating-point values outside [0, 1]")
        return Image.fromarray(np.rint(floats.clip(0, 1) * 255).astype(np.uint8))
    grey, transparent = _is_grey(image), image.has_transparency_data
    if image.mode in ("P", "PA"):  # a palette goes through its colours, which keeps any kind of transparency
        image = image.convert("RGBA" if transparent else "RGB")
    if transparent:
        return image.convert("LA" if grey else "RGBA")
    return image.convert("L" if grey else "RGB")


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        entries = np.array(image.getpalette() or [0, 0, 0]).reshape(-1, 3)
        return bool((entries == entries[:, :1]).all())
    return image.mode in _GREY


def _strips(image: Image.Image) -> Iterator[tuple[int, int]]:
    """(first row, row after the last) of parts of a million pixels or so: copies of a picture stay small."""
    rows = max(1, 2**20 // image.width)
    for top in range(0, image.height, rows):
        yield top, min(image.height, top + rows)


def _unreadable(error: Exception) -> Unreadable:
    """What Pillow says, as the reason why a picture is left out."""
    if isinstance(error, MemoryError):
        return Unreadable("there is not enough memory to decode it", passing=True)
    return Unreadable(str(error).strip().partition("\n")[0] or type(error).__name__)


def _too_large() -> str:
    return f"more than {LARGEST:,} pixels: too large to be decoded safely"
