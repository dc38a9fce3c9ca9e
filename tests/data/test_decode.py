"""Every kind of picture, by the exact pixels that come out."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from poise.data.images.sources.decode import Unreadable, decode, header, quiet
from poise.data.images.sources.opening import LARGEST

RED, GREEN, BLUE = (200, 30, 10), (20, 180, 60), (5, 40, 220)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def flat(mode: str, colour: Any, size: tuple[int, int] = (4, 4)) -> Image.Image:
    return Image.new(mode, size, colour)


def palette() -> Image.Image:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *RED])
    return image


def grey_palette() -> Image.Image:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 200, 200])
    return image


def see_through_palette() -> bytes:
    image = palette()
    image.putpixel((0, 0), 0)
    return encoded(image, "PNG", transparency=bytes([0, 255]))


def sixteen(big_endian: bool, values: list[list[int]]) -> bytes:
    array = np.array(values, ">u2" if big_endian else "<u2")
    image = Image.frombytes("I;16B" if big_endian else "I;16", array.shape[::-1], array.tobytes())
    return encoded(image, "TIFF")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header promises width x height and that holds no pixels."""
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def keyed(colour: bool, rows: list[list[Any]], key: Any) -> bytes:
    """A PNG of 16 bits in which one value, or one colour, counts as transparent."""
    values = np.array(rows, ">u2")
    size = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2 if colour else 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in values))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"tRNS", np.array(key, ">u2").tobytes())
    return head + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("key", [0, 1000, 65535])
def test_the_transparent_value_of_sixteen_bits_is_compared_in_sixteen(key: int) -> None:
    """Its neighbours in 8 bits are not transparent; turned by EXIF or not, alpha goes with its pixel."""
    values = [[key, min(key + 1, 65535), max(key - 1, 0)], [40000, 500, key]]
    picture = decode(keyed(False, values, key))
    assert picture.image.mode == "LA"
    grey, alpha = np.moveaxis(np.array(picture.image), -1, 0)
    assert np.array_equal(alpha == 0, np.array(values) == key) and set(alpha.flat) == {0, 255}
    assert np.array_equal(grey, np.rint(np.array(values) / 257).astype(np.uint8))
    assert decode(keyed(False, values, 77)).image.getchannel("A").getextrema() == (255, 255)


def test_a_transparent_colour_of_sixteen_bits_is_refused() -> None:
    """Pillow keeps the upper 8 bits of each colour, in which others would be transparent too, or none."""
    with pytest.raises(Unreadable, match=r"one colour that counts as transparent.*save it with 8 bits"):
        decode(keyed(True, [[[1000, 2000, 3000], [9, 9, 9]]], (1000, 2000, 3000)))


FLAT = {  # name: (bytes, mode after decoding, pixel at the last row and column)
    "png-rgb": (lambda: encoded(flat("RGB", RED), "PNG"), "RGB", RED),
    "png-grey": (lambda: encoded(flat("L", 77), "PNG"), "L", 77),
    "png-grey-alpha": (lambda: encoded(flat("LA", (77, 100)), "PNG"), "LA", (77, 100)),
    "png-bit": (lambda: encoded(flat("1", 1), "PNG"), "L", 255),
    "png-rgba": (lambda: encoded(flat("RGBA", (*RED, 51)), "PNG"), "RGBA", (*RED, 51)),
    "png-16": (lambda: encoded(flat("I;16", 257 * 90), "PNG"), "L", 90),
    "png-palette": (lambda: encoded(palette(), "PNG"), "RGB", RED),
    "png-palette-transparent": (see_through_palette, "RGBA", (*RED, 255)),
    "png-grey-palette": (lambda: encoded(grey_palette(), "PNG"), "L", 200),
    "png-grey-palette-transparent": (lambda: encoded(grey_palette(), "PNG", transparency=b"\xff\x07"), "LA", (200, 7)),
    "png-colour-key": (lambda: encoded(flat("RGB", RED), "PNG", transparency=RED), "RGBA", (*RED, 0)),
    "png-grey-key": (lambda: encoded(flat("L", 77), "PNG", transparency=77), "LA", (77, 0)),
    "webp": (lambda: encoded(flat("RGB", BLUE), "WEBP", lossless=True), "RGB", BLUE),
    "webp-alpha": (lambda: encoded(flat("RGBA", (*BLUE, 99)), "WEBP", lossless=True), "RGBA", (*BLUE, 99)),
    "gif": (lambda: encoded(palette(), "GIF"), "RGB", RED),
    "bmp": (lambda: encoded(flat("RGB", GREEN), "BMP"), "RGB", GREEN),
    "bmp-palette": (lambda: encoded(palette(), "BMP"), "RGB", RED),
    "tiff": (lambda: encoded(flat("RGB", GREEN), "TIFF", compression="tiff_lzw"), "RGB", GREEN),
    "tiff-cmyk": (lambda: encoded(flat("CMYK", (0, 255, 255, 0)), "TIFF"), "RGB", (255, 0, 0)),
    "tiff-float": (lambda: encoded(flat("F", 0.5), "TIFF"), "L", 128),
    "tiff-int": (lambda: encoded(flat("I", 65535), "TIFF"), "L", 255),
    "tiff-lab": (lambda: encoded(flat("LAB", (0, 128, 128)), "TIFF"), "RGB", None),
    "ppm": (lambda: encoded(flat("RGB", GREEN), "PPM"), "RGB", GREEN),
}


