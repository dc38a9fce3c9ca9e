"""The encoder of all-MiniLM-L6-v2 for inference: BERT (Devlin et al. 2019), six layers of width 384.

Written out here because it is short, and because the package that brings the weights asks for a large library to run
them. Letters: B sentences, T word pieces, D width, H heads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DIM = 384
HEADS = 12
LAYERS = 6
LONGEST = 256  # word pieces of a sentence that are read
EPS = 1e-12  # of the layer normalisations


class MiniLM6(nn.Module):
    """Word pieces -> sentence vectors: mean over the pieces of the last layer, divided by its length.

    Args: state: the weights under the names of BertModel; anything else in it (the pooler) is not used.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._state = {name: value.float() for name, value in state.items() if value.is_floating_point()}

    def forward(self, sentences: Sequence[Sequence[int]]) -> Tensor:
        """B lists of piece numbers, at most 256 each -> float32 [B,384], each of length 1."""
        longest = max(len(pieces) for pieces in sentences)
        numbers = torch.zeros(len(sentences), longest, dtype=torch.long)
        for row, pieces in enumerate(sentences):
            numbers[row, : len(pieces)] = torch.tensor(pieces)
        there = torch.arange(longest) < torch.tensor([len(pieces) for pieces in sentences])[:, None]  # [B,T]
        x = self._embedded(numbers)
        for layer in range(LAYERS):
            x = self._layer(x, there, f"encoder.layer.{layer}")
        mean = (x * there[..., None]).sum(1) / there.sum(1, keepdim=True)
        return F.normalize(mean, dim=1)

    def _embedded(self, numbers: Tensor) -> Tensor:
        """[B,T] -> [B,T,D]: piece, place and segment (always the first)."""
        tables = [self._state[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")]
        x = tables[0][numbers] + tables[1][: numbers.shape[1]] + tables[2][0]
        return self._normed(x, "embeddings.LayerNorm")

    def _layer(self, x: Tensor, there: Tensor, name: str) -> Tensor:
        """Attention and two linear layers, each added to its input and then normalised; [B,T,D] -> [B,T,D]."""
        q, k, v = (
            self._linear(x, f"{name}.attention.self.{part}").unflatten(2, (HEADS, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None, :])  # [B,H,T,D/H]
        seen = self._linear(seen.transpose(1, 2).flatten(2), f"{name}.attention.output.dense")
        x = self._normed(x + seen, f"{name}.attention.output.LayerNorm")
        inner = F.gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._normed(x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self._state[f"{name}.weight"], self._state[f"{name}.bias"])

    def _normed(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (DIM,), self._state[f"{name}.weight"], self._state[f"{name}.bias"], EPS)
