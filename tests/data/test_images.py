"""open_images: sources, options, labels, the cache, and the split."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from poise.data import cache as image_cache
from poise.data import files, store
from poise.data.images import ImageSet, open_images
from poise.errors import PoiseError

Photos = Callable[..., Path]


def pixels_of(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(file)) for file in sorted(folder.rglob("*.png"))]


def zipped(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    return target


def write_idx(path: Path, array: np.ndarray, kind: int = 0x08) -> None:
    data = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


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


ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # from uint8 [N,H,W,3]
    "NHWC": lambda x: x,
    "NCHW": lambda x: np.ascontiguousarray(x.transpose(0, 3, 1, 2)),
    "NHW": lambda x: np.ascontiguousarray(x[..., 0]),
    "NHW1": lambda x: np.ascontiguousarray(x[..., :1]),
    "float32": lambda x: (x / 255).astype(np.float32),
    "float64-big-endian": lambda x: (x / 255).astype(">f8"),
    "uint16": lambda x: x.astype(np.uint16) * 257,
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("form", ["npy", "npz"])
def test_arrays(name: str, form: str, tmp_path: Path) -> None:
    original = np.random.default_rng(0).integers(0, 256, (7, 6, 6, 3), dtype=np.uint8)
    array = ARRAYS[name](original)
    path = tmp_path / f"some.{form}"
    if form == "npy":
        np.save(path, array)
    else:
        np.savez_compressed(path, images=array, y=np.array([3, 5, 3, 3, 9, 5, 3], np.uint8))
    images = open_images(path, labels="none" if form == "npy" else "file")
    channels = 1 if name.startswith("NHW") and not name.endswith("C") else 3
    assert images.channels == channels
    assert np.array_equal(images.images, original[..., :channels])
    if form == "npz":
        assert images.labels is not None
        assert images.labels.tolist() == [0, 1, 0, 0, 2, 1, 0]
        assert images.classes == ("3", "5", "9")


def test_npz_with_its_own_test_part(tmp_path: Path) -> None:
    array = np.arange(5 * 16, dtype=np.uint8).reshape(5, 4, 4)
    words = np.array(["cat", "dog", "cat", "dog", "dog"])
    path = tmp_path / "some.npz"
    np.savez(path, x_test=array[3:], x_train=array[:3], y_train=words[:3], y_test=words[3:])
    images = open_images(path, labels="file")
    assert np.array_equal(images.images[..., 0], array)
    assert (images.train.tolist(), images.heldout.tolist()) == ([0, 1, 2], [3, 4])
    assert images.classes == ("cat", "dog")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_folder_uses_its_own_test_split(suffix: str, tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    array = np.random.default_rng(0).integers(0, 256, (9, 5, 5), dtype=np.uint8)
    digits = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2], np.uint8)
    for part, rows in (("train", slice(0, 6)), ("t10k", slice(6, 9))):
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", array[rows])
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", digits[rows])
    images = open_images(folder, labels="file", heldout=0.5)
    assert np.array_equal(images.images[..., 0], array)
    assert images.train.tolist() == [0, 1, 2, 3, 4, 5]
    assert images.heldout.tolist() == [6, 7, 8]
    assert images.labels is not None
    assert images.labels.tolist() == digits.tolist()
    without = open_images(folder, heldout=0)
    assert (len(without.train), len(without.heldout)) == (6, 0)
    alone = open_images(folder / f"train-images-idx3-ubyte{suffix}", labels="file")
    assert len(alone.images) == 6
    assert alone.classes == ("0", "1", "2")


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
    assert sorted(reasons) == ["001.png", "gone.png", "zero.jpg"]
    assert reasons["zero.jpg"] == "the file is empty"
    assert "No such file" in reasons["gone.png"]
    assert images.describe().endswith("3 unreadable left out")
    assert open_images(folder, heldout=0).unreadable == images.unreadable


def test_nothing_readable_is_an_error_that_names_one(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(PoiseError, match=r"none of 1 pictures can be read.*a\.png"):
        open_images(tmp_path)
    assert not list((cache / "images").iterdir())


def test_absurd_and_broken_zip_members(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(photos(3), tmp_path / "some.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large.png", bytes(5000))
        archive.writestr("broken.png", (tmp_path / "photos" / "000.png").read_bytes(), zipfile.ZIP_STORED)
        info = archive.getinfo("broken.png")
    data = bytearray(path.read_bytes())
    data[info.header_offset + 30 + len("broken.png") + 40] ^= 255  # inside its data: the checksum fails
    path.write_bytes(data)
    monkeypatch.setattr(files, "LARGEST_FILE", 4000)
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


def test_second_start_reads_and_decodes_nothing(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(10)
    for file in folder.iterdir():
        os.utime(file, (1e9, 1e9))
    first = open_images(folder, labels="none")
    for name in ("decode", "header"):
        monkeypatch.setattr(files, name, lambda *_, **__: pytest.fail("decoded again"))
    monkeypatch.setattr(files.FolderSource, "read", lambda *_: pytest.fail("read again"))
    second = open_images(folder, labels="none")
    assert second.fingerprint == first.fingerprint
    assert np.array_equal(second.images, first.images)
    assert open_images(folder, background="#ffffff").fingerprint == first.fingerprint  # the same as "white"


def test_just_written_files_are_read_again_but_not_decoded(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photos(3)
    first = open_images(folder)
    monkeypatch.setattr(files, "decode", lambda *_, **__: pytest.fail("decoded again"))
    assert open_images(folder).fingerprint == first.fingerprint


def test_a_copy_elsewhere_shares_the_cache(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photos(3)
    first = open_images(folder)
    shutil.copytree(folder, tmp_path / "moved")
    monkeypatch.setattr(files, "decode", lambda *_, **__: pytest.fail("decoded again"))
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
        place = (
            next((cache / "index").iterdir())
            if damage == "index"
            else next((cache / "images").iterdir()) / damage
        )
        place.write_bytes(place.read_bytes()[:50])
        again = open_images(folder)
        assert again.fingerprint == fingerprint
        assert np.array_equal(again.images, expected)


KILLED = """
import os, sys
from poise.data import files
from poise.data.images import open_images
real, seen = files.decode, []
def decode(*a, **k):
    seen.append(1)
    if len(seen) > 5:
        os.kill(os.getpid(), 9)
    return real(*a, **k)
