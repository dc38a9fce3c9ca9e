"""Runs that diverge by construction, rolled back, beside runs that never diverge: how good are they at the end?

    python bench/rollback.py --out runs/rollback --seeds 0 1 2 --json bench/rollback.json

Fashion-MNIST, networks of width 16, 1,600 steps of 32, one thread a run. For each seed and way to diverge: the run
without rollback, the same with `--on-divergence rollback`, and the run that never diverges. Reported: events, and KID
on EfficientNet-Lite0 and on the small classifier at the end (1,000 samples, lower is better), over that of the run that
never diverges.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

SMALL = {
    "data": "fashion-mnist", "steps": 1600, "batch": 32, "threads": 1, "log_every": 8, "sample_every": 800,
    "checkpoint_every": 80, "scores": 2, "generator": {"width": 16}, "discriminator": {"width": 16},
}  # fmt: skip
WAYS: dict[str, dict[str, Any]] = {
    "lambda on D past the kill point": {"l2_discriminator": 0.3},
    "generator learning rate x30": {"generator": {"width": 16, "lr": 6e-3}},
}
SCORES = ("KID-EffLite0", "KID-classifier")


def one(task: tuple[dict[str, Any], str]) -> dict[str, Any]:
    """Train one run; what it says if it stops is a result too."""
    import torch

    from poise.errors import PoiseError
    from poise.record import RunFolder
    from poise.runs.run import run

    arguments, out = task
    torch.set_num_threads(1)
    try:
        report = run({"recipe": "images", "arguments": arguments}, out)
    except PoiseError as error:
        return {"stopped": str(error)}
    events = [e.details for e in RunFolder(Path(out)).events() if e.event == "rolled back"]
    return {
        "scores": {name: round(report.scores[-1][name], 4) for name in SCORES},
        "events": [f"{e['step']} -> {e['back_to']}: {e['cause']}, {e['change']}" for e in events],
        "findings at the end": [finding.name for finding in report.findings],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/rollback")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rollbacks", type=int, default=6)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", help="write the result here")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    tasks: dict[str, dict[str, Any]] = {}
    for seed in options.seeds:
        tasks[f"never {seed}"] = {**SMALL, "seed": seed}
        for way, changes in WAYS.items():
            sick = {**SMALL, **changes, "seed": seed}
            tasks[f"{way}, not rolled back {seed}"] = sick
            tasks[f"{way}, rolled back {seed}"] = {
                **sick, "on_divergence": "rollback", "rollbacks": options.rollbacks
            }  # fmt: skip
    todo = [
        (arguments, str(Path(options.out) / name.replace(" ", "_").replace(",", "")))
        for name, arguments in tasks.items()
    ]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        results = dict(zip(tasks, pool.map(one, todo), strict=True))
    for name, result in results.items():
        never = results[f"never {name.rsplit(' ', 1)[1]}"]
        if "scores" in result:
            result["over never"] = {k: round(v / never["scores"][k], 2) for k, v in result["scores"].items()}
    print(json.dumps(results, indent=1))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
