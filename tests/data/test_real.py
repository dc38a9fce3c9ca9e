"""The real packages, through the real clients: needs a network and a minute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise.data import fetch
from poise.data.catalogue import Entry, catalogue
from poise.data.images import open_images


@pytest.mark.real
def test_real_fashion_mnist(cache: Path) -> None:
    fetch.get("fashion-mnist")
    images = open_images("fashion-mnist", labels="file")
    assert images.images.shape == (70_000, 28, 28, 1)
    assert (len(images.train), len(images.heldout)) == (60_000, 10_000)
    assert images.labels is not None
    assert np.bincount(images.labels[images.train]).tolist() == [6000] * 10
    assert images.classes[9] == "Ankle boot"
    train = images.images[:60_000] / 255
    assert (round(float(train.mean()), 4), round(float(train.std()), 4)) == (0.2860, 0.3530)


@pytest.mark.real
def test_real_noto_emoji(cache: Path) -> None:
    fetch.get("noto-emoji")
    images = open_images("noto-emoji", labels="file")
    assert images.images.shape == (1906, 64, 64, 3)
    assert len(images.classes) == 9
    assert not images.unreadable


@pytest.mark.real
def test_real_pip(tmp_path: Path) -> None:
    entry = Entry(
        name="small",
        title="a small wheel",
        modality="image",
        licence="Apache-2.0",
        client="pip",
        package="efficientnet_lite_pytorch",
        version="0.1.0",
        filename="efficientnet_lite_pytorch-0.1.0-py3-none-any.whl",
        size=20_000,
        sha256="ce0fe869b0e829aceafc32f84275a40c0e3418d19216401b03f695f5f20cbc41",
        unpack=lambda archive, folder: None,
    )
    assert fetch.package_file(entry, tmp_path).stat().st_size < 100_000


@pytest.mark.real
@pytest.mark.parametrize("name", [entry.name for entry in catalogue() if entry.modality == "scorer"])
def test_real_weights_of_scorers(cache: Path, name: str) -> None:
    folder = fetch.get(name)
    assert sum(file.stat().st_size for file in folder.iterdir()) > 1_000_000
    assert any(file.name.startswith(("LICENSE", "README")) for file in folder.iterdir())
    assert not [file for file in folder.iterdir() if file.suffix == ".py"]
