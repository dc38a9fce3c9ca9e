"""Training on a machine that does something else, and on an idle one: samples a second of fresh processes, interleaved.

    python bench/busy.py --busy 4 --rounds 5 --seconds 60 --json bench/busy.json
    python bench/busy.py --busy 0 --rounds 5 --seconds 60 --json bench/busy.json

Variants: `default`, as a user starts it; `one thread`, --threads 1; `all threads`, all cores and waits as OpenMP has
them (what the default was until threads were chosen by measuring). Each trains Fashion-MNIST for so many seconds from
its first step on and is then stopped; the rate counts everything in that time, trials of threads too. `--busy`
processes compute beside it all the while.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from common import write

TRAINS = """
import sys, time
from poise.runs.run import Interrupted, Stop, run
from poise.report.live import Silent
from poise.lazy import waits_briefly
seconds, out, threads, brief = float(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "brief"
if brief:
    waits_briefly()

class Counting(Silent):
    began = made = 0
    def step(self, step, entry):
        self.began = self.began or time.perf_counter()
        self.made = step
        stop.asked = time.perf_counter() - self.began > seconds

view, stop = Counting(), Stop()
arguments = {"data": "fashion-mnist", "batch": 32, "steps": 8000}
arguments |= {"scores": 0, "checkpoint_every": 8000, "sample_every": 8000}
arguments |= {"threads": threads} if threads else {}
try:
    run({"recipe": "images", "arguments": arguments}, out, view, stop)
except Interrupted:
    pass
print((view.made - 1) * 32 / (time.perf_counter() - view.began))
"""


def spin() -> None:
    while True:
        sum(i * i for i in range(10_000))


def rate(seconds: float, threads: int, brief: bool) -> float:
    """Samples a second of a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(seconds), f"{folder}/run", str(threads), "brief" if brief else "as they are"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "KMP_"))}
        done = subprocess.run(
            [sys.executable, "-c", TRAINS, *words], env=environment, capture_output=True, text=True, check=True
        )
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", default="bench/busy.json")
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    variants = {"default": (0, True), "one thread": (1, True), "all threads": (cores, False)}
    others = [multiprocessing.Process(target=spin, daemon=True) for _ in range(options.busy)]
    for other in others:
        other.start()
    found: dict[str, list[float]] = {name: [] for name in variants}
    try:
        for turn in range(options.rounds):
            order = list(variants) if turn % 2 else list(variants)[::-1]
            for name in order:
                found[name].append(rate(options.seconds, *variants[name]))
                print(turn, name, round(found[name][-1], 1), flush=True)
    finally:
        for other in others:
            other.kill()
    medians = {name: round(statistics.median(values), 1) for name, values in found.items()}
    result: dict[str, Any] = {
        "samples a second, median": medians,
        "default over one thread": round(medians["default"] / medians["one thread"], 3),
        "default over all threads": round(medians["default"] / medians["all threads"], 3),
        "samples a second": {name: [round(v, 1) for v in values] for name, values in found.items()},
        "seconds": options.seconds,
        "cores": cores,
    }
    write(options.json, f"{options.busy} busy processes", result)


if __name__ == "__main__":
    main()
