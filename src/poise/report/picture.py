"""Grids of pictures."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from poise.disk import make_folder, write_atomically
from poise.errors import PoiseError
from poise.pixels.transparency import checkerboard, over

NUMBERED = re.compile(r"\d{5,}\.png")  # as `save_each` names them


def opaque(images: np.ndarray) -> np.ndarray:
    """Pictures uint8 [...,H,W,4] over a checkerboard: uint8 [...,H,W,3]; others as they are."""
    return over(images, checkerboard(*images.shape[-3:-1]))


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2, enlarge: int | None = None) -> Image.Image:
    """Pictures uint8 [N,H,W,C] side by side on grey, those with alpha over a checkerboard of their own; small ones are
    enlarged by a whole factor to about 64 pixels."""
    images = opaque(images)
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


def strips(groups: np.ndarray, gap: int = 1) -> np.ndarray:
    """Groups of pictures uint8 [N,K,H,W,C], side by side on grey: uint8 [N,H,K·W + (K − 1)·gap,C]."""
    n, k, height, width, channels = groups.shape
    found = np.full((n, height, k * (width + gap) - gap, channels), 128, np.uint8)
    found[..., 3:] = 255
    for i in range(k):
        found[:, :, i * (width + gap) : i * (width + gap) + width] = groups[:, i]
    return found


def save_grid(images: np.ndarray, path: Path, columns: int | None = None, gap: int = 2) -> None:
    """One PNG with all pictures, written whole or not at all."""
    write_atomically(path, png(grid(images, columns, gap)))


def save_each(images: np.ndarray, folder: Path) -> None:
    """00000.png, 00001.png ... in a folder, with the transparency that the pictures have."""
    check_leftovers(folder, len(images))
    make_folder(folder)
    for i, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        write_atomically(folder / f"{i:05d}.png", png(picture))


def check_leftovers(folder: Path, n: int) -> None:
    """PoiseError for a folder that has pictures of an earlier drawing beyond the n that are to be written there: what
    reads the folder would take them for these."""
    numbered = [path for path in folder.glob("*.png") if NUMBERED.fullmatch(path.name)] if folder.is_dir() else []
    left = sorted(path.name for path in numbered if int(path.stem) >= n)
    if left:
        raise PoiseError(
            f"--out {folder} holds {len(left):,} pictures of an earlier drawing beyond these {n:,}, such as {left[0]}: "
            "empty it, or choose another folder"
        )


def check_pictures(path: Path) -> None:
    """PoiseError for a file that is no .png: pictures go into one grid, or into a folder."""
    if path.suffix and path.suffix != ".png":
        raise PoiseError(f"--out {path}: name a .png file for a grid, or a folder")


def save_pictures(images: np.ndarray, path: Path, columns: int | None = None, gap: int = 2) -> bool:
    """Pictures as one grid (.png), or one by one in a folder; returns whether it was a grid. Errors: see
    `check_pictures`."""
    check_pictures(path)
    if path.suffix:
        save_grid(images, path, columns, gap)
    else:
        save_each(images, path)
    return bool(path.suffix)