files.decode = decode
open_images(sys.argv[1])
"""


def test_a_killed_builder_leaves_nothing_that_counts(photos: Photos, cache: Path) -> None:
    folder = photos(40)
    assert subprocess.run([sys.executable, "-c", KILLED, str(folder)], timeout=60).returncode == -9
    left = [p.name for p in (cache / "images").iterdir()]
    assert len(left) == 1
    assert left[0].startswith(store.TEMPORARY)
    images = open_images(folder)
    assert np.array_equal(images.images, pixels_of(folder))
    assert [len(p.name) for p in (cache / "images").iterdir()] == [64]  # and what was left is cleaned up


def test_builders_at_the_same_time_agree(
    photos: Photos, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photos(10)
    finish, other = image_cache._finish, []

    def meanwhile(*arguments: object) -> None:
        if not other:
            other.append(None)
            other[0] = open_images(folder).fingerprint  # somebody else builds the same while we do
        finish(*arguments)  # type: ignore[arg-type]

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


@given(copies=st.lists(st.integers(0, 30), min_size=20, max_size=60), share=st.floats(0.05, 0.8))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_copies_are_on_one_side(
    copies: list[int], share: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("copies") / "some.npy"
    np.save(path, np.array([np.full((2, 2), i, np.uint8) for i in copies]))
    try:
        images = open_images(path, heldout=share)
    except PoiseError:  # by chance all are held out
        return
    train, held = ({copies[int(i)] for i in rows} for rows in (images.train, images.heldout))
    assert not train & held
    assert train | held == set(copies)
    again = open_images(path, heldout=share / 2)
    assert {copies[int(i)] for i in again.heldout} <= held  # a smaller share holds out a part of the same


def test_share_held_out_is_near_what_was_asked(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, (2000, 4, 4), dtype=np.uint8))
    for share in (0.0, 0.1, 0.5):
        images = open_images(tmp_path / "a.npy", heldout=share)
        deviation = 4 * (share * (1 - share) / 2000) ** 0.5
        assert abs(len(images.heldout) / 2000 - share) <= deviation


def test_pictures_keep_their_side_when_others_come(photos: Photos, tmp_path: Path) -> None:
    def held(images: ImageSet) -> set[bytes]:
        return {images.images[i].tobytes() for i in images.heldout}

    first = held(open_images(photos(30), heldout=0.4))
    photos(30, name="photos/more", seed=1)
    assert first <= held(open_images(tmp_path / "photos", heldout=0.4))


def bad_npy(shape: tuple[int, ...], dtype: str = "u1", value: float = 0) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.full(shape, value, dtype))
    return buffer.getvalue()


WRONG: dict[str, tuple[bytes, str]] = {
    "a.npy": (bad_npy((3, 4, 4))[:-5], "damaged or cut short"),
    "b.npy": (b"nonsense", "not a whole numpy file"),
    "c.npy": (bad_npy((3, 4, 4), "i8"), "give uint8"),
    "d.npy": (bad_npy((3, 4, 4), "f4", 2.0), "picture 0 has values from 2 to 2"),
    "e.npy": (bad_npy((3, 4, 4), "f4", float("nan")), "picture 0 has values from nan"),
    "f.npy": (bad_npy((3, 4)), "pictures are"),
    "g.npy": (bad_npy((3, 4, 4, 2)), "pictures are"),
    "h.npy": (bad_npy((0, 4, 4)), "no pictures"),
    "i.npy": (bad_npy((3, 4, 4), "O"), "Python objects"),
    "j.zip": (b"PK nonsense", "not a whole zip archive"),
    "k.npz": (b"PK nonsense", "not a whole npz file"),
    "l-idx3-ubyte": (b"\0\0\x08", "not a whole IDX file"),
    "m-idx3-ubyte.gz": (b"not gzip", "not a whole IDX file"),
    "n-idx3-ubyte": (struct.pack(">HBB3I", 0, 8, 3, 9, 4, 4) + bytes(20), "damaged or cut short"),
    "o.png": (b"", "no collection of pictures"),
    "p.tar": (b"", "no collection of pictures"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_one_clear_sentence(name: str, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / name
    path.write_bytes(WRONG[name][0])
    with pytest.raises(PoiseError) as caught:
        open_images(path)
    assert name in str(caught.value)
    assert WRONG[name][1] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(cache.glob("images/*"))


def test_wrong_arrays_in_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=np.zeros((2, 4, 4)), two=np.zeros(2))
    with pytest.raises(PoiseError, match="holds the arrays one, two"):
        open_images(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", images=np.zeros((2, 4, 4)), labels=np.zeros(3, int))
    with pytest.raises(PoiseError, match="2 pictures need one"):
        open_images(tmp_path / "b.npz", labels="file")
    np.savez(tmp_path / "c.npz", images=np.asfortranarray(np.zeros((2, 4, 4))))
    with pytest.raises(PoiseError, match="Fortran order"):
        open_images(tmp_path / "c.npz")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size 0"),
        ({"channels": 2}, "channels 2"),
        ({"labels": "folder"}, "labels 'folder'"),
        ({"fit": "stretch"}, "fit 'stretch'"),
        ({"heldout": 1.0}, "heldout 1.0"),
        ({"heldout": float("nan")}, "heldout nan"),
        ({"background": "wite"}, "background 'wite'"),
        ({"labels": "folders"}, "lies in no sub-folder"),
        ({"labels": "file"}, "brings no labels"),
        ({"heldout": 0.9999}, "all 2 pictures would be held out"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str, photos: Photos) -> None:
    with pytest.raises(PoiseError, match=message):
        open_images(photos(2), **options)  # type: ignore[arg-type]


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(PoiseError, match="did you mean 'fashion-mnist'"):
        open_images("fashion-mnits")
    with pytest.raises(PoiseError, match="`poise data get fashion-mnist`"):
        open_images("fashion-mnist")
    with pytest.raises(PoiseError, match="holds no pictures"):
        open_images(tmp_path)


def test_names_that_are_no_text(photos: Photos) -> None:
    folder = photos(1)
    (folder / os.fsdecode(b"caf\xe9.png")).write_text("no picture")
    images = open_images(folder, heldout=0)
    assert images.unreadable[0][0] == "caf\ufffd.png"
    assert open_images(folder, heldout=0).unreadable == images.unreadable


@pytest.mark.parametrize("module", ["images", "check", "catalogue", "fetch"])
def test_no_torch_is_loaded(module: str) -> None:
    code = f"import sys, poise.data.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
