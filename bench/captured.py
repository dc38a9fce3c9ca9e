"""A step that is computed by Python beside the same step captured in CUDA graphs, for several recipes, in one process.

    python bench/captured.py --out bench/captured.json       # on a GPU, about two minutes
    python bench/captured.py --tiny                          # anywhere, to see that it runs: without a GPU no graphs

computed   a step as it is by default
numbers    the same with its rates and strengths on the device, which is what captured steps are compared with
captured   the same, repeated by the device; the weights of both have to be equal bit for bit after as many steps
bare       G's and D's networks in a loop written by hand, the whole step in one graph, for the image recipes

ms a step, medians of rounds. Exit code 1 where captured weights are not those of `numbers`, or where a
recipe that can be captured was not.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import environment
from torch import Tensor
from torch.nn import functional as F

from poise.recipes.common import parts
from poise.recipes.common.recipe import Recipe
from poise.specs.spec import instantiated, kind_of
from poise.training.capture.captures import Captures
from poise.training.capture.graphs import CudaGraphs
from poise.training.loop import train
from poise.training.precision import pick_device

R1, R2 = ({"class_path": name, "init_args": {"gamma": 0.05, "every": 1}} for name in ("R1", "R2"))
MODES = ("computed", "numbers", "captured")


class Here:
    """`Graphs` that only compute, for a device without any."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def compute(self, work: Callable[[], Any]) -> Any:
        return work()

    def capture(self, work: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        raise RuntimeError("no graphs here")


def write_data(folder: Path) -> dict[str, str]:
    """Noise as pictures and made-up sentences: only the time is measured."""
    rng = np.random.default_rng(0)
    for side, shape in ((28, (1000, 28, 28)), (64, (1000, 64, 64, 3))):
        np.savez(folder / f"{side}.npz", images=rng.integers(0, 256, shape, dtype=np.uint8))
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghij", k=draw.randint(2, 7))) for _ in range(500)]
    lines = {" ".join(draw.choices(words, k=draw.randint(5, 20))) + " ." for _ in range(3000)}
    (folder / "text.txt").write_text("\n".join(sorted(lines)))
    return {"28": str(folder / "28.npz"), "64": str(folder / "64.npz"), "text": str(folder / "text.txt")}


def cells(data: dict[str, str], tiny: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> recipe and arguments."""
    small: dict[str, Any] = {"generator": {"width": 4}, "discriminator": {"width": 4}} if tiny else {}
    batch = {"batch": 8 if tiny else 64}
    both = {"penalties": [R1, R2], **small.get("discriminator", {})}
    images = {**batch, "augment": "none"}
    cell = {"embed": 8, "hidden": 8} if tiny else {}
    players = {"generator": cell, "discriminator": cell} if tiny else {}
    return {
        "images 28, dcgan": ("images", {"data": data["28"], **images, **small}),
        "images 64, dcgan": ("images", {"data": data["64"], "size": 64, **images, **small}),
        "images 64, modern, R1 + R2": (
            "images",
            {"data": data["64"], "size": 64, "network": "modern", "loss": "relativistic", **images, **small,
             "discriminator": both},
        ),
        "vae 28": ("vae", {"data": data["28"], **batch, **({"autoencoder": {"width": 4}} if tiny else {})}),
        "language": ("language", {"data": data["text"], **batch, **({"model": cell} if tiny else {})}),
        "text": ("text", {"data": data["text"], **batch, **players}),
    }  # fmt: skip


def built(recipe: str, arguments: dict[str, Any], captures: Captures | None, device: torch.device) -> Recipe:
    """The recipe of a run with these captures."""
    before = parts.captures_of
    parts.captures_of = lambda *_: captures
    try:
        wanted = {**arguments, "scores": 0, "device": str(device), "seed": 0, "steps": 100_000}
        return kind_of(recipe).build(**instantiated(recipe, wanted))
    finally:
        parts.captures_of = before


def weights(recipe: Recipe) -> list[Tensor]:
    players = {id(p.module): p.module for stage in recipe.stages for p in stage.game.players}
    return [value.detach().clone() for net in players.values() for value in net.state_dict().values()]


def waited(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def by_hand(recipe: Recipe, device: torch.device) -> Callable[[], None]:
    """One step of the game's networks in one graph: non-saturating losses, bf16, fused Adam, no record, no average."""
    game, stream = recipe.stages[-1].game, recipe.stages[-1].stream
    g, d = game.generator, game.discriminator
    adams = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.99), fused=True, capturable=True) for net in (d, g)]
    real = stream(0).real.clone()

    def step() -> None:
        for player, optim in zip((d, g), adams, strict=True):
            optim.zero_grad(set_to_none=True)
            with torch.autocast("cuda", torch.bfloat16, enabled=recipe.execution.precision == "bf16"):
                z = g.noise(len(real))
                if player is d:
                    with torch.no_grad():
                        fake = g(z, None)
                    logits = d(torch.cat([real, fake.to(real.dtype)]), None).logits[0].float()
                    loss = F.softplus(-logits[: len(real)]).mean() + F.softplus(logits[len(real) :]).mean()
                else:
                    loss = F.softplus(-d(g(z, None), None).logits[0].float()).mean()
            loss.backward()
            optim.step()

    graphs = CudaGraphs(device)
    for _ in range(3):
        graphs.compute(step)
    _, again = graphs.capture(step)
    return again


