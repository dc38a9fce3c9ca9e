"""Pictures as rows of arrays. How to open .npy, .npz and IDX files is in `formats`.

All of these are a header and then the pictures one after the other, so all are read as one stream and none is
ever in memory as a whole.
"""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from poise.data.files import store
from poise.data.files.walking import stamp_of
from poise.data.images.sources import depth
from poise.data.images.sources.decode import Decoded
from poise.data.images.sources.source import Job, Source
from poise.errors import PoiseError
from poise.pixels.transparency import WITH_ALPHA

BROKEN = (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile, struct.error, RuntimeError)
LARGEST = 2**48  # numbers in an array
LARGEST_ROW = 256 << 20  # bytes of one picture
ONE_PICTURE = 8  # pixels of both sides from which on [H,W,3] or [4,H,W] is a picture, and no row of strips
ROUNDING = 1e-3  # by how much floats in [0, 1] may lie outside, as resizing and float16 leave them
_PICTURES_ARE = "pictures are [N,H,W], [N,H,W,C] or [N,C,H,W] with C 1, 3 or 4"


@dataclass(frozen=True)
class Rows:
    """An array on the disk: what its header says, and how to reach the first row."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    open: Callable[[], IO[bytes]]

    def __post_init__(self) -> None:
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        if any(not 0 <= size < LARGEST for size in self.shape) or math.prod(self.shape) >= LARGEST:
            raise PoiseError(f"{self.name} claims a shape that no file has ({_briefly(self.shape)}): it is damaged")
        if row > LARGEST_ROW:
            raise PoiseError(
                f"{self.name} is {_briefly(self.shape)} {self.dtype}: one item of {row / 1e6:,.0f} MB is more than the "
                f"{LARGEST_ROW / 1e6:,.0f} MB that are read at once; save smaller pictures"
            )

    def __iter__(self) -> Iterator[np.ndarray]:
        """The rows in order, each of `shape[1:]`. PoiseError where the file ends early or is damaged."""
        row = self.shape[1:]
        width = math.prod(row) * self.dtype.itemsize
        block = max(1, store.CHUNK // max(1, width))
        try:
            with self.open() as file:
                for start in range(0, self.shape[0], block):
                    count = min(block, self.shape[0] - start)
                    data = exactly(file, count * width)
                    yield from np.frombuffer(data, self.dtype).reshape(count, *row)
        except BROKEN as error:
            raise PoiseError(f"{self.name} is damaged or cut short ({error}): make or download it again") from None


class ArraySource(Source):
    """Pictures from arrays: the training part first, then the data set's own test part, if there is one."""

    def __init__(
        self,
        path: Path,
        kind: str,
        files: list[Path],
        pictures: list[Rows],
        labels: list[Rows] | PoiseError | None,
    ) -> None:
        super().__init__(path)
        self.kind, self._pictures, self._labels = kind, pictures, labels
        self._layout, self._square = _layout(pictures[0])
        for part in pictures[1:]:
            if _layout(part) != (self._layout, self._square) or part.dtype != pictures[0].dtype:
                raise PoiseError(
                    f"{part.name} and {pictures[0].name} hold pictures of different kinds: "
                    f"{part.shape} {part.dtype} and {pictures[0].shape} {pictures[0].dtype}; make them alike"
                )
        if self._square[2] == WITH_ALPHA:
            self.notes.append(
                f"the four channels of {pictures[0].name} are read as red, green, blue and straight alpha: "
                "colours that are not multiplied by it"
            )
        self.own_test = sum(part.shape[0] for part in pictures[1:])
        self._paths = files
        stats = [file.stat() for file in files]
        self.files = [file.name for file in files]
        self.sizes = np.array([stat.st_size for stat in stats], np.int64)
        self.stamps = np.array([stamp_of(stat) for stat in stats], np.int64)

    def __len__(self) -> int:
        return sum(part.shape[0] for part in self._pictures)

    def names_then(self, called: str) -> list[str]:
        if self.path.is_dir():  # of IDX files, whose names say what they are
            return self.files
        packed = [".gz" if name.endswith(".gz") else "" for name in self.files[1:]]
        return [called, *(labels_name(called) + suffix for suffix in packed)]

    def picture_name(self, i: int) -> str:
        for part in self._pictures:
            if i < part.shape[0]:
                return f"{Path(part.name).name}[{i}]"
            i -= part.shape[0]
        raise IndexError(i)

    def jobs(self, count_frames: bool = False) -> Iterator[Job]:
        for part in self._pictures:
            for i, row in enumerate(part):
                yield partial(self._decoded, part.name, i, row)

    def survey(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        height, width, channels = self._square
        return np.array([width]), np.array([height]), np.array([channels == 1])

    def look_at(self, row: int) -> tuple[bytes, int, int, bool]:
        return bytes.fromhex(store.sha256_of(self._paths[row])), 0, 0, False

    @property
    def brings_labels(self) -> bool:
        return self._labels is not None

    def labels(self, where: str) -> tuple[np.ndarray, list[str]] | None:
        if where == "none":
            return None
        if where == "folders":
            raise PoiseError(f"{self.path} has no sub-folders to take classes from: use --labels file or none")
        if self._labels is None:
            raise PoiseError(
                f"{self.path} brings no labels (an npz file holds them as 'labels' or 'y', an IDX file has "
                "'...-labels-idx1-ubyte' beside it): add them, or use --labels none"
            )
        if isinstance(self._labels, PoiseError):
            raise self._labels
        parts = []
        for rows, pictures in zip(self._labels, self._pictures, strict=True):
            parts.append(_classes(rows, pictures.shape[0]))
        classes, numbers = np.unique(np.concatenate(parts), return_inverse=True)
        return numbers.astype(np.int64), [str(c) for c in classes.astype(np.str_)]

    def _decoded(self, name: str, i: int, row: np.ndarray) -> Decoded:
        pixels = _eight_bits(name, i, row, self.bits)
        if self._layout == "CHW":
            pixels = np.moveaxis(pixels, 0, -1)
        image = from_array(np.ascontiguousarray(pixels))
        low, high = float(row.min()), float(row.max())
        deep = "grey" if row.dtype.kind == "u" and row.dtype.itemsize == 2 else ""
        return Decoded(image, self.kind, f"{row.dtype} {self._layout}", False, low, high, deep)


def labels_name(pictures: str) -> str:
    """What the IDX file of labels is called beside one of pictures, unless ".gz" follows."""
    return pictures.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")


def _classes(rows: Rows, count: int) -> np.ndarray:
    """One whole number or word for each picture; of a one-hot code [N,K], where the one stands."""
    if math.prod(rows.shape) == count and rows.dtype.kind in "iuUSb":
        return np.array([row.reshape(()) for row in rows])
    if len(rows.shape) == 2 and rows.shape[0] == count and rows.dtype.kind in "iufb":
        codes = np.array(list(rows))
        if ((codes == 0) | (codes == 1)).all() and (codes.sum(1) == 1).all():
            array: np.ndarray = codes.argmax(1)
            return array
    raise PoiseError(
        f"{rows.name} is {rows.shape} {rows.dtype}, but {count:,} pictures need one whole number or word each, or a "
        "row with a single 1"
    )


def _briefly(shape: tuple[int, ...]) -> str:
    """The shape in words, however many axes it claims to have and however large they are."""
    sizes = [str(size) if abs(size) < 10**20 else "a number of many digits" for size in shape[:6]]
    return f"({', '.join(sizes)}{', ...' if len(shape) > 6 else ''})"


def exactly(file: IO[bytes], count: int) -> bytes:
    """`count` bytes, or EOFError."""
    data = file.read(count)
    if len(data) != count:
        raise EOFError("the data end too early")
    return data


def _layout(rows: Rows) -> tuple[str, tuple[int, int, int]]:
    """The axes of a row, and (height, width, channels)."""
    shape = rows.shape[1:]
    if rows.dtype.kind not in "uf" or (rows.dtype.kind == "u" and rows.dtype.itemsize > 2):
        raise PoiseError(f"{rows.name} holds {rows.dtype}: give uint8, uint16 (0..65535) or floats in [0, 1]")
    if not rows.shape or not rows.shape[0]:
        raise PoiseError(f"{rows.name} is {rows.shape}: it holds no pictures")
    if shape[1:] in ((3,), (4,)) and shape[0] >= ONE_PICTURE <= rows.shape[0]:
        raise PoiseError(f"{rows.name} is {rows.shape}, which is one picture [H,W,C] as it seems: {_PICTURES_ARE}")
    if len(shape) == 2 and all(shape):
        return "HW", (shape[0], shape[1], 1)
    if len(shape) == 3 and all(shape) and shape[2] in (1, 3, 4):
        return "HWC", (shape[0], shape[1], shape[2])
    first = (1, 3, WITH_ALPHA) if min(shape[1:], default=0) >= ONE_PICTURE else (1, 3)  # 4 may be a height, too
    if len(shape) == 3 and all(shape) and shape[0] in first:
        return "CHW", (shape[1], shape[2], shape[0])
    raise PoiseError(f"{rows.name} is {rows.shape}: {_PICTURES_ARE}")


def from_array(pixels: np.ndarray) -> Image.Image:
    """uint8 [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] as a picture in mode L, RGB or RGBA."""
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def _eight_bits(name: str, i: int, row: np.ndarray, bits: int | None) -> np.ndarray:
    """uint8 as it is; uint16 v as round(v / 257), or by fewer `bits`; floats f as round(255 f)."""
    if row.dtype == np.uint8:
        return row
    if row.dtype.kind == "u":
        try:
            depth.check(int(row.max()), bits)
        except depth.TooDeep as error:
            raise PoiseError(error.sentence(f"{name}: picture {i}")) from None
        return depth.eight_bits(row.astype(np.int64), bits)
    low, high = float(row.min()), float(row.max())
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # written so that NaN fails
        raise PoiseError(
            f"{name}: picture {i} has values from {low:g} to {high:g}: floats must lie in [0, 1]; "
            "rescale them, or save uint8"
        )
    array: np.ndarray = np.rint(row.astype(np.float64).clip(0, 1) * 255).astype(np.uint8)
    return array
