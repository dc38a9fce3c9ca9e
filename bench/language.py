"""Does regularising a language model help? Held-out perplexity of some settings, with several seeds each.

    python bench/language.py web-bible --share 0.1 --steps 2000 --seeds 0 1 2 3 4 --json bench/language.json

Every run is an ordinary one in OUT/SHARE/SETTING-SEED and is skipped when it is done. The last and the best perplexity
of each are written, and for each setting the ratio to "none" of the same seed with a 95 % interval over the seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from typing import Any

from common import in_processes, interval, write

NONE: dict[str, Any] = {"l2_recurrent": 0.0}
WEIGHTS = {"l2_recurrent": 1e-4, "l2_embedding": 1e-4}
SETTINGS: dict[str, dict[str, Any]] = {
    "none": NONE,
    "L2": WEIGHTS,
    "AR + TAR": NONE | {"ar": 2.0, "tar": 1.0},
    "L2 + AR + TAR + weight drop": WEIGHTS | {"ar": 2.0, "tar": 1.0, "model": {"weight_drop": 0.5}},
    "dropout": NONE | {"model": {"dropout_input": 0.3, "dropout_output": 0.4}},
    "all": WEIGHTS
    | {"ar": 1.0, "tar": 0.5, "model": {"weight_drop": 0.3, "dropout_input": 0.3, "dropout_output": 0.4}},
}
NETWORK = {"embed": 200, "lr": "cosine:4e-3:2e-4"}  # of every setting; tied, so the recurrent layer is as wide


def one(task: tuple[dict[str, Any], str]) -> dict[str, float]:
    """Train one run; what its scores were."""
    import torch

    from poise.runs.run import run

    arguments, out = task
    torch.set_num_threads(1)
    report = run({"recipe": "language", "arguments": arguments}, out)
    scores = report.scores
    return {
        "last": scores[-1]["perplexity"],
        "best": min(s["perplexity"] for s in scores),
        "best_step": min(scores, key=lambda s: s["perplexity"]).step,
        "bits_per_character": scores[-1]["bits per character"],
        "seconds": report.seconds["this sitting"],
    }


def against_none(found: dict[str, list[dict[str, float]]], which: str) -> dict[str, Any]:
    """For each setting the geometric mean over seeds of its perplexity over that of "none", 95 % t interval."""
    table = {}
    for name, runs in found.items():
        logs = [math.log(a[which] / b[which]) for a, b in zip(runs, found["none"], strict=True)]
        bounds = interval(logs)
        table[name] = {
            "perplexity": round(statistics.fmean(r[which] for r in runs), 2),
            "ratio": round(math.exp(statistics.fmean(logs)), 4),
            "interval": bounds and [round(math.exp(x), 4) for x in bounds],
            "better_in": f"{sum(x < 0 for x in logs)} of {len(logs)}",
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=3000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", default="runs/language")
    parser.add_argument("--json")
    options = parser.parse_args()
    names = [(setting, seed) for seed in options.seeds for setting in options.settings]
    base = {"data": options.data, "share": options.share, "steps": options.steps, "scores": 6, "threads": 1}
    base |= {"vocabulary": options.vocabulary, "batch": options.batch}
    tasks = []
    for setting, seed in names:
        arguments = base | SETTINGS[setting] | {"seed": seed}
        arguments["model"] = NETWORK | arguments.get("model", {})
        tasks.append((arguments, f"{options.out}/{options.share:g}/{setting.replace(' ', '')}-{seed}"))
    found: dict[str, list[dict[str, float]]] = {setting: [] for setting in options.settings}
    for (setting, seed), result in zip(names, in_processes(one, tasks, options.workers), strict=True):
        found[setting].append(result)
        print(setting, seed, json.dumps({k: round(v, 3) for k, v in result.items()}), flush=True)
    table = {which: against_none(found, which) for which in ("last", "best")}
    print(json.dumps(table, indent=1))
    if options.json:
        about = {key: getattr(options, key) for key in ("data", "share", "steps", "batch", "vocabulary", "seeds")}
        about |= {"network": NETWORK, "settings": {name: SETTINGS[name] for name in options.settings}}
        write(options.json, f"share {options.share:g}", {**about, "runs": found, **table})


if __name__ == "__main__":
    main()
