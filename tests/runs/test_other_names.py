"""The same files under other names are the same data: what is trained and how it scores does not change by a bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.data.files.items import among, by_content, drawn, hashes_of
from poise.data.images.images import open_images
from poise.data.plain import open_items
from poise.data.speech.recordings import open_recordings
from poise.evaluation.items import Side
from poise.record import RunFolder
from poise.report.live import Silent
from poise.runs.run import run
from poise.training.checkpoint import latest
from tests.evaluation.voices import sentences_spec, vocoder_spec, write_sentences
from tests.runs.conftest import spec
from tests.runs.test_thread_choice import vae_spec


def write_pictures(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(60):
        Image.fromarray(rng.integers(0, 255, (16, 16), np.uint8)).save(folder / f"{i:02}.png")
    return folder


def renamed(folder: Path, to: Path) -> Path:
    """The same files in the opposite order of names; a table of what is said names them anew."""
    to.mkdir()
    files = sorted(p for p in folder.iterdir() if p.suffix != ".csv")
    names = {file.stem: f"z{len(files) - i:03}" for i, file in enumerate(files)}
    for file in files:
        shutil.copy(file, to / f"{names[file.stem]}{file.suffix}")
    if (folder / "metadata.csv").exists():
        head, *lines = (folder / "metadata.csv").read_text().splitlines()
        said = [f"{names[line.partition('|')[0]]}|{line.partition('|')[2]}" for line in lines]
        (to / "metadata.csv").write_text("\n".join([head, *said]) + "\n")
    return to


RECIPES = {
    "images": (write_pictures, lambda data, **more: spec(data, steps=6, heldout=0.3, scores=1, threads=1, **more)),
    "vae": (write_pictures, lambda data, **more: changed(vae_spec(data), steps=6, heldout=0.3, threads=1, **more)),
    "vocoder": (write_sentences, vocoder_spec),
    "speech": (write_sentences, sentences_spec),
}


def changed(asked: dict, **more) -> dict:
    return {**asked, "arguments": asked["arguments"] | more}


def weights(asked: dict, folder: Path) -> dict[str, bytes]:
    run(asked, folder, Silent())
    return {file.name: file.read_bytes() for file in latest(RunFolder(folder).checkpoints).glob("*.safetensors")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", ["images", "vae", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vocoder", "speech"))]
)
def test_a_run_on_files_with_other_names_is_the_same_run(recipe, tmp_path):
    write, asked = RECIPES[recipe]
    one = write(tmp_path / "one")
    other = renamed(one, tmp_path / "other")
    assert weights(asked(str(one)), tmp_path / "a") == weights(asked(str(other)), tmp_path / "b")
    if recipe == "images":
        reports = [(tmp_path / name / "record.jsonl").read_bytes() for name in "ab"]
        assert reports[0] == reports[1], "losses, findings and scores"
    old = (
        weights(asked(str(one), order="names"), tmp_path / "c"),
        weights(asked(str(other), order="names"), tmp_path / "d"),
    )
    assert old[0] != old[1], "as earlier versions did, and runs of theirs go on to do"


def test_what_an_evaluation_draws_goes_by_the_content(tmp_path):
    for write in (write_pictures, write_sentences):
        one = write(tmp_path / f"{write.__name__}")
        other = renamed(one, tmp_path / f"{write.__name__}-other")
        drawn_ = []
        for folder in (one, other):
            items = open_items(folder)
            side = Side(items, items.rows()).at_most(20, seed=3)
            drawn_.append([digest(item) for item in items.take(side.rows)])
        assert drawn_[0] == drawn_[1] and len(set(drawn_[0])) == 20


def digest(item) -> bytes:
    return (item if isinstance(item, np.ndarray) else item.samples).tobytes()


@pytest.mark.slow
def test_the_order_changes_neither_the_split_nor_the_fingerprint(tmp_path):
    """So that caches hold, and a run of before finds its data again."""
    pictures, sounds = write_pictures(tmp_path / "pictures"), write_sentences(tmp_path / "sounds")
    for opened in (
        [open_images(pictures, heldout=0.3, limit=20, order=order) for order in ("names", "content")][:2],
        [open_recordings(sounds, rate=8000, heldout=0.3, order=order) for order in ("names", "content")],
    ):
        names, content = opened
        assert names.heldout.tolist() == sorted(content.heldout.tolist()) != content.heldout.tolist()
        assert names.train.tolist() == sorted(names.train.tolist())
    names, content = (open_images(pictures, heldout=0.3, order=order) for order in ("names", "content"))
    assert names.fingerprint == content.fingerprint
    assert names.train.tolist() == sorted(content.train.tolist()) != content.train.tolist()


def test_arrays_keep_their_order(pictures):
    assert open_images(pictures, order="content").order.tolist() == list(range(240))


def test_drawing_by_places_draws_what_drawing_rows_drew():
    """The formula of before, on ascending rows."""
    rows = np.flatnonzero(np.random.default_rng(0).random(500) < 0.5)
    for key in (0, (3, 1), (7, len(rows))):
        for n in (1, 40, len(rows), 1000):
            before = np.sort(np.random.default_rng(key).permutation(rows)[:n])
            assert drawn(rows, n, key).tolist() == before.tolist()


def test_equal_content_stays_as_it_comes_and_all_rows_are_kept():
    hashes = hashes_of([b"b", b"a", b"b", b"c", b"a"])
    order = by_content(hashes)
    assert sorted(order.tolist()) == [0, 1, 2, 3, 4]
    assert [hashes[row].tobytes() for row in order] == sorted(h.tobytes() for h in hashes)
    assert [row for row in order.tolist() if row in (0, 2)] == [0, 2]
    assert among(order, np.array([0, 3])).tolist() == [row for row in order.tolist() if row in (0, 3)]
    assert by_content(hashes[:0]).tolist() == []
