"""Is a run told when its pictures are too pale, grey or of another colour than the data, and left in peace otherwise?

    python bench/appearance.py --out runs/appearance --first 8101 --json A.json
    python bench/appearance.py --out runs/appearance --read       # only look again at what is there

Short runs without scores, at small scale: networks of width 16; Fashion-MNIST 400 steps, emoji at 16 pixels 800 ("long"
ones twice that). The sick ones have a generator that cannot make the colours of the data (bench/off_colour.py). The
finding counts if it was raised at any look of the run; looks are counted after the first third, in which it is silent.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from common import told

FINDING = "lightness or colour off"
SMALL = {
    "batch": 32, "threads": 1, "log_every": 4, "sample_every": 400, "checkpoint_every": 800, "scores": 0,
    "generator": {"width": 16, "lr": 4e-4}, "discriminator": {"width": 16, "lr": 4e-4},
}  # fmt: skip
FASHION = {**SMALL, "data": "fashion-mnist", "steps": 400}
EMOJI = {**SMALL, "data": "noto-emoji", "size": 16, "steps": 800}


def spoilt(**how: float) -> dict[str, Any]:
    return {"network": {"class_path": "off_colour.OffColour", "init_args": how}}


HEALTHY: dict[str, dict[str, Any]] = {
    "fashion": FASHION,
    "fashion long": {**FASHION, "steps": 800, "log_every": 8},
    "fashion by class": {**FASHION, "conditional": True},
    "fashion hinge": {**FASHION, "loss": "hinge"},
    "fashion relativistic": {**FASHION, "loss": "relativistic"},
    "fashion augmented": {**FASHION, "augment": "color,translation,cutout"},
    "fashion L2": {**FASHION, "l2_generator": 1e-3, "l2_discriminator": 1e-3},
    "emoji": EMOJI,
    "emoji long": {**EMOJI, "steps": 1600, "log_every": 8},
    "emoji hinge": {**EMOJI, "loss": "hinge"},
    "emoji relativistic": {**EMOJI, "loss": "relativistic"},
    "emoji least squares": {**EMOJI, "loss": "least_squares"},
    "emoji color alone": {**EMOJI, "augment": "color"},
    "emoji not augmented": {**EMOJI, "augment": "none"},
}
SICK: dict[str, dict[str, Any]] = {
    "pale fashion": {**FASHION, **spoilt(contrast=0.6)},
    "pale emoji": {**EMOJI, **spoilt(contrast=0.6)},
    "grey emoji": {**EMOJI, **spoilt(saturation=0.1)},
    "emoji without blue": {**EMOJI, **spoilt(blue=0.4)},
}


def train(out: Path, first: int) -> None:
    """Each kind once, with seeds that count up."""
    import torch

    from poise.runs.run import run
    from poise.specs.sources import trust

    torch.set_num_threads(1)
    trust("off_colour.OffColour")
    for seed, (name, arguments) in enumerate({**SICK, **HEALTHY}.items(), first):
        folder = out / f"{name}-{seed}".replace(" ", "_")
        run({"recipe": "images", "arguments": {**arguments, "seed": seed}}, folder)
        print(folder, flush=True)


def looked(folder: Path) -> dict[str, Any]:
    """How often a run was looked at after its first third, when the finding was first raised, and its numbers then."""
    from poise.monitor import Record
    from poise.record import RunFolder
    from poise.registry import find

    run = RunFolder(folder)
    rows, spec = run.rows(), run.spec()
    seen = [i for i, row in enumerate(rows) if "generator/shown_contrast" in row]
    grown = [i for i in seen if rows[i]["step"] >= spec.arguments["steps"] / 3]
    found = {"looks": len(grown), "alarmed at": None}
    for i in seen:
        finding = find("symptom", FINDING)(Record(rows[: i + 1], spec))
        if finding is not None:
            return found | {"alarmed at": rows[i]["step"], "numbers": finding.numbers}
    return found


def table(out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {"healthy": {}, "sick": {}}
    for folder in sorted(out.iterdir()):
        name = folder.name.rpartition("-")[0].replace("_", " ")
        if (folder / "DONE").exists():
            result["sick" if name in SICK else "healthy"][folder.name] = looked(folder)
    for runs in result.values():
        looks = sum(run["looks"] for run in runs.values())
        alarms = sum(run["alarmed at"] is not None for run in runs.values())
        runs["all"] = {"runs": len(runs), "looks": looks, "alarmed": alarms}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/appearance")
    parser.add_argument("--first", type=int, default=8101, help="seed of the first run")
    parser.add_argument("--read", action="store_true", help="train nothing")
    parser.add_argument("--json", help="write the table here")
    options = parser.parse_args()
    out = Path(options.out)
    os.environ["OMP_NUM_THREADS"] = "1"
    if not options.read:
        train(out, options.first)
    told(table(out), options.json)


if __name__ == "__main__":
    main()
