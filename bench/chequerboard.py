"""Whether samples have the grid of transposed convolutions: power at the highest frequencies beside real pictures.

    python bench/chequerboard.py fashion-mnist RUN [MORE RUNS] [-n 2000] [--json OUT]

Of each picture, its mean taken off, the discrete Fourier transform; of the mean power over pictures and channels, in
millionths of the whole: the corner, where the sign changes from pixel to pixel in both directions (a chequerboard), and
the two ends of the axes (stripes of one pixel). Sides must be even.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from common import environment

from poise.data.images.images import open_images
from poise.record import find_run
from poise.runs.load import Run


def highest(pictures: np.ndarray) -> dict[str, float]:
    """Millionths of the power at the three highest frequencies; pictures uint8 [N,H,W,C]."""
    values = pictures.astype(np.float64).transpose(0, 3, 1, 2)
    values -= values.mean((2, 3), keepdims=True)
    power = (np.abs(np.fft.fft2(values)) ** 2).mean((0, 1))
    share = 1e6 * power / power.sum()
    i, j = power.shape[0] // 2, power.shape[1] // 2
    return {"chequerboard": share[i, j], "columns": share[0, j], "rows": share[i, 0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("runs", nargs="+")
    parser.add_argument("-n", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    runs = [Run(find_run(name)) for name in asked.runs]
    real = open_images(asked.data, size=runs[0].spec.facts["size"])
    found = {"real, held out": highest(real.images[real.heldout[: asked.n]])}
    found |= {run.name: highest(np.asarray(run.sample(asked.n, seed=5))) for run in runs}
    for name, values in found.items():
        print(f"{name:40}" + "".join(f"{what} {value:8.1f}   " for what, value in values.items()))
    if asked.json:
        asked.json.write_text(json.dumps({"environment": environment(), "power": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
