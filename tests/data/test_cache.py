"""The cache of decoded pictures: used again, never half-made, and made again where it is damaged."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from poise.data.files import store
from poise.data.images import cache as image_cache
from poise.data.images.images import open_images
from poise.data.images.sources import encoded, files
from poise.data.speech.recordings import open_recordings
from poise.errors import PoiseError

Photos = Callable[..., Path]


def pixels_of(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(file)) for file in sorted(folder.rglob("*.png"))]


def test_second_start_reads_and_decodes_nothing(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(10)
    monkeypatch.setattr("poise.data.files.index.TOO_FRESH", 0)  # files of this moment count as settled
    first = open_images(folder, labels="none")
    for name in ("decode", "header"):
        monkeypatch.setattr(encoded, name, lambda *_, **__: pytest.fail("decoded again"))
    monkeypatch.setattr(files.FolderSource, "whole", lambda *_: pytest.fail("read again"))
    second = open_images(folder, labels="none")
    assert second.fingerprint == first.fingerprint
    assert np.array_equal(second.images, first.images)
    assert open_images(folder, background="#ffffff").fingerprint == first.fingerprint  # the same as "white"


def test_just_written_files_are_read_again_but_not_decoded(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(3)
    first = open_images(folder)
    monkeypatch.setattr(encoded, "decode", lambda *_, **__: pytest.fail("decoded again"))
    assert open_images(folder).fingerprint == first.fingerprint


def test_a_copy_elsewhere_shares_the_cache(photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(3)
    first = open_images(folder)
    shutil.copytree(folder, tmp_path / "moved")
    monkeypatch.setattr(encoded, "decode", lambda *_, **__: pytest.fail("decoded again"))
    assert open_images(tmp_path / "moved").fingerprint == first.fingerprint


def test_changes_of_content_and_options_are_seen(photos: Photos) -> None:
    folder = photos(5)
    seen = {open_images(folder, heldout=0).fingerprint}
    Image.new("RGB", (8, 8), "red").save(folder / "001.png")
    os.utime(folder / "001.png", (1e9, 1e9))
    images = open_images(folder, heldout=0)
    assert images.images[1, 0, 0].tolist() == [255, 0, 0]
    seen.add(images.fingerprint)
    seen.add(open_images(folder, heldout=0, channels=1).fingerprint)
    seen.add(open_images(folder, heldout=0, size=4).fingerprint)
    (folder / "004.png").unlink()
    seen.add(open_images(folder, heldout=0).fingerprint)
    (folder / "000.png").rename(folder / "zzz.png")
    seen.add(open_images(folder, heldout=0).fingerprint)
    assert len(seen) == 6
    seen.update(open_images(folder, heldout=h).fingerprint for h in (0.5,))
    assert len(seen) == 7


@pytest.mark.parametrize("suffix", [".bmp", ".npy", ".wav"])
def test_another_file_of_the_same_size_and_time_is_seen(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `cp -p`, `rsync -t` and archives bring it: only the file system knows that it came later."""
    monkeypatch.setattr("poise.data.files.index.TOO_FRESH", 0)
    folder = tmp_path / "data"
    folder.mkdir()

    def put(seed: int) -> None:
        for i, pixels in enumerate(np.random.default_rng(seed).integers(0, 256, (4, 16, 16), np.uint8)):
            file = folder / f"{i}{suffix}"
            if suffix == ".bmp":
                Image.fromarray(pixels).save(file)
            elif suffix == ".npy":
                np.save(folder / "0.npy", pixels[None])
                file = folder / "0.npy"
            else:
                soundfile.write(file, pixels.reshape(-1) / 256.0 - 0.5, 16_000)
            os.utime(file, (1e9, 1e9))

    def fingerprint() -> str:
        if suffix == ".wav":
            return open_recordings(folder, heldout=0, trim=None, shortest=0.01).fingerprint
        return open_images(folder / "0.npy" if suffix == ".npy" else folder, heldout=0).fingerprint

    put(0)
    before = fingerprint()
    assert fingerprint() == before
    put(1)
    after = fingerprint()
    assert after != before and fingerprint() == after


