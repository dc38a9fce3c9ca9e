"""Fetching data sets: with clients that are played by small scripts."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from poise.data.catalogue import catalogue, fetch
from poise.data.images.images import open_images
from poise.errors import PoiseError

Client = Callable[[str, str], None]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Put a shell script on an otherwise nearly empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, script: str) -> None:
        (folder / name).write_text("#!/bin/sh\nPATH=/usr/bin:/bin\n" + script)
        (folder / name).chmod(stat.S_IRWXU)

    return make


def tgz(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def emoji_package() -> bytes:
    picture = io.BytesIO()
    Image.new("RGBA", (64, 64), "red").save(picture, "PNG")
    rows = [
        {"image": "a.png", "category": "Objects", "has_img_google": True},
        {"image": "b.png", "category": "Flags", "has_img_google": True},
        {"image": "c.png", "category": "Component", "has_img_google": True},
    ]
    names = ["a.png", "b.png", "c.png", "a-skin.png", "../b.png"]
    files = {f"package/img/google/64/{name}": picture.getvalue() for name in names}
    files["package/img/other/64/a.png"] = b"not this one"
    return tgz({**files, "package/emoji.json": json.dumps(rows).encode(), "package/LICENSE": b"free"})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Replace the catalogue by noto-emoji with a small package of our own, brought by `client`."""

    def make(client: str = "npm", data: bytes | None = None) -> Path:
        source = tmp_path / "package.tgz"
        source.write_bytes(data or emoji_package())
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        real = catalogue.find("noto-emoji")
        entry = dataclasses.replace(
            real, client=client, sha256=digest, size=source.stat().st_size, filename="emoji.tgz", web=()
        )
        monkeypatch.setattr(catalogue, "_ENTRIES", (entry,))
        return source

    return make


def nothing_left(cache: Path) -> bool:
    return not [file for file in cache.rglob("*") if file.is_file() or file.name.startswith(".")]


def test_get_with_npm(client: Client, package: Callable[..., Path], cache: Path) -> None:
    source = package()
    client("npm", f'echo "$@" > {source}.args; cp {source} emoji.tgz')
    calls: list[tuple[int, int]] = []
    path = fetch.get("noto-emoji", progress=lambda done, total: calls.append((done, total)))
    assert Path(f"{source}.args").read_text().split() == ["pack", "emoji-datasource-google@16.0.0", "--ignore-scripts"]
    assert path == cache / "sets" / "noto-emoji-16.0.0"
    assert sorted(file.name for file in path.iterdir()) == ["LICENSE", "a.png", "b.png", "labels.json"]
    assert all(0 <= done <= total for done, total in calls)
    assert not list((cache / "downloads").iterdir())  # the package itself is not kept
    client("npm", "exit 1")
    assert fetch.get("noto-emoji") == path  # it is here: no client is asked
    images = open_images("noto-emoji", labels="file", heldout=0)
    assert images.classes == ("Flags", "Objects")
    assert images.name == "noto-emoji"


def test_interrupted_download_leaves_nothing(client: Client, package: Callable[..., Path], cache: Path) -> None:
    source = package()
    client("npm", f"head -c 100 {source} > emoji.tgz; echo $$ > {source}.pid; sleep 60")

    def interrupt(done: int, total: int) -> None:
        if done and Path(f"{source}.pid").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch.get("noto-emoji", progress=interrupt)
    assert nothing_left(cache)
    with pytest.raises(ProcessLookupError):  # and the client is not left running
        os.kill(int(Path(f"{source}.pid").read_text()), 0)


