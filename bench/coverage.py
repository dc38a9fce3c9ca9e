"""What L2 covers by default of public architectures, and what it leaves out: shares, without any weights.

    python bench/coverage.py --json bench/coverage.json

Networks of the packages transformers and diffusers in the sizes of their default configurations, laid out on torch's
meta device, so that nothing is downloaded and no memory is needed. `with classes` is the share when `covers` is what
the warning proposes. An LSTM with weight drop, as it is usually written, is made here.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from poise.penalties import L2


class WeightDrop(nn.Module):
    """An LSTM whose recurrent weights are dropped anew at each call: the raw ones are parameters of this module."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width)
        raw = self.lstm.weight_hh_l0
        del self.lstm._parameters["weight_hh_l0"]
        self.weight_hh_l0_raw = nn.Parameter(raw)
        self.lstm.weight_hh_l0 = raw.data  # type: ignore[assignment]


class DroppedLanguageModel(nn.Module):
    """Embedding, LSTM with weight drop, readout tied to the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm, self.readout = nn.Embedding(10_000, 400), WeightDrop(400), nn.Linear(400, 10_000)
        self.readout.weight = self.embedding.weight


def _of(package: str, model: str, config: str = "", **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        module = __import__(package)
        if not config:
            return getattr(module, model)(**options)
        return getattr(module, model)(getattr(module, config)(**options))

    return make


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "GPT-2": _of("transformers", "GPT2LMHeadModel", "GPT2Config"),
    "Llama": _of("transformers", "LlamaForCausalLM", "LlamaConfig"),
    "BERT": _of("transformers", "BertForMaskedLM", "BertConfig"),
    "T5": _of("transformers", "T5ForConditionalGeneration", "T5Config"),
    "Mamba": _of("transformers", "MambaForCausalLM", "MambaConfig"),
    "ViT": _of("transformers", "ViTForImageClassification", "ViTConfig"),
    "Swin": _of("transformers", "SwinForImageClassification", "SwinConfig"),
    "ConvNeXt": _of("transformers", "ConvNextForImageClassification", "ConvNextConfig"),
    "ResNet": _of("transformers", "ResNetForImageClassification", "ResNetConfig"),
    "CLIP": _of("transformers", "CLIPModel", "CLIPConfig"),
    "Whisper": _of("transformers", "WhisperForConditionalGeneration", "WhisperConfig"),
    "Wav2Vec2": _of("transformers", "Wav2Vec2ForCTC", "Wav2Vec2Config"),
    "HiFi-GAN": _of("transformers", "SpeechT5HifiGan", "SpeechT5HifiGanConfig"),
    "U-Net": _of("diffusers", "UNet2DModel"),
    "U-Net with text": _of("diffusers", "UNet2DConditionModel"),
    "DiT": _of("diffusers", "DiTTransformer2DModel", num_embeds_ada_norm=1000),
    "VAE of latent diffusion": _of("diffusers", "AutoencoderKL"),
    "LSTM with weight drop": DroppedLanguageModel,
}


def row(name: str) -> dict[str, Any]:
    """What the default covers, the warning if there is one, and the share with the classes that it proposes."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = NETWORKS[name]()
    found = L2(1e-4).covers_of(net)
    left: dict[str, float] = {}
    for layer, why, _, numbers in found.layers():
        if why:
            left[f"{layer}: {why}"] = round(numbers / sum(p.size for p in (*found.covered, *found.left)), 4)
    result: dict[str, Any] = {
        "network": name, "parameters": sum(p.size for p in (*found.covered, *found.left)),
        "tensors covered": len(found.covered), "share": round(found.share, 4),
        "left out": dict(list(left.items())[:4]), "warned": bool(found.warning()),
    }  # fmt: skip
    if found.proposal():
        result["covers"] = found.proposal()
        result["with classes"] = round(L2(1e-4, covers=found.proposal()).covers_of(net).share, 4)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(NETWORKS))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = []
    for name in asked.only or NETWORKS:
        found.append(row(name))
        print(json.dumps(found[-1]), flush=True)
    if asked.json:
        made = {"made by": f"python bench/coverage.py --json {asked.json.name}", "rows": found}
        asked.json.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
