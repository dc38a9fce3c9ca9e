"""Packages -> folders of data: only wanted members are read, and written under names that are chosen here.

Nothing is extracted by the paths that an archive holds, so no archive can write outside its folder. OSErrors
while writing are told by `store.building`; a package that is not what its sha256 promised raises PoiseError.
"""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from poise.errors import PoiseError


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
