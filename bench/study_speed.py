"""How much sooner a study is done with two workers than with one, and what a run costs beside its training.

    python bench/study_speed.py --rounds 3 --out bench/results.json

A fixed study (two arms, four seeds, Fashion-MNIST, no scores) is trained anew with one worker and with two, turn and
turn about. The overhead of a run is what one worker's study takes beyond the sum of what its runs' own sittings take,
shared out over the runs; the start of the worker, once in a study, is a part of it. Only on an idle machine are these
numbers worth anything: two other jobs halve the first.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from common import write

from poise.record import RunFolder
from poise.runs.ending import Stop
from poise.studies.plans.files import plan_of
from poise.studies.running.pool import Pool
from poise.studies.running.progress import Log, Progress
from poise.studies.running.tasks import tasks_of

STUDY: dict[str, Any] = {
    "name": "speed", "seeds": 4, "against": "none", "recipe": "images",
    "arguments": {"data": "fashion-mnist", "limit": 2000, "steps": 250, "augment": "none", "scores": 0,
                  "generator": {"width": 16}, "discriminator": {"width": 16}},
    "arms": {"none": {"l2_generator": 0, "l2_discriminator": 0},
             "both": {"l2_generator": 1e-3, "l2_discriminator": 1e-3}},
    "endpoints": {"alive": {"alive": "discriminator", "better": "higher"}},
}  # fmt: skip


def timed(workers: int) -> dict[str, float]:
    """Wall time of the whole study, the sum of its runs' sittings, and when the first run began to train."""
    tasks = tasks_of(plan_of(STUDY))
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        runs.mkdir()
        view = Progress(tasks, 0, workers, Log(Path(folder) / "events.jsonl"), quiet=True)
        began = time.perf_counter()
        Pool(workers, runs, None, view, Stop()).train(tasks)
        wall = time.perf_counter() - began
        sittings = [RunFolder(runs / task.name).report()["seconds"]["this sitting"] for task in tasks]
    return {"wall": wall, "runs": sum(sittings), "n": len(tasks)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out")
    options = parser.parse_args()
    sooner, overhead = [], []
    for i in range(options.rounds):
        found = {workers: timed(workers) for workers in ((1, 2) if i % 2 == 0 else (2, 1))}
        sooner.append(found[1]["wall"] / found[2]["wall"])
        overhead.append((found[1]["wall"] - found[1]["runs"]) / found[1]["n"])
        one, two = (found[workers]["wall"] for workers in (1, 2))
        said = f"one worker {one:.1f} s, two {two:.1f} s: {sooner[-1]:.2f} times as fast"
        print(f"round {i + 1}: {said}; {overhead[-1]:.2f} s a run beside its training", flush=True)
    table = {
        "two workers against one": round(statistics.median(sooner), 3),
        "seconds a run beside its training": round(statistics.median(overhead), 3),
        "rounds": options.rounds,
    }
    print(table)
    if options.out:
        write(options.out, "study", table)


if __name__ == "__main__":
    main()
