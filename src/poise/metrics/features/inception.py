"""The Inception network of the standard FID: pool3 features of the 2015 graph, as converted to PyTorch by pytorch-fid.

The network is Szegedy et al. 2016 as TensorFlow ran it, not torchvision's: average pools do not count their padding,
and the pool of the last block takes the maximum. Its weights are not to be had from a package registry, so a user gives
the file; only that very file may give a score the name FID. Each batch normalisation is folded into its convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from poise.data.files.store import sha256_of
from poise.disk import expanded
from poise.errors import PoiseError
from poise.metrics.features.features import Material, check_images, digest_of, exact
from poise.metrics.features.inception_layers import DIM, layers, shapes
from poise.registry import register

SIDE = 299
BN_EPS = 1e-3
STANDARD = "6726825d"  # how the sha256 of pt_inception-2015-12-05-6726825d.pth begins
PARAMETERS = 23_850_960  # with the classifier of 1,008 classes, which is not used
PREPROCESSING = "uint8/255, grey to RGB, bilinear to 299 without antialiasing, 2x-1, 1"


class InceptionNet(nn.Module):
    """Pictures [B,3,299,299] in [-1,1] -> the features before the classifier [B,2048].

    Args: state: tensors under the names of `shapes`; those of the classifier are not used.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._layers = layers()
        for name in self._layers:
            kept = (state[f"{name}.bn.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var"))
            scale, bias, mean, variance = kept
            gain = scale / (variance + BN_EPS).sqrt()
            weight = state[f"{name}.conv.weight"].double() * gain[:, None, None, None]
            self.register_buffer(f"{name}.weight".replace(".", "/"), weight.float())
            self.register_buffer(f"{name}.bias".replace(".", "/"), (bias - mean * gain).float())

    def forward(self, x: Tensor) -> Tensor:
        x = self._chain(x, "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3")
        x = self._chain(F.max_pool2d(x, 3, 2), "Conv2d_3b_1x1", "Conv2d_4a_3x3")
        x = F.max_pool2d(x, 3, 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._block(name, x, ["branch1x1"], _numbered("branch5x5", 2), _numbered("branch3x3dbl", 3))
        x = self._reduction("Mixed_6a", x, ["branch3x3"], _numbered("branch3x3dbl", 3))
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._block(name, x, ["branch1x1"], _numbered("branch7x7", 3), _numbered("branch7x7dbl", 5))
        x = self._reduction("Mixed_7a", x, _numbered("branch3x3", 2), _numbered("branch7x7x3", 4))
        x = self._forked("Mixed_7b", x, _mean_pool(x))
        x = self._forked("Mixed_7c", x, F.max_pool2d(x, 3, 1, 1))
        return x.mean((2, 3))

    def _chain(self, x: Tensor, *names: str) -> Tensor:
        """Convolution, folded normalisation and ReLU, one after another."""
        for name in names:
            _, _, _, stride, padding = self._layers[name]
            key = name.replace(".", "/")
            x = F.relu(F.conv2d(x, self.get_buffer(f"{key}/weight"), self.get_buffer(f"{key}/bias"), stride, padding))
        return x

    def _branches(self, name: str, x: Tensor, branches: tuple[list[str], ...]) -> list[Tensor]:
        return [self._chain(x, *(f"{name}.{part}" for part in parts)) for parts in branches]

    def _block(self, name: str, x: Tensor, *branches: list[str]) -> Tensor:
        """Branches side by side, and one behind an average pool."""
        return torch.cat([*self._branches(name, x, branches), self._chain(_mean_pool(x), f"{name}.branch_pool")], 1)

    def _reduction(self, name: str, x: Tensor, *branches: list[str]) -> Tensor:
        """Branches that halve the sides, and a maximum pool that does."""
        return torch.cat([*self._branches(name, x, branches), F.max_pool2d(x, 3, 2)], 1)

    def _forked(self, name: str, x: Tensor, pooled: Tensor) -> Tensor:
        """The blocks of the end, whose branches part into 1x3 and 3x1."""
        single = self._chain(x, f"{name}.branch3x3_1")
        double = self._chain(x, f"{name}.branch3x3dbl_1", f"{name}.branch3x3dbl_2")
        ends = [
            (single, "branch3x3_2a"),
            (single, "branch3x3_2b"),
            (double, "branch3x3dbl_3a"),
            (double, "branch3x3dbl_3b"),
        ]
        parts = [self._chain(x, f"{name}.branch1x1"), *(self._chain(y, f"{name}.{end}") for y, end in ends)]
        return torch.cat([*parts, self._chain(pooled, f"{name}.branch_pool")], 1)


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}_{i + 1}" for i in range(count)]


def _mean_pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


@register("extractor", "Inception")
class Inception:
    """The features of the standard FID (Heusel et al. 2017), from a weights file of the user's.

    Args: weights: pt_inception-2015-12-05-6726825d.pth of pytorch-fid; device: where the network runs.

    `name` is "FID" where the file's sha256 begins with 6726825d. Any other file of the same names and shapes gives
    "FD-Inception(xxxxxxxx)", with the first 8 digits of its own: such a score is no FID, nor comparable with one.
    Errors: `PoiseError` for a file that is not there, cannot be read, or holds something else.
    """

    modality = "image"
    dim = DIM

    def __init__(self, weights: str | Path, device: str | torch.device = "cpu") -> None:
        path = expanded(weights)
        self._net = InceptionNet(_state(path)).eval().requires_grad_(False).to(torch.device(device))
        self.device = torch.device(device)
        content = sha256_of(path)
        self.name = "FID" if content.startswith(STANDARD) else f"FD-Inception({content[:8]})"
        self.digest = digest_of(path, PREPROCESSING)

    @classmethod
    def made(cls, material: Material) -> Self:
        """From the file that the material names. Errors: `PoiseError` where it names none."""
        if material.weights is None:
            raise PoiseError(
                "the weights of the standard FID come with no package: give pt_inception-2015-12-05-6726825d.pth "
                "with --inception FILE"
            )
        return cls(material.weights)

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 [B,C,H,W] -> float32 [B,2048] on the CPU."""
        with exact(self.device):
            x = check_images(images).to(self.device).float() / 255
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
            out: Tensor = self._net(2 * x.expand(-1, 3, -1, -1) - 1)
        return out.cpu()


def _state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file, if their names and shapes are right."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise PoiseError(f"there is no weights file {path}: give pt_inception-2015-12-05-6726825d.pth") from None
    except Exception as error:  # torch's reader of pickles raises IndexError, struct.error and more on other files
        reason = " ".join(str(error).split())[:80]
        raise PoiseError(f"{path} is no file of PyTorch weights ({reason}): download it again") from None
    wanted = shapes()
    found = {k: tuple(v.shape) for k, v in state.items() if isinstance(v, Tensor)} if isinstance(state, dict) else {}
    wrong = [name for name, shape in wanted.items() if found.get(name) != shape]
    if wrong:
        has = list(found[wrong[0]]) if wrong[0] in found else "nothing"
        raise PoiseError(
            f"{path} is not the Inception network of the FID: it holds {has} as {wrong[0]}, which should be "
            f"{list(wanted[wrong[0]])}; give pt_inception-2015-12-05-6726825d.pth"
        )
    return {name: state[name] for name in wanted}
