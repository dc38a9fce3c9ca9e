"""A small classifier: quick features and class counts for a labelled set of pictures.

It is trained on real pictures that the generative model never sees. Trained on the model's own training pictures, its
features would differ between training and held-out pictures, and every score would show a gap that is not there.
"""

from __future__ import annotations

import hashlib
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from poise.errors import PoiseError
from poise.metrics.features.features import BATCH, Material, check_images, exact, features
from poise.pixels.size import size_of
from poise.registry import register

DIM = 64
SIDE = 32  # larger pictures are first shrunk to this many pixels
STEPS = 300
TRAIN_BATCH = 128
VERSION = "1"  # count up whenever the same pictures and seed come to give another classifier


class _Net(nn.Module):
    """Three convolutions and two linear layers. `scale` is the root mean square of the features on real pictures."""

    scale: Tensor
    accuracy: Tensor
    shape: Tensor

    def __init__(self, channels: int, classes: int, shape: tuple[int, int]) -> None:
        super().__init__()

        def stage(before: int, after: int) -> list[nn.Module]:
            conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
            return [conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]

        self.body = nn.Sequential(
            *stage(channels, 16), nn.MaxPool2d(2), *stage(16, 64), nn.MaxPool2d(2), *stage(64, 64)
        )
        self.features = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(1024, DIM), nn.ReLU())
        self.head = nn.Linear(DIM, classes)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("accuracy", torch.zeros(()))
        self.register_buffer("shape", torch.tensor(shape))

    def forward(self, images: Tensor) -> Tensor:
        """uint8 [B,C,H,W] -> features [B,64], not yet divided by `scale`."""
        x = images.float().contiguous(memory_format=torch.channels_last) / 127.5 - 1
        if max(x.shape[-2:]) > SIDE:
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True)
        out: Tensor = self.features(self.body(x))
        return out


