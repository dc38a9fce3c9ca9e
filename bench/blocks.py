"""Which residual block a picture network can afford: processor time of one block, forward and backward, and with R1.

    python bench/blocks.py --out bench/blocks.json

Milliseconds of processor time on one thread, medians of `--rounds`, for a batch of 32 at each (channels, side) of a
pair of width 32 and 32 pixels. `plain`: forward and backward in the precision that `auto` takes. `twice`: the gradient
with respect to the input differentiated again, in single precision, as R1 and R2 do. The blocks take turns, so that all
meet the same neighbours.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from common import write
from torch import Tensor, nn

from poise.training.precision import Execution, pick_precision

CPU = torch.device("cpu")
PLACES = [(256, 4), (128, 8), (64, 16), (32, 32)]  # channels, side
GROUP = 16  # channels of a group, as published


def leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


def blocks(c: int) -> dict[str, nn.Module]:
    """The branch of x + branch(x), by name."""
    conv = nn.Conv2d
    wide = 2 * c
    return {
        "3x3, 3x3": nn.Sequential(conv(c, c, 3, padding=1), leaky(), conv(c, c, 3, padding=1)),
        "3x3 to a half, 3x3 back": nn.Sequential(conv(c, c // 2, 3, padding=1), leaky(), conv(c // 2, c, 3, padding=1)),
        "3x3, 1x1": nn.Sequential(conv(c, c, 3, padding=1), leaky(), conv(c, c, 1)),
        "1x1, 3x3, 1x1": nn.Sequential(conv(c, c, 1), leaky(), conv(c, c, 3, padding=1), leaky(), conv(c, c, 1)),
        "1x1 to twice, 3x3 in groups of 16, 1x1 back": nn.Sequential(
            conv(c, wide, 1), leaky(), conv(wide, wide, 3, padding=1, groups=wide // GROUP), leaky(), conv(wide, c, 1)
        ),
        "1x1 to twice, 3x3 each channel alone, 1x1 back": nn.Sequential(
            conv(c, wide, 1), leaky(), conv(wide, wide, 3, padding=1, groups=wide), leaky(), conv(wide, c, 1)
        ),
    }


def plain(branch: nn.Module, x: Tensor, execution: Execution) -> None:
    with execution.autocast(second_order=False):
        out = x + branch(x)
    out.float().square().sum().backward()


def twice(branch: nn.Module, x: Tensor, execution: Execution) -> None:
    with execution.autocast(second_order=True):
        out = x + branch(x)
    (slope,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
    slope.square().sum().backward()


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rounds", type=int, default=9)
    asked.add_argument("--batch", type=int, default=32)
    asked.add_argument("--out")
    options = asked.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    execution = Execution(CPU, pick_precision("auto", CPU))
    found: dict[str, dict[str, list[float]]] = {name: {"plain": [], "twice": []} for name in blocks(GROUP)}
    for channels, side in PLACES:
        x = torch.randn(options.batch, channels, side, side).contiguous(memory_format=torch.channels_last)
        x.requires_grad_()
        made = {name: branch.to(memory_format=torch.channels_last) for name, branch in blocks(channels).items()}
        times: dict[tuple[str, str], list[float]] = {}
        for turn in range(options.rounds + 1):
            for name, branch in made.items():
                for kind, work in (("plain", plain), ("twice", twice)):
                    spent = timed(partial(work, branch, x, execution))
                    if turn:  # the first round warms up
                        times.setdefault((name, kind), []).append(spent)
        for (name, kind), spent_each in times.items():
            found[name][kind].append(round(statistics.median(spent_each), 1))
    print(f"{'milliseconds at ' + ', '.join(f'{c}x{s}' for c, s in PLACES):48} plain                       twice")
    for name, kinds in found.items():
        print(f"{name:48}", *(f"{t:6.1f}" for t in kinds["plain"]), " ", *(f"{t:6.1f}" for t in kinds["twice"]))
    if options.out:
        write(
            options.out, "blocks", {"batch": options.batch, "precision": execution.precision, "places": PLACES, **found}
        )


if __name__ == "__main__":
    main()
