"""The smallest runs of each kind that can be handed over."""

from __future__ import annotations

import re
import wave
from pathlib import Path
from typing import Any

import numpy as np

import poise
from poise.registry import names
from poise.runs.load import Run

DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"
FILES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S))
ONCE = {"steps": 2, "batch": 8, "scores": 0, "precision": "fp32", "device": "cpu", "threads": 1}
WRITTEN = {**ONCE, "data": "grammar.txt"}
WARM = {"warm_steps": 2, "critic_steps": 1, "generator": {"hidden": 8, "embed": 6}, "discriminator": {"width": 4}}
NARROW = {"generator": {"width": 2}, "discriminator": {"width": 2}, "noise": 5}
SOUND = {"rate": 8000, "window": 64, "hop": 16, "bands": 8, "heldout": 0.3, "segment": 320, "warm_steps": 2}
HEARD = {**ONCE, **SOUND, "data": "syllables", "generator": {"width": 8, "depth": 1}}
SPOKEN = {**HEARD, "labels": "{voice}/{text}", "vocoder_warm_steps": 2, "vocoder_steps": 2,
          "vocoder": {"width": 8, "depth": 1}}  # fmt: skip
# What a network of pictures is asked for: what differs from grey squares.
PICTURES: dict[str, dict[str, Any]] = {
    "dcgan": {"data": "grey.npy"},
    "short_dcgan": {"data": "alpha", "channels": 4, "size": 16},
    "bilinear": {"data": "colour", "size": "20x16"},
    "nearest": {"data": "colour", "size": "22x16"},
    "residual": {"data": "classes", "size": 16, "conditional": True, "labels": "folders"},
    "modern": {"data": "classes", "size": 17, "conditional": True, "labels": "folders"},
}
VAE = {**ONCE, "data": "grey.npy", "autoencoder": {"width": 2}, "latent_size": 3}
MODEL = {"embed": 6, "hidden": 7}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: ("images", {**ONCE, **NARROW, **PICTURES.get(name, {"data": "grey.npy"}), "network": name})
       for name in names("network")},
    "own pictures": ("images", {**ONCE, "noise": 5, "data": "grey.npy", "network": "mynets.Plain"}),
    "vae": ("vae", {**VAE, "latents": "prior"}),
    "vae, mixture": ("vae", {**VAE, "latents": "mixture", "likelihood": "bernoulli", "network": "dcgan"}),
    "rae": ("vae", {**VAE, "objective": "rae", "network": "modern"}),
    "own auto-encoder": ("vae", {**VAE, "latents": "prior", "network": "myautoencoder.Flat"}),
    **{f"text, {name}": ("text", {**WRITTEN, **WARM, "network": name}) for name in names("sequence")},
    "text, characters": ("text", {**WRITTEN, **WARM, "units": "character"}),
    "text, several lines each": ("text", {**WRITTEN, **WARM, "data": "cells.csv", "units": "character"}),
    "text, rows of numbers": ("text", {**ONCE, **WARM, "data": "oracle", "share": 0.02}),
    "own text": ("text", {**WRITTEN, "warm_steps": 2, "critic_steps": 1, "network": "mytext.Small"}),
    "language": ("language", {**WRITTEN, "model": {**MODEL, "layers": 2, "tied": True, "weight_drop": 0.2}}),
    **{f"vocoder, {name}": ("vocoder", {**HEARD, "network": name}) for name in names("vocoder")},
    "vocoder, weight norm": ("vocoder", {**HEARD, "generator": {"width": 8, "depth": 1, "norm": "weight"}}),
    "own vocoder": ("vocoder", {**HEARD, "network": "myvocoder.Upsampled", "generator": {}}),
    "speech": ("speech", SPOKEN),
    "speech, characters": ("speech", {**SPOKEN, "units": "characters", "vocoder_network": "hifigan"}),
    "speech, phonemes": ("speech", {**SPOKEN, "units": "phonemes"}),
    "own speech": ("speech", {**SPOKEN, "network": "myspeech.Shallow", "generator": {"width": 4},
                              "features": 0, "vocoder_network": "myvocoder.Upsampled", "vocoder": {}}),
    "language, gru": ("language", {**WRITTEN, "model": {**MODEL, "cell": "gru", "tied": False}, "units": "piece"}),
}  # fmt: skip


def write_data(folder: Path) -> None:
    """Everything that the kinds read, into a folder."""
    from PIL import Image

    rng = np.random.default_rng(0)
    np.save(folder / "grey.npy", rng.integers(0, 256, (40, 16, 16), np.uint8))
    for name, channels, places in (("colour", 3, [""]), ("alpha", 4, [""]), ("classes", 3, ["a", "b", "c"])):
        for place in places:
            (folder / name / place).mkdir(parents=True)
            for i in range(12):
                pixels = rng.integers(0, 256, (20, 20, channels), np.uint8)
                Image.fromarray(pixels).save(folder / name / place / f"{i}.png")
    subjects, verbs, ends = ("the king", "a dog", "Anna"), ("sees", "loves", "calls"), ("a cat", "the sea", "(nobody)")
    lines = [f"{s} {v} {o}{sign}" for s in subjects for v in verbs for o in ends for sign in (".", "!", ", he said.")]
    (folder / "grammar.txt").write_text("".join(f"{line[0].upper()}{line[1:]}\n" for line in lines))
    cells = "".join('"' + line.replace(" ", "\n") + '"\n' for line in lines)
    (folder / "cells.csv").write_text(f"text\n{cells}")
    for voice in ("low", "high"):
        (folder / "syllables" / voice).mkdir(parents=True)
        for name in (f"{initial}{final}{tone}" for initial in "mnldb" for final in "aiu" for tone in (1, 2)):
            with wave.open(str(folder / "syllables" / voice / f"{name}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(rng.integers(-3000, 3000, 800).astype("<i2").tobytes())
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)


def made(kind: str) -> Run:
    """A run of a kind, in the current folder."""
    recipe, arguments = KINDS[kind]
    return poise.train(recipe, out=Path("runs") / re.sub(r"\W", "-", kind), **arguments)
