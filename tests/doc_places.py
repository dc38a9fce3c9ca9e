"""Where the commands of the documentation are run: a folder with little data under the names that the pages use, and
what is put in the place of long runs, large sets and names of runs.
"""

from __future__ import annotations

import re
import shlex
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import poise

ROOT = Path(__file__).parents[1]
# Data that the pages name and nobody has here -> what lies in the folder instead.
DATA = {
    "noto-emoji": "photos",
    "fashion-mnist": "photos",
    "web-bible": "poems.txt",
    "chinese-quatrains": "quatrains.txt",
    "asterisk-en": "voice",
    "mandarin-syllables": "voice",
    "photos/held-out/": "heldout",
    "photos/train/": "photos",
    "studies/small-sets": "studies/few-pictures",
}
# The values of these flags, and what they are here.
LENGTHS = {"--steps": "2", "--minutes": "0.02", "-n": "24", "--workers": "1", "--share": "1"}
ONCE = "--steps 2 --batch 8 --scores 0 --precision fp32 --device cpu --threads 1"
SOUND = "--rate 8000 --window 64 --hop 16 --bands 8 --heldout 0.5 --segment 320 --warm-steps 2"
DEPTH = "--generator.width 8 --generator.depth 1"
WRITER = "--generator.hidden 8 --generator.embed 6 --discriminator.width 4 --warm-steps 2 --critic-steps 1"
# What makes a run of each recipe small, behind what the command says.
SMALL = {
    "images": f"{ONCE} --generator.width 2 --discriminator.width 2 --size 16",
    "text": f"{ONCE} {WRITER}",
    "language": f"{ONCE} --model.embed 6",
    "vocoder": f"{ONCE} {SOUND} {DEPTH}",
    "speech": f"{ONCE} {SOUND} {DEPTH} --vocoder-warm-steps 2 --vocoder-steps 2 --vocoder.width 8 --vocoder.depth 1",
    "vae": f"{ONCE} --autoencoder.width 2 --size 16",
}
PICTURED: dict[str, Any] = {"generator": {"width": 2}, "discriminator": {"width": 2}, "size": 16, "data": "photos"}
SCORED: dict[str, Any] = {**PICTURED, "scores": 1, "score_samples": 24, "heldout": 0.4}
LITTLE: dict[str, Any] = {"steps": 2, "batch": 8, "scores": 0, "precision": "fp32", "device": "cpu", "threads": 1}
WRITTEN = {"generator": {"hidden": 8, "embed": 6}, "discriminator": {"width": 4}, "warm_steps": 2, "critic_steps": 1}
HEARD = {"rate": 8000, "window": 64, "hop": 16, "bands": 8, "heldout": 0.5, "segment": 320, "warm_steps": 2}
SPOKEN = {"vocoder_warm_steps": 2, "vocoder_steps": 2, "vocoder": {"width": 8, "depth": 1}}
SPOKEN |= {"generator": {"width": 8, "depth": 1}, "data": "voice", **HEARD}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "images": ("images", SCORED),
    "emoji": ("images", {**SCORED, "seed": 4}),
    "my-run": ("images", {**PICTURED, "seed": 5}),
    "A": ("images", {**PICTURED, "seed": 1}),
    "B": ("images", {**PICTURED, "seed": 2}),
    "C": ("images", {**PICTURED, "seed": 3}),
    "classes": ("images", {**PICTURED, "conditional": True, "labels": "folders"}),
    "text": ("text", {**WRITTEN, "data": "poems.txt"}),
    "quatrains": ("text", {**WRITTEN, "data": "quatrains.txt"}),
    "vocoder": ("vocoder", {"data": "voice", "generator": {"width": 8, "depth": 1}, **HEARD}),
    "speech": ("speech", SPOKEN),
    "vae": ("vae", {"data": "photos", "size": 16, "autoencoder": {"width": 2}, "latents": "mixture"}),
}
# The run that `last` is: the first pattern that the command has.
LAST = (
    (r"^vocode ", "vocoder"),
    (r"^say |--voice|tone contour", "speech"),
    (r"春风|--form", "quatrains"),
    (r"^curve |--start", "text"),
    (r"--latents", "vae"),
    (r"--by-class", "classes"),
    (r"", "images"),
)


