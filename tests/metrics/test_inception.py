"""The network of the FID: names, shapes and structure of the published one, and a name that is not given by mistake."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from poise.errors import PoiseError
from poise.metrics.features import inception
from poise.metrics.features.features import Material
from poise.metrics.features.inception import PARAMETERS, Inception, InceptionNet
from poise.metrics.features.inception_layers import DIM, layers, shapes
from tests.metrics.test_extractors import blobs, random_inception


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "some.pth"
    counters = {f"{name}.bn.num_batches_tracked": torch.tensor(0) for name in layers()}
    torch.save({**random_inception(), **counters}, path)
    return path


def test_names_shapes_and_count() -> None:
    wanted = shapes()
    assert len(layers()) == 94
    trained = {name: shape for name, shape in wanted.items() if "running" not in name}
    assert sum(torch.Size(shape).numel() for shape in trained.values()) == PARAMETERS
    assert wanted["Mixed_6e.branch7x7dbl_5.conv.weight"] == (192, 192, 1, 7)
    assert wanted["Mixed_7c.branch3x3dbl_3b.bn.running_var"] == (384,)
    assert wanted["fc.weight"] == (1008, DIM)


class Plain(nn.Module):
    """One convolution with its normalisation as torch does it, not folded."""

    def __init__(self, name: str) -> None:
        super().__init__()
        before, after, kernel, stride, padding = layers()[name]
        self.conv = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)
        prefix = f"{name}."
        state = {k.removeprefix(prefix): v for k, v in random_inception().items() if k.startswith(prefix)}
        self.load_state_dict(state, strict=False)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def plain(x: Tensor, *names: str) -> Tensor:
    for name in names:
        x = Plain(name)(x)
    return x


def padded_mean(x: Tensor) -> Tensor:
    """A mean over 3 x 3 that counts only what is inside, written as a ratio of sums."""
    ones = torch.ones_like(x[:1, :1])
    weight = torch.ones(1, 1, 3, 3)
    sums = F.conv2d(x.flatten(0, 1)[:, None], weight, padding=1).view_as(x)
    return sums / F.conv2d(ones, weight, padding=1)


@pytest.mark.slow
@torch.no_grad()
def test_blocks_are_those_of_the_fid_and_not_of_torchvision() -> None:
    net = InceptionNet(random_inception())
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(2, 192, 9, 9, generator=rng)
    m = "Mixed_5b.branch"
    ours = net._block(
        "Mixed_5b", x, ["branch1x1"], ["branch5x5_1", "branch5x5_2"], [f"branch3x3dbl_{i}" for i in (1, 2, 3)]
    )
    parts = [
        plain(x, f"{m}1x1"),
        plain(x, f"{m}5x5_1", f"{m}5x5_2"),
        plain(x, f"{m}3x3dbl_1", f"{m}3x3dbl_2", f"{m}3x3dbl_3"),
        plain(padded_mean(x), f"{m}_pool"),
    ]
    torch.testing.assert_close(ours, torch.cat(parts, 1), rtol=1e-3, atol=1e-4)
    assert ours.shape == (2, 256, 9, 9)

    y = torch.randn(1, 2048, 8, 8, generator=rng)
    last = net._forked("Mixed_7c", y, F.max_pool2d(y, 3, 1, 1))
    pooled = plain(
        F.pad(y, (1, 1, 1, 1), value=-torch.inf).unfold(2, 3, 1).unfold(3, 3, 1).amax((4, 5)), "Mixed_7c.branch_pool"
    )
    assert last.shape == (1, DIM, 8, 8)
    torch.testing.assert_close(last[:, -192:], pooled, rtol=1e-3, atol=1e-4)
    first = plain(plain(y, "Mixed_7c.branch3x3_1"), "Mixed_7c.branch3x3_2b")
    torch.testing.assert_close(last[:, 704:1088], first, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_pictures_become_features(weights: Path) -> None:
    net = Inception(weights)
    grey = blobs(2, side=32)
    found = net(grey)
    assert found.shape == (2, DIM)
    torch.testing.assert_close(net(grey.expand(-1, 3, -1, -1)), found)
    big = F.interpolate(grey.float() / 255, (299, 299), mode="bilinear").expand(-1, 3, -1, -1)
    with torch.no_grad():
        torch.testing.assert_close(net._net(2 * big - 1), found, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_only_the_standard_file_is_called_fid(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert Inception(weights).name == f"FD-Inception({digest[:8]})"
    monkeypatch.setattr(inception, "sha256_of", lambda path: "6726825d" + 56 * "0")
    assert Inception.made(Material(weights=weights)).name == "FID"


@pytest.mark.slow
def test_other_files_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(PoiseError, match="no weights file"):
        Inception(tmp_path / "gone.pth")
    with pytest.raises(PoiseError, match="--inception FILE"):
        Inception.made(Material())
    for content in (b"", b"no weights", weights.read_bytes()[:5000]):
        (tmp_path / "bad.pth").write_bytes(content)
        with pytest.raises(PoiseError, match=r"bad\.pth is no file of PyTorch weights"):
            Inception(tmp_path / "bad.pth")
    others = {**random_inception(), "Mixed_7a.branch3x3_2.conv.weight": torch.zeros(3)}
    for state in (others, {"a": torch.zeros(1)}, [1, 2]):
        torch.save(state, tmp_path / "other.pth")
        with pytest.raises(PoiseError, match="is not the Inception network of the FID: it holds"):
            Inception(tmp_path / "other.pth")