def test_a_file_that_changes_between_two_looks(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(3)
    look = files.FolderSource.look

    def then_change(self: files.FolderSource, progress: object = None) -> None:
        look(self)
        Image.new("RGB", (8, 8), "red").save(folder / "001.png")

    with monkeypatch.context() as patch:
        patch.setattr(files.FolderSource, "look", then_change)
        with pytest.raises(PoiseError, match=r"'001\.png' changed while it was read: start again"):
            open_images(folder)
    assert open_images(folder, heldout=0).images[1, 0, 0].tolist() == [255, 0, 0]


def test_damaged_index_and_cache_are_made_again(photos: Photos, cache: Path) -> None:
    folder = photos(4)
    first = open_images(folder)
    expected, fingerprint = np.array(first.images), first.fingerprint
    for damage in ("images.npy", "meta.json", "hashes.npy", "index"):
        place = next((cache / "index").iterdir()) if damage == "index" else next((cache / "images").iterdir()) / damage
        place.write_bytes(place.read_bytes()[:50])
        again = open_images(folder)
        assert again.fingerprint == fingerprint
        assert np.array_equal(again.images, expected)


KILLED = """
import os, sys
from poise.data.images.sources import encoded
from poise.data.images.images import open_images
real, seen = encoded.decode, []
def decode(*a, **k):
    seen.append(1)
    if len(seen) > 5:
        os.kill(os.getpid(), 9)
    return real(*a, **k)
encoded.decode = decode
open_images(sys.argv[1])
"""


@pytest.mark.slow
def test_a_killed_builder_leaves_nothing_that_counts(photos: Photos, cache: Path) -> None:
    folder = photos(40)
    assert subprocess.run([sys.executable, "-c", KILLED, str(folder)], timeout=300).returncode == -9
    left = [p.name for p in (cache / "images").iterdir()]
    assert len(left) == 1
    assert left[0].startswith(store.TEMPORARY)
    images = open_images(folder)
    assert np.array_equal(images.images, pixels_of(folder))
    assert [len(p.name) for p in (cache / "images").iterdir()] == [64]  # and what was left is cleaned up


def test_builders_at_the_same_time_agree(photos: Photos, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(10)
    finish, other = image_cache._finish, []

    def meanwhile(*arguments: object) -> object:
        if not other:
            other.append(None)
            other[0] = open_images(folder).fingerprint  # somebody else builds the same while we do
        return finish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(image_cache, "_finish", meanwhile)
    images = open_images(folder)
    assert other == [images.fingerprint]
    assert len(list((cache / "images").iterdir())) == 1


def test_interrupted_builder_leaves_nothing(photos: Photos, cache: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_images(photos(10), progress=interrupt)
    assert not list(cache.glob("images/*"))


def test_progress_counts_to_the_end(photos: Photos) -> None:
    calls: list[tuple[int, int]] = []
    open_images(photos(5), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, 5) for i in (1, 2, 3, 4, 5)] * 2


def test_a_cache_that_cannot_be_written(photos: Photos, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(3)
    cache.write_text("a file where the folder should be")
    with pytest.raises(PoiseError, match=r"cannot write in .*POISE_CACHE"):
        open_images(folder)
    cache.unlink()
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(PoiseError, match=r"decoding 3 pictures needs .* free"):
        open_images(folder)


def unreadable_in(folder: Path) -> None:
    """A picture that may be read another time, so that the folder is decoded again each time."""
    (folder / "zzz.png").symlink_to(folder / "nowhere.png")


def readable_of(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(file)) for file in sorted(folder.glob("0*.png"))]


def test_who_has_it_open_keeps_what_it_has(photos: Photos, cache: Path) -> None:
    folder = photos(6)
    unreadable_in(folder)
    opened = [open_images(folder) for _ in range(3)]
    assert all(np.array_equal(images.images, readable_of(folder)) for images in opened)
    assert len(list((cache / "images").iterdir())) == 1  # what was replaced is gone


@pytest.mark.parametrize("other", ["looks", "decodes"])
def test_another_process_is_there_before_ours_is_opened(
    photos: Photos, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """Between our renaming and our opening of what we have decoded, it finds that this is to be decoded again."""
    folder = photos(6)
    unreadable_in(folder)
    read, inside = image_cache._read, []

    def first_others(passing: bool, place: Path) -> object:
        if passing and not inside:
            inside.append(other)
            image_cache.load(place) if other == "looks" else open_images(folder)
        return read(passing, place)

    monkeypatch.setattr(image_cache, "_read", first_others)
    assert np.array_equal(open_images(folder).images, readable_of(folder)) and inside


OPENED = """
import sys
import numpy as np
from poise.data.images.images import open_images
held = []
for _ in range(25):
    held.append(open_images(sys.argv[1]))
    assert len(held[-1].images) == 6
assert all(np.array_equal(images.images, held[0].images) for images in held)
print(int(held[0].images.sum()))
"""


@pytest.mark.slow
def test_many_processes_open_what_is_decoded_again(photos: Photos, cache: Path) -> None:
    folder = photos(6)
    unreadable_in(folder)
    command = [sys.executable, "-c", OPENED, str(folder)]
    going = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [process.communicate(timeout=300) for process in going]
    assert [process.returncode for process in going] == [0, 0, 0], ended
    assert {out.strip() for out, _ in ended} == {str(int(np.sum(readable_of(folder))))}
    assert [len(place.name) for place in (cache / "images").iterdir()] == [64]


@pytest.mark.parametrize("name", ["EMFILE", "ENFILE", "ENOMEM", "EACCES", "EINTR"])
def test_what_cannot_be_read_now_is_not_removed(
    photos: Photos, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, number = photos(3), getattr(errno, name)
    first = open_images(folder)
    place = next((cache / "images").iterdir())
    before = place.stat().st_ino

    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(np, "load", fails)
        with pytest.raises(PoiseError, match=rf"cannot read .*{place.name} \({os.strerror(number)}\): try again"):
            image_cache.load(place)
    monkeypatch.setattr(encoded, "decode", lambda *_, **__: pytest.fail("decoded again"))
    assert open_images(folder).fingerprint == first.fingerprint and place.stat().st_ino == before
