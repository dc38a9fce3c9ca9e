"""Peak anonymous memory of training on 1,000 and on 200,000 pictures (aim: within 5 %).

    python bench/memory.py --out bench/results.json

Each size trains in a process of its own, decoding included. Anonymous memory (RssAnon in /proc) is what the process
holds for itself; pages of the memory-mapped cache are the system's and can be dropped at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SIDE = 32


def anonymous() -> int:
    """RssAnon of this process in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) // 1024
    raise RuntimeError("this system does not report RssAnon")


def child(data: str, out: str) -> None:
    """Train and print the peak."""
    from poise.runs.run import run

    peak = [0]

    def watch() -> None:
        while True:
            peak[0] = max(peak[0], anonymous())
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    arguments = {"data": data, "steps": 200, "scores": 0, "augment": "none", "threads": 1, "batch": 64, "heldout": 0.01}
    run({"recipe": "images", "arguments": arguments}, out)
    print(json.dumps({"peak": peak[0]}))


def measure(n: int, folder: Path) -> int:
    path = folder / f"{n}.npy"
    rng = np.random.default_rng(0)
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (n, SIDE, SIDE, 3))
    for start in range(0, n, 10_000):
        array[start : start + 10_000] = rng.integers(0, 256, (min(10_000, n - start), SIDE, SIDE, 3), np.uint8)
    array.flush()
    del array
    environment = {**os.environ, "POISE_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--child", str(path), str(folder / f"run-{n}")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return int(json.loads(done.stdout.splitlines()[-1])["peak"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="bench/results.json")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    from common import write

    peaks: dict[int, list[int]] = {1_000: [], 200_000: []}
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            for n in peaks:
                peaks[n].append(measure(n, Path(folder)))
    middle = {n: sorted(found)[1] for n, found in peaks.items()}
    result = {"peak_MiB": {str(n): v for n, v in peaks.items()}, "200,000/1,000": middle[200_000] / middle[1_000]}
    write(options.out, "memory", result)


if __name__ == "__main__":
    main()
