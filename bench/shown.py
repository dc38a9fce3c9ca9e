"""What is shown against what the averaged weights could show: scores with the statistics as saved, and recomputed.

    python bench/shown.py --steps 60 120 180 240 300 --json bench/shown.json

400 emoji at 64 pixels, defaults of `poise train images`. At each step the averaged generator is scored (KID on EffLite0
against the held-out pictures, and diversity) three times: as it is shown; with the statistics of its normalisation
recomputed by 20 batches of 64 other noise vectors; and with those of the generator that is trained, as averages had
them until they got their own.
"""

from __future__ import annotations

import argparse
import copy
from typing import Any

import numpy as np
import torch
from common import write
from torch import nn

from poise.monitor.measures import compact, spread
from poise.recipes.common.options import RunOptions
from poise.recipes.images import outputs as image_outcomes
from poise.recipes.images.options import PictureOptions
from poise.recipes.images.signature import images
from poise.training.loop import train


def recomputed(shown: nn.Module) -> nn.Module:
    """A copy with statistics of other noise."""
    net = copy.deepcopy(shown)
    for layer in net.modules():
        layer._forward_pre_hooks.clear()
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None
            layer.train()
    noise = torch.randn(20, 64, net.noise_size, generator=torch.Generator().manual_seed(99))  # type: ignore[call-overload]
    with torch.no_grad():
        for z in noise:
            net(z)
    return net.eval()


def foreign(shown: nn.Module, trained: nn.Module) -> nn.Module:
    """A copy with the statistics of the trained generator."""
    net = copy.deepcopy(shown)
    for layer in net.modules():
        layer._forward_pre_hooks.clear()
    for mine, theirs in zip(net.buffers(), trained.buffers(), strict=True):
        mine.copy_(theirs)
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[60, 120, 180, 240, 300])
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--json", default="bench/shown.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run = RunOptions(steps=max(options.steps), ema=0.9995, threads=1)
    recipe = images("noto-emoji", pictures=PictureOptions(size=options.size, limit=options.limit), run=run)
    stage, judge = recipe.stages[0], recipe.judge()  # type: ignore[misc]
    average = next(hook for player in stage.game.players for hook in player.after if hook.name == "ema")
    rows: dict[str, Any] = {}

    def measured(net: nn.Module) -> tuple[float, float]:
        score = judge.score(lambda n, seed: image_outcomes.draw(net, recipe.facts, n, seed))
        made = torch.from_numpy(image_outcomes.draw(net, recipe.facts, 256, 5)).permute(0, 3, 1, 2)
        return round(score["KID-EffLite0"], 2), round(spread(compact(made.float() / 127.5 - 1)), 3)

    def watch(step: int, row: dict[str, Any]) -> None:
        if step + 1 not in options.steps:
            return
        ways = {
            "as shown": average.module,
            "recomputed": recomputed(average.module),
            "of the trained generator": foreign(average.module, average.source),
        }
        found = {name: measured(net) for name, net in ways.items()}
        shown, own = found["as shown"], found["recomputed"]
        rows[str(step + 1)] = {
            name: {"KID-EffLite0": kid, "diversity": diversity} for name, (kid, diversity) in found.items()
        } | {"shown over recomputed": [round(float(np.divide(a, b)), 3) for a, b in zip(shown, own, strict=True)]}
        print(step + 1, rows[str(step + 1)], flush=True)

    train(
        stage.game, stage.stream, max(options.steps), seed=0, execution=recipe.execution, detail_every=16, watch=watch
    )
    write(options.json, f"{options.limit} emoji at {options.size} pixels", {"steps": rows})


if __name__ == "__main__":
    main()
