"""The small networks learn, are repeatable, and leave the global random state alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.metrics.core.statistics import kid
from poise.metrics.features.classifier import SmallClassifier, train_classifier
from poise.metrics.features.features import Material
from poise.metrics.features.rotations import Rotations, train_rotations

Digits = tuple[NDArray[np.uint8], NDArray[np.int64]]


@pytest.fixture(scope="module")
def digits() -> Digits:
    data = pytest.importorskip("sklearn.datasets").load_digits()
    return (data.images[..., None] * 15.9).astype(np.uint8), data.target.astype(np.int64)


@pytest.fixture(scope="module")
def trained(digits: Digits) -> SmallClassifier:
    return train_classifier(digits[0][:1200], digits[1][:1200], seed=3, steps=150)


def tensor(images: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2)


@pytest.mark.slow
def test_it_learns_digits(trained: SmallClassifier, digits: Digits) -> None:
    found = trained.predict(tensor(digits[0][1200:]))
    assert (found == digits[1][1200:]).mean() >= 0.9
    assert trained.accuracy >= 0.9
    assert trained.classes == 10
    assert trained.name == "classifier@8"


@pytest.mark.parametrize(("height", "width"), [(16, 24), (40, 20)])
def test_rectangles_are_read_as_they_are_or_brought_to_its_square(height: int, width: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, height, width, 3), np.uint8)
    classifier = train_classifier(images, np.arange(20) % 2, steps=1)
    assert classifier.name == f"classifier@{width}x{height}" and classifier(tensor(images)).shape == (20, 64)
    with pytest.raises(PoiseError, match="rotations are learnt from square pictures"):
        train_rotations(images, steps=1)


@pytest.mark.slow
def test_features_do_not_depend_on_the_batch(trained: SmallClassifier, digits: Digits) -> None:
    images = tensor(digits[0][:64])
    together, alone = trained(images), trained(images[40:41])
    torch.testing.assert_close(together[40:41], alone, rtol=1e-4, atol=1e-5)
    assert together.shape == (64, trained.dim) == (64, 64)
    assert float(torch.from_numpy(trained.features(tensor(digits[0]))).square().mean()) == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_seed_decides_and_the_global_state_is_untouched(digits: Digits) -> None:
    images, labels = digits[0][:200], digits[1][:200]
    before = torch.random.get_rng_state()
    first, again, other = (train_classifier(images, labels, seed, steps=5) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert first.digest == again.digest != other.digest


@pytest.mark.slow
def test_state_makes_it_again(trained: SmallClassifier, digits: Digits) -> None:
    again = SmallClassifier(trained.state())
    assert (again.digest, again.accuracy, again.name) == (trained.digest, trained.accuracy, trained.name)
    assert torch.equal(again(tensor(digits[0][:8])), trained(tensor(digits[0][:8])))


@pytest.mark.slow
@pytest.mark.parametrize(("side", "channels"), [(16, 3), (48, 1), (256, 3)])
def test_any_size_and_channels(side: int, channels: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, side, side, channels), dtype=np.uint8)
    made = train_classifier(images, np.arange(24) % 2, steps=2)
    assert made.features(tensor(images)).shape == (24, 64)


def test_wrong_input_is_refused() -> None:
    images = np.zeros((30, 8, 8, 1), np.uint8)
    with pytest.raises(PoiseError, match=r"uint8 \[N,H,W,C\]"):
        train_classifier(images[..., 0], np.zeros(30, np.int64))
    with pytest.raises(PoiseError, match="labels"):
        train_classifier(images, np.zeros(29, np.int64))
    with pytest.raises(PoiseError, match="2 classes"):
        train_classifier(images, np.zeros(30, np.int64))


@pytest.mark.slow
def test_rotations_are_learnt_without_labels(digits: Digits) -> None:
    made = train_rotations(digits[0][:600], seed=1, steps=150)
    assert made.accuracy >= 0.8
    assert (made.name, made.classes, made.dim) == ("rotations@8", 4, 64)
    turned = np.rot90(digits[0][600:], 1, (1, 2)).copy()
    assert (made.predict(tensor(turned)) == 1).mean() >= 0.8
    again = Rotations(made.state())
    assert (again.digest, again.name) == (made.digest, made.name)


@pytest.mark.slow
def test_rotations_notice_blurred_pictures_and_a_missing_half(digits: Digits) -> None:
    order = np.random.default_rng(0).permutation(len(digits[1]))  # the set is in the order of its writers
    images, labels = digits[0][order], digits[1][order]
    made = train_rotations(images[:600], steps=150)
    reference, real = images[600:1100], images[1100:1600]
    means = sum(np.roll(real.astype(float), (i, j), (1, 2)) for i in (0, 1) for j in (0, 1)) / 4
    blurred = np.rint(means).astype(np.uint8)
    half = images[600:][labels[600:] < 3]
    scores = [kid(made.features(tensor(reference)), made.features(tensor(x))) for x in (real, blurred, half)]
    assert scores[0].low < 0 < scores[0].high
    assert scores[1].low > scores[0].high
    assert scores[2].low > 0


@pytest.mark.slow
def test_colour_is_not_taken_for_grey(trained: SmallClassifier) -> None:
    with pytest.raises(PoiseError, match="classifier@8 was trained on grey pictures"):
        trained(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(PoiseError, match="square pictures"):
        train_rotations(np.zeros((30, 8, 9, 1), np.uint8))
    with pytest.raises(PoiseError, match="use --features rotations"):
        SmallClassifier.made(Material())
