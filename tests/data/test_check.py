"""`check`: facts about a source, and what it suggests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.check import check
from poise.errors import PoiseError

Photos = Callable[..., Path]


def test_a_mixed_folder(photos: Photos, tmp_path: Path, cache: Path) -> None:
    photos(3, (40, 40), name="set/a", seed=1)
    photos(2, (50, 100), name="set/b", seed=2)
    folder = tmp_path / "set"
    shutil.copy(folder / "a" / "000.png", folder / "b" / "copy.png")
    Image.open(folder / "a" / "000.png").save(folder / "b" / "same.bmp")
    Image.new("LA", (40, 40), (3, 4)).save(folder / "b" / "grey.png")
    frames = [Image.new("L", (40, 40), v) for v in (0, 255)]
    frames[0].save(folder / "b" / "moving.gif", save_all=True, append_images=frames[1:])
    (folder / "b" / "broken.png").write_text("text")
    (folder / "notes.txt").write_text("text")
    report = check(folder)
    assert (report.count, report.kind, report.ignored) == (9, "folder", 1)
    assert report.formats == {"PNG": 7, "BMP": 1, "GIF": 1}
    assert report.modes["RGB"] == 7
    assert report.modes["LA"] == 1
    assert list(report.sizes.items()) == [((40, 40), 7), ((50, 100), 2)]
    assert (report.grey, report.transparent, report.non_square, report.animated) == (2, 1, 2, 1)
    assert (report.duplicate_groups, report.redundant) == (1, 2)
    assert report.duplicates == [("a/000.png", "b/copy.png"), ("a/000.png", "b/same.bmp")]
    assert report.unreadable == [("b/broken.png", "not a picture in a known format, whatever its name says")]
    assert report.classes == {"a": 3, "b": 7}
    assert [flag.split(" (")[0] for flag in report.flags] == [
        "--size 32",
        "--background white",
        "--labels folders",
    ]
    text = "\n".join(report.lines())
    assert "b/broken.png: not a picture" in text
    assert "a/000.png = b/copy.png" in text
    assert "40x40 (7), 50x100 (2)" in text
    assert not cache.exists()  # a check writes nothing


def test_long_pictures_are_better_padded(photos: Photos) -> None:
    report = check(photos(3, (100, 20)))
    assert [flag.split(" (")[0] for flag in report.flags] == ["--size 16", "--fit pad"]


def test_arrays_and_their_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=np.zeros((4, 6, 5), np.uint8), labels=[1, 1, 2, 1])
    report = check(path)
    assert (report.count, report.redundant, report.duplicate_groups) == (4, 3, 1)
    assert report.sizes == {(5, 6): 4}
    assert report.modes == {"uint8 HW": 4}
    assert report.classes == {"1": 3, "2": 1}
    assert report.duplicates[0] == ("a.npz[images][0]", "a.npz[images][1]")


def test_progress_and_nothing_readable(photos: Photos, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    check(photos(3), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").touch()
    with pytest.raises(PoiseError, match=r"none of 1 pictures.*a\.png \(the file is empty\)"):
        check(tmp_path / "bad")
