"""Folders that are splits and not classes, and NVIDIA's dataset.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.check import check
from poise.data.images.images import open_images
from poise.data.plain import open_items
from poise.errors import PoiseError


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def made(folder: Path, counts: dict[str, int]) -> Path:
    """So many pictures below each sub-folder ("" for the folder itself)."""
    seed = 0
    for below, count in counts.items():
        for i in range(count):
            seed += 1
            noise(folder / below / f"{i}.png", seed)
    return folder


def sources(folder: Path) -> dict[str, Path]:
    packed = Path(shutil.make_archive(str(folder.parent / "packed"), "zip", folder))
    around = Path(shutil.make_archive(str(folder.parent / "around"), "zip", folder.parent, folder.name))
    return {"folder": folder, "zip": packed, "zip with a folder around": around}


LAYOUTS = {  # counts, then how many to train on and how many held out, and the classes
    "train, test": ({"train/a": 5, "train/b": 4, "test/a": 2, "test/b": 3}, 9, 5, ("a", "b")),
    "Train, TEST": ({"Train/a": 5, "Train/b": 4, "TEST/a": 2, "TEST/b": 3}, 9, 5, ("a", "b")),
    "training, testing": ({"training/a": 5, "training/b": 4, "testing/a": 2}, 9, 2, ("a", "b")),
    "train, val": ({"train/a": 5, "train/b": 4, "val/a": 2, "val/b": 3}, 9, 5, ("a", "b")),
    "train, valid": ({"train/a": 5, "train/b": 4, "valid/a": 2}, 9, 2, ("a", "b")),
    "train, validation": ({"train/a": 5, "train/b": 4, "validation/a": 2}, 9, 2, ("a", "b")),
    "train, val, test": ({"train/a": 5, "train/b": 4, "val/a": 3, "test/b": 2}, 9, 2, ("a", "b")),
    "deeper": ({"train/a/x": 5, "train/b/y/z": 4, "test/a/q": 2}, 9, 2, ("a", "b")),
    "classes called like splits": ({"train/test": 5, "train/train": 4, "test/test": 2}, 9, 2, ("test", "train")),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "zip", "zip with a folder around"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_splits_are_no_classes(layout, kind, tmp_path):
    counts, train, heldout, classes = LAYOUTS[layout]
    source = sources(made(tmp_path / "set", counts))[kind]
    for share in (0.1, 0.3):
        images = open_images(source, labels="folders", heldout=share)
        assert (len(images.train), len(images.heldout)) == (train, heldout)
    assert images.classes == classes
    assert "folders that are splits" in images.notes[0] and "--splits none" in images.notes[0]
    report = check(source)
    assert (report.own_test, tuple(report.classes)) == (heldout, classes)
    assert images.notes[0] in report.lines()
    assert not len(open_images(source, labels="folders", heldout=0).heldout)
    plain = open_images(source, labels="folders", heldout=0.5, splits="none")
    assert set(plain.classes) == {folder.split("/")[0] for folder in counts} and not plain.notes
    assert len(plain.train) + len(plain.heldout) == sum(counts.values())


def test_the_right_pictures_are_held_out_and_have_the_right_classes(tmp_path):
    folder = made(tmp_path / "set", {"test/b": 2, "train/a": 3, "train/b": 2, "val/a": 2})
    images = open_images(folder, labels="folders")

    def those(rows):
        return [(images.images[row].tobytes(), images.classes[images.labels[row]]) for row in rows]

    def stored(*folders):
        return [
            (np.asarray(Image.open(f)).tobytes(), f.parent.name)
            for below in folders
            for f in sorted((folder / below).iterdir())
        ]

    assert those(images.train) == stored("train/a", "train/b")
    assert those(images.heldout) == stored("test/b")
    assert open_items(folder).own_test


NOT_SPLITS = {
    "pictures beside": {"train/a": 2, "test/a": 2, "": 1}, "a folder beside": {"train/a": 2, "test/a": 2, "more": 1},
    "a class called train": {"train": 3, "bus": 3},
    "test alone": {"test/a": 2, "test/b": 2}, "val and test": {"val": 3, "test": 3},
}  # fmt: skip


@pytest.mark.parametrize("layout", NOT_SPLITS)
def test_what_is_no_split_is_read_as_before(layout, tmp_path):
    folder = made(tmp_path / "set", NOT_SPLITS[layout])
    auto, none = (open_images(folder, splits=splits, heldout=0) for splits in ("auto", "none"))
    assert auto.fingerprint == none.fingerprint
    assert bool(auto.notes) == layout.endswith("beside")
    assert not none.notes


def test_a_lone_train_folder_is_what_it_was_and_no_class(tmp_path):
    folder = made(tmp_path / "set", {"train/a": 2, "train/b": 2})
    assert open_images(folder, heldout=0).fingerprint == open_images(folder, heldout=0, splits="none").fingerprint
    assert open_images(folder, heldout=0, labels="folders").classes == ("a", "b")
    assert open_images(folder, heldout=0, labels="folders", splits="none").classes == ("train",)


def test_a_test_split_without_classes_is_refused_where_they_are_asked_for(tmp_path):
    folder = made(tmp_path / "set", {"train/a": 3, "train/b": 3, "test": 2})
    assert len(open_images(folder).heldout) == 2
    with pytest.raises(PoiseError, match=r"'test/0\.png' lies in no sub-folder of its split.*--splits none"):
        open_images(folder, labels="folders")


def nvidia(folder: Path, n: int = 24) -> dict[str, int]:
    """As dataset_tool.py writes it."""
    table = {f"{i // 1000:05}/img{i:08}.png": i % 12 for i in range(n)}
    for i, name in enumerate(table):
        noise(folder / name, i)
    return table


FORMS = {
    "pairs": lambda table: {"labels": list(table.items())},
    "a table": lambda table: {"labels": table},
    "backslashes": lambda table: {"labels": [[name.replace("/", "\\"), label] for name, label in table.items()]},
    "more than there is": lambda table: {"labels": [*table.items(), ["00009/none.png", 3]]},
    "other keys": lambda table: {"version": 1, "labels": list(table.items())},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "zip", "zip with a folder around"])
@pytest.mark.parametrize("form", FORMS)
def test_nvidias_labels(form, kind, tmp_path):
    """Classes are in the order of the numbers, so that 10 comes after 9."""
    table = nvidia(tmp_path / "set")
    (tmp_path / "set/dataset.json").write_text(json.dumps(FORMS[form](table)))
    source = sources(tmp_path / "set")[kind]
    images = open_images(source, labels="auto", heldout=0)
    assert images.classes == tuple(str(i) for i in range(12))
    assert images.labels is not None and images.labels.tolist() == list(table.values())
    assert open_images(source, labels="file", heldout=0).fingerprint == images.fingerprint
    assert list(check(source).classes) == list(images.classes)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content", ['{"labels": null}', "{}", '{"labels": 5}', "[]", "hello", '{"labels": [["a"]]}', ""]
)
def test_a_dataset_json_without_labels_is_no_source_of_them(content, tmp_path):
    """And the pictures are what they were without it."""
    nvidia(tmp_path / "set")
    before = open_images(tmp_path / "set", labels="auto", heldout=0).fingerprint
    (tmp_path / "set/dataset.json").write_text(content)
    images = open_images(tmp_path / "set", labels="auto", heldout=0)
    assert images.labels is None and images.fingerprint == before
    with pytest.raises(PoiseError, match="brings no labels"):
        open_images(tmp_path / "set", labels="file")


@pytest.mark.parametrize("labels", ["none", "folders"])
def test_labels_that_nobody_wants_change_nothing(labels, tmp_path):
    table = nvidia(tmp_path / "set")
    before = open_images(tmp_path / "set", labels=labels, heldout=0).fingerprint
    (tmp_path / "set/dataset.json").write_text(json.dumps({"labels": list(table.items())}))
    assert open_images(tmp_path / "set", labels=labels, heldout=0).fingerprint == before


@pytest.mark.parametrize("label", [[0, 1], 0.5, None, {"a": 1}, True, False])
def test_labels_that_are_no_class_are_named_and_stop_nothing(label, tmp_path):
    table = nvidia(tmp_path / "set") | {"00000/img00000003.png": label}
    (tmp_path / "set/dataset.json").write_text(json.dumps({"labels": list(table.items())}))
    images = open_images(tmp_path / "set", labels="auto", heldout=0)
    assert images.labels is None and "img00000003.png" in images.notes[0] and "--labels none" in images.notes[0]


def test_held_out_pictures_that_are_trained_on_are_counted(tmp_path):
    """Of a set's own split; otherwise copies are on one side by themselves."""
    for i in range(6):
        noise(tmp_path / f"set/train/a/{i}.png", i)
    for i in range(4, 8):
        noise(tmp_path / f"set/test/a/{i + 10}.png", i)
    told = "2 of 4 held-out pictures are copies of training ones"
    assert [note for note in open_images(tmp_path / "set").notes if note.startswith(told)]
    for changed in ({"heldout": 0}, {"splits": "none"}):
        assert not [note for note in open_images(tmp_path / "set", **changed).notes if "copies" in note]