@register("extractor", "classifier")
class SmallClassifier:
    """A trained small classifier; also an `Extractor` whose 64 features lie before the last layer.

    The features are divided by one number, so that their mean square over the pictures it was trained on is 1: scores
    on them are of one order for all sets. Make one with `train_classifier`, or from the `state()` of another.

    Example:
        >>> images = np.arange(40 * 64, dtype=np.uint8).reshape(40, 8, 8, 1)
        >>> classifier = train_classifier(images, np.arange(40) % 2, steps=1)
        >>> classifier.name, classifier.classes, classifier(torch.zeros(5, 1, 8, 8, dtype=torch.uint8)).shape
        ('classifier@8', 2, torch.Size([5, 64]))
    """

    modality = "image"
    kind = "classifier"
    least = 2000  # held-out pictures, half of which train it
    dim = DIM

    def __init__(self, state: dict[str, Tensor]) -> None:
        height, width = (int(side) for side in state["shape"])
        classes, channels = state["head.weight"].shape[0], state["body.0.weight"].shape[1]
        self._channels = channels
        with torch.random.fork_rng(devices=[]):
            self._net = _Net(channels, classes, (height, width))
        self._net.load_state_dict(state)
        self._net.eval().requires_grad_(False)
        self.classes = classes
        self.accuracy = float(self._net.accuracy)  # share of right answers on pictures left out of its training
        self.name = f"{self.kind}@{size_of(height, width)}"
        self.digest = _digest(self._net)

    @classmethod
    def made(cls, material: Material) -> Self:
        """Trained on the material's pictures and labels. Errors: `PoiseError` where it has none of either."""
        if material.images is None or material.labels is None:
            raise PoiseError("a classifier needs held-out pictures with labels: use --features rotations without them")
        return cls(train_classifier(material.images, material.labels, material.seed).state())

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 [B,C,H,W] -> float32 [B,64]. Grey pictures serve a network that was trained on colour."""
        with exact(torch.device("cpu")):
            out: Tensor = self._net(self._fitting(check_images(images).cpu())) / self._net.scale
        return out

    def _fitting(self, images: Tensor) -> Tensor:
        if images.shape[1] > self._channels:
            raise PoiseError(f"{self.name} was trained on grey pictures and cannot take colour: make them grey")
        return images.expand(-1, self._channels, -1, -1)

    def features(self, images: Tensor) -> NDArray[np.float32]:
        """uint8 [N,C,H,W], any N -> float32 [N,64]."""
        return features(self, images)

    def classes_of(self, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """Features [N,64] -> class ids [N]."""
        with exact(torch.device("cpu")):
            logits: Tensor = self._net.head(torch.tensor(rows) * self._net.scale)
        return logits.argmax(1).numpy()

    def predict(self, images: Tensor) -> NDArray[np.int64]:
        """uint8 [N,C,H,W], any N -> class ids [N]."""
        return self.classes_of(self.features(images))

    def state(self) -> dict[str, Tensor]:
        """All that is needed to make it again."""
        return self._net.state_dict()


def train_classifier(
    images: NDArray[np.uint8], labels: NDArray[Any], seed: int = 0, steps: int = STEPS
) -> SmallClassifier:
    """Train a `SmallClassifier` on labelled pictures.

    Args: images uint8 [N,H,W,C] (an array or a memory map; N at least 20), labels int [N] from 0, seed, and the number
    of steps of 128 pictures (default 300). A tenth of the pictures is left out to measure `accuracy`. AdamW, one cycle
    of the learning rate (Smith & Topin 2018). The same arguments give the same classifier, bit for bit on one machine
    with one number of threads; the global random state is left as it was.

    Errors: `PoiseError` for shapes or labels that do not fit, and for fewer than 20 pictures or 2 classes.

    Example:
        >>> labels = np.arange(60) % 2
        >>> images = np.where(labels[:, None, None, None] == 1, np.uint8(200), np.uint8(50)).repeat(8, 1).repeat(8, 2)
        >>> classifier = train_classifier(images, labels, steps=20)
        >>> dark, light = (torch.full((1, 1, 8, 8), grey, dtype=torch.uint8) for grey in (60, 190))
        >>> classifier.accuracy, classifier.predict(torch.cat([dark, light])).tolist()
        (1.0, [0, 1])
    """
    labels = np.asarray(labels)
    _check(images, labels)
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(labels))
    held, fit = order[: len(order) // 10], order[len(order) // 10 :]
    height, width, channels = images.shape[1:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _Net(channels, int(labels.max()) + 1, (height, width))
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        _fit(net, images, labels, fit, draw, steps)
    with exact(torch.device("cpu")):
        net.eval()
        rows = np.concatenate([_run(net, images, part) for part in _parts(fit[:2000])])
        net.scale.fill_(float(np.sqrt(np.square(rows.astype(np.float64)).mean())) or 1.0)
    classifier = SmallClassifier(net.state_dict())
    right = [classifier.predict(_tensor(images, part)) == labels[part] for part in _parts(held)]
    net.accuracy.fill_(float(np.concatenate(right).mean()))
    return SmallClassifier(net.state_dict())


def _check(images: NDArray[np.uint8], labels: NDArray[Any]) -> None:
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise PoiseError(f"a classifier is trained on uint8 [N,H,W,C], not on {images.dtype} {images.shape}")
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise PoiseError(f"{len(images)} pictures need as many whole-number labels, not {labels.dtype} {labels.shape}")
    if len(labels) < 20 or labels.min() < 0 or len(np.unique(labels)) < 2:
        raise PoiseError("a classifier needs at least 20 pictures of at least 2 classes, numbered from 0")


def _fit(
    net: _Net,
    images: NDArray[np.uint8],
    labels: NDArray[Any],
    rows: NDArray[np.int64],
    draw: np.random.Generator,
    steps: int,
) -> None:
    batch = min(TRAIN_BATCH, len(rows))
    optim = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optim, 4e-3, total_steps=steps)
    queue = rows[:0]
    for _ in range(steps):
        if len(queue) < batch:
            queue = np.concatenate([queue, draw.permutation(rows)])
        chosen, queue = np.sort(queue[:batch]), queue[batch:]
        loss = F.cross_entropy(net.head(net(_tensor(images, chosen))), torch.from_numpy(labels[chosen]).long())
        optim.zero_grad()
        loss.backward()
        optim.step()
        cycle.step()


def _tensor(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> Tensor:
    """Rows of uint8 [N,H,W,C] as uint8 [B,C,H,W]."""
    return torch.from_numpy(np.asarray(images[rows])).permute(0, 3, 1, 2)


def _run(net: _Net, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    out: Tensor = net(_tensor(images, rows))
    return out.numpy()


def _parts(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


def _digest(net: _Net) -> str:
    total = hashlib.sha256(VERSION.encode())
    for name, tensor in sorted(net.state_dict().items()):
        total.update(f"{name} {list(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    return total.hexdigest()
