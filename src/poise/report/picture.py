"""Grids of pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from poise.disk import write_atomically
from poise.errors import PoiseError


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2, enlarge: int | None = None) -> Image.Image:
    """Pictures uint8 [N,H,W,C] side by side on grey; small ones are enlarged by a whole factor to about 64 pixels."""
    n, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    canvas = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 128, np.uint8)
    for i, image in enumerate(images):
        y, x = gap + (i // columns) * (height + gap), gap + (i % columns) * (width + gap)
        canvas[y : y + height, x : x + width] = image
    picture = Image.fromarray(canvas[..., 0] if channels == 1 else canvas)
    factor = enlarge or max(1, 64 // height)
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def save_grid(images: np.ndarray, path: Path, columns: int | None = None) -> None:
    """One PNG with all pictures, written whole or not at all."""
    write_atomically(path, png(grid(images, columns)))


def save_each(images: np.ndarray, folder: Path) -> None:
    """00000.png, 00001.png ... in a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoiseError(f"cannot make the folder {folder}: {error.strerror}; choose another --out") from None
    for i, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        write_atomically(folder / f"{i:05d}.png", png(picture))
