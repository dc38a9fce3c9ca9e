"""VAE, RAE-L2 and VAE-GAN beside the GAN on Fashion-MNIST: one table, one picture.

    python bench/autoencoders.py --json bench/autoencoders.json --picture docs/vae.png

Each is trained with its defaults by one thread (the VAE-GAN for 3,000 steps, whose steps cost five times as much), two
at a time; finished runs in OUT are not trained again. Samples are 2,000 pictures of the averaged weights at the last
step, from the prior or from the mixture over the latents, against 2,000 held-out ones by `poise evaluate`; the
likelihood is that of 500 held-out pictures by importance sampling with 64 draws. The picture has eight samples of each,
the first of seed 1, in the order of the table, below a row of real ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from common import write
from PIL import Image

from poise.data.images.images import open_images
from poise.record import RunFolder
from poise.report.picture import save_grid

DATA = "fashion-mnist"
RUNS = {
    "vae": ["vae", DATA],
    "rae": ["vae", DATA, "--objective", "rae"],
    "vae_gan": ["vae", DATA, "--objective", "vae_gan", "--steps", "3000"],
    "gan": ["images", DATA],
}
ROWS = {
    "VAE, prior": ("vae", ["--latents", "prior"]),
    "VAE, mixture": ("vae", ["--latents", "mixture"]),
    "RAE-L2, mixture": ("rae", ["--latents", "mixture"]),
    "VAE-GAN, prior": ("vae_gan", ["--latents", "prior"]),
    "VAE-GAN, mixture": ("vae_gan", ["--latents", "mixture"]),
    "GAN": ("gan", []),
}
LIKELIHOOD = ("NLL", "rate", "distortion", "active units", "squared error")


def poise(*words: str) -> None:
    """One command, with one thread."""
    subprocess.run([sys.executable, "-m", "poise", *words], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)


def train(out: Path, name: str) -> None:
    if not (out / name / "DONE").exists():
        poise("train", *RUNS[name], "--threads", "1", "--seed", "0", "--out", str(out / name), "--quiet")


def row_of(out: Path, n: int, name: str) -> dict[str, Any]:
    """KID and FD of n samples, and what is known of the run."""
    run, how = ROWS[name]
    folder, scores = out / f"{name.replace(', ', '-')}-{n}", out / f"{name.replace(', ', '-')}.json"
    if not scores.exists():
        poise("sample", str(out / run), "-n", str(n), "--seed", "1", "--out", str(folder), *how)
        poise("evaluate", str(folder), "--against", DATA, "-n", str(n), "--metrics", "KID,FD", "--features", "EffLite0",
              "--out", str(scores))  # fmt: skip
    found = {row["metric"]: row["made"] for row in json.loads(scores.read_text())["evaluations"][0]["rows"]}
    report = RunFolder(out / run).report()
    last = report["scores"][-1]
    return {
        "KID": [round(found["KID"][key], 2) for key in ("value", "low", "high")],
        "FD": round(found["FD"]["value"], 1),
        **{key: round(last[key], 3) for key in LIKELIHOOD if key in last},
        "steps": report["steps"],
        "seconds": report["seconds"]["this sitting"],
        "of which scoring": report["seconds"]["scoring"],
    }


def picture(out: Path, n: int, path: str) -> None:
    """A row of real pictures, and below it one for each row of the table."""
    images = open_images(DATA)
    parts = [np.asarray(images.images[images.heldout[:8]])]
    for name in ROWS:
        files = sorted((out / f"{name.replace(', ', '-')}-{n}").glob("*.png"))[:8]
        parts.append(np.stack([np.asarray(Image.open(file)) for file in files]).reshape(parts[0].shape))
    save_grid(np.concatenate(parts), Path(path), 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/autoencoders")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json")
    parser.add_argument("--picture")
    options = parser.parse_args()
    out = Path(options.out)
    with ThreadPoolExecutor(options.workers) as pool:
        list(pool.map(lambda name: train(out, name), RUNS))
    table = {name: row_of(out, options.samples, name) for name in ROWS}
    for name, row in table.items():
        print(name, json.dumps(row), flush=True)
    if options.picture:
        picture(out, options.samples, options.picture)
    if options.json:
        write(options.json, "fashion-mnist", {"commands": {k: " ".join(v) for k, v in RUNS.items()}, "rows": table})


if __name__ == "__main__":
    main()
