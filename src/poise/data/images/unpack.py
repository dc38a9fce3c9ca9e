"""From the package of a set of pictures to files in a folder. Nothing is run or installed."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from poise.data.catalogue.unpack import deb_data, need, take
from poise.errors import PoiseError

_SIDE, _BORDER, _CELL = 64, 1, 66  # pixels in the sheet of the emoji
_EMOJI_LICENCE = """The pictures are Noto Emoji of Google, under the Apache License 2.0: https://github.com/googlefonts/noto-emoji
The table of their names and places is emoji-data, under the MIT License, Copyright (c) 2013 Cal Henderson:
https://github.com/iamcal/emoji-data
"""
# sha256 of the digits: uint8 [1797, 8, 8] and then little-endian int64 [1797], as bytes.
DIGITS_SHA256 = "0b7e9c3202d7bcd255d6a19a238d3743bf5e320ba74812a6679958a017c55382"


def fashion_mnist(archive: Path, folder: Path) -> None:
    """The four gzipped IDX files of Debian's package, and its licence."""
    prefix = "usr/share/datasets/fashion-mnist/"
    wanted = {
        f"{prefix}{part}-{what}-ubyte.gz": f"{part}-{what}-ubyte.gz"
        for part in ("train", "t10k")
        for what in ("images-idx3", "labels-idx1")
    }
    wanted["usr/share/doc/dataset-fashion-mnist/copyright"] = "LICENSE"
    with io.BytesIO(deb_data(archive)) as data:
        found = take(archive, data, lambda name: wanted.get(name.removeprefix("./")), folder)
    need(archive, found, set(wanted.values()))


def noto_emoji(archive: Path, folder: Path) -> None:
    """The 64x64 pictures of the emoji without skin-tone variants, and labels.json {file: category}.

    emoji.json has one row per emoji, with the variants inside the row. The five skin-tone swatches (category
    "Component") are no emoji and are left out.
    """
    prefix = "package/img/google/64/"
    tables = {"package/emoji.json": "emoji.json", "package/LICENSE": "LICENSE"}
    with open(archive, "rb") as file:
        take(archive, file, tables.get, folder)
    labels = {one.image: one.category for one in _emoji(folder / "emoji.json", archive.name)}
    (folder / "emoji.json").unlink()

    def picture(name: str) -> str | None:
        base = name.removeprefix(prefix)
        return base if base in labels and name == prefix + base else None

    with open(archive, "rb") as file:
        need(archive, take(archive, file, picture, folder), set(labels))
    _write_labels(folder, labels)


def noto_emoji_published(files: Path, folder: Path) -> None:
    """The same pictures cut out of the publisher's sheet, emoji.json saying which lies where.

    A cell of the sheet is a picture and a pixel around it. What is seen is the same; where nothing is, the hidden
    colour may be another, and the files are packed otherwise.
    """
    from PIL import Image

    name = "sheet_google_64.png"
    found = _emoji(files / "emoji.json", "emoji.json")
    try:
        with Image.open(files / name) as opened:
            sheet = opened.convert("RGBA")
        for one in found:
            left, top = _CELL * one.column + _BORDER, _CELL * one.row + _BORDER
            right, bottom = left + _SIDE, top + _SIDE
            if right > sheet.width or bottom > sheet.height:
                raise PoiseError(f"{name} has no cell for {one.image}: get it again")
            sheet.crop((left, top, right, bottom)).save(folder / one.image)
    except (OSError, TypeError):
        raise PoiseError(f"{name} is damaged: get it again") from None
    (folder / "LICENSE").write_text(_EMOJI_LICENCE)
    _write_labels(folder, {one.image: one.category for one in found})


class _Emoji(NamedTuple):
    """A row of emoji.json: the file of its picture, and where that lies in the sheet."""

    image: str
    category: str
    column: int
    row: int


def _emoji(table: Path, source: str) -> list[_Emoji]:
    """The emoji with a picture of Google's."""
    try:
        rows = [row for row in json.loads(table.read_bytes()) if row["has_img_google"]]
        found = [_Emoji(row["image"], row["category"], row.get("sheet_x"), row.get("sheet_y")) for row in rows]
        return [one for one in found if one.category != "Component" and one.image]
    except (OSError, ValueError, KeyError, TypeError):
        raise PoiseError(f"{source} has no table of emoji: get it again") from None


def _write_labels(folder: Path, labels: dict[str, str]) -> None:
    (folder / "labels.json").write_text(json.dumps(labels, indent=0, sort_keys=True))


def digits(archive: Path, folder: Path) -> None:
    """digits.npz: images uint8 [1797, 8, 8], 0..16 scaled to round(v * 255 / 16), and labels int64 [1797].

    From scikit-learn, which carries the data; `archive` is not read.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise PoiseError(
            "the digits come with scikit-learn, which is not installed: type `pip install scikit-learn`"
        ) from None
    bunch = load_digits()
    images = np.rint(np.asarray(bunch.images) * (255 / 16)).astype(np.uint8)
    labels = np.asarray(bunch.target).astype("<i8")
    if hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() != DIGITS_SHA256:
        raise PoiseError("the digits of this scikit-learn differ from the known ones: install another version of it")
    np.savez_compressed(folder / "digits.npz", images=images, labels=labels)