def timed(recipe: Recipe, options: argparse.Namespace) -> list[float]:
    """ms a step in each round of one training; the first round warms up, and captures."""
    stage, ends = recipe.stages[0], [waited(options.device)]

    def watch(step: int, row: object) -> None:
        if (step + 1) % options.steps == 0:
            ends.append(waited(options.device))

    total = (options.rounds + 1) * options.steps
    train(stage.game, stage.stream, total, 0, stage.dials, watch, recipe.execution, detail_every=16)
    return [1000 * (end - began) / options.steps for began, end in pairwise(ends)]


def measured(name: str, recipe: str, arguments: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """ms a step of each mode, and whether captured is the same as computed."""
    device, graphs = options.device, options.device.type == "cuda"
    modes = MODES if graphs else MODES[:2]
    lines: list[str] = []
    captures = {
        "computed": None,
        "numbers": Captures(CudaGraphs(device) if graphs else Here(device), capturing=False),
        "captured": Captures(CudaGraphs(device), say=lines.append) if graphs else None,
    }
    made = {mode: built(recipe, arguments, captures[mode], device) for mode in modes}
    times = {mode: timed(made[mode], options) for mode in modes}
    found: dict[str, Any] = {mode: round(statistics.median(took[1:]), 3) for mode, took in times.items()}
    if graphs:
        same = zip(weights(made["numbers"]), weights(made["captured"]), strict=True)
        found["equal"] = all(torch.equal(a, b) for a, b in same)
        found["not captured"] = lines
        if recipe == "images" and "penalties" not in str(arguments):
            again, bare = by_hand(made["computed"], device), []
            for _ in range(options.rounds):
                began = waited(device)
                for _ in range(options.steps):
                    again()
                bare.append(1000 * (waited(device) - began) / options.steps)
            found["bare"] = round(statistics.median(bare), 3)
    print(name, json.dumps(found), flush=True)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--steps", type=int, default=60, help="in a round")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--tiny", action="store_true")
    asked.add_argument("--only", nargs="+", help="parts of names")
    asked.add_argument("--out")
    options = asked.parse_args(argv)
    options.device = pick_device("auto")
    if options.tiny:
        options.steps, options.rounds = 3, 1
    with tempfile.TemporaryDirectory() as folder:
        wanted = cells(write_data(Path(folder)), options.tiny)
        wanted = {n: cell for n, cell in wanted.items() if not options.only or any(part in n for part in options.only)}
        found = {name: measured(name, *cell, options) for name, cell in wanted.items()}
    result = {"ms a step": found, "device": str(options.device), "environment": environment()}
    if options.out:
        Path(options.out).write_text(json.dumps(result, indent=2) + "\n")
    good = all(cell.get("equal", True) and not cell.get("not captured") for cell in found.values())
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
