"""Pictures with --channels 4: every kind of file that has alpha, what resizing makes of it, and what is told."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.images import ImageSet, open_images
from poise.data.images.sources.fitting import fitted
from poise.data.images.stream import ImageStream
from poise.recipes.images.data import notes

Photos = Callable[..., Path]
RNG = np.random.default_rng(0)
STRAIGHT = RNG.integers(0, 256, (16, 16, 4), dtype=np.uint8)
STRAIGHT[:4, :4, 3], STRAIGHT[4:8, :4, 3] = 0, 255
WHOLE = STRAIGHT.copy()
WHOLE[WHOLE[..., 3] == 0] = 0  # what is kept of it


def png_of_16_bits(pixels: np.ndarray) -> bytes:
    """Red, green, blue and alpha of 16 bits each, which Pillow does not write."""
    rows = (pixels.astype(">u2") * 257).reshape(len(pixels), -1)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", *pixels.shape[1::-1], 16, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def grey(here: Path) -> np.ndarray:
    Image.fromarray(np.ascontiguousarray(STRAIGHT[..., [0, 3]]), "LA").save(here / "a.png")
    return WHOLE[..., [0, 0, 0, 3]]


def palette(here: Path) -> np.ndarray:
    picture = Image.new("P", (16, 16), 1)
    picture.putpalette([200, 10, 10, 20, 30, 220])
    picture.paste(0, (0, 0, 4, 16))
    picture.save(here / "a.png", transparency=0)
    expected = np.full((16, 16, 4), (20, 30, 220, 255), np.uint8)
    expected[:, :4] = 0
    return expected


def one_colour(here: Path) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(STRAIGHT[..., :3]))
    picture.paste((1, 2, 3), (0, 0, 5, 5))
    picture.save(here / "a.png", transparency=(1, 2, 3))
    expected = np.dstack([np.asarray(picture), np.full((16, 16, 1), 255, np.uint8)])
    expected[:5, :5] = 0
    return expected


def deep(here: Path) -> np.ndarray:
    (here / "a.png").write_bytes(png_of_16_bits(STRAIGHT))
    return WHOLE


def saved(form: str) -> Callable[[Path], np.ndarray]:
    def save(here: Path) -> np.ndarray:
        Image.fromarray(STRAIGHT).save(here / f"a.{form}", lossless=True, exact=True)  # which only WebP heeds
        return WHOLE

    return save


FILES = {"grey and alpha": grey, "palette": palette, "one colour of RGB": one_colour, "16 bits": deep,
         "png": saved("png"), "webp": saved("webp"), "tiff": saved("tiff")}  # fmt: skip
ARRAYS = {"uint8": lambda x: x, "uint16": lambda x: x.astype(np.uint16) * 257,
          "float32": lambda x: (x / 255).astype(np.float32), "float64": lambda x: x / 255,
          "channels first": lambda x: np.ascontiguousarray(x.transpose(0, 3, 1, 2))}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_files_with_alpha_of_every_kind(kind: str, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    expected = FILES[kind](tmp_path / "x")
    found = open_images(tmp_path / "x", channels=4, heldout=0)
    assert found.channels == 4 and found.transparent == 1 and found.describe().startswith("x: 1 pictures 16x16 RGBA")
    assert np.array_equal(found.images[0], expected)


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_are_straight_and_it_is_said(kind: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAYS[kind](np.stack([STRAIGHT, STRAIGHT[::-1]])))
    found = open_images(tmp_path / "a.npy", channels=4, heldout=0)
    assert np.array_equal(found.images, [WHOLE, WHOLE[::-1]])
    assert any("red, green, blue and straight alpha" in note for note in found.notes)
    assert open_images(tmp_path / "a.npy", heldout=0).channels == 3, "only who asks for alpha gets it"


def test_a_batch_is_premultiplied(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STRAIGHT[None])
    real = ImageStream(open_images(tmp_path / "a.npy", channels=4, heldout=0), 1, 0)(0).real[0].permute(1, 2, 0).numpy()
    alpha = STRAIGHT[..., 3:] / 255
    assert np.allclose(real[..., :3], 2 * (STRAIGHT[..., :3] / 255) * alpha - 1, atol=1e-6)
    assert np.allclose(real[..., 3:], 2 * alpha - 1, atol=1e-6)


@pytest.mark.parametrize("size", [4, 9, 40])
def test_resizing_bleeds_no_colour_out_of_what_is_transparent(size: int) -> None:
    """Red on transparent green stays red: straight colours, resized as they are, would turn brown at the edge."""
    pixels = np.full((16, 16, 4), (0, 255, 0, 0), np.uint8)
    pixels[:, :7] = (255, 0, 0, 255)
    made = fitted(Image.fromarray(pixels), size, 4)
    there = made[..., 3] > 0
    assert there.any() and not there.all() and ((made[..., 3] > 0) & (made[..., 3] < 255)).any()
    assert (made[there][:, 1:3] == 0).all() and (made[there][:, 0] >= 254).all() and (made[~there] == 0).all()


def test_over_a_colour_and_then_resized_is_resized_and_then_over_that_colour() -> None:
    """Both ways are linear; where Lanczos overshoots, and at the roundings, they may differ a little."""
    smooth = Image.fromarray(STRAIGHT).resize((64, 64), Image.Resampling.BICUBIC)
    found = open_images_of(fitted(smooth, 16, 4), "#2080ff").seen[0].astype(int)
    assert np.abs(found - fitted(smooth, 16, 3, background="#2080ff")).mean() < 1


def open_images_of(pixels: np.ndarray, background: str) -> ImageSet:
    none = np.empty(0, np.int64)
    return ImageSet(pixels[None], None, (), none, none, "", "", [], background=background)  # type: ignore[arg-type]


def test_margins_are_transparent_and_the_middle_is_cut_out() -> None:
    picture = Image.new("RGB", (16, 8), (9, 8, 7))
    padded = fitted(picture, 16, 4, "pad", "blue")
    assert (padded[:4] == 0).all() and (padded[12:] == 0).all() and (padded[4:12] == (9, 8, 7, 255)).all()
    assert (fitted(picture, 8, 4, "crop") == (9, 8, 7, 255)).all()


def test_the_cache_keeps_both_apart(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STRAIGHT[None])
    three, four = (open_images(tmp_path / "a.npy", channels=c, heldout=0) for c in (3, 4))
    again = [open_images(tmp_path / "a.npy", channels=c, heldout=0) for c in (4, 3)]
    assert three.fingerprint != four.fingerprint == again[0].fingerprint
    assert [x.images.shape[3] for x in (three, four, *again)] == [3, 4, 4, 3]
    assert np.array_equal(three.images, again[1].images) and three.seen is three.images
    black = open_images(tmp_path / "a.npy", channels=4, heldout=0, background="black")
    assert np.array_equal(black.images, four.images) and black.fingerprint != four.fingerprint, (
        "features are kept by it"
    )


@pytest.mark.parametrize(
    ("channels", "transparent", "said"),
    [
        (4, True, "1 of 3 pictures are transparent in part; scores and the finding about lightness and colour"),
        (4, False, "no picture is transparent: alpha is 255 everywhere, so --channels 3 would do"),
        (None, True, "1 of 3 pictures are transparent in part and are laid onto red (--background); poise train images "
         "--channels 4 keeps transparency"),
        (None, False, None),
    ],
)  # fmt: skip
def test_a_run_says_what_becomes_of_transparency(
    channels: int | None, transparent: bool, said: str | None, photos: Photos
) -> None:
    folder = photos(2, (16, 16))
    Image.fromarray(STRAIGHT if transparent else STRAIGHT[..., :3].copy()).save(folder / "b.png")
    Image.new("RGBA", (16, 16), (1, 2, 3, 255)).save(folder / "000.png")  # an alpha that hides nothing
    for _ in range(2):  # decoded, and out of the cache
        found = notes(open_images(folder, channels=channels, background="red", heldout=0), "photos")
        told = [note for note in found if "transparen" in note and not note.startswith("example")]
        assert [note[: len(said or "")] for note in told] == ([said] if said else [])
