"""Samples by class: a row is what `poise sample --label` draws, and a column has one noise."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import poise
from poise.cli import main
from poise.errors import PoiseError
from poise.recipes.common.recipe import NoisePlace
from poise.recipes.images.drawing import kinds_like
from poise.record import RunFolder
from poise.report.live import Silent
from poise.report.picture import grid
from poise.runs.run import run as train
from poise.serve.abilities import abilities_of
from tests.evaluation.texts import text_spec
from tests.runs.conftest import grammar, pictures, spec  # noqa: F401  (fixtures)

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


@pytest.fixture(scope="module")
def two_of_three(tmp_path_factory):
    """A run by class that never saw a picture of the first one, and its data."""
    place = tmp_path_factory.mktemp("unlearnt")
    rng = np.random.default_rng(0)
    for name, split in (("a", "test"), ("b", "train"), ("c", "train"), ("c", "test")):
        (place / "data" / split / name).mkdir(parents=True)
        for i in range(12):
            picture = Image.fromarray(rng.integers(0, 255, (16, 16), dtype=np.uint8))
            picture.save(place / "data" / split / name / f"{i}.png")
    said: list[str] = []

    class Listening(Silent):
        def say(self, line):
            said.append(line)

    train(spec(str(place / "data"), labels="folders", conditional=True, steps=2), place / "run", Listening())
    return place, said


@pytest.mark.slow
def test_classes_without_training_pictures_are_told_and_not_drawn(two_of_three, capsys):
    place, said = two_of_three
    assert "classes without training pictures, which are not learnt: a" in said
    assert any(line.startswith("training pictures of a class in the mean: 12; with as few,") for line in said)
    run = poise.load(place / "run")
    assert run.facts.classes == ["a", "b", "c"] and run.facts.learnt == ["b", "c"]
    made = run.by_class(2)
    assert made.shape[:2] == (2, 2)
    for row, label in zip(made, "bc", strict=True):
        assert np.array_equal(row, run.sample(2, label=label))
    assert np.array_equal(run.interpolate(3, 2)[[0, 2], 0], [run.sample(5, label="b")[i] for i in (0, 4)])
    with pytest.raises(PoiseError, match="--label a was not learnt, as no picture of it was trained on"):
        run.sample(2, label="a")
    with pytest.raises(PoiseError, match="--label a was not learnt"):
        run.walk([NoisePlace(0, label="a")], [NoisePlace(1, label="b")], [0.0])
    assert main(["sample", str(place / "run"), "--by-class", "--out", str(place / "rows.png")]) == 0
    assert "8 samples of each of the 2 classes" in capsys.readouterr().out
    portable = run.portable
    assert portable.page["counts"][0] == 0 and "choices=['b', 'c']" in portable.program
    assert portable.graphs[0].inputs[1].meaning == "class: 1 b, 2 c"
    assert abilities_of(RunFolder(place / "run")).classes == ["b", "c"]


@pytest.mark.slow
def test_training_pictures_of_one_class_are_refused(two_of_three, tmp_path):
    place, _ = two_of_three
    for picture in (place / "data" / "train" / "c").iterdir():
        picture.unlink()
    with pytest.raises(PoiseError, match=r"training pictures of two classes at least, and .* all of 'b'"):
        train(spec(str(place / "data"), labels="folders", conditional=True), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_of_sentences_cannot_be_drawn_by_class(grammar, tmp_path, monkeypatch, capsys):
    train(text_spec(grammar), tmp_path / "te")
    monkeypatch.chdir(tmp_path)
    assert main(["sample", "te", "--by-class"]) == 2
    assert "te is a run of text, which cannot draw by class: name a run of images" in capsys.readouterr().err
