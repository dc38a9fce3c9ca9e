"""FD, KID, precision, recall, density and coverage of 10,000 x 1,280 features: ours beside torchmetrics and prdc.

    python bench/metrics.py --out bench/results.json [--rows 10000] [--rounds 3]

ours       the five from arrays, with one shared pass over the products, and KID's interval
theirs     torchmetrics' Fréchet distance (with its moments) and its polynomial MMD on the whole sets, prdc.compute_prdc

Each runs in a process of its own, in turns, with the variables OPENBLAS_* as they are and without them: numpy's
matrix products, which prdc stands on, depend on them. On a machine that others use, set OMP_NUM_THREADS=1 and look at
the processor's seconds. Aim: ours at least 3 times faster, values equal to 1e-6,
shares of prdc equal, peak memory of ours beyond the arrays under 2 GB.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import write
from numpy.typing import NDArray

Array = NDArray[np.float64]
GIGABYTE = 1e9


def sets(rows: int, d: int = 1280) -> tuple[Array, Array]:
    """Rectified Gaussians, correlated through 256 factors; the second set is a little wider."""
    draw = np.random.default_rng(0)
    mix = draw.normal(size=(256, d)) / 16

    def some(scale: float) -> Array:
        return np.maximum(scale * draw.normal(size=(rows, 256)) @ mix + 0.3 * draw.normal(size=(rows, d)) - 0.3, 0)

    return some(1.0), some(1.05)


def ours(x: Array, y: Array) -> dict[str, float]:
    from poise.metrics.core.reductions import Hits, Nearest, Sums
    from poise.metrics.core.sets import compare
    from poise.metrics.core.statistics import frechet_of, kernel_distance
    from poise.metrics.core.tiles import Cubic

    both = compare(x, y)
    real, made, k = both.heldout, both.made, Cubic()
    for one in (real, made):
        one.within(Sums(k), Nearest(6))
    _, hits = real.against(made, Sums(k), Hits(5))
    shares = {
        "precision": float((hits.columns_in_x > 0).double().mean()),
        "recall": float((hits.rows_in_y > 0).double().mean()),
        "density": float(hits.columns_in_x.double().mean()) / 5,
        "coverage": float((hits.x_holds > 0).double().mean()),
    }
    return {"FD": frechet_of(real.moments, made.moments), "KID": kernel_distance(real, made, k).value, **shares}


def theirs(x: Array, y: Array) -> dict[str, float]:
    import torch
    from prdc import compute_prdc
    from torchmetrics.image.fid import _compute_fid
    from torchmetrics.image.kid import poly_mmd

    real, made = torch.from_numpy(x), torch.from_numpy(y)
    moments = [part for z in (real, made) for part in (z.mean(0), torch.cov(z.T))]
    with contextlib.redirect_stdout(io.StringIO()):
        shares = compute_prdc(x, y, nearest_k=5)
    fd, kid = float(_compute_fid(*moments)), float(poly_mmd(real, made))
    return {"FD": fd, "KID": kid, **{name: float(value) for name, value in shares.items()}}


def memory(what: str) -> float:
    """A line of /proc/self/status in GB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024 / GIGABYTE


def child(which: str, rows: int) -> None:
    x, y = sets(rows)
    small = slice(0, 300)
    {"ours": ours, "theirs": theirs}[which](x[small].copy(), y[small].copy())  # imports and first calls
    before = memory("VmRSS")
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    began, worked = time.perf_counter(), time.process_time()
    values = {"ours": ours, "theirs": theirs}[which](x, y)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = memory("VmHWM") - before
    print(json.dumps({"values": values, "seconds": seconds, "cpu_seconds": cpu, "peak_gb": peak}))


def run(which: str, rows: int, plain: bool) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not (plain and name.startswith("OPENBLAS_"))}
    command = [sys.executable, __file__, "--child", which, "--rows", str(rows)]
    out = subprocess.run(command, env=kept, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    print(
        which,
        "plain" if plain else "as set",
        round(found["seconds"], 2),
        "s",
        round(found["cpu_seconds"], 2),
        "cpu s",
        round(found["peak_gb"], 2),
        "GB",
        flush=True,
    )
    return found


def side_by_side(rows: int, rounds: int, plain: bool) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "theirs": []}
    for i in range(rounds):
        for which in ("ours", "theirs") if i % 2 else ("theirs", "ours"):
            found[which].append(run(which, rows, plain))
    mine, other = found["ours"][0]["values"], found["theirs"][0]["values"]
    times: dict[str, Any] = {}
    for kind in ("seconds", "cpu_seconds"):
        times[kind] = {which: [round(r[kind], 2) for r in results] for which, results in found.items()}
        ratios = [b / a for a, b in zip(times[kind]["ours"], times[kind]["theirs"], strict=True)]
        times[f"times_faster_by_{kind}"] = round(statistics.median(ratios), 2)
    return {
        **times,
        "peak_gb": {which: round(max(r["peak_gb"] for r in results), 2) for which, results in found.items()},
        "relative_difference": {name: abs(mine[name] / other[name] - 1) for name in ("FD", "KID")},
        "rows_counted_differently": {
            name: round(abs(mine[name] - other[name]) * rows * (5 if name == "density" else 1))
            for name in ("precision", "recall", "density", "coverage")
        },
        "values": mine,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="bench/results.json")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=["ours", "theirs"])
    options = parser.parse_args()
    if options.child:
        child(options.child, options.rows)
        return
    cases = {"as_set": False, "without_OPENBLAS": True}
    result = {case: side_by_side(options.rows, options.rounds, plain) for case, plain in cases.items()}
    variables = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
    write(options.out, "metrics", {"rows": options.rows, "features": 1280, "variables": variables, **result})


if __name__ == "__main__":
    main()
