"""Pictures one after the other: a strip, a GIF, an animated PNG, or a film (MP4)."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from poise.disk import write_atomically
from poise.errors import PoiseError
from poise.installing import install
from poise.report.picture import grid, save_grid

FORMS = (".png", ".gif", ".apng", ".mp4")
QUALITY = "18"  # of H.264, the constant rate factor: 0 is without loss, 18 looks like it


def check_form(path: Path, rate: float) -> None:
    """What can be known before anything is drawn.

    Errors: PoiseError for another ending than those of FORMS, and for a rate that is not from 1 to 60 frames a second.
    """
    if path.suffix.lower() not in FORMS:
        raise PoiseError(f"--out {path.name}: name a file that ends in {', '.join(FORMS[:-1])} or {FORMS[-1]}")
    if not 1 <= rate <= 60:
        raise PoiseError(f"--fps must be from 1 to 60, not {rate:g}")


def to_and_fro(ways: np.ndarray) -> list[Image.Image]:
    """Ways uint8 [rows, between, H, W, C] -> frames with one tile a row, forwards and then back, without a jump.

    2·between − 2 of them: both ends once.
    """
    between = ways.shape[1]
    order = [*range(between), *range(between - 2, 0, -1)]
    return [grid(ways[:, i]) for i in order]


def save_ways(ways: np.ndarray, path: Path, rate: float) -> str:
    """Write ways in the form of the file's name, whole or not at all; returns what was written.

    Args: ways, uint8 [rows, between, H, W, C]; path, .png for one strip a row, .gif or .apng or .mp4 for frames to and
    fro; rate, frames a second.

    Errors: PoiseError as of `check_form`, and for a film without PyAV.
    """
    check_form(path, rate)
    form = path.suffix.lower()
    rows, between = ways.shape[:2]
    if form == ".png":
        save_grid(ways.reshape(-1, *ways.shape[2:]), path, columns=between)
        return f"{rows} strips of {between} pictures: {path}"
    frames = to_and_fro(ways)
    write_atomically(path, _film(frames, rate) if form == ".mp4" else _animated(frames, rate, form))
    return f"{len(frames)} frames of {rows} tiles, to and fro: {path}"


def _animated(frames: list[Image.Image], rate: float, form: str) -> bytes:
    """GIF with a palette of its own for each frame, or PNG without loss; both run for ever."""
    buffer = io.BytesIO()
    kind = "GIF" if form == ".gif" else "PNG"
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=round(1000 / rate), loop=0)
    return buffer.getvalue()


def _film(frames: list[Image.Image], rate: float) -> bytes:
    """H.264 of even sides, as players want them: a last row or column is repeated where one is missing."""
    try:
        import av
    except ImportError:
        raise PoiseError(f".mp4 needs PyAV: {install('speech', 'av')}; .gif and .apng do not") from None
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000), options={"crf": QUALITY})
        first = _even(frames[0])
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], "yuv420p"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(_even(frame), format="rgb24")))
        film.mux(stream.encode())
    return buffer.getvalue()


def _even(frame: Image.Image) -> np.ndarray:
    """Colour uint8 [H,W,3] with even H and W."""
    pixels = np.asarray(frame.convert("RGB"))
    return np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), mode="edge")
