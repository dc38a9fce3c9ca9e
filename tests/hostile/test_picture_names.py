"""Names that are no UTF-8, or that act on a terminal, wherever a picture's path can be: code 0, or one sentence."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.images import open_images
from tests.hostile.guard import attack

pytestmark = pytest.mark.slow

NAMES = {"latin-1": b"f\xe9", "half a character": b"f\xe2\x82", "all bytes": b"\xff\xfe\x80", "an escape": b"\x1b[31mf",
         "blanks": b" f  g ", "quotes": b"f'\"$(x)"}  # fmt: skip
ODD = list(NAMES)


def named(kind: str, after: str = "") -> str:
    return os.fsdecode(NAMES[kind]) + after


def pictures(folder: Path, names: list[str]) -> None:
    rng = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / name)


def placed(where: str, kind: str) -> str:
    """A set of 40 pictures with the odd name in one place; its path."""
    odd = named(kind)
    folder = odd if where in ("source", "everywhere") else "set"
    classes = ["a", odd] if where in ("class", "everywhere") else ["a", "b"]
    begin = odd if where in ("file", "everywhere") else "x"
    pictures(Path(folder), [f"{c}/{begin}{i}.png" for c in classes for i in range(20)])
    return folder


def words(source: str, *more: str) -> list[str]:
    small = ["--steps=2", "--batch=4", "--noise=4", "--generator.width=4", "--discriminator.width=4", "--size=16"]
    plain = ["--scores=0", "--threads=1", "--device=cpu", "--labels=folders", "--conditional=true"]
    return ["train", "images", source, *small, *plain, *more]


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("where", ["source", "class", "file", "out", "everywhere"])
def test_odd_names_train_and_are_read_back(place, outside, capsys, where, kind):
    source = placed(where, kind)
    out = named(kind, "-out") if where in ("out", "everywhere") else "new"
    attack(words(source, "--out", out), outside, capsys, code=0)
    spec = json.loads((Path(out) / "spec.json").read_bytes().decode())  # valid UTF-8
    assert spec["facts"]["classes"] == sorted(["a", named(kind) if where in ("class", "everywhere") else "b"])
    assert Path(spec["arguments"]["data"]).name == source
    attack(["data", "check", source], outside, capsys, code=0)
    if where == "everywhere":
        attack(["resume", out], outside, capsys, code=0)
        attack(
            ["sample", out, "-n", "4", "--out", named(kind, ".png"), "--label", named(kind)], outside, capsys, code=0
        )
        attack(["sample", out, "-n", "4", "--out", named(kind, "-many")], outside, capsys, code=0)
        attack(["diagnose", out], outside, capsys, code=None)
        assert Path(named(kind, ".png")).is_file() and len(list(Path(named(kind, "-many")).iterdir())) == 4


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("what", ["unreadable", "another kind", "labels.json", "a split", "too deep"])
def test_odd_names_in_what_is_said(place, outside, capsys, what, kind):
    odd = named(kind)
    pictures(Path("set"), [f"a/{i}.png" for i in range(20)] + [f"b/{i}.png" for i in range(20)])
    if what == "unreadable":
        Path(f"set/a/{odd}.png").write_bytes(b"\0\1\2")
    if what == "another kind":
        Path(f"set/a/{odd}").write_bytes(b"%PDF-1.7")
    if what == "labels.json":
        Path("set/labels.json").write_text(json.dumps({f"a/{odd}.png": 1}))
    if what == "a split":
        pictures(Path("set2"), [f"train/{odd}/{i}.png" for i in range(20)] + [f"test/{odd}{i}.png" for i in range(4)])
    if what == "too deep":
        Image.fromarray(np.full((16, 16), 5000, np.uint16)).save(f"set/a/{odd}.png")
    source = "set2" if what == "a split" else "set"
    attack(["data", "check", source], outside, capsys, code=0)
    more = ["--bits=12"] if what == "too deep" else []
    said = attack(words(source, "--out", "new", *more), outside, capsys, code=None)
    if what == "too deep":
        assert "has the value 5,000" in said
    if what == "a split":
        assert "no sub-folder of its split" in said


@pytest.mark.parametrize("kind", ["latin-1", "half a character", "all bytes"])
def test_zips_of_names_that_are_no_utf8(place, outside, capsys, kind):
    """Names without the flag of UTF-8 are code page 437, in which every byte is a character."""
    pictures(Path("set"), [f"{c}/{i}.png" for c in "ab" for i in range(12)])
    with zipfile.ZipFile("x.zip", "w") as file:
        for path in sorted(Path("set").rglob("*.png")):
            info = zipfile.ZipInfo(f"{path.parent.name}/{'?' * len(NAMES[kind])}{path.name}")
            file.writestr(info, path.read_bytes())
    raw = Path("x.zip").read_bytes().replace(b"?" * len(NAMES[kind]), NAMES[kind])
    Path("x.zip").write_bytes(raw)
    assert "24 readable pictures" in attack(["data", "check", "x.zip"], outside, capsys, code=0)
    attack(words("x.zip", "--out", "new"), outside, capsys, code=0)
    assert len(open_images("x.zip", heldout=0).images) == 24
    assert (Path("new") / "DONE").exists()


@pytest.mark.parametrize("kind", ODD)
def test_a_cache_and_an_archive_of_an_odd_name(place, outside, capsys, kind, monkeypatch):
    pictures(Path("set"), [f"{i}.png" for i in range(12)])
    monkeypatch.setenv("POISE_CACHE", str(Path(named(kind, "-cache")).absolute()))
    first = open_images("set", heldout=0)
    assert open_images("set", heldout=0).fingerprint == first.fingerprint
    np.savez(named(kind, ".npz"), images=first.images)
    attack(["data", "check", named(kind, ".npz")], outside, capsys, code=0)
    attack(
        ["evaluate", named(kind, ".npz"), "--against", "set", "--out", named(kind, ".json")], outside, capsys, code=None
    )
