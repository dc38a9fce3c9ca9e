"""The stream: a pure function of (seed, draw) that shows each picture once an epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.data.draws.order import Prefetch
from poise.data.images.images import ImageSet, open_images
from poise.data.images.stream import ImageStream
from poise.errors import PoiseError


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    """29 pictures 4x6 cropped to 4x4 in 3 classes; picture i has the value 8 i + 3 in its left half, 0 in the right."""
    pixels = np.zeros((29, 4, 4, 3), np.uint8)
    pixels[:, :, :2] = (8 * np.arange(29) + 3)[:, None, None, None]
    np.savez(tmp_path / "a.npz", images=pixels, labels=np.arange(29) % 3)
    return open_images(tmp_path / "a.npz", labels="file", heldout=0.2)


def fake(count: int) -> ImageSet:
    """Enough of an ImageSet for row numbers."""
    nothing = np.zeros((count, 1, 1, 1), np.uint8)
    rows = np.arange(count)
    return ImageSet(nothing, None, (), rows, rows[:0], "", "fake", [])  # type: ignore[arg-type]


def test_a_batch_is_what_it_says(images: ImageSet) -> None:
    stream = ImageStream(images, 5, seed=1, labels=True)
    real, cond = stream(0)
    rows = stream.rows(0)
    assert real.shape == (5, 3, 4, 4)
    assert real.dtype == torch.float32
    assert real.is_contiguous(memory_format=torch.channels_last)
    expected = images.images[rows].astype(np.float64).transpose(0, 3, 1, 2) / 127.5 - 1
    assert np.abs(real.numpy() - expected).max() < 1e-6
    assert cond is not None
    assert cond.dtype == torch.int64
    assert cond.tolist() == (rows % 3).tolist()
    assert ImageStream(images, 5, seed=1)(0).cond is None
    assert set(rows) <= set(images.train)


def test_black_and_white_are_exactly_minus_one_and_one(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[[0, 255], [255, 0]]], np.uint8))
    real = ImageStream(open_images(tmp_path / "a.npy", heldout=0), 1, seed=0)(0).real
    assert real.flatten().tolist() == [-1.0, 1.0, 1.0, -1.0]


def test_draws_do_not_depend_on_history(images: ImageSet) -> None:
    def make() -> ImageStream:
        return ImageStream(images, 5, seed=7, labels=True, flip=True)

    forward = make()
    expected = [forward(draw) for draw in range(12)]
    for order in (range(11, -1, -1), [5, 5, 0, 11, 5, 3]):
        stream = make()
        for draw in order:
            real, cond = stream(draw)
            assert torch.equal(real, expected[draw].real)
            assert torch.equal(cond, expected[draw].cond)  # type: ignore[arg-type]
            assert len(stream._order._orders) <= 2


@given(count=st.integers(1, 40), data=st.data(), seed=st.integers(0, 2**40))
@settings(max_examples=60, deadline=None)
def test_each_epoch_shows_each_picture_once(count: int, data: st.DataObject, seed: int) -> None:
    batch = data.draw(st.integers(1, count))
    stream = ImageStream(fake(count), batch, seed)
    drawn = np.concatenate([stream.rows(draw) for draw in range(-(-4 * count // batch))])
    for epoch in range(4):
        assert sorted(drawn[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_epochs_seeds_and_splits_differ() -> None:
    stream = ImageStream(fake(50), 50, seed=0)
    orders = {tuple(stream.rows(draw)) for draw in range(6)}
    orders |= {tuple(ImageStream(fake(50), 50, seed=seed).rows(0)) for seed in range(1, 6)}
    assert len(orders) == 11


def test_order_is_uniform() -> None:
    first = np.array([ImageStream(fake(6), 6, seed=seed).rows(0) for seed in range(1200)])
    counts = np.array([np.bincount(first[:, place], minlength=6) for place in range(6)])
    assert np.abs(counts - 200).max() < 5 * (200 * 5 / 6) ** 0.5


def test_order_is_the_same_on_every_machine() -> None:
    assert ImageStream(fake(10), 10, seed=0).rows(0).tolist() == ORDER


ORDER = [0, 8, 9, 3, 7, 5, 1, 2, 6, 4]


def test_flip_mirrors_about_half(images: ImageSet) -> None:
    plain, flipped = (ImageStream(images, 20, seed=3, flip=flip) for flip in (False, True))
    mirrored = 0
    for draw in range(20):
        assert np.array_equal(plain.rows(draw), flipped.rows(draw))
        a, b = plain(draw).real, flipped(draw).real
        same = (a == b).flatten(1).all(1)
        assert torch.equal(b[~same], a[~same].flip(-1))
        mirrored += int((~same).sum())
    assert abs(mirrored - 200) < 50


def test_heldout_is_another_stream(images: ImageSet) -> None:
    stream = ImageStream(images, 2, seed=0, split="heldout")
    rows = {int(row) for draw in range(len(images.heldout)) for row in stream.rows(draw)}
    assert rows == set(images.heldout.tolist())


def test_only_the_batch_is_copied(images: ImageSet) -> None:
    stream = ImageStream(images, 5, seed=0)
    assert np.shares_memory(stream._pixels, images.images)
    before = np.array(images.images)
    stream(0).real.zero_()
    assert np.array_equal(before, images.images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 30}, r"batch 30 is not possible with the \d+ pictures of a.npz that are to train on"),
        ({"batch": 0}, "batch 0"),
        ({"batch": 29, "split": "heldout"}, "held out"),
        ({"split": "test"}, "split 'test'"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str, images: ImageSet) -> None:
    with pytest.raises(PoiseError, match=message):
        ImageStream(images, **{"batch": 4, "seed": 0, **options})  # type: ignore[arg-type]


def test_what_is_not_there(images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = open_images(tmp_path / "a.npz", heldout=0)
    with pytest.raises(PoiseError, match="without labels"):
        ImageStream(bare, 4, 0, labels=True)
    with pytest.raises(PoiseError, match="has no pictures that are held out"):
        ImageStream(bare, 4, 0, split="heldout")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PoiseError, match="finds no GPU"):
        ImageStream(bare, 4, 0, device="cuda")
    with pytest.raises(ValueError):
        ImageStream(bare, 4, 0)(-1)


@pytest.mark.parametrize("active", [False, True])
def test_prefetch_gives_the_same_numbers(active: bool, images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prefetch, "active", active)
    stream = Prefetch(ImageStream(images, 4, seed=2, labels=True, flip=True))
    plain = ImageStream(images, 4, seed=2, labels=True, flip=True)
    assert stream.batch == 4
    for draw in (0, 1, 2, 7, 8, 3, 3, 4):
        assert torch.equal(stream(draw).real, plain(draw).real)
    assert (stream._pool is not None) is active


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_numbers_are_the_same(images: ImageSet) -> None:
    def make(device: str) -> ImageStream:
        return ImageStream(images, 4, 2, device, labels=True, flip=True)

    ahead, plain = Prefetch(make("cuda")), make("cpu")
    assert ahead.active
    for draw in range(8):
        assert torch.equal(ahead(draw).real.cpu(), plain(draw).real)
