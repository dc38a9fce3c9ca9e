"""Pictures between samples: both ends are samples, and the way is that of `interpolate`."""

# ruff: noqa: F811  (the fixture that is imported is named again as an argument)

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import poise
from poise.errors import PoiseError
from poise.models.images.dcgan import DcganGenerator
from poise.recipes.common.recipe import NoisePlace
from poise.recipes.images.outputs import draw, interpolate
from poise.recipes.images.walking import along_sphere, noise_at, walk
from poise.runs.run import run as train
from tests.runs.conftest import pictures, spec  # noqa: F401  (fixture)


def test_on_the_sphere_a_right_angle_is_halved():
    """sin 45° / sin 90° = 1/√2 of each; the ends are themselves, so is a way from a noise to itself."""
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    half = along_sphere(a, b, torch.tensor([[0.5]]))
    assert torch.allclose(half, torch.full((1, 2), 3 / math.sqrt(2)))
    assert torch.equal(along_sphere(a, b, torch.tensor([[0.0]])), a)
    assert torch.equal(along_sphere(a, b, torch.tensor([[1.0]])), b)
    assert torch.equal(along_sphere(a, a, torch.tensor([[0.3]])), a)
    assert torch.isfinite(along_sphere(a, -a, torch.tensor([[0.5]]))).all()


def test_noise_of_a_place_is_that_of_the_sample_and_goes_on_to_the_next_seed():
    size = 5
    here, next_seed = (noise_at([NoisePlace(seed, 300)], size) for seed in (7, 8))
    assert torch.equal(noise_at([NoisePlace(7, 300, 1.0)], size), next_seed)
    halves = noise_at([NoisePlace(7, 300, 0.5)], size)
    assert torch.equal(halves, along_sphere(here, next_seed, torch.tensor([[0.5]])))
    assert not torch.equal(noise_at([NoisePlace(7, 44)], size), here)


@pytest.mark.parametrize("size", [1, 2, 64])
def test_ways_of_any_noise_are_finite_and_begin_and_end_at_samples(size):
    """Noise of one number always points the same way or the opposite one."""
    generator = DcganGenerator(noise=size, size=16, channels=1, width=4)
    facts = SimpleNamespace(classes=[])
    taken = []
    generator.register_forward_pre_hook(lambda module, given: taken.append(given[0]))
    interpolate(generator.eval(), facts, rows=4, between=5, seed=0)
    z = torch.cat(taken).view(4, 5, size)
    longest = z[:, [0, -1]].norm(dim=2).amax(1, keepdim=True)
    assert torch.isfinite(z).all() and (z.norm(dim=2) <= 2 * longest).all()
    noise = noise_at([NoisePlace(0, i) for i in range(8)], size)
    assert torch.equal(z[:, 0], noise[0::2]) and torch.equal(z[:, -1], noise[1::2])


@pytest.fixture(scope="module")
def runs(pictures, tmp_path_factory):
    place = tmp_path_factory.mktemp("walks")
    train(spec(pictures, labels="file", conditional=True, steps=4), place / "with")
    train(spec(pictures, steps=4), place / "without")
    return place


@pytest.mark.slow
def test_ends_are_samples_and_the_way_is_that_of_interpolate(runs):
    run = poise.load(runs / "without")
    samples, ways = run.sample(4, seed=3), run.interpolate(2, 5, seed=3)
    starts, ends = ([NoisePlace(3, i) for i in which] for which in ((0, 2), (1, 3)))
    made = run.walk(starts, ends, [i / 4 for i in range(5)])
    assert np.array_equal(made[:, 0], samples[[0, 2]]) and np.array_equal(made[:, -1], samples[[1, 3]])
    assert np.abs(made.astype(int) - ways.astype(int)).max() <= 1, "but for the rounding of sines"
    cut = run.walk([NoisePlace(3, 0)], [NoisePlace(4, 0)], [0.0, 1.0], truncation=0.5)[0]
    for seed, picture in zip((3, 4), cut, strict=True):
        assert np.array_equal(picture, run.sample(1, seed=seed, truncation=0.5)[0])
    whole = run.walk([NoisePlace(3, i, 0.25) for i in range(4)], [NoisePlace(3, i, 0.25) for i in range(4)], [0.0])
    assert whole.shape == (4, 1, 16, 16, 1) and not np.array_equal(whole[:, 0], samples)


@pytest.mark.slow
def test_a_picture_has_the_class_of_the_end_that_is_nearer(runs):
    run = poise.load(runs / "with")
    label = run.facts.classes
    made = run.walk([NoisePlace(0, 0, label=label[0])], [NoisePlace(0, 0, label=label[3])], [0, 0.49, 0.51, 1])[0]
    first, last = (run.sample(1, seed=0, label=name)[0] for name in (label[0], label[3]))
    assert [np.array_equal(one, first) for one in made] == [True, True, False, False]
    assert [np.array_equal(one, last) for one in made] == [False, False, True, True]
    assert np.array_equal(run.walk([0], [0], [0.0], label=label[3])[0], last[None])
    with pytest.raises(PoiseError, match="--label z is unknown"):
        run.walk([0], [0], [0.0], label="z")
    turns = run.walk([NoisePlace(3, i) for i in range(4)], [NoisePlace(3, i) for i in range(4)], [0.0])
    assert np.array_equal(turns[:, 0], run.sample(4, seed=3))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("starts", "ends", "at", "said"),
    [
        ([], [], [0.5], "a walk needs a start and an end each"),
        ([NoisePlace(0)], [], [0.5], "a walk needs a start and an end each"),
        ([NoisePlace(0)], [NoisePlace(1)], [], "a walk needs a start and an end each"),
        ([NoisePlace(0)], [NoisePlace(1)], [1.5], "shares of a way are from 0"),
        ([NoisePlace(0, toward=-1)], [NoisePlace(1)], [0.5], "shares of a way are from 0"),
        ([NoisePlace(0, label="lions")], [NoisePlace(1)], [0], "--label lions is unknown"),
    ],
)
def test_what_is_no_way_is_one_sentence(starts, ends, at, said, runs):
    with pytest.raises(PoiseError, match=said):
        poise.load(runs / "with").walk(starts, ends, at)


@pytest.mark.parametrize("rows", [3, 128, 140])
def test_ways_begin_and_end_at_the_samples_that_are_named_however_many_there_are(rows):
    generator = DcganGenerator(noise=3, size=16, channels=1, width=2).eval()
    facts = SimpleNamespace(classes=[])
    made = interpolate(generator, facts, rows, between=2, seed=5)
    samples = draw(generator, facts, 2 * rows, seed=5)
    assert np.array_equal(made[:, 0], samples[0::2]) and np.array_equal(made[:, -1], samples[1::2])


@pytest.mark.parametrize("wrong", ["3", 1.5, -1, None])
def test_numbers_are_samples_of_seed_0_and_other_things_are_refused(wrong):
    generator = DcganGenerator(noise=3, size=16, channels=1, width=2).eval()
    facts = SimpleNamespace(classes=[])
    asked = [NoisePlace(0, i) for i in (2, 5)]
    wanted = walk(generator, facts, asked[:1], asked[1:], [0.0, 0.5])
    assert np.array_equal(walk(generator, facts, [2], np.array([5]), np.array([0.0, 0.5])), wanted)
    with pytest.raises(PoiseError, match="from a NoisePlace, or the number of a sample of seed 0, not from"):
        walk(generator, facts, [wrong], [5], [0.0])