def test_a_client_that_never_ends(
    client: Client, package: Callable[..., Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package()
    client("npm", "sleep 60")
    monkeypatch.setattr(fetch, "TIMEOUT", 0.2)
    with pytest.raises(PoiseError, match="npm took longer than"):
        fetch.get("noto-emoji")
    assert nothing_left(cache)


FAILURES: dict[str, tuple[str, str]] = {
    "short": ("head -c 100 {source} > emoji.tgz", "came with sha256"),
    "nothing": ("exit 0", "brought no emoji.tgz"),
    "network": (
        "echo 'npm error network down'; echo 'npm error A complete log of this run can be found in: x'; exit 1",
        r"npm pack failed \(npm error network down\)",
    ),
    "silent": ("exit 7", "exit code 7"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_leave_nothing_and_say_what_to_do(
    name: str, client: Client, package: Callable[..., Path], cache: Path
) -> None:
    script, message = FAILURES[name]
    source = package()
    client("npm", script.format(source=source))
    with pytest.raises(PoiseError, match=message) as caught:
        fetch.get("noto-emoji")
    assert "\n" not in str(caught.value)
    assert "place emoji.tgz (npm package emoji-datasource-google 16.0.0, sha256 " in str(caught.value)
    assert nothing_left(cache)


@pytest.mark.parametrize(("kind", "program"), [("npm", "npm"), ("apt", "apt-get")])
def test_no_client(kind: str, program: str, client: Client, package: Callable[..., Path], cache: Path) -> None:
    source = package(kind)
    with pytest.raises(PoiseError, match=f"there is no {program} on this machine") as caught:
        fetch.get("noto-emoji")
    assert str(cache / "downloads") in str(caught.value)
    assert hashlib.sha256(source.read_bytes()).hexdigest() in str(caught.value)


def test_a_file_placed_by_hand(client: Client, package: Callable[..., Path], cache: Path) -> None:
    source = package()
    placed = cache / "downloads" / "emoji.tgz"
    placed.parent.mkdir(parents=True)
    placed.write_bytes(b"something else")
    with pytest.raises(PoiseError, match=r"emoji\.tgz has sha256 .* remove it, or place the right file"):
        fetch.get("noto-emoji")
    placed.write_bytes(source.read_bytes())
    assert (fetch.get("noto-emoji") / "a.png").is_file()
    assert placed.is_file()  # it is the user's


def test_package_without_what_is_meant(client: Client, package: Callable[..., Path], cache: Path) -> None:
    for data, message in [
        (tgz({"package/readme": b"x"}), "no table of emoji"),
        (tgz({"package/emoji.json": b'[{"image": "a.png", "category": "x", "has_img_google": 1}]'}), "not hold a.png"),
        (b"no archive at all", "is damaged"),
    ]:
        client("npm", f"cp {package(data=data)} emoji.tgz")
        with pytest.raises(PoiseError, match=message):
            fetch.get("noto-emoji")
        assert nothing_left(cache)


APT = """
if [ "$1" = update ]; then
    [ -e {source}.offline ] && {{ echo "E: Could not reach the mirror."; exit 100; }}
    touch {source}.lists; exit 0
fi
[ -e {source}.lists ] || {{ echo "W: something"; echo "E: Unable to locate package emoji"; exit 100; }}
cp {source} emoji.tgz
"""


@pytest.mark.slow
def test_apt_without_package_lists(
    client: Client, package: Callable[..., Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = package("apt")
    client("apt-get", APT.format(source=source))
    monkeypatch.setattr(fetch, "_is_root", lambda: False)
    with pytest.raises(PoiseError, match="`sudo apt-get update`"):
        fetch.get("noto-emoji")
    assert nothing_left(cache)
    monkeypatch.setattr(fetch, "_is_root", lambda: True)
    Path(f"{source}.offline").touch()
    with pytest.raises(PoiseError, match=r"apt-get update failed \(E: Could not reach the mirror\)"):
        fetch.get("noto-emoji")
    Path(f"{source}.offline").unlink()
    assert (fetch.get("noto-emoji") / "a.png").is_file()


def test_pip_is_asked_for_one_file_only(
    package: Callable[..., Path], client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = package("pip")
    client("python", f'echo "$@" > {source}.args; cp {source} emoji.tgz')
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    assert (fetch.get("noto-emoji") / "a.png").is_file()
    asked = Path(f"{source}.args").read_text().split()
    assert asked[:4] == ["-m", "pip", "download", "--no-deps"]
    assert asked[-1] == "emoji-datasource-google==16.0.0"


def test_catalogue_is_complete_and_names_are_checked() -> None:
    for entry in catalogue.catalogue():
        assert entry.client in {"sklearn", *fetch._CLIENTS}
        assert entry.client == "sklearn" or (len(entry.sha256) == 64 and entry.size > 0)
        assert catalogue.located(entry.name) is None
    with pytest.raises(PoiseError, match="did you mean 'noto-emoji'"):
        fetch.get("noto-emoij")
