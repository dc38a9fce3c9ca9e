"""EfficientNet-Lite0 up to its pooled features, for inference only.

The network of Tan & Le 2019 in its "Lite" form (no squeeze-and-excitation, ReLU6), written out here because it is
short, and because folding each batch normalisation into its convolution makes it 1.3 to 2 times as fast on a CPU as
the package that comes with the weights. Padding is TensorFlow's SAME. The weights are not ours: see `features`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DIM = 1280
BN_EPS = 1e-3
# (repeats, kernel, stride of the first, expansion, channels in, channels out)
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


def _same(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding of one axis: (before, after); the odd pixel goes after."""
    total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


class _Conv(nn.Module):
    """Convolution with its batch normalisation folded in, then ReLU6 unless `linear`."""

    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        state: Mapping[str, Tensor],
        conv: str,
        norm: str,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        gain = state[f"{norm}.weight"].double() / (state[f"{norm}.running_var"].double() + BN_EPS).sqrt()
        shift = state[f"{norm}.bias"].double() - state[f"{norm}.running_mean"].double() * gain
        folded = state[f"{conv}.weight"].double() * gain[:, None, None, None]
        self.register_buffer("weight", folded.float().contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", shift.float())
        self.stride, self.groups, self.linear = stride, groups, linear

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.shape[-1]
        top, bottom = _same(x.shape[-2], kernel, self.stride)
        left, right = _same(x.shape[-1], kernel, self.stride)
        padding = (top, left)
        if (top, left) != (bottom, right):
            x, padding = F.pad(x, (left, right, top, bottom)), (0, 0)
        x = F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)
        return x if self.linear else x.clamp_(0, 6)


class _Block(nn.Module):
    """Inverted bottleneck: 1x1 up (if it expands), depthwise, 1x1 down; added to its input where shapes allow."""

    def __init__(
        self, state: Mapping[str, Tensor], name: str, channels: int, stride: int, expansion: int, skip: bool
    ) -> None:
        super().__init__()
        parts = [_Conv(state, f"{name}._expand_conv", f"{name}._bn0")] if expansion > 1 else []
        wide = channels * expansion
        parts.append(_Conv(state, f"{name}._depthwise_conv", f"{name}._bn1", stride, groups=wide))
        parts.append(_Conv(state, f"{name}._project_conv", f"{name}._bn2", linear=True))
        self.body, self.skip = nn.Sequential(*parts), skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return x + out if self.skip else out


class Lite0(nn.Module):
    """Normalised pictures [B,3,H,W] -> the 1,280 features before the classifier, mean over positions [B,1280]."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = _Conv(state, "_conv_stem", "_bn0", stride=2)
        blocks: list[nn.Module] = []
        for repeats, _, stride, expansion, before, after in STAGES:
            for i in range(repeats):
                first = i == 0
                blocks.append(
                    _Block(
                        state,
                        f"_blocks.{len(blocks)}",
                        before if first else after,
                        stride if first else 1,
                        expansion,
                        skip=not first,
                    )
                )
        self.blocks = nn.Sequential(*blocks)
        self.head = _Conv(state, "_conv_head", "_bn1")

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.blocks(self.stem(x.contiguous(memory_format=torch.channels_last))))
        return x.mean((2, 3))
