"""Data that no run takes, and what is said of each: a case prepares a folder and returns the words of a command."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.refusals import Prepare, flags, train, words


def file(name: str, content: bytes | str, *extra: str) -> Prepare:
    """Training on one file with this content."""

    def prepare(here: Path) -> list[str]:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return train(*extra, data=name)

    return prepare


def folder_of(name: str, content: bytes | str, *extra: str) -> Prepare:
    """Training on a folder that holds one file."""

    def prepare(here: Path) -> list[str]:
        file(f"photos/{name}", content)(here)
        return train(*extra, data="photos")

    return prepare


def array(name: str, *extra: str, **arrays: np.ndarray) -> Prepare:
    """Training on a .npy or .npz file with these arrays."""

    def prepare(here: Path) -> list[str]:
        if name.endswith(".npz"):
            np.savez(here / name, **arrays)
        else:
            np.save(here / name, next(iter(arrays.values())))
        return train(*extra, data=name)

    return prepare


def config(name: str, content: str | bytes) -> Prepare:
    """Training with a configuration file."""

    def prepare(here: Path) -> list[str]:
        (here / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return train("--config", name)

    return prepare


def empty_folder(here: Path) -> list[str]:
    (here / "photos").mkdir()
    return train(data="photos")


def photos(here: Path, *names: str) -> None:
    for i, name in enumerate(names):
        (here / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (i, 0, 0)).save(here / "photos" / name)


def checked(name: str, content: bytes, *flags: str) -> Prepare:
    """poise data check of a file."""

    def prepare(here: Path) -> list[str]:
        (here / name).write_bytes(content)
        return ["data", "check", name, *flags]

    return prepare


def pictures_outside_classes(here: Path) -> list[str]:
    photos(here, "a.png", "b.png")
    return train("--labels", "folders", "--conditional", "true", data="photos")


def no_labels(here: Path) -> list[str]:
    photos(here, "a.png", "b.png")
    return train("--conditional", "true", data="photos")


def labels_without_a_picture(here: Path) -> list[str]:
    photos(here, "a.png", "b.png")
    (here / "photos/labels.json").write_text('{"a.png": "cat"}')
    return train("--labels", "file", data="photos")


def a_zip_of_text(here: Path) -> list[str]:
    with zipfile.ZipFile(here / "texts.zip", "w") as archive:
        archive.writestr("thesis.tex", "dear")
    return train(data="texts.zip")


def truncated_jpeg() -> bytes:
    import io

    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "JPEG")
    return buffer.getvalue()[:300]


def bomb() -> bytes:
    """A PNG that promises 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
    )


GREY = np.zeros((40, 16, 16), np.uint8)
OBJECTS = np.array([{"a": 1}], dtype=object)


