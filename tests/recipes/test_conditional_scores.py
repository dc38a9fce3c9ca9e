"""Samples have the classes as often as the training pictures have them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from poise.export.export import Wanted, export
from poise.recipes.common.recipe import NoisePlace
from poise.recipes.images.drawing import kinds_like
from poise.recipes.images.outputs import draw_seen
from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.run import run
from poise.training.ema import noise_feed
from tests.runs.conftest import spec


@pytest.mark.parametrize("counts", [[9, 1], [90, 9, 1], [5, 0, 5], [300, 200, 100, 50]])
def test_classes_have_their_proportions_at_any_number_of_samples(counts):
    whole = kinds_like(counts, 1_000)
    shares = torch.bincount(whole, minlength=len(counts)) / 1_000
    assert (shares - torch.tensor(counts) / sum(counts)).abs().max() < 0.01
    assert torch.equal(kinds_like(counts, 17), whole[:17]), "the class of a sample depends on its number alone"


@pytest.mark.parametrize("counts", [[1, 1, 1], [110, 100, 105]])
def test_classes_that_are_about_as_frequent_take_turns(counts):
    assert kinds_like(counts, 7).tolist() == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.slow
def test_a_run_is_scored_on_the_samples_that_it_shows(tmp_path, monkeypatch):
    """Nine of ten pictures are bright: so are nine of ten samples of a generator that knows it."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 10 // 9
    images = (rng.integers(0, 60, (400, 16, 16)) + 150 * (labels == 0)[:, None, None]).astype(np.uint8)
    np.savez(tmp_path / "two.npz", images=images, labels=labels)
    fed = []
    monkeypatch.setattr("poise.recipes.images.build.noise_feed", lambda *given: fed.append(given) or noise_feed(*given))
    run(spec(str(tmp_path / "two.npz"), labels="file", conditional=True, scores=1, steps=4), tmp_path / "run")
    made = Run(RunFolder(tmp_path / "run"))
    counts = made.facts.class_counts
    assert len(counts) == 2 and counts[0] > 5 * counts[1] and sum(counts) < 400
    shown = made.recipe.draw(made.generator, made.facts, 40, 0)
    scored = draw_seen(made.generator, made.facts, 40, 0, "white")
    kinds = kinds_like(counts, 40)
    assert np.array_equal(scored, shown) and 3 <= int((kinds == 1).sum()) <= 5
    of_class = [made.recipe.draw(made.generator, made.facts, 40, 0, label=name) for name in made.facts.classes]
    assert all(np.array_equal(shown[i], of_class[int(kinds[i])][i]) for i in range(40))
    places = [NoisePlace(0, i) for i in range(8)]
    ways = made.recipe.walk(made.generator, made.facts, places, places, [0.0])
    assert np.array_equal(ways[:, 0], shown[:8]), "a walk begins at the sample"
    assert torch.equal(fed[0][2](512), kinds_like(counts, 512)), "and so are the statistics of the average"
    export(made, tmp_path / "handed", Wanted(torch=True), tell=lambda line: None)
    script = "import generator as g; p = g.pictures_of(g.open_generator(), 40, 0, g.kinds_like({}, 40)); print(p.sum())"
    told = subprocess.run([sys.executable, "-c", script.format(counts)], cwd=tmp_path / "handed", capture_output=True)
    assert int(told.stdout.decode().strip("tensor()\n")) == shown.sum(dtype=np.int64), told.stderr
    assert f"kinds_like({counts}, options.n)" in (tmp_path / "handed" / "generator.py").read_text()