def pictures(folder: Path, places: tuple[str, ...] = ("",), count: int = 24) -> None:
    rng = np.random.default_rng(list(folder.name.encode()))
    for place in places:
        (folder / place).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(folder / place / f"{i}.png")


def sound(path: Path, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(-3000, 3000, 800).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def sentences(people: tuple[str, ...] = ("the king", "a dog", "Anna")) -> list[str]:
    verbs, ends = ("sees", "loves", "calls"), ("a cat", "the sea", "nobody")
    said = [f"{who} {verb} {whom}" for who in people for verb in verbs for whom in ends]
    return [f"{begin} {line}." for line in said for begin in ("In the beginning", "And he said")]


def write_data(folder: Path) -> None:
    """Everything that the pages name, into an empty folder."""
    pictures(folder / "photos", ("cats", "dogs"), 40)
    for name in ("few", "made", "samples", "heldout"):
        pictures(folder / name)
    (folder / "poems.txt").write_text("".join(f"{line}\n" for line in sentences()))
    others = sentences(("the queen", "a cat", "nobody"))
    (folder / "real.csv").write_text("id,text\n" + "".join(f"{i},{line}\n" for i, line in enumerate(others)))
    rng = np.random.default_rng(0)
    lines = ["".join(rng.permutation(list("春风夜雨山水花月江天云日人来去归明清"))[:12]) for _ in range(60)]
    verses = [f"春风{a[:5]}，{b[:7]}。{b[5:12]}，{a[5:12]}。\n" for a, b in pairwise(lines)]
    (folder / "quatrains.txt").write_text("".join(verses), encoding="utf-8")
    for name in ("voice", "spoken", "recordings"):
        (folder / name).mkdir()
        rows = [f"{initial}{final}{tone}" for initial in "mnhd" for final in ("i", "ao", "a") for tone in (1, 2, 3, 4)]
        for i in range(len(rows)):
            sound(folder / name / f"{i}.wav", 1000 * len(name) + i)
        table = "".join(f"{i}.wav|{row}|{'AB'[i % 2]}\n" for i, row in enumerate(rows))
        (folder / name / "metadata.csv").write_text(table)
    sound(folder / "in.wav", 99)
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    (plan,) = re.findall(r"```yaml\n(# few-pictures\.yaml\n.*?)```", page, re.S)
    assert "data: fashion-mnist, limit: 2000, steps: 4500, augment: none" in plan and "seeds: 100..109" in plan
    few = "data: photos, size: 16, steps: 2, batch: 8, augment: none, scores: 1, score_samples: 24, heldout: 0.4, "
    few += "threads: 1, log_every: 1, generator: {width: 2}"
    plan = plan.replace("data: fashion-mnist, limit: 2000, steps: 4500, augment: none", few)
    (folder / "few-pictures.yaml").write_text(plan.replace("100..109", "100..102"))


def run_of(name: str) -> str:
    """The folder of a run of this name, which is made where it is not there."""
    place = Path("runs") / name
    if not place.exists():
        recipe, arguments = RUNS[name]
        poise.train(recipe, out=place, **{**LITTLE, **arguments})
    return str(place)


def small(command: str) -> list[str]:
    """The words of a command as they are run here, behind `poise`."""
    words = shlex.split(command)[1:]
    said = " ".join(words)
    last = next(name for pattern, name in LAST if re.search(pattern, said))
    for i, word in enumerate(words):
        words[i] = LENGTHS.get(words[i - 1] if i else "", word)
        words[i] = DATA.get(words[i], words[i])
        if words[i - 1] in ("-o", "--out") and not Path(words[i]).suffix:
            words[i] = f"new-{word}"  # a folder that is there holds something else
        if word in ("last", "RUN"):
            words[i] = run_of(last)
        elif word in RUNS and (words[0] in ("compare", "runs") or words[i - 1] == "--from-run"):
            words[i] = run_of(word)
    if words[0] == "train":
        extra = shlex.split(("--steps 4 --scores 3 " if "--patience" in words else "") + SMALL[words[1]])
        for flag, value in zip(extra[::2], extra[1::2], strict=True):
            meant = {flag, "--minutes"} if flag == "--steps" else {flag}
            if not meant & set(words):
                words += [flag, value]
    return words
