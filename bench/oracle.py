"""Does the adversarial stage lower NLL_oracle below that of maximum likelihood? Several seeds on the made-up language.

    python bench/oracle.py --seeds 0 1 2 3 4 --json bench/oracle.json
    python bench/oracle.py --seeds 0 1 2 3 4 --setting reinforce --json bench/oracle.json

Exact scores of the averaged generator after each stage, in nats per unit: NLL_oracle (are its sequences likely?) and
NLL_gen of held-out sequences (is nothing missing?). A generator that only repeats likely sequences has a low first and
a high second. Every run is an ordinary one in OUT and is skipped when it is done.
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import Any

from common import in_processes, interval, write

WARM = 2000
SMALL = {"embed": 32, "hidden": 32, "dropout": 0.0, "warm_lr": "cosine:1e-2:1e-4"}
ARGUMENTS: dict[str, Any] = {
    "data": "oracle", "likelihood": 0.0, "l2_generator": 0.0, "l2_discriminator": 0.0, "warm_steps": WARM,
    "temperature": 1.0, "scores": 2, "score_samples": 5000, "threads": 1,
}  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "gumbel, D of 128": {
        "critic_steps": 500, "steps": 400, "generator": SMALL | {"lr": 3e-4}, "discriminator": {"lr": 1e-3},
    },
    "gumbel, D of 32": {
        "critic_steps": 500, "steps": 400, "generator": SMALL | {"lr": 3e-4},
        "discriminator": {"lr": 1e-3, "dropout": 0.5, "embed": 32, "width": 32, "hidden": 32},
    },
    "reinforce": {
        "estimator": "reinforce", "loss": "nonsaturating", "critic_steps": 1500, "steps": 600,
        "generator": SMALL | {"lr": 5e-4}, "discriminator": {"lr": 3e-3},
    },
}  # fmt: skip


def one(task: tuple[dict[str, Any], str]) -> dict[str, float]:
    """Train one run; its scores after the likelihood stage and at the end."""
    import torch

    from poise.runs.run import run

    arguments, out = task
    torch.set_num_threads(1)
    report = run({"recipe": "text", "arguments": arguments}, out)
    at = {score.step: score for score in report.scores}
    before, after = at[WARM], at[max(at)]
    return {
        "oracle_before": before["NLL_oracle"], "oracle_after": after["NLL_oracle"], "gen_before": before["NLL_gen"],
        "gen_after": after["NLL_gen"], "seconds": report.seconds["this sitting"],
    }  # fmt: skip


def change(runs: list[dict[str, float]], which: str) -> dict[str, Any]:
    """The mean change over the seeds with its 95 % t interval."""
    found = [r[f"{which}_after"] - r[f"{which}_before"] for r in runs]
    return {
        "before": round(statistics.fmean(r[f"{which}_before"] for r in runs), 4),
        "after": round(statistics.fmean(r[f"{which}_after"] for r in runs), 4),
        "change": round(statistics.fmean(found), 4),
        "interval": [round(x, 4) for x in interval(found) or ()],
        "lower_in": f"{sum(x < 0 for x in found)} of {len(found)}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--setting", default="gumbel, D of 32", choices=list(SETTINGS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", default="runs/oracle")
    parser.add_argument("--json")
    options = parser.parse_args()
    arguments = ARGUMENTS | SETTINGS[options.setting]
    folder = f"{options.out}/{options.setting.replace(' ', '').replace(',', '-')}"
    tasks = [(arguments | {"seed": seed}, f"{folder}-{seed}") for seed in options.seeds]
    runs = []
    for seed, result in zip(options.seeds, in_processes(one, tasks, options.workers), strict=True):
        runs.append(result)
        print(seed, json.dumps({k: round(v, 3) for k, v in result.items()}), flush=True)
    table = {"NLL_oracle": change(runs, "oracle"), "NLL_gen": change(runs, "gen")}
    print(json.dumps(table, indent=1))
    if options.json:
        write(options.json, options.setting, {"seeds": options.seeds, "arguments": arguments, "runs": runs, **table})


if __name__ == "__main__":
    main()
