"""Samples by class: a row is what `poise sample --label` draws, and a column has one noise."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import poise
from poise.cli import main
from poise.errors import PoiseError
from poise.recipes.images.drawing import kinds_like
from poise.report.picture import grid
from poise.runs.run import run as train
from tests.runs.conftest import pictures, spec  # noqa: F401  (fixture)

CLASSES = ["0", "1", "2", "3"]


@pytest.fixture(scope="module")
def runs(pictures, tmp_path_factory):
    place = tmp_path_factory.mktemp("classes")
    train(spec(pictures, labels="file", conditional=True), place / "with")
    train(spec(pictures, steps=2), place / "without")
    return place


@pytest.mark.slow
@pytest.mark.parametrize("asked", [{}, {"truncation": 0.5}])
def test_a_row_is_one_class_and_a_column_one_noise(asked, runs):
    run = poise.load(runs / "with")
    made = run.by_class(5, seed=3, **asked)
    assert made.shape == (4, 5, 16, 16, 1) and run.facts.classes == CLASSES
    for row, label in zip(made, CLASSES, strict=True):
        assert np.array_equal(row, run.sample(5, seed=3, label=label, **asked))
    kinds = kinds_like(run.facts.counts, 4)  # sample i has the noise of column i
    assert np.array_equal(run.sample(4, seed=3, **asked), made[kinds.tolist(), range(4)])


@pytest.mark.slow
def test_the_command_writes_a_row_or_a_folder_for_each(runs, tmp_path, capsys):
    asked = ["sample", str(runs / "with"), "--by-class", "--seed", "3"]
    made = poise.load(runs / "with").by_class(8, seed=3)
    assert main([*asked, "--out", str(tmp_path / "rows.png")]) == 0
    said = capsys.readouterr().out
    assert "8 samples of each of the 4 classes of with" in said and "rows from the top: 0, 1, 2, 3" in said
    assert np.array_equal(np.asarray(Image.open(tmp_path / "rows.png")), grid(made.reshape(-1, 16, 16, 1), columns=8))
    assert main([*asked, "-n", "2", "--out", str(tmp_path / "each")]) == 0
    files = sorted((tmp_path / "each").rglob("*.png"))
    assert [file.parent.name for file in files] == [f"{i:03d}-{name}" for i, name in enumerate(CLASSES) for _ in "ab"]
    read = np.stack([np.asarray(Image.open(file)) for file in files])
    assert np.array_equal(read.reshape(4, 2, 16, 16, 1), made[:, :2])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run", "more", "words"),
    [
        (
            "without",
            [],
            "--by-class needs a run with classes, and this one has none: train one with --conditional true",
        ),
        ("with", ["--label", "2"], "draws every class of with: leave out --label 2"),
        ("with", ["--temperature", "1"], "--temperature does nothing for with"),
        ("with", ["--out", "rows.gif"], "name a .png file"),
        ("with", ["-n", "0"], "-n must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(run, more, words, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(runs / run), "--by-class", *more]) == 2
    assert words in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_run_that_knows_no_classes_says_who_can(pictures, tmp_path):
    small = {"steps": 2, "batch": 16, "latent_size": 4, "scores": 0, "precision": "fp32"}
    run = poise.train("vae", pictures, out=tmp_path / "run", autoencoder={"width": 4}, **small)
    with pytest.raises(PoiseError, match="a run of vae, which cannot draw by class: name a run of images"):
        run.by_class(2)
