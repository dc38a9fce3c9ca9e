"""Opening .npy, .npz and IDX files (the format of MNIST, plain or gzipped) as sources of pictures."""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, cast

import numpy as np

from poise.data.images.sources.arrays import BROKEN, ArraySource, Rows, exactly, labels_name
from poise.errors import PoiseError

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_PICTURE_KEYS = ("images", "x", "X", "data", "arr_0")
_LABEL_KEYS = ("labels", "y", "Y", "target")


def idx_source(path: Path) -> ArraySource:
    """An IDX file of pictures, with the labels beside it if they are there."""
    return _idx_source(path, [path])


def idx_folder(folder: Path) -> ArraySource | None:
    """A folder that holds MNIST's four files (train-images-idx3-ubyte, t10k-..., each maybe .gz), or None.

    The t10k part is the data set's own test split.
    """
    found = []
    for part in ("train", "t10k"):
        for name in (f"{part}-images{sign}idx3-ubyte{gz}" for sign in "-." for gz in ("", ".gz")):
            if (folder / name).is_file():
                found.append(folder / name)
                break
    if not found or not found[0].name.startswith("train"):
        return None
    return _idx_source(folder, found)


def npy_source(path: Path) -> ArraySource:
    """A .npy file of pictures; there is no place for labels."""
    return ArraySource(path, "npy", [path], [_npy(str(path), partial(_maybe_gzip, path))], None)


def npz_source(path: Path) -> ArraySource:
    """A .npz file: pictures under images, x, X, data or as the only array; labels under labels, y or target.

    `x_train` and `x_test` (with `y_train` and `y_test`) are taken as the training part and the own test
    split.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except BROKEN as error:
        raise PoiseError(f"{path} is not a whole npz file ({error}): save it again with numpy.savez") from None
    if "x_train" in keys:
        picture_keys = [key for key in keys if key in ("x_train", "x_test")]
        picture_keys.sort(reverse=True)  # the training part first
        label_keys = [key.replace("x_", "y_") for key in picture_keys]
    else:
        named = [key for key in _PICTURE_KEYS if key in keys] or (keys if len(keys) == 1 else [])
        if not named:
            held = f"the arrays {', '.join(keys)}" if keys else "no arrays"
            raise PoiseError(f"{path} holds {held}: save the pictures in it under the name 'images'")
        picture_keys = named[:1]
        label_keys = [key for key in _LABEL_KEYS if key in keys][:1]
    pictures = [_npy(f"{path}[{key}]", partial(_npz_member, path, key)) for key in picture_keys]
    there = bool(label_keys) and all(key in keys for key in label_keys)
    labels = _labels([partial(_npy, f"{path}[{key}]", partial(_npz_member, path, key)) for key in label_keys if there])
    return ArraySource(path, "npz", [path], pictures, labels)


def _labels(openers: list[Callable[[], Rows]]) -> list[Rows] | PoiseError | None:
    """The labels, or why they cannot be read: who does not want them need not hear of it."""
    try:
        return [opened() for opened in openers] or None
    except PoiseError as error:
        return error


def _idx_source(path: Path, pictures: list[Path]) -> ArraySource:
    labels: list[Path] = []
    for file in pictures:
        name = labels_name(file.name)
        labels += [f for f in (file.parent / name, file.parent / f"{name}.gz") if f.is_file() and f != file][:1]
    whole = len(labels) == len(pictures)
    files = pictures + (labels if whole else [])
    read = _labels([partial(_idx, file) for file in labels if whole])
    found = ArraySource(path, "IDX", files, [_idx(f) for f in pictures], read)
    if labels and not whole:
        found.notes.append(f"labels are not used, for only {labels[0].name} is there and not those of the other part")
    return found


def _idx(path: Path) -> Rows:
    opened: Callable[[], IO[bytes]] = partial(_maybe_gzip, path)
    try:
        with opened() as file:
            zero, kind, axes = struct.unpack(">HBB", exactly(file, 4))
            if zero or kind not in _IDX_TYPES or not axes:
                raise ValueError("it does not begin like one")
            shape = struct.unpack(f">{axes}I", exactly(file, 4 * axes))
    except BROKEN as error:
        raise PoiseError(f"{path} is not a whole IDX file ({error}): make or download it again") from None
    return Rows(str(path), shape, np.dtype(_IDX_TYPES[kind]), partial(_skipped, opened, 4 + 4 * axes))


def _npy(name: str, opened: Callable[[], IO[bytes]]) -> Rows:
    try:
        with opened() as file:
            shape, fortran, dtype = _NPY_HEADERS[np.lib.format.read_magic(file)](file)
            start = file.tell()
    except BROKEN as error:
        raise PoiseError(f"{name} is not a whole numpy file ({error}): save it again with numpy.save") from None
    if dtype.hasobject:
        raise PoiseError(
            f"{name} holds Python objects: save it as an array of uint8 (labels: of whole numbers or text)"
        )
    if fortran and len(shape) > 1:
        raise PoiseError(f"{name} is in Fortran order: save numpy.ascontiguousarray of it")
    return Rows(name, shape, dtype, partial(_skipped, opened, start))


def _skipped(opened: Callable[[], IO[bytes]], count: int) -> IO[bytes]:
    file = opened()
    try:
        exactly(file, count)
    except BaseException:
        file.close()
        raise
    return file


def _maybe_gzip(path: Path) -> IO[bytes]:
    if path.name.endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return open(path, "rb")


def _npz_member(path: Path, key: str) -> IO[bytes]:
    # ZipFile counts its open members and keeps the file open until the last one is closed.
    with zipfile.ZipFile(path) as archive:
        return archive.open(f"{key}.npy")
