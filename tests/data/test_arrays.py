"""Arrays: .npy, .npz and IDX files, right and wrong ones."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poise.data.images.images import open_images
from poise.errors import PoiseError

Photos = Callable[..., Path]


def write_idx(path: Path, array: np.ndarray, kind: int = 0x08) -> None:
    data = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


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


LABELS = {
    "objects": lambda n: np.array(["a", None] * n, dtype=object)[:n],
    "too few": lambda n: np.zeros(n - 1, np.int64),
    "words for half": lambda n: np.array([["a", "b"]] * n),
    "columns first": lambda n: np.asfortranarray(np.full((n, 3), 0.5)),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_that_cannot_be_used_stop_nobody_who_does_not_want_them(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=np.zeros((6, 8, 8), np.uint8), labels=LABELS[kind](6))
    found = open_images(path, labels="auto")
    assert found.labels is None and any("labels are not used" in note for note in found.notes)
    with pytest.raises(PoiseError, match=r"a\.npz\[labels\]"):
        open_images(path, labels="file")


@pytest.mark.parametrize("shape", [(32, 32, 3), (64, 48, 4), (8, 8, 3)])
def test_one_picture_is_no_set_of_strips(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    with pytest.raises(PoiseError, match=r"which is one picture \[H,W,C\] as it seems: pictures are \[N,H,W\]"):
        open_images(tmp_path / "a.npy")
