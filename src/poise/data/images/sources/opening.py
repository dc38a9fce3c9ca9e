"""Bytes -> a picture whose header is read, or the reason why it is left out."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image, ImageOps, UnidentifiedImageError

from poise.data.files import contents
from poise.data.files.turns import still_wanted

LARGEST = 178_956_970  # pixels: the limit at which Pillow calls a picture a decompression bomb (twice its 1/4 GB)
LONGEST = 200_000  # pixels of a side: Pillow gathers a row piece by piece, in a time that grows as its square


class Unreadable(Exception):
    """A picture that has to be left out; the message is the reason, without the name of the file.

    `passing`: it may be read another time, because what failed was the permission, the disk or the memory and not the
    bytes. Such a reason is never kept under a hash of the bytes.
    """

    def __init__(self, reason: str, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing


SMALL = 1 << 20  # bytes that Pillow takes up in no time


class _Bytes(io.BytesIO):
    """Bytes whose reading ends when nobody waits for it: Pillow reads a piece at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        still_wanted()
        return super().read(size)


def opened(data: bytes, name: str) -> Image.Image:
    """The picture whose header is read and whose pixels are not; `name` of its file. Errors: Unreadable."""
    if not data:
        raise Unreadable("the file is empty")
    try:
        image = _as_any(data, name, io.BytesIO if len(data) < SMALL else _Bytes)
    except UnidentifiedImageError:
        raise Unreadable(contents.why_not(data)) from None
    except Image.DecompressionBombError:
        raise Unreadable(_too_large()) from None
    except Exception as error:
        raise unreadable(error) from None
    if image.width * image.height > LARGEST:  # where somebody has raised or removed Pillow's own limit
        image.close()
        raise Unreadable(_too_large())
    if max(image.size) > LONGEST:
        raise Unreadable(f"a side of more than {LONGEST:,} pixels: decoding it would take too long")
    return image


def _as_any(data: bytes, name: str, file: type[io.BytesIO]) -> Image.Image:
    """As one of the usual formats, or as the rarer one that its content is."""
    try:
        return Image.open(file(data), formats=contents.USUAL)
    except UnidentifiedImageError:
        form = contents.content(data[: contents.HEAD], name, lambda: data).format
        if not form or form in contents.USUAL:
            raise
        return Image.open(file(data), formats=(form,))


def unreadable(error: Exception) -> Unreadable:
    """What Pillow says, as the reason why a picture is left out."""
    if isinstance(error, MemoryError):
        return Unreadable("there is not enough memory to decode it", passing=True)
    return Unreadable(str(error).strip().partition("\n")[0] or type(error).__name__)


def upright(image: Image.Image, large: int) -> Image.Image:
    """Turned by its EXIF orientation. One of more than `large` pixels is not copied; others may need a copy to be whole
    (ICNS)."""
    with suppress(Exception):  # a damaged EXIF block says nothing about the pixels
        if image.width * image.height <= large:
            return ImageOps.exif_transpose(image)
        ImageOps.exif_transpose(image, in_place=True)
    return image


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture itself where it is in that mode: `Image.convert` would copy it."""
    return image if image.mode == mode else image.convert(mode)


def _too_large() -> str:
    return f"more than {LARGEST:,} pixels: too large to be decoded safely"
