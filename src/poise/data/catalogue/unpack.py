"""Packages -> folders of data: only wanted members are read, and written under names that are chosen here.

Nothing is extracted by the paths that an archive holds, so no archive can write outside its folder. OSErrors
while writing are told by `store.building`; a package that is not what its sha256 promised raises PoiseError.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from poise.errors import PoiseError

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
    try:
        rows = json.loads((folder / "emoji.json").read_bytes())
        labels = {
            row["image"]: row["category"] for row in rows if row["has_img_google"] and row["category"] != "Component"
        }
    except (OSError, ValueError, KeyError, TypeError):
        raise PoiseError(f"{archive.name} has no table of emoji: get it again") from None
    (folder / "emoji.json").unlink()

    def picture(name: str) -> str | None:
        base = name.removeprefix(prefix)
        return base if base in labels and name == prefix + base else None

    with open(archive, "rb") as file:
        need(archive, take(archive, file, picture, folder), set(labels))
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


def wheel(archive: Path, folder: Path, members: dict[str, str]) -> None:
    """The members of a wheel (a zip archive) that are named, under the file names given for them."""
    try:
        with zipfile.ZipFile(archive) as opened:
            need(archive, {name for name in opened.namelist() if name in members}, set(members))
            for member, name in members.items():
                with opened.open(member) as content, open(folder / name, "wb") as out:
                    shutil.copyfileobj(content, out)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise PoiseError(f"{archive.name} is damaged ({error}): get it again") from None


def deb_data(archive: Path) -> bytes:
    """The data tar of a .deb (an `ar` archive), decompressed."""
    for name, data in _ar_members(archive.read_bytes()):
        try:
            if name == "data.tar":
                return data
            if name == "data.tar.xz":
                return lzma.decompress(data)
            if name == "data.tar.gz":
                return zlib.decompress(data, wbits=31)
        except (lzma.LZMAError, zlib.error) as error:
            raise PoiseError(f"{archive.name} is damaged ({error}): get it again") from None
        if name.startswith("data.tar"):  # zst: no decoder in Python's library before 3.14
            return _dpkg_data(archive)
    raise PoiseError(f"{archive.name} is no Debian package: get it again")


def _ar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, content) of an `ar` archive: 8 bytes of magic; 60-byte headers; contents padded to even."""
    at = 8 if data.startswith(b"!<arch>\n") else len(data)
    while at + 60 <= len(data):
        head = data[at : at + 60]
        length = head[48:58].strip()
        if not length.isdigit():
            return
        size = int(length)
        yield head[:16].decode("ascii", "replace").strip().rstrip("/"), data[at + 60 : at + 60 + size]
        at += 60 + size + size % 2


def _dpkg_data(archive: Path) -> bytes:
    program = shutil.which("dpkg-deb")
    if program is None:
        raise PoiseError(f"{archive.name} needs dpkg-deb to be unpacked: install dpkg, or unpack it on Debian")
    done = subprocess.run([program, "--fsys-tarfile", str(archive)], capture_output=True, timeout=600)
    if done.returncode:
        raise PoiseError(f"{archive.name} is damaged (dpkg-deb refuses it): get it again")
    return done.stdout


def take(archive: Path, file: io.BufferedIOBase, rename: Callable[[str], str | None], folder: Path) -> set[str]:
    """Write each regular member for which `rename` gives a file name, and return those names."""
    found = set()
    for name, content in members(archive, file, rename):
        (folder / Path(name).name).write_bytes(content)
        found.add(name)
    return found


def members(archive: Path, file: io.BufferedIOBase, rename: Callable[[str], str | None]) -> Iterator[tuple[str, bytes]]:
    """(name that `rename` gives, content) of each regular member of a tar for which it gives one."""
    try:
        with tarfile.open(fileobj=file, mode="r:*") as tar:
            for member in tar:
                name = rename(member.name)
                content = tar.extractfile(member) if name and member.isfile() else None
                if name and content is not None:
                    yield name, content.read()
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise PoiseError(f"{archive.name} is damaged ({error}): get it again") from None


def need(archive: Path, found: set[str], wanted: set[str]) -> None:
    missing = sorted(wanted - found)
    if missing:
        raise PoiseError(f"{archive.name} does not hold {missing[0]}: this is not the package that is meant")
