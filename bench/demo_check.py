"""What the demo must show, in numbers: every class present, the score ten times closer to its floor than early on.

    python bench/demo_check.py demo/run [--out docs/demo.json]

Classes are judged by a small classifier trained on the real *training* pictures, in 10,000 samples; aim: at least
3 % each. KID is the run's own, against held-out pictures; its distance to the real-against-real floor after 5 % of
the run, divided by that at the end; aim: at least 10.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from poise.data.images.images import open_images
from poise.metrics import train_classifier
from poise.record import find_run
from poise.runs.load import Run

SAMPLES = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--out")
    options = parser.parse_args()
    folder = find_run(options.run)
    report = folder.report()
    run = Run(folder)
    pictures = open_images(run.spec.arguments["data"], labels="file")
    assert pictures.labels is not None
    rows = np.sort(np.random.default_rng(0).permutation(pictures.train)[:30_000])
    classifier = train_classifier(np.asarray(pictures.images[rows]), pictures.labels[rows], steps=900)
    held = torch.from_numpy(np.asarray(pictures.images[pictures.heldout])).permute(0, 3, 1, 2)
    accuracy = float((classifier.predict(held) == pictures.labels[pictures.heldout]).mean())
    made = torch.from_numpy(run.sample(SAMPLES)).permute(0, 3, 1, 2)
    counts = np.bincount(classifier.predict(made), minlength=len(pictures.classes))
    shares = {name: round(float(count) / SAMPLES, 4) for name, count in zip(pictures.classes, counts, strict=True)}
    first, last, floor = report["scores"][0], report["scores"][-1], report["floor"]
    ratios = {
        name: round((first[name] - floor[name]) / (last[name] - floor[name]), 1)
        for name in floor
        if name.startswith("KID") and "." not in name
    }
    result = {
        "accuracy of the classifier on held-out pictures": round(accuracy, 3),
        "share of each class": shares,
        "smallest share": min(shares.values()),
        "times closer to the floor than after 5 %": ratios,
        "scores": {name: last[name] for name in last if "." not in name},
        "seconds": report["seconds"],
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        Path(options.out).write_text(text + "\n")


if __name__ == "__main__":
    main()
