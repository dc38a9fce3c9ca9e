"""Content hashes, and the squares that pictures become (rectangles: test_rectangles.py)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from poise.data.images.sources.decode import content_hash, decode
from poise.data.images.sources.fitting import fitted
from poise.errors import PoiseError

RED, GREEN, BLUE = (200, 30, 10), (20, 180, 60), (5, 40, 220)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def flat(mode: str, colour: Any, size: tuple[int, int] = (4, 4)) -> Image.Image:
    return Image.new(mode, size, colour)


def test_hash_is_of_the_pixels_and_not_of_the_container() -> None:
    noise = Image.effect_noise((9, 7), 80)
    same = [
        encoded(noise, "PNG"),
        encoded(noise, "BMP"),
        encoded(noise.convert("RGB"), "PNG"),
        encoded(noise.convert("RGBA"), "TIFF"),
        encoded(noise.convert("LA"), "WEBP", lossless=True),
    ]
    assert len({content_hash(decode(data).image) for data in same}) == 1


def test_hash_tells_shape_transparency_and_pixels_apart() -> None:
    different = [
        flat("L", 0, (4, 2)),
        flat("L", 0, (2, 4)),
        flat("L", 1, (4, 2)),
        flat("LA", (0, 128), (4, 2)),
        flat("RGBA", (0, 0, 0, 0), (4, 2)),
    ]
    assert len({content_hash(image) for image in different}) == len(different)
    assert content_hash(flat("RGBA", (9, 9, 9, 0))) == content_hash(flat("RGBA", (0, 0, 0, 0)))


def test_transparency_lies_on_the_background() -> None:
    image = flat("RGBA", (200, 100, 0, 51))  # alpha = 1/5
    expected = [round(0.2 * front + 0.8 * back) for front, back in zip((200, 100, 0), (0, 128, 255), strict=True)]
    assert fitted(image, 4, 3, background="#0080ff")[2, 2].tolist() == expected
    assert fitted(flat("LA", (50, 0)), 4, 1, background="white").max() == 255


def test_square_keeps_exact_pixels_where_nothing_is_to_do() -> None:
    image = Image.effect_noise((16, 16), 90).convert("RGB")
    for fit in ("crop", "pad"):
        assert np.array_equal(fitted(image, 16, 3, fit), np.asarray(image))
    assert np.array_equal(fitted(image, 16, 1)[..., 0], np.asarray(image)[..., 0])  # grey through RGB and back


def test_crop_takes_the_middle_and_pad_keeps_all() -> None:
    image = Image.new("RGB", (8, 4), RED)
    image.paste(GREEN, (2, 0, 6, 4))
    assert (fitted(image, 4, 3, "crop") == GREEN).all()
    padded = fitted(image, 8, 3, "pad", "blue")
    assert (padded[:2] == (0, 0, 255)).all()
    assert (padded[6:] == (0, 0, 255)).all()
    assert np.array_equal(padded[2:6], np.asarray(image))


def test_resizing_averages_and_enlarges() -> None:
    checks = Image.fromarray((np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8))
    small = fitted(checks, 8, 1)
    assert abs(float(small.mean()) - 127.5) < 1  # antialiased: a plain pick would give 0 or 255
    assert np.ptp(small) < 10
    assert fitted(flat("L", 9, (1, 1)), 5, 3).tolist() == [[[9, 9, 9]] * 5] * 5
    assert fitted(flat("L", 9, (400, 1)), 8, 1, "pad", "black").shape == (8, 8, 1)


def test_unknown_background() -> None:
    with pytest.raises(PoiseError, match=r"'wite' is not a colour"):
        fitted(flat("L", 9), 4, 3, background="wite")