@pytest.mark.parametrize("name", FLAT)
def test_exact_formats(name: str) -> None:
    make, mode, pixel = FLAT[name]
    picture = decode(make())
    assert picture.image.mode == mode
    assert picture.image.size == (4, 4)
    if pixel is not None:
        assert picture.image.getpixel((3, 3)) == pixel


@pytest.mark.parametrize(("mode", "colour", "expected"), [("RGB", RED, RED), ("CMYK", (0, 255, 255, 0), (255, 0, 0))])
def test_jpeg_is_close(mode: str, colour: tuple[int, ...], expected: tuple[int, ...]) -> None:
    picture = decode(encoded(flat(mode, colour, (16, 16)), "JPEG", quality=95))
    assert picture.image.mode == "RGB"
    assert np.abs(np.asarray(picture.image).astype(int) - expected).max() <= 3


@pytest.mark.parametrize("big_endian", [False, True])
def test_sixteen_bits_are_scaled_and_rounded(big_endian: bool) -> None:
    values = [[0, 128, 129, 257, 385, 386, 32768, 65535]]
    expected = [round(v * 255 / 65535) for v in values[0]]
    assert np.asarray(decode(sixteen(big_endian, values)).image).tolist() == [expected]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(orientation: int) -> None:
    # Where the stored top left pixel belongs (EXIF 2.3, tag 0x0112), for 3 wide and 2 high as stored.
    corner = {1: (0, 0), 2: (2, 0), 3: (2, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 2), 8: (0, 2)}[orientation]
    stored = Image.new("RGB", (3, 2))
    stored.putpixel((0, 0), RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for form in ("PNG", "TIFF"):
        image = decode(encoded(stored, form, exif=exif)).image
        assert image.size == ((3, 2) if orientation < 5 else (2, 3))
        assert image.getpixel(corner) == RED
        assert sum(np.asarray(image).any(axis=2).ravel()) == 1


def test_damaged_exif_is_no_reason_to_lose_the_picture() -> None:
    data = encoded(flat("RGB", RED), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    with quiet():
        assert decode(data).image.getpixel((0, 0)) == RED


def test_gif_gives_its_first_frame() -> None:
    frames = [flat("RGB", RED), flat("RGB", GREEN)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data).image.convert("RGB").getpixel((0, 0)) == RED
    assert decode(data, count_frames=True).animated
    assert decode(data, count_frames=True).image.convert("RGB").getpixel((0, 0)) == RED
    assert not decode(encoded(frames[0], "GIF"), count_frames=True).animated


UNREADABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "the file is empty"),
    "text": (lambda: b"hello, I am a text", "not a picture in a known format"),
    "zip": (lambda: b"PK\x03\x04" + bytes(100), "not a picture in a known format"),
    "truncated-jpeg": (lambda: encoded(Image.effect_noise((64, 64), 90), "JPEG")[:900], "truncated"),
    "truncated-png": (lambda: encoded(Image.effect_noise((64, 64), 90), "PNG")[:900], "truncated"),
    "bomb": (lambda: png_header(20_000, 20_000), f"more than {LARGEST:,} pixels"),
    "no-pixels": (lambda: png_header(8, 8), ""),
    "float-range": (lambda: encoded(flat("F", 3.0), "TIFF"), "outside [0, 1]"),
    "float-nan": (lambda: encoded(flat("F", float("nan")), "TIFF"), "outside [0, 1]"),
    "int-range": (lambda: encoded(flat("I", 70_000), "TIFF"), "outside 0..65535"),
    "postscript": (
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
        "not a picture in a known format",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_has_a_reason(name: str) -> None:
    make, reason = UNREADABLE[name]
    with pytest.raises(Unreadable) as caught:
        decode(make())
    assert reason in str(caught.value)
    assert str(caught.value)
    assert "0x" not in str(caught.value)  # no addresses of objects


def test_bomb_is_refused_without_decoding_even_where_pillow_has_no_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(Unreadable, match="too large"):
        header(png_header(20_000, 20_000))


def test_a_large_picture_below_the_limit_brings_no_warning() -> None:
    with quiet():
        assert header(png_header(10_000, 10_000)) == (10_000, 10_000, False)


@pytest.mark.parametrize(
    ("make", "grey"),
    [
        (lambda: flat("L", 3), True),
        (lambda: flat("LA", (3, 9)), True),
        (lambda: flat("1", 1), True),
        (lambda: flat("I;16", 3), True),
        (lambda: flat("RGB", (3, 3, 3)), False),
        (palette, False),
        (lambda: flat("L", 9).convert("P"), True),
    ],
)
def test_greyness_is_read_from_the_header(make: Callable[[], Image.Image], grey: bool) -> None:
    assert header(encoded(make(), "PNG")).grey is grey


@pytest.mark.parametrize("error", [AssertionError("x"), KeyError("y"), IndexError("z"), SyntaxError("s")])
def test_whatever_goes_wrong_while_pixels_are_brought_to_8_bits_is_that_files(error, monkeypatch) -> None:
    """As where Pillow asserts something of a mode that a plugin has set."""

    def fails(*_):
        raise error

    buffer = io.BytesIO()
    Image.new("P", (8, 8)).save(buffer, "PNG")
    monkeypatch.setattr("poise.data.images.sources.decode._eight_bits", fails)
    with pytest.raises(Unreadable, match=str(error) or type(error).__name__):
        decode(buffer.getvalue())