DATA = [
    ("missing path", words(*train(data="nowhere/photos")), r"called 'nowhere/photos'.*poise data list"),
    ("misspelt set", words(*train(data="fashon-mnist")), r"'fashon-mnist'; did you mean 'fashion-mnist'\?"),
    ("set not fetched", words(*train(data="noto-emoji")), r"poise data get noto-emoji"),
    ("empty name", words(*train(data="")), r"called ''"),
    ("name too long", words(*train(data="x" * 300)), r"poise data list"),
    ("empty folder", empty_folder, r"photos holds no pictures .*\.png.*give"),
    ("corrupt picture", folder_of("a.png", b"\x89PNG\r\n\x1a\n" + bytes(40)), r"none of 1 pictures.*a\.png"),
    ("text named png", folder_of("a.png", "hello"), r"none of 1 .*a\.png \(not a picture"),
    ("empty png", folder_of("a.png", ""), r"a\.png \(the file is empty"),
    ("line feed in a name", folder_of("a\nb.png", "hello"), r"a b\.png \(not a picture"),
    ("truncated jpeg", folder_of("cut.jpg", truncated_jpeg()), r"cut\.jpg \(.*[Tt]runcated"),
    ("bomb", folder_of("bomb.png", bomb()), r"bomb\.png \(more than [\d,]+ pixels"),
    ("one text file", file("a.txt", "hello"), r"a\.txt is no collection of pictures: give"),
    ("zip that is none", file("a.zip", "hello"), r"a\.zip is not a whole zip.*again"),
    ("zip without pictures", a_zip_of_text, r"texts\.zip holds no pictures"),
    ("npz that is none", file("a.npz", "hello"), r"a\.npz is not a whole npz.*again"),
    ("npz without arrays", array("a.npz"), r"a\.npz holds no arrays.*'images'"),
    ("npz of unknown names", array("a.npz", u=GREY, v=GREY), r"a\.npz.* u, v.*'images'"),
    ("npz without labels", array("a.npz", "--labels", "file", images=GREY), r"a\.npz brings no labels.*--labels none"),
    (
        "labels of another length",
        array("a.npz", "--labels", "file", images=GREY, labels=np.arange(3)),
        r"\[labels\] is \(3,\).*40",
    ),
    ("npy that is none", file("a.npy", "hello"), r"a\.npy is not a whole numpy file.*again"),
    ("npy of objects", array("a.npy", x=OBJECTS), r"a\.npy holds Python objects.*uint8"),
    ("npy of int64", array("a.npy", x=GREY.astype(np.int64)), r"a\.npy holds int64: give uint8"),
    ("npy of no pictures", array("a.npy", x=GREY[:0]), r"a\.npy is \(0, 16, 16\)"),
    ("npy of vectors", array("a.npy", x=GREY[0]), r"a\.npy is \(16, 16\): pictures are"),
    ("floats out of range", array("a.npy", x=np.full((4, 16, 16), 7.5)), r"a\.npy: picture 0 .*7\.5.*\[0, 1\]"),
    ("floats that are NaN", array("a.npy", x=np.full((4, 16, 16), np.nan)), r"a\.npy: picture 0 .*nan.*\[0, 1\]"),
    (
        "truncated IDX",
        file("a-ubyte", struct.pack(">HBBIII", 0, 8, 3, 9, 16, 16) + b"12"),
        r"a-ubyte is damaged or cut",
    ),
    ("IDX of text", file("a.idx", "hello, world"), r"a\.idx is not a whole IDX file"),
    ("labels without sub-folders", pictures_outside_classes, r"'a\.png' lies in no sub-folder.*--labels folders"),
    ("conditional without labels", no_labels, r"--conditional needs class labels and photos has none: use"),
    ("labels file with a gap", labels_without_a_picture, r"labels\.json has no class for 'b\.png'"),
    ("held out whole", flags("--heldout", "1.0"), r"--heldout 1\.0 .*below 1"),
    ("held out all", flags("--heldout", "0.999999"), r"all 40 pictures.*--heldout 0\.999999.*smaller"),
    ("held out less than none", flags("--heldout", "-0.1"), r"--heldout -0\.1 .*from 0"),
    ("check a missing path", words("data", "check", "nowhere"), r"called 'nowhere'"),
    ("check a text file", words("data", "check", "runs/done/spec.json"), r"spec\.json: .* lines cannot be used"),
    ("check no text", checked("a.txt", b""), r"a\.txt holds no sentences: give a file with one a line"),
    ("check no encoding", checked("a.txt", b"fein\n\x81\x8d\x9f\n"), r"a\.txt: line 2 is not UTF-8, and its encoding"),
    ("check zero bytes", checked("a.txt", b"fein\n\0\0\0\n"), r"a\.txt is no text"),
    ("check one unit", checked("a.txt", b"a\na\n"), r"vocabulary of one"),
    ("check without a column", checked("a.csv", b"a,b\nx,y\n"), r"a\.csv: name the column .* by its number, .*: a, b"),
    ("check a wrong column", checked("a.csv", b"a,b\nx,y\n", "--column", "c"), r"a\.csv has no column 'c'"),
    ("check a column of text", checked("a.txt", b"a\nb\n", "--column", "c"), r"a\.txt has no columns: leave out"),
    ("check a set that is not here", words("data", "check", "web-bible"), r"`poise data get web-bible`"),
    ("get an unknown set", words("data", "get", "digitz"), r"'digitz'; did you mean 'digits'\?"),
]
