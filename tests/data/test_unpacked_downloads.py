"""Pictures as downloads bring them: a folder around them, other names of MNIST's files, paths of another system."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.check import check
from poise.data.images.images import open_images


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((16, 16, 3), shade, np.uint8)).save(path)


def idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype("u1").tobytes())


def mnist(folder: Path, sign: str, labels: tuple[str, ...]) -> Path:
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 10)):
        idx(folder / f"{part}-images{sign}idx3-ubyte", rng.integers(0, 256, (count, 12, 12)))
        if part in labels:
            idx(folder / f"{part}-labels{sign}idx1-ubyte", np.arange(count) % 5)
    return folder


@pytest.mark.parametrize("sign", ["-", "."])
def test_names_of_the_files_of_mnist(sign: str, tmp_path: Path) -> None:
    found = open_images(mnist(tmp_path / "d", sign, ("train", "t10k")), labels="auto")
    assert len(found.images) == 40 and len(found.heldout) == 10
    assert found.labels is not None and found.labels.tolist() == [
        *(i % 5 for i in range(30)),
        *(i % 5 for i in range(10)),
    ]


@pytest.mark.parametrize("labels", [("train",), ("t10k",)])
def test_labels_of_one_part_alone_are_told(labels: tuple[str, ...], tmp_path: Path) -> None:
    folder = mnist(tmp_path / "d", "-", labels)
    told = f"labels are not used, for only {labels[0]}-labels-idx1-ubyte is there"
    assert any(told in note for note in open_images(folder, labels="auto").notes)
    assert any(told in line for line in check(folder).lines())


@pytest.mark.parametrize("splits", [("train", "val"), ("Train", "Test"), ("train", "valid", "test")])
def test_splits_below_the_only_folder_are_told(splits: tuple[str, ...], tmp_path: Path) -> None:
    for number, split in enumerate(splits):
        for i in range(12):
            picture(tmp_path / f"d/archive/{split}/{i}.png", 20 * number + i)
    (tmp_path / "d/README.md").write_text("# from elsewhere")
    said = "\n".join(check(tmp_path / "d").lines())
    assert "lie in archive/, which is read as a class: give that folder to have them as splits" in said
    assert all(f"{split}/" in said for split in splits)
    assert "folders that are splits" in "\n".join(check(tmp_path / "d/archive").lines())


@pytest.mark.parametrize("labels", ["folders", "labels.json", "dataset.json"])
def test_paths_with_backslashes(labels: str, tmp_path: Path) -> None:
    names = [f"{name}\\{i}.png" for name in ("cat", "dog") for i in range(6)]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i, name in enumerate(names):
            picture(tmp_path / "one.png", 20 * i)
            archive.write(tmp_path / "one.png", name)
        if labels == "labels.json":
            archive.writestr("labels.json", json.dumps({name: name[:3] for name in names}))
        if labels == "dataset.json":
            archive.writestr("dataset.json", json.dumps({"labels": [[name, i % 2] for i, name in enumerate(names)]}))
    found = open_images(tmp_path / "a.zip", labels="folders" if labels == "folders" else "file", heldout=0)
    assert len(found.images) == 12 and found.labels is not None
    assert len(set(found.labels.tolist())) == 2


def test_a_check_says_why_labels_are_not_used(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((40, 16, 16), np.uint8), labels=np.zeros(30, int))
    assert any("labels are not used, for they cannot be" in line for line in check(tmp_path / "a.npz").lines())
