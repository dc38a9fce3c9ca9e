"""What was read is shown by examples, and is the same as an earlier version read."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.images.check import check
from poise.data.images.images import open_images
from poise.data.images.sources import encoded
from poise.recipes.images.data import notes


def ppm(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.arange(12 * 10 * 3, dtype=np.int64) * (7 + seed) % 251
    path.write_bytes(b"P6 12 10 255\n" + values.astype(np.uint8).tobytes())


@pytest.fixture
def known(tmp_path, monkeypatch) -> Path:
    """Sources whose every byte is known."""
    monkeypatch.chdir(tmp_path)
    for i in range(12):
        ppm(Path(f"plain/{i}.ppm"), i)
    Path("plain/notes.txt").write_text("x")
    for i in range(6):
        ppm(Path(f"classes/a/{i}.ppm"), i)
        ppm(Path(f"classes/b/{i}.ppm"), i + 20)
        ppm(Path(f"labelled/{i}.ppm"), i)
        ppm(Path(f"lone/train/a/{i}.ppm"), i)
    Path("labelled/labels.json").write_text(json.dumps({f"{i}.ppm": str(i % 2) for i in range(6)}))
    values = np.arange(9 * 8 * 8).reshape(9, 8, 8) * 37
    np.save("x.npy", (values % 256).astype(np.uint8))
    np.save("deep.npy", (values % 4096).astype(np.uint16))
    with zipfile.ZipFile("x.zip", "w") as file:
        for i in range(6):
            file.writestr(zipfile.ZipInfo(f"{i}.ppm"), Path(f"plain/{i}.ppm").read_bytes())
    return tmp_path


BEFORE = {  # as the version before splits, bits and content found them
    "plain": ({}, "f5472f272a6440b34dbec155ac71e4131b2faf7e3918f9b58fab84990a5e4c70"),
    "plain, padded": ({"fit": "pad", "size": 16}, "a8817e135e8522fe6824caaa991144a97606f2f568d53a12d6ec3079726cca1a"),
    "classes": ({"labels": "folders"}, "ffaa181ef0ad9b4cbd1518121c4d2d41b94e098d1e81a0a28ed17de9f953f2c0"),
    "classes, unread": ({"heldout": 0.3}, "87c594550029ebbd92f6cbda604e5fb49c713928a206cb3d3b2a10b27d59626f"),
    "labelled": ({"labels": "auto"}, "bdcde5fbaa2f4a119f2845e0fba3c8b49556cc00b03a905d7f0086df83583317"),
    "lone": ({}, "f83d128f42daeb26239338b33c0a582f0b99b72cb2e933f4e31ea5b738518851"),
    "x.npy": ({}, "696216930eacf46726f747fbcd5fcad37ab9a644ea65ed0e32c2f9adff728907"),
    "deep.npy": ({}, "effa0341dd8057ed77f6fcf11218fc36e39c14a58983043772abc20a1ba7776b"),
    "x.zip": ({"heldout": 0}, "56ef7c94ec6ba15c25f07b6e4b01abf9f3afa02922e91e93dae8bfb66fa5343d"),
}


@pytest.mark.parametrize("what", BEFORE)
def test_what_was_read_rightly_has_the_fingerprint_that_it_had(what, known):
    options, fingerprint = BEFORE[what]
    assert open_images(what.split(",")[0], **options).fingerprint == fingerprint


def test_a_cache_of_an_earlier_version_is_used(known, cache, monkeypatch):
    """Without a second decoding; what it does not know is not said."""
    first = open_images("plain")
    place = next((cache / "images").iterdir()) / "meta.json"
    meta = json.loads(place.read_text())
    for key in ("reader", "deep", "examples", "unused"):
        del meta[key]
    place.write_text(json.dumps(meta))
    monkeypatch.setattr("poise.data.images.images.build", lambda *_: pytest.fail("decoded again"))
    again = open_images("plain")
    assert again.fingerprint == first.fingerprint
    assert again.shown == first.shown  # the few that are shown are decoded


def test_a_run_shows_an_example_of_each_kind(known):
    """File -> format, mode, size, values, and what becomes of it by which flag."""
    Image.new("LA", (30, 20), (9, 200)).save("classes/b/grey.png")
    np.asarray(Image.open("classes/a/0.ppm"))
    images = open_images("classes", size=16, labels="folders", heldout=0)
    low, high = np.asarray(Image.open("classes/a/0.ppm")).min(), np.asarray(Image.open("classes/a/0.ppm")).max()
    assert images.shown == [
        f"example: a/0.ppm: PPM, RGB, 12x10, colour, values {low} to {high} -> 16x16 (--size), colour (--channels), "
        "--fit crop, class a (--labels folders)",
        "example: b/grey.png: PNG, LA, 30x20, grey with transparency, values 9 to 9 -> 16x16 (--size), colour "
        "(--channels), --fit crop, class b (--labels folders)",
    ]
    assert images.shown == open_images("classes", size=16, labels="folders", heldout=0).shown
    assert notes(images, "classes")[:2] == images.shown


def test_the_check_shows_them_too(known):
    assert [line.split(" ->")[0] for line in check("deep.npy").examples] == [
        "example: deep.npy[0]: npy, uint16 HW, 8x8, grey, values 0 to 2331"
    ]
    assert "class 0 (--labels file)" in check("labelled").examples[0]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1])
def test_advice_on_the_share_is_true(share, known):
    """Where none are held out, the share that is named holds out as many as it says."""
    images = open_images("x.npy", heldout=share)
    if len(images.heldout):
        assert not images.share
        return
    words = images.share.split()
    found = open_images("x.npy", heldout=float(words[1]))
    assert len(found.heldout) == int(words[5]) > 0 and float(words[1]) > share
    line = next(line for line in notes(images, "x.npy") if "held out" in line)
    assert line == f"no pictures are held out, so samples are not scored; {images.share}"


def test_the_command_for_more_is_quoted(known):
    folder = Path("my pictures")
    for i in range(9):
        ppm(folder / f"{i}.ppm", i)
        (folder / f"bad{i}.png").write_bytes(b"x")
    lines = notes(open_images(folder), str(folder))
    assert "left out 4 more unreadable files: poise data check 'my pictures'" in lines


def test_other_names_are_split_alike(known):
    """The split goes by the content; so does what is held out."""
    images = open_images("plain", heldout=0.4)
    held = {images.images[row].tobytes() for row in images.heldout}
    os.mkdir("renamed")
    for i in range(12):
        os.link(f"plain/{i}.ppm", f"renamed/{(i * 5) % 12:02}.ppm")
    other = open_images("renamed", heldout=0.4)
    assert {other.images[row].tobytes() for row in other.heldout} == held and held


def test_a_second_start_reads_the_first_bytes_of_others_alone(known, monkeypatch):
    monkeypatch.setattr("poise.data.files.index.TOO_FRESH", 0)  # files of this moment count as settled
    first = open_images("plain")
    monkeypatch.setattr(encoded, "decode", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(encoded.FileSource, "_bytes", lambda *_: pytest.fail("read"))
    again = open_images("plain")
    assert (again.notes, again.shown) == (first.notes, first.shown)
    assert again.notes == ["1 file is not read: notes.txt (text: it is no picture)"]
