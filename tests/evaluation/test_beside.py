"""`poise sample RUN --beside-nearest`: what stands beside a sample is what a search through all pixels finds."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from poise.cli import main
from poise.evaluation.beside import nearest_training
from poise.evaluation.sources import OWN
from poise.metrics.core.sets import Features
from poise.metrics.distributions.copying import nearest, nearest_rows
from poise.record import RunFolder
from poise.report.picture import strips
from poise.runs.load import Run
from poise.runs.run import run as train
from tests.evaluation.evaluations import Pixels, stubs  # noqa: F401  (fixtures)
from tests.runs.conftest import spec


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """A run on a copy of the pictures."""
    place = tmp_path_factory.mktemp("beside")
    shutil.copy(pictures, place / "squares.npz")
    train(spec(str(place / "squares.npz"), steps=6), place / "run")
    return place / "run"


def silent(_):
    return lambda done, total: None


@pytest.mark.parametrize("k", [1, 3])
def test_the_nearest_rows_are_those_of_a_search_through_all(k):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5)), rng.normal(size=(50, 5))
    x[7] = y[13]
    distance, index = nearest_rows(Features(x), Features(y), k)
    all_of_them = np.linalg.norm(x[:, None] - y[None], axis=2)
    assert np.array_equal(index.numpy(), all_of_them.argsort(1)[:, :k])
    assert np.allclose(distance.numpy(), np.sort(all_of_them, 1)[:, :k], atol=1e-12)
    assert distance[7, 0] == 0 and index[7, 0] == 13
    assert torch.equal(nearest(Features(x), Features(y))[0], distance[:, 0])


def test_groups_become_strips():
    groups = np.arange(2 * 2 * 1 * 2 * 1, dtype=np.uint8).reshape(2, 2, 1, 2, 1)
    assert strips(groups, 1)[..., 0].tolist() == [[[0, 1, 128, 2, 3]], [[4, 5, 128, 6, 7]]]


@pytest.mark.slow
def test_copies_stand_beside_what_they_copy(trained):
    """Training pictures in the place of samples find themselves, held-out ones are as far as held-out ones are."""
    opened = Run(RunFolder(trained))
    train_side, heldout = OWN["image"](opened)
    copies = train_side.items.take(train_side.rows[:9])
    found = nearest_training(opened, copies, 2, silent)
    assert np.array_equal(found.pictures[:, 0], copies) and (found.distances[:, 0] == 0).all()
    assert (found.distances[:, 1] > 0).all() and found.looked == found.trained == len(train_side)
    fresh = nearest_training(opened, heldout.items.take(heldout.rows), 1, silent)
    assert np.array_equal(fresh.distances[:, 0], fresh.floor) and len(fresh.floor) == len(heldout)
    assert re.search(r"9 of 9 samples \(100 %\)", "\n".join(found.lines()))
    features = [Pixels()(torch.from_numpy(x).permute(0, 3, 1, 2)) for x in (copies, found.pictures[:, 1])]
    assert np.allclose((features[0] - features[1]).norm(dim=1).numpy(), found.distances[:, 1], atol=1e-5)


@pytest.mark.slow
def test_the_command_writes_samples_beside_training_pictures(trained, tmp_path, capsys):
    opened = Run(RunFolder(trained))
    asked = ["sample", str(trained), "-n", "5", "--seed", "3", "--beside-nearest", "2", "--out"]
    assert main([*asked, str(tmp_path / "each")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "5 samples of run, each at the left of its 2 nearest training pictures" in said[0]
    assert "Euclidean, of Stub features" in said[1] and "held-out pictures" in said[3]
    samples = opened.sample(5, seed=3)
    wanted = strips(np.concatenate([samples[:, None], nearest_training(opened, samples, 2, silent).pictures], 1))
    files = sorted((tmp_path / "each").iterdir())
    assert np.array_equal(np.stack([np.asarray(Image.open(file)) for file in files]), wanted[..., 0])
    assert main([*asked, str(tmp_path / "one.png")]) == 0
    with Image.open(tmp_path / "one.png") as picture:
        assert np.asarray(picture).shape == (4 * (5 * 22 + 6), 4 * (50 + 12)), "five rows of one strip, enlarged"


REFUSED = {
    "another file": (["--beside-nearest", "--out", "near.jpg"], "name a .png file for a grid, or a folder"),
    "too many": (["--beside-nearest", "17"], "--beside-nearest must be at most 16, not 17"),
    "none": (["--beside-nearest", "0"], "--beside-nearest must be at least 1, not 0"),
    "no number": (["--beside-nearest", "few"], "'few' is no whole number: write the run before this option"),
    "two arrangements": (["--beside-nearest", "--by-class"], "ask for one at a time"),
}


def refused(capsys: pytest.CaptureFixture[str], argv: list[str], words: str) -> None:
    assert main(argv) == 2
    out = capsys.readouterr()
    assert not out.out and words in out.err and out.err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_request_is_refused(name, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    more, words = REFUSED[name]
    refused(capsys, ["sample", str(trained), *more], words)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_data_that_moved_or_changed_are_refused(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(pictures, "squares.npz")
    train(spec(str(tmp_path / "squares.npz"), steps=2), tmp_path / "run")
    capsys.readouterr()
    before = sorted(tmp_path.iterdir())
    with np.load(pictures) as arrays:
        np.savez("squares.npz", images=arrays["images"][::-1], labels=arrays["labels"])
    refused(capsys, ["sample", "run", "--beside-nearest"], "has changed since the run: put the old data back")
    assert sorted(tmp_path.iterdir()) == before
    Path("squares.npz").unlink()
    refused(
        capsys, ["sample", "run", "--beside-nearest"], "squares.npz any more: say where they are with: poise resume"
    )


@pytest.mark.slow
def test_without_held_out_pictures_a_line_says_so(pictures, tmp_path, capsys):
    train(spec(pictures, steps=2, heldout=0.0), tmp_path / "run")
    capsys.readouterr()
    assert main(["sample", str(tmp_path / "run"), "-n", "4", "--beside-nearest", "--out", str(tmp_path / "a.png")]) == 0
    assert "nothing is held out" in capsys.readouterr().out
