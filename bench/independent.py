"""Samples of runs on a labelled set, scored by classifiers that no run knows of.

    python bench/independent.py demo/run [MORE RUNS OR FILES] [-n 10000] [--step last] [--json OUT]

A file is what `python bench/bare.py` writes: an .npz with `samples`, uint8 [N,H,W,C].

Two classifiers of the same shape (two 3x3 convolutions of 32 and 64 channels, each halved by pooling, 128 units, ReLU):
one trained on half of the test pictures, one on the training pictures. The score is the Frechet distance between the
128 features, after ReLU, of n samples and of the other half of the test pictures; the floor is that of as many
training pictures (at most) in the samples' place. Beside it: the share of the rarest class among the samples, by each
classifier. The scale of such features hangs on how long a classifier was trained: compare within one table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import environment
from torch import Tensor, nn

from poise.data.images.images import open_images
from poise.metrics.core.statistics import frechet
from poise.record import find_run
from poise.runs.load import Run


def classifier(images: np.ndarray, labels: np.ndarray, epochs: int, seed: int = 0) -> nn.Sequential:
    """Trained on pictures uint8 [N,H,W,C]; ends in the logits."""
    torch.manual_seed(seed)
    side, channels = images.shape[1] // 4, images.shape[3]
    net = nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * side * side, 128), nn.ReLU(), nn.Linear(128, int(labels.max()) + 1),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    optim = torch.optim.Adam(net.parameters(), 1e-3)
    for epoch in range(epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(images))
        for rows in np.array_split(order, len(order) // 128):
            loss = nn.functional.cross_entropy(net(floats(images[rows])), torch.from_numpy(labels[rows]).long())
            optim.zero_grad()
            loss.backward()
            optim.step()
    return net.eval()


def floats(images: np.ndarray) -> Tensor:
    """uint8 [N,H,W,C] -> [N,C,H,W] in [-1, 1]."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def seen(net: nn.Sequential, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """128 features [N,128], and the class of each."""
    parts = [net[:-1](floats(images[i : i + 1000])) for i in range(0, len(images), 1000)]
    features = torch.cat(parts)
    return features.numpy(), net[-1](features).argmax(1).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--step", default="last")
    parser.add_argument("--json")
    options = parser.parse_args()
    torch.set_num_threads(1)  # two wait for each other where another job runs
    pictures = open_images(options.data, labels="file")
    assert pictures.labels is not None
    test = np.random.default_rng(0).permutation(pictures.heldout)
    half, other = np.sort(test[: len(test) // 2]), np.sort(test[len(test) // 2 :])
    images, labels = pictures.images, pictures.labels
    trained = {
        "half of the test set": classifier(np.asarray(images[half]), labels[half], epochs=20),
        "training set": classifier(np.asarray(images[pictures.train]), labels[pictures.train], epochs=5),
    }
    real = {name: seen(net, np.asarray(images[other])) for name, net in trained.items()}
    some = np.sort(np.random.default_rng(1).permutation(pictures.train)[: options.n])
    table: dict[str, Any] = {"floor": {}}
    for name, net in trained.items():
        features, _ = seen(net, np.asarray(images[some]))
        right = float((real[name][1] == labels[other]).mean())
        table["floor"][name] = {"distance": round(float(frechet(real[name][0], features)), 3), "n": len(some),
                                "accuracy": round(right, 3)}  # fmt: skip
    for path in options.runs:
        if path.endswith(".npz"):
            made = np.load(path)["samples"][: options.n]
        else:
            made = Run(find_run(path), options.step).sample(options.n)
        table[path] = {}
        for name, net in trained.items():
            features, classes = seen(net, made)
            shares = np.bincount(classes, minlength=int(labels.max()) + 1) / len(classes)
            distance = float(frechet(real[name][0], features))
            table[path][name] = {
                "distance": round(distance, 2),
                "n": len(made),
                "rarest class": round(float(shares.min()), 4),
            }
        print(path, json.dumps(table[path]), flush=True)
    print("floor", json.dumps(table["floor"]))
    if options.json:
        whole = {"n": options.n, "held out": len(other), "environment": environment(), "scores": table}
        Path(options.json).write_text(json.dumps(whole, indent=2) + "\n")


if __name__ == "__main__":
    main()
