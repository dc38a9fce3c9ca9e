"""A run of pictures with alpha: both sides of a comparison lie over its background."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from poise.cli import main
from poise.evaluation.beside import nearest_training
from poise.evaluation.sides import sides_of_run
from poise.evaluation.sources import OWN, Real
from poise.pixels.transparency import over
from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.run import run as train
from tests.evaluation.evaluations import said, stubs  # noqa: F401  (fixtures)
from tests.runs.conftest import spec

COLOUR = (200, 40, 90)
BACKGROUND = "#c8285a"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on 150 random pictures with alpha, below a folder that also holds these and further ones as files."""
    place = tmp_path_factory.mktemp("transparent")
    pixels = np.random.default_rng(0).integers(0, 256, (150, 16, 16, 4), dtype=np.uint8)
    np.save(place / "a.npy", pixels)
    (place / "others").mkdir()
    for i, picture in enumerate(pixels[:30, ::-1]):
        Image.fromarray(picture.copy()).save(place / "others" / f"{i:02d}.png")
    train(spec(str(place / "a.npy"), steps=4, channels=4, background=BACKGROUND, heldout=0.3), place / "run")
    return place


def silent(_):
    return lambda done, total: None


@pytest.mark.slow
@pytest.mark.parametrize("against", [None, "others"])
def test_both_sides_lie_over_the_background_of_the_run(against, trained):
    run = Run(RunFolder(trained / "run"))
    real = Real(against and str(trained / against), None, None, silent)
    sides = sides_of_run(run, 12, 3, real)
    assert np.array_equal(sides.made.items.take(sides.made.rows), over(run.sample(12, seed=3), COLOUR))
    if against:
        files = [Image.open(file) for file in sorted((trained / "others").iterdir())]
        expected = [
            np.asarray(Image.alpha_composite(Image.new("RGBA", (16, 16), COLOUR), x).convert("RGB")) for x in files
        ]
        found = sides.heldout.items.take(np.arange(30))
        assert np.abs(np.sort(found, 0).astype(int) - np.sort(expected, 0)).max() <= 1, "Pillow rounds in its own way"
    else:
        own = sides.heldout.items.set
        assert own.images.shape[3] == 4
        assert np.array_equal(
            sides.heldout.items.take(sides.heldout.rows), over(own.images[sides.heldout.rows], COLOUR)
        )
    assert f"Samples and real pictures are compared over {BACKGROUND}, the --background of the run." in sides.notes


@pytest.mark.slow
def test_the_command_scores_such_a_run(trained, capsys, tmp_path):
    out = said(capsys, str(trained / "run"), "-n", "40", "--out", str(tmp_path / "report.json"))
    assert "KID" in out and f"compared over {BACKGROUND}" in out


@pytest.mark.slow
def test_copies_are_found_over_the_background_and_shown_with_alpha(trained, tmp_path, capsys):
    run = Run(RunFolder(trained / "run"))
    side, _ = OWN["image"](run)
    copies = np.asarray(side.items.set.images[side.rows[:5]])
    found = nearest_training(run, copies, 1, silent)
    assert np.array_equal(found.pictures[:, 0], copies) and (found.distances == 0).all()
    assert main(["sample", str(trained / "run"), "-n", "2", "--beside-nearest", "--out", str(tmp_path / "near")]) == 0
    with Image.open(tmp_path / "near" / "00000.png") as strip:
        assert strip.mode == "RGBA" and strip.size == (33, 16)
