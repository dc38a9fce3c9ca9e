"""Side-by-side timing: variants take turns, and ratios are medians over the rounds."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch


def interleaved(variants: dict[str, Callable[[int], None]], rounds: int, warm: int = 2) -> dict[str, list[float]]:
    """Seconds of each variant in each round; the order turns around from round to round, so no one is always first."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for i in range(warm + rounds):
        order = list(variants.items())
        for name, run in order if i % 2 else reversed(order):
            began = time.perf_counter()
            run(i)
            if i >= warm:
                times[name].append(time.perf_counter() - began)
    return times


def ratio(times: dict[str, list[float]], over: str, under: str) -> dict[str, float]:
    """The median of the paired ratios, and its quartiles."""
    paired = [a / b for a, b in zip(times[over], times[under], strict=True)]
    low, middle, high = statistics.quantiles(paired, n=4)
    return {"median": round(middle, 4), "quartiles": [round(low, 4), round(high, 4)], "rounds": len(paired)}


# Student's t of 95 % two-sided, by degrees of freedom.
T95 = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % t interval of a mean over seeds; None for a single one."""
    if len(values) < 2:
        return None
    mean, error = statistics.fmean(values), T95[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5
    return mean - error, mean + error


def in_processes(one: Callable[[Any], Any], tasks: Sequence[Any], workers: int) -> Iterator[Any]:
    """The results of `one` in the order of the tasks, of one thread each in fresh processes."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(one, tasks)


def environment() -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {
        "commit": commit,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu": platform.processor() or platform.machine(),
    }


def told(table: Any, path: str | None) -> None:
    """Print a table as JSON, and write it where a path is given."""
    text = json.dumps(table, indent=1)
    print(text)
    if path:
        Path(path).write_text(text + "\n")


def write(path: str, name: str, result: dict[str, Any]) -> None:
    """Put one result under its name into a JSON file that keeps the others."""
    file = Path(path)
    known = json.loads(file.read_text()) if file.exists() else {}
    known[name] = result | {"environment": environment()}
    file.write_text(json.dumps(known, indent=2) + "\n")
    print(name, json.dumps(result, indent=1), flush=True)
