"""open_images: sources, options, labels, the cache, and the split."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.images import open_images
from poise.data.images.sources import encoded
from poise.errors import PoiseError

Photos = Callable[..., Path]


def pixels_of(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(file)) for file in sorted(folder.rglob("*.png"))]


def zipped(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    return target


def test_a_folder_becomes_a_memory_map(photos: Photos) -> None:
    folder = photos(20)
    images = open_images(folder)
    assert isinstance(images.images, np.memmap)
    assert not images.images.flags.writeable
    assert images.images.dtype == np.uint8
    assert np.array_equal(images.images, pixels_of(folder))
    assert (images.size, images.channels, images.name) == (8, 3, "photos")
    assert images.labels is None
    assert images.classes == ()
    assert sorted([*images.train, *images.heldout]) == list(range(20))
    assert images.train.dtype == images.heldout.dtype == np.int64
    assert images.describe().startswith("photos: 20 pictures 8x8 RGB, ")


def test_a_zip_holds_the_same_as_its_folder(photos: Photos, tmp_path: Path) -> None:
    folder = photos(6)
    images = open_images(zipped(folder, tmp_path / "some.zip"))
    assert np.array_equal(images.images, pixels_of(folder))


def test_folders_are_classes(photos: Photos, tmp_path: Path) -> None:
    photos(2, name="animals/dog", seed=1)
    photos(3, name="animals/cat/siamese", seed=2)
    photos(1, name="animals/cat", seed=3)
    photos(2, name="animals/.hidden", seed=4)
    (tmp_path / "animals" / "cat" / "notes.txt").write_text("no picture")
    for source in (
        tmp_path / "animals",
        zipped(tmp_path / "animals", tmp_path / "a.zip"),
        zipped(tmp_path / "animals", tmp_path / "b.zip", "animals/"),
    ):
        images = open_images(source, labels="folders", heldout=0)
        assert images.classes == ("cat", "dog")
        assert images.labels is not None
        assert images.labels.tolist() == [0, 0, 0, 0, 1, 1]


def test_a_class_without_readable_pictures_is_none(photos: Photos, tmp_path: Path) -> None:
    photos(2, name="animals/dog")
    (tmp_path / "animals" / "cat").mkdir()
    (tmp_path / "animals" / "cat" / "a.png").write_text("not a picture")
    images = open_images(tmp_path / "animals", labels="folders", heldout=0)
    assert images.classes == ("dog",)
    assert images.labels is not None
    assert images.labels.tolist() == [0, 0]


def test_labels_file_of_a_folder_and_a_zip(photos: Photos, tmp_path: Path) -> None:
    folder = photos(3)
    table = {"000.png": "b", "001.png": "a", "002.png": "b"}
    (folder / "labels.json").write_text(json.dumps(table))
    for source in (folder, zipped(folder, tmp_path / "a.zip"), zipped(folder, tmp_path / "b.zip", "x/")):
        images = open_images(source, labels="file")
        assert images.classes == ("a", "b")
        assert images.labels is not None
        assert images.labels.tolist() == [1, 0, 1]
    (folder / "labels.json").write_text(json.dumps({**table, "001.png": "c"}))
    assert open_images(folder, labels="file").classes == ("b", "c")  # the labels are part of the key
    (folder / "labels.json").write_text('{"000.png": "b"}')
    with pytest.raises(PoiseError, match=r"no class for '001.png' and 1 more"):
        open_images(folder, labels="file")


def test_unreadable_files_are_left_out_and_named(photos: Photos) -> None:
    folder = photos(4)
    (folder / "001.png").write_text("no picture")
    (folder / "zero.jpg").touch()
    (folder / "gone.png").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.png")  # reading it would never end
    images = open_images(folder, heldout=0)
    assert len(images.images) == 3
    reasons = dict(images.unreadable)
    assert sorted(reasons) == ["001.png", "gone.png", "pipe.png", "zero.jpg"]
    assert "No such file" in reasons["gone.png"]
    assert images.describe().endswith("4 unreadable left out")
    assert open_images(folder, heldout=0).unreadable == images.unreadable


def test_nothing_readable_is_an_error_that_names_one(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(PoiseError, match=r"none of 1 pictures can be read.*a\.png"):
        open_images(tmp_path)
    assert not list((cache / "images").iterdir())


def test_absurd_and_broken_zip_members(photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(photos(3), tmp_path / "some.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large.png", bytes(5000))
        archive.writestr("broken.png", (tmp_path / "photos" / "000.png").read_bytes(), zipfile.ZIP_STORED)
        info = archive.getinfo("broken.png")
    data = bytearray(path.read_bytes())
    data[info.header_offset + 30 + len("broken.png") + 40] ^= 255  # inside its data: the checksum fails
    path.write_bytes(data)
    monkeypatch.setattr(encoded, "LARGEST_FILE", 4000)
    images = open_images(path, heldout=0)
    reasons = dict(images.unreadable)
    assert sorted(reasons) == ["broken.png", "large.png"]
    assert "CRC" in reasons["broken.png"]
    assert "larger than" in reasons["large.png"]


def test_links_in_a_circle_end(photos: Photos) -> None:
    folder = photos(2)
    (folder / "again").symlink_to(folder, target_is_directory=True)
    assert len(open_images(folder, heldout=0).images) == 2


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(20, 20)], 20),
        ([(100, 100)], 100),
        ([(20, 20), (24, 24)], 16),
        ([(100, 80), (300, 200)], 64),
        ([(5, 3)], 8),
    ],
)
def test_default_size(sizes: list[tuple[int, int]], expected: int, photos: Photos) -> None:
    for i, size in enumerate(sizes):
        folder = photos(1, size, name=f"all/{i}")
    assert open_images(folder.parent, heldout=0).size == expected


def test_default_channels(tmp_path: Path) -> None:
    Image.new("LA", (4, 4), (9, 0)).save(tmp_path / "a.png")
    assert open_images(tmp_path, heldout=0).channels == 1
    assert open_images(tmp_path, heldout=0, background="#ff0000").images[0, 0, 0].tolist() == [255, 0, 0]
    assert open_images(tmp_path, heldout=0, channels=3).images[0, 0, 0].tolist() == [255, 255, 255]
    Image.new("RGB", (4, 4)).save(tmp_path / "b.png")
    assert open_images(tmp_path, heldout=0).channels == 3


def test_names_that_are_no_text(photos: Photos) -> None:
    folder = photos(1)
    (folder / os.fsdecode(b"caf\xe9.png")).write_text("no picture")
    images = open_images(folder, heldout=0)
    assert images.unreadable[0][0] == "caf\ufffd.png"
    assert open_images(folder, heldout=0).unreadable == images.unreadable


@pytest.mark.slow
@pytest.mark.parametrize("module", ["images.images", "images.check", "catalogue.catalogue", "catalogue.fetch"])
def test_no_torch_is_loaded(module: str) -> None:
    code = f"import sys, poise.data.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0


def test_a_limit_draws_training_pictures_by_the_seed_and_leaves_the_held_out_ones(photos: Photos) -> None:
    """A smaller draw is part of a larger one of the same seed, and a limit of all is no limit."""
    folder = photos(60)
    whole = open_images(folder, heldout=0.3)
    count = len(whole.train)
    some = {(n, seed): open_images(folder, heldout=0.3, limit=n, seed=seed) for n in (5, 20, count) for seed in (0, 1)}
    for (n, _), found in some.items():
        assert len(found.train) == n and sorted(set(found.train)) == list(found.train)
        assert np.array_equal(found.heldout, whole.heldout)
    assert set(some[5, 0].train) < set(some[20, 0].train) < set(whole.train)
    assert set(some[20, 0].train) != set(some[20, 1].train)
    assert some[count, 1].fingerprint == whole.fingerprint != some[20, 0].fingerprint
    for n in (0, count + 1):
        with pytest.raises(PoiseError, match=rf"--limit {n} is not possible: photos has {count} pictures to train on"):
            open_images(folder, heldout=0.3, limit=n)
