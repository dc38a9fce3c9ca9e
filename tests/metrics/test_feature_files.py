"""Features and small networks that are kept: computed once, whole or absent, and no memory that grows."""

from __future__ import annotations

import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from poise.data.files import store
from poise.data.files.items import Items, Rows
from poise.errors import PoiseError
from poise.metrics.features.feature_files import kept_features, kept_network
from poise.metrics.features.features import Material
from poise.metrics.features.rotations import Rotations, train_rotations


class Numbers(Items):
    """Item i is a grey picture 2x2 of the value i % 256; nothing is held."""

    modality = "image"

    def __init__(self, n: int, fingerprint: str = "numbers") -> None:
        super().__init__("numbers", fingerprint)
        self.n = n

    def __len__(self) -> int:
        return self.n

    def take(self, rows: Rows) -> Any:
        return np.broadcast_to((rows % 256).astype(np.uint8)[:, None, None, None], (len(rows), 2, 2, 1)).copy()

    def split(self, heldout: float = 0.1) -> tuple[Rows, Rows]:
        return np.arange(self.n), np.arange(0)


class Mean:
    """The mean of the pixels, many times; counts the items that it sees."""

    modality = "image"

    def __init__(self, dim: int = 64, digest: str = "mean") -> None:
        self.name, self.dim, self.digest, self.seen = "mean/of pixels@2", dim, digest, 0

    def __call__(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return images.float().mean((1, 2, 3))[:, None].expand(-1, self.dim).contiguous()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_features_are_computed_once(cache: Path) -> None:
    extractor, told = Mean(), []
    rows = np.arange(0, 1000, 2)
    found = kept_features(extractor, Numbers(1000), rows, lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(found, np.repeat((rows % 256)[:, None], 64, 1))
    assert isinstance(found, np.memmap)
    assert (extractor.seen, told) == (500, [(256, 500), (500, 500)])
    np.testing.assert_array_equal(kept_features(extractor, Numbers(1000), rows), found)
    assert extractor.seen == 500
    assert len(list((cache / "features").iterdir())) == 1
    for other in (
        kept_features(extractor, Numbers(1000), rows + 1),
        kept_features(extractor, Numbers(1000, "b"), rows),
    ):
        assert other.shape == (500, 64)
    kept_features(Mean(digest="other"), Numbers(1000), rows)
    assert extractor.seen == 1500
    assert len(list((cache / "features").iterdir())) == 4


@pytest.mark.parametrize("damage", ["cut", "nan", "junk"])
def test_a_damaged_file_is_made_anew(cache: Path, damage: str) -> None:
    extractor, rows = Mean(), np.arange(300)
    found = np.array(kept_features(extractor, Numbers(300), rows))
    (path,) = (cache / "features").iterdir()
    content = path.read_bytes()
    nan = np.full(1, np.nan, np.float32).tobytes()
    path.write_bytes({"cut": content[:-9], "nan": content[:-4] + nan, "junk": b"junk"}[damage])
    np.testing.assert_array_equal(kept_features(extractor, Numbers(300), rows), found)
    assert extractor.seen == 600


def test_an_interrupted_computation_leaves_nothing(cache: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_features(Mean(), Numbers(1000), np.arange(1000), stop)
    assert list((cache / "features").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file")
    with pytest.raises(PoiseError, match="POISE_CACHE"):
        kept_features(Mean(), Numbers(10), np.arange(10))
    cache.unlink()
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100})())
    with pytest.raises(PoiseError, match="keeping the features of 10 pictures needs"):
        kept_features(Mean(), Numbers(10), np.arange(10))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_items() -> None:
    """200,000 items with 64 features are 51 MB on the disk; a sixth of that is never held at once."""
    tracemalloc.start()
    found = kept_features(Mean(), Numbers(200_000), np.arange(200_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.nbytes == 51_200_000
    assert peak < 8_000_000


@pytest.mark.slow
def test_a_network_is_trained_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 255, (30, 8, 8, 1), dtype=np.uint8)
    monkeypatch.setattr("poise.metrics.features.rotations.train_rotations", partial(train_rotations, steps=5))
    first = kept_network(Rotations, Material(images), "f", np.arange(30))
    (path,) = (cache / "features").glob("rotations-*.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr(Rotations, "made", None)
        again = kept_network(Rotations, Material(images), "f", np.arange(30))
    assert again.digest == first.digest
    path.write_bytes(path.read_bytes()[:-10])
    assert kept_network(Rotations, Material(images), "f", np.arange(30)).digest == first.digest
    assert kept_network(Rotations, Material(images, seed=1), "f", np.arange(30)).digest != first.digest
    assert torch.isfinite(first(torch.from_numpy(images).permute(0, 3, 1, 2))).all()
