"""What L2 on both players does to a vocoder with little data: its discriminator's overfitting, and the sound.

    python bench/l2_speech.py --seeds 0 1 2 --json bench/l2_speech.json

A vocoder is trained on a tenth of the English prompts (about 100 seconds), with λ on the weights of generator and
discriminator alike. Of each run, the mean over the probes of the second half of the adversarial stage: how much better
the discriminator ranks training segments above generated ones than held-out segments (AUC gap, blind where both are
1), how well it ranks training above held-out segments (AUC seen, ½ if it has learnt nothing by heart), the difference
of its mean output on them in standard deviations of its output (logit gap), whether it was alive; and the last scores
on held-out recordings. Seeds are paired: initialisation, order and noise are the same for every λ. Every run is an
ordinary one in OUT and is skipped when it is done.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from common import in_processes, interval, write

STRENGTHS = (0.0, 1e-4, 1e-3, 1e-2)
WARM, STEPS = 500, 800
ARGUMENTS: dict[str, Any] = {
    "data": "asterisk-en", "share": 0.1, "segment": 4096, "batch": 8, "warm_steps": WARM, "steps": STEPS,
    "log_every": 8, "scores": 1, "score_samples": 59, "sample_every": STEPS, "threads": 1,
}  # fmt: skip
SCORES = ("log-mel L1", "MCD", "STOI", "PESQ wb")


def one(task: tuple[dict[str, Any], str]) -> dict[str, float]:
    """Train one run; what its record says of the discriminator, and its last scores."""
    import torch

    from poise.record import RunFolder
    from poise.runs.run import run

    arguments, out = task
    torch.set_num_threads(1)
    report = run({"recipe": "vocoder", "arguments": arguments}, out)
    rows = [row for row in RunFolder(Path(out)).rows() if row["step"] >= arguments["warm_steps"] + STEPS // 2]
    found = {
        name: statistics.fmean(row[f"discriminator/{name}"] for row in rows if f"discriminator/{name}" in row)
        for name in ("auc_training", "auc_heldout", "auc_gap", "auc_seen", "alive", "l2.share")
    }
    probes = [row for row in rows if "discriminator/contrast" in row]
    found["logit gap"] = statistics.fmean(
        (row["discriminator/on_training"] - row["discriminator/on_heldout"]) / row["discriminator/contrast"]
        for row in probes
    )
    for which in ("training", "heldout"):
        found[f"distance {which}"] = statistics.fmean(row[f"generator/distance_{which}"] for row in probes)
    found["generator share"] = statistics.fmean(
        row["generator/l2.share"] for row in rows if "generator/l2.share" in row
    )
    last = report.scores[-1]
    return found | {name: last[name] for name in SCORES if name in last} | {"seconds": report.seconds["this sitting"]}


def summary(runs: list[dict[str, float]], baseline: list[dict[str, float]]) -> dict[str, Any]:
    """The mean of each number over the seeds, and its paired change from λ = 0 with a 95 % t interval."""
    table: dict[str, Any] = {}
    for name in runs[0]:
        change = [run[name] - other[name] for run, other in zip(runs, baseline, strict=True)]
        table[name] = {"mean": round(statistics.fmean(run[name] for run in runs), 4)}
        if runs is not baseline:
            low_high = interval(change)
            table[name] |= {
                "change": round(statistics.fmean(change), 4),
                "interval": [round(x, 4) for x in low_high or ()],
            }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", default="runs/l2-speech")
    parser.add_argument("--json")
    options = parser.parse_args()
    cells = [(strength, seed) for seed in options.seeds for strength in STRENGTHS]
    tasks = [
        (ARGUMENTS | {"l2_generator": s, "l2_discriminator": s, "seed": seed}, f"{options.out}/{s:g}-{seed}")
        for s, seed in cells
    ]
    runs: dict[float, list[dict[str, float]]] = {strength: [] for strength in STRENGTHS}
    for (strength, seed), result in zip(cells, in_processes(one, tasks, options.workers), strict=True):
        runs[strength].append(result)
        print(f"{strength:g}", seed, json.dumps({k: round(v, 4) for k, v in result.items()}), flush=True)
    table = {f"{strength:g}": summary(found, runs[0.0]) for strength, found in runs.items()}
    print(json.dumps(table, indent=1))
    if options.json:
        kept = {f"{strength:g}": found for strength, found in runs.items()}
        write(options.json, "vocoder", {"seeds": options.seeds, "arguments": ARGUMENTS, "table": table, "runs": kept})


if __name__ == "__main__":
    main()
