"""Every registered extractor: frozen, known by its digest, and blind to the items that share its batch."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from poise.data.catalogue import fetch
from poise.data.catalogue.catalogue import catalogue
from poise.data.speech.speech import Wave
from poise.errors import PoiseError
from poise.metrics.features.features import Extractor, Material, features
from poise.metrics.features.inception_layers import shapes
from poise.registry import find, names

SCORERS = {entry.name for entry in catalogue() if entry.modality == "scorer"}
MEMBERS = [
    pytest.param(name, marks=pytest.mark.real) if name.lower() in SCORERS else name for name in names("extractor")
]


def blobs(n: int, channels: int = 1, side: int = 28, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    x = F.interpolate(torch.rand(n, channels, 5, 5, generator=rng), (side, side), mode="bicubic")
    return (x.clamp(0, 1) * 255).round().to(torch.uint8)


def sentences() -> list[str]:
    return [
        "The cat sat on the mat.",
        "Rain.",
        "Nobody expected the old bridge to hold, and yet all four lorries crossed it before the evening was over.",
        "It's five o'clock, naïve café!",
        "猫坐在垫子上",
    ]


def waves() -> list[Wave]:
    rng = np.random.default_rng(0)

    def wave(seconds: float, rate: int) -> Wave:
        t = np.arange(int(seconds * rate)) / rate
        tone = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 9)) * (1 + np.sin(2 * np.pi * 4 * t)) / 8
        return Wave((tone + 0.01 * rng.standard_normal(len(t))).astype(np.float32), rate)

    return [wave(0.3, 16_000), wave(2.5, 22_050), wave(1.0, 8_000), wave(12.0, 16_000), wave(0.001, 44_100)]


ITEMS: dict[str, Any] = {"image": lambda: blobs(5), "text": sentences, "speech": waves}


@cache
def random_inception() -> dict[str, Tensor]:
    """Weights of the right shapes; variances are positive and sizes such that the signal neither dies nor grows."""
    rng = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in shapes().items():
        value = torch.randn(shape, generator=rng)
        fan_in = value[0].numel() if value.ndim > 1 else 1
        state[name] = value.abs() + 0.5 if "var" in name or name.endswith("bn.weight") else value / fan_in**0.5
    return state


@cache
def made(name: str) -> Extractor:
    if name.lower() in SCORERS:
        fetch.get(name.lower())
    images = blobs(40, side=8).permute(0, 2, 3, 1).numpy()
    weights = Path(fetch.store.cache_dir()) / "random-inception.pth"
    weights.parent.mkdir(parents=True, exist_ok=True)
    torch.save(random_inception(), weights)
    return find("extractor", name).made(Material(images, np.arange(40) % 4, weights))  # a missing one fails


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMBERS)
def test_an_item_has_the_same_features_in_any_batch(name: str) -> None:
    extractor = made(name)
    items = ITEMS[extractor.modality]()
    together = extractor(items)
    assert together.shape == (len(items), extractor.dim)
    assert together.dtype == torch.float32
    assert together.device.type == "cpu"
    assert not together.requires_grad
    assert torch.isfinite(together).all()
    alone = torch.cat([extractor(items[i : i + 1]) for i in range(len(items))])
    backwards = torch.cat([extractor(items[i : i + 2]) for i in (3, 1)])[[2, 3, 0, 1]]
    scale = float(together.norm(dim=1).mean())
    assert float((together - alone).norm(dim=1).max()) < 1e-4 * scale
    assert float((together[1:] - backwards).norm(dim=1).max()) < 1e-4 * scale
    assert float((together[0] - together[2]).norm()) > 1e-3 * scale, "different items have different features"


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMBERS)
def test_it_is_known_by_name_and_digest_and_disturbs_nothing(name: str) -> None:
    extractor = made(name)
    assert extractor.modality == find("extractor", name).modality
    assert extractor.modality in ITEMS
    assert extractor.name
    assert len(extractor.digest) == 64
    assert int(extractor.digest, 16) >= 0
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    items = ITEMS[extractor.modality]()
    with torch.autocast("cpu", torch.bfloat16):
        first, second = features(extractor, items), features(extractor, items)
    np.testing.assert_array_equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())
    assert features(extractor, items[:0]).shape == (0, extractor.dim)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMBERS)
def test_items_of_another_kind_are_refused(name: str) -> None:
    extractor = made(name)
    for modality, items in ITEMS.items():
        if modality != extractor.modality:
            with pytest.raises(PoiseError, match=r"^features (of|are)"):
                extractor(items())


@pytest.mark.slow
def test_digests_differ() -> None:
    digests = [made(name).digest for name in ("classifier", "rotations", "Inception")]
    assert len(set(digests)) == 3
