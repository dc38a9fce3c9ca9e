"""What image runs do on this machine's processor, a GPU if there is one: one script of less than eight minutes.

    python bench/gpu.py --out bench/gpu.json                        # on a GPU: two networks, three minutes each
    python bench/gpu.py --tiny --out FILE                           # anywhere: a few steps of each, to see that it runs

1. Each network of --networks trains on --data (colour, 64 pixels) for --seconds, with the defaults that this machine
   gets and the rates of --rate: steps, samples/s, KID against held-out pictures, D's ranking of training above
   held-out ones, and how busy the processor was (nvidia-smi once a second; elsewhere the share of one core).
2. Tiny runs of every recipe (bench/same_runs.py), on the device that `auto` takes.
3. A run twice: equal bit for bit; and one that goes on from its middle: equal to the one that did not stop.

Exit code 1 where 2 or 3 is not so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from common import environment
from same_runs import ENTRIES, write_data

import poise
from poise.runs.report import RunReport
from poise.training.checkpoint import all_checkpoints
from poise.training.precision import pick_device

TINY_RECIPES = ("images", "vae", "text", "language", "vocoder", "speech")
SETTLED = 50  # steps before the clock of a network begins
PLAYERS = {"generator": {"width": 4}, "discriminator": {"width": 4}}
ONE = {"size": 16, "batch": 16, "noise": 8, "steps": 24, "scores": 0, "checkpoint_every": 8, "log_every": 4, **PLAYERS}


@dataclass
class Busy:
    """How busy the processor is while inside: the GPU's percentages, one a second, or the process's share of a core."""

    device: torch.device
    seen: list[float] = field(default_factory=list)

    def __enter__(self) -> Busy:
        self.began, self.spent, self.over = time.perf_counter(), time.process_time(), threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def _watch(self) -> None:
        words = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while self.device.type == "cuda" and shutil.which(words[0]) and not self.over.wait(1.0):
            told = subprocess.run(words, capture_output=True, text=True).stdout.split()
            self.seen += [float(told[0])] if told else []

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join()

    def percent(self) -> float:
        if self.seen:
            return sum(self.seen) / len(self.seen)
        return 100 * (time.process_time() - self.spent) / (time.perf_counter() - self.began)


def one_network(network: str, options: argparse.Namespace, folder: Path, device: torch.device) -> dict[str, Any]:
    """Train for about --seconds, the number of steps taken from a short run before."""
    asked: dict[str, Any] = {"network": network, "size": options.size, "batch": options.batch, "seed": options.seed}
    if options.rate:
        asked |= {"generator": {"lr": options.rate}, "discriminator": {"lr": options.rate}}
    short = 3 if options.tiny else SETTLED
    poise.train("images", options.data, out=folder / f"{network}-first", steps=short, scores=0, **asked)
    began = time.perf_counter()
    poise.train("images", options.data, out=folder / f"{network}-pace", steps=2 * short, scores=0, **asked)
    pace = (time.perf_counter() - began) / (2 * short)
    steps = 6 if options.tiny else max(100, round(options.seconds / pace))
    began = time.perf_counter()
    with Busy(device) as busy:
        scores = {"scores": 1, "score_samples": 60 if options.tiny else 1000}
        run = poise.train("images", options.data, out=folder / network, steps=steps, **scores, **asked)
        percent = busy.percent()
    took = time.perf_counter() - began
    report, rows = RunReport.of(run.folder), run.folder.rows()
    training = took - report.seconds.get("scoring", 0.0)
    ranked = [float(row["discriminator/auc_seen"]) for row in rows if "discriminator/auc_seen" in row]
    found = {"steps": steps, "seconds": round(took, 1), "samples/s": round(steps * options.batch / training),
             "busy, %": round(percent, 1), "training above held-out": round(ranked[-1], 3) if ranked else None,
             **{name: value for name, value in report.scores[-1].items() if "KID" in name}}  # fmt: skip
    print(network, json.dumps(found), flush=True)
    if options.grids:
        Path(options.grids).mkdir(parents=True, exist_ok=True)
        shutil.copy(sorted(run.folder.samples.glob("0*.png"))[-1], Path(options.grids) / f"{network}.png")
    return found


def poise_says(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, of the same source."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "poise", *words]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


def tiny_recipes(folder: Path) -> dict[str, str]:
    """Recipe -> "finished", or what went wrong, of a tiny run on the device that `auto` takes."""
    write_data(folder / "data")
    poise_says("data", "get", "digits")
    found = {}
    for recipe in TINY_RECIPES:
        words = [*ENTRIES[recipe].commands[0].words, "--out", recipe]
        words[words.index("--device") + 1] = "auto"
        words[words.index("--precision") + 1] = "auto" if recipe in ("images", "vae") else "fp32"
        done = poise_says(*words, folder=folder)
        told = (done.stderr.strip().splitlines() or ["no word"])[-1]
        found[recipe] = "finished" if done.returncode == 0 else f"exit code {done.returncode}: {told}"
        print(f"{recipe}: {found[recipe]}", flush=True)
    return found


def weights(run: poise.runs.load.Run) -> dict[str, bytes]:
    """The files of the last checkpoint that hold weights."""
    last = all_checkpoints(run.folder.checkpoints)[-1]
    return {path.name: path.read_bytes() for path in sorted(last.glob("*.safetensors"))}


def exact(options: argparse.Namespace, folder: Path) -> dict[str, bool]:
    """Whether a run equals itself, and one that was taken back to its middle equals the one that was not."""
    first = poise.train("images", options.data, out=folder / "first", **ONE)
    second = poise.train("images", options.data, out=folder / "second", **ONE)
    shutil.copytree(folder / "second", folder / "third")
    poise_says("resume", str(folder / "third"), "--from-step", "8", "--quiet").check_returncode()
    third = poise.load(folder / "third")
    found = {
        "two equal runs": weights(first) == weights(second),
        "gone on from its middle": weights(third) == weights(first),
    }
    print(json.dumps(found), flush=True)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", default="noto-emoji")
    asked.add_argument("--networks", nargs="+", default=["dcgan", "bilinear"])
    asked.add_argument("--seconds", type=float, default=180.0, help="of each network")
    asked.add_argument("--size", type=int, default=64)
    asked.add_argument("--batch", type=int, default=64)
    asked.add_argument("--rate", type=float, help="learning rate of both players; by default the recipe's")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--tiny", action="store_true", help="a few steps of everything")
    asked.add_argument("--grids", help="a folder for the last grid of each network")
    asked.add_argument("--out")
    options = asked.parse_args(argv)
    device = pick_device("auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        networks = {network: one_network(network, options, folder, device) for network in options.networks}
        recipes, equal = tiny_recipes(folder), exact(options, folder)
    result = {"device": name, "data": options.data, "size": options.size, "batch": options.batch, "networks": networks,
              "recipes": recipes, "equal": equal, "environment": environment()}  # fmt: skip
    if options.out:
        Path(options.out).write_text(json.dumps(result, indent=2) + "\n")
    good = all(equal.values()) and all(state == "finished" for state in recipes.values())
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
