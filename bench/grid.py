"""A grid of runs in worker processes, one table at the end: how the defaults were chosen.

    python bench/grid.py DATA --steps 3000 --over l2_discriminator=0,1e-4,1e-3 l2_generator=0,1e-4 --workers 2

Each cell is an ordinary run in OUT/NAME and is skipped when it is done, so a stopped grid goes on where it was.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any


def cell(task: tuple[dict[str, Any], str]) -> dict[str, Any]:
    """Train one cell; a run that diverges is a result too."""
    import torch

    from poise.errors import PoiseError
    from poise.runs.run import run

    arguments, out = task
    torch.set_num_threads(1)
    try:
        report = run({"recipe": "images", "arguments": arguments}, out)
    except PoiseError as error:
        return {"failed": str(error)}
    last = report.scores[-1]
    shares = {name: effect.share_median for name, effect in report.penalties.items()}
    return {
        **{name: last[name] for name in last if "." not in name and name != "step"},
        "class_share.min": last.get("class_share.min"),
        "best_step": report.best and report.best.step,
        "share_D": shares.get("discriminator/l2", 0.0),
        "share_G": shares.get("generator/l2", 0.0),
        "seconds": report.seconds["this sitting"],
    }


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """{"generator.lr": 1} -> {"generator": {"lr": 1}}."""
    found: dict[str, Any] = {}
    for key, value in flat.items():
        target = found
        *path, last = key.split(".")
        for part in path:
            target = target.setdefault(part, {})
        target[last] = value
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--scores", type=int, default=2)
    parser.add_argument("--over", nargs="+", default=[], help="NAME=VALUE,VALUE ...")
    parser.add_argument("--set", nargs="+", default=[], help="NAME=VALUE ...")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", default="runs/grid")
    options = parser.parse_args()

    def parsed(value: str) -> Any:
        try:
            return json.loads(value)
        except ValueError:
            return value

    axes = [
        [(name, parsed(v)) for v in values.split(";" if ";" in values else ",")]
        for name, values in (a.split("=", 1) for a in options.over)
    ]
    fixed = {name: parsed(value) for name, value in (s.split("=", 1) for s in options.set)}
    tasks, labels = [], []
    for chosen in itertools.product(*axes):
        flat = {"steps": options.steps, "scores": options.scores, "threads": 1, **fixed, **dict(chosen)}
        label = " ".join(f"{name}={value}" for name, value in chosen) or "default"
        labels.append(label)
        folder = Path(options.out) / label.replace(" ", "_").replace("/", "-").replace("=", "-")
        tasks.append(({"data": options.data, **nested(flat)}, str(folder)))
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for label, result in zip(labels, pool.map(cell, tasks), strict=True):
            print(
                label,
                json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}),
                flush=True,
            )


if __name__ == "__main__":
    main()
