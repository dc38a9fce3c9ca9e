"""Runs made sick on purpose, and healthy ones: does `diagnose` name what is wrong, and is it silent otherwise?

    python bench/sickness.py --out runs/sickness --seeds 20 21 22 23 24 --healthy 20 --workers 2
    python bench/sickness.py --out runs/sickness --read        # only diagnose again what is there

Each run is an ordinary one on Fashion-MNIST, at small scale: networks of width 16, 800 steps of 32 at 4e-4. Two of the
healthy ones are on emoji, of width 32, 5,000 steps at the default rates: narrower and shorter ones learn nothing there.
A finding counts if it was raised at any moment of the run (live, at each probe), as a user sees it. The table says for
each sickness in how many seeds it was named, and what else was said; for healthy runs any warning or worse is a false
alarm.
"""

from __future__ import annotations

import argparse
import gzip
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from common import told

SMALL = {
    "data": "fashion-mnist", "steps": 800, "batch": 32, "threads": 1, "log_every": 8, "sample_every": 400,
    "checkpoint_every": 800, "scores": 3, "score_samples": 300,
    "generator": {"width": 16, "lr": 4e-4}, "discriminator": {"width": 16, "lr": 4e-4},
}  # fmt: skip
COLOUR = {
    "data": "noto-emoji", "size": 32, "steps": 5000,
    "generator": {"width": 32}, "discriminator": {"width": 32},
}  # fmt: skip

LONG = "class vectors as long as the noise"  # no option: how they began once

# sickness -> (what is changed, names of findings of which one must be raised)
SICK: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "200 pictures, no augmentation": (
        {"data": "few", "augment": "none", "steps": 2400, "discriminator": {"width": 32, "lr": 4e-4}},
        ("discriminator overfitting",),
    ),
    "generator learning rate x30": (
        {"generator": {"width": 16, "lr": 6e-3}, "discriminator": {"width": 16, "lr": 2e-4}},
        ("learning rates out of balance",),
    ),
    "slow discriminator, fast generator": (
        {"generator": {"width": 16, "lr": 2e-3}, "discriminator": {"width": 16, "lr": 2e-6}},
        ("generator collapse", "learning rates out of balance"),
    ),
    "lambda on D past the kill point": (
        {"l2_discriminator": 0.3},
        ("dead discriminator",),
    ),
    "lambda on G far too large": (
        {"l2_generator": 3.0},
        ("strength too large",),
    ),
    "lambda that does nothing": (
        {"l2_generator": 1e-12, "l2_discriminator": 1e-12},
        ("strength without effect",),
    ),
    "one class only": (
        {"data": "one-class", "augment": "none"},
        ("partial collapse", "held-out data unlike training data"),
    ),
    "saturating loss, early strong D": (
        {"loss": "minimax", "generator": {"width": 16, "lr": 2e-5},
         "discriminator": {"width": 32, "lr": 1e-3, "turns": 4}},
        ("vanishing gradient",),
    ),
    "Wasserstein without regularisation": (
        {"loss": "wasserstein", "l2_generator": 0, "l2_discriminator": 0,
         "discriminator": {"width": 16, "lr": 1e-3, "turns": 2}},
        ("unbounded discriminator", "exploding gradient"),
    ),
    "momentum and large rates": (
        {"loss": "hinge", "generator": {"width": 16, "lr": 4e-3, "betas": [0.9, 0.99]},
         "discriminator": {"width": 16, "lr": 4e-3, "betas": [0.9, 0.99]}},
        ("oscillation", "generator collapse", "partial collapse", "learning rate too large"),
    ),
    "24 pictures, no augmentation": (
        {"data": "tiny", "augment": "none", "batch": 16},
        ("discriminator overfitting", "memorisation"),
    ),
    "a discriminator that learns too slowly": (
        {"generator": {"width": 16, "lr": 2e-4}, "discriminator": {"width": 16, "lr": 5e-6}},
        ("discriminator tells nothing",),
    ),
    "far too few steps": (
        {"steps": 48},
        ("nothing was learnt",),
    ),
    "one picture of each class": (
        {"conditional": True, LONG: True},
        ("generator collapse", "partial collapse"),
    ),
    "nothing held out": (
        {"heldout": 0.0, "scores": 0},
        ("no held-out data",),
    ),
}  # fmt: skip

HEALTHY: list[dict[str, Any]] = [
    {},
    {},
    {},
    {},
    {"conditional": True},
    {"conditional": True, "loss": "hinge"},
    {"loss": "hinge"},
    {"loss": "hinge"},
    {"loss": "least_squares"},
    {"loss": "relativistic"},
    {"l2_generator": 0, "l2_discriminator": 0},
    {"l2_discriminator": 1e-3},
    {"discriminator": {"width": 16, "lr": 4e-4, "penalties": [{"class_path": "R1", "init_args": {"gamma": 0.1}}]}},
    {"discriminator": {"width": 16, "lr": 4e-4, "penalties": [{"class_path": "R1", "init_args": {"gamma": 0.1}}]}},
    {"loss": "hinge", "discriminator": {"width": 16, "lr": 4e-4, "spectral": True}},
    {"network": "residual", "generator": {"width": 8, "lr": 4e-4}, "discriminator": {"width": 8, "lr": 4e-4}},
    {"conditional": True},
    {"augment": "color,translation,cutout"},
    COLOUR,
    COLOUR,
]


def write_idx(path: Path, array: np.ndarray) -> None:
    """The IDX format of MNIST, gzipped: a set with a test split of its own."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes(), 1, mtime=0))


def subsets(folder: Path) -> dict[str, str]:
    """Fashion-MNIST with fewer training pictures and the whole test split."""
    from poise.data.images.images import open_images

    whole = open_images("fashion-mnist", labels="file")
    assert whole.labels is not None
    first = np.flatnonzero(whole.labels[whole.train] == 0)
    parts = {"few": np.arange(200), "tiny": np.arange(24), "one-class": first[:6000]}
    for name, rows in parts.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for prefix, chosen in (("train", whole.train[rows]), ("t10k", whole.heldout)):
            write_idx(place / f"{prefix}-images-idx3-ubyte.gz", np.asarray(whole.images[chosen])[..., 0])
            write_idx(place / f"{prefix}-labels-idx1-ubyte.gz", whole.labels[chosen])
    return {name: str(folder / name) for name in parts}


def one(task: tuple[dict[str, Any], str]) -> None:
    """Train one run; one that diverges is a result too."""
    import torch

    from poise.errors import PoiseError
    from poise.runs.run import run

    arguments, out = task
    torch.set_num_threads(1)
    try:
        with long_class_vectors() if arguments.pop(LONG, False) else nullcontext():
            run({"recipe": "images", "arguments": arguments}, out)
    except PoiseError as error:
        print(out, error, flush=True)


@contextmanager
def long_class_vectors() -> Iterator[None]:
    """Inside, class vectors begin √Z times as long as they do."""
    import torch

    from poise.models.shared.layers import ClassConditioning

    begin = ClassConditioning.__init__

    def longer(self: ClassConditioning, noise: int, classes: int) -> None:
        begin(self, noise, classes)
        if self.embedding is not None:
            with torch.no_grad():
                self.embedding.weight.mul_(noise**0.5)

    ClassConditioning.__init__ = longer  # type: ignore[method-assign]
    try:
        yield
    finally:
        ClassConditioning.__init__ = begin  # type: ignore[method-assign]


def raised(folder: Path) -> dict[str, dict[str, Any]]:
    """Every finding that a user would have seen, live or at the end: name -> the first time it was raised."""
    from poise.monitor import Record, diagnose
    from poise.record import RunFolder

    run = RunFolder(folder)
    rows, spec = run.rows(), run.spec()
    probes = [i for i, row in enumerate(rows) if "discriminator/alive" in row or "score/class_share.min" in row]
    seen: dict[str, dict[str, Any]] = {}
    for i in [*probes, len(rows) - 1]:
        for finding in diagnose(Record(rows[: i + 1], spec)):
            seen.setdefault(finding.name, {"at": rows[i]["step"], **finding.to_dict()})
    return seen


def tasks(out: Path, seeds: list[int], healthy: int, first: int, only: str | None) -> list[tuple[dict[str, Any], str]]:
    places = subsets(out / "data")
    found = []
    for name, (changes, _) in SICK.items():
        if only is None or only in name:
            for seed in seeds:
                arguments = {**SMALL, **changes, "seed": seed}
                arguments["data"] = places.get(arguments["data"], arguments["data"])
                found.append((arguments, str(out / f"{name}-{seed}".replace(" ", "_").replace(",", ""))))
    for i, changes in enumerate(HEALTHY[:healthy]):
        if only is None or only in "healthy":
            found.append(({**SMALL, **changes, "seed": first + i}, str(out / f"healthy-{first + i}")))
    return found


def table(out: Path) -> dict[str, Any]:
    """sickness -> how often it was named, and everything that was said."""
    result: dict[str, Any] = {}
    for name, (_, expected) in SICK.items():
        stem = name.replace(" ", "_").replace(",", "")
        runs = [raised(p) for p in sorted(out.glob(f"{stem}-*")) if (p / "record.jsonl").exists()]
        said = Counter(f for run in runs for f, facts in run.items() if facts["severity"] != "note")
        named = sum(any(e in run for e in expected) for run in runs)
        result[name] = {"runs": len(runs), "named": named, "as": list(expected), "all findings": dict(said)}
    runs = [raised(p) for p in sorted(out.glob("healthy-*")) if (p / "record.jsonl").exists()]
    alarms = [{f: v["at"] for f, v in run.items() if v["severity"] != "note"} for run in runs]
    result["healthy"] = {
        "runs": len(runs),
        "falsely alarmed": sum(map(bool, alarms)),
        "alarms": [a for a in alarms if a],
    }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/sickness")
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21, 22, 23, 24])
    parser.add_argument("--healthy", type=int, default=20)
    parser.add_argument("--first-healthy", type=int, default=200, help="seed of the first healthy run")
    parser.add_argument("--only", help="only sicknesses whose name holds this word")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--read", action="store_true", help="train nothing")
    parser.add_argument("--json", help="write the table here")
    options = parser.parse_args()
    out = Path(options.out)
    os.environ["OMP_NUM_THREADS"] = "1"
    if not options.read:
        todo = tasks(out, options.seeds, options.healthy, options.first_healthy, options.only)
        with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
            for i, _ in enumerate(pool.map(one, todo)):
                print(f"{i + 1}/{len(todo)} {todo[i][1]}", flush=True)
    told(table(out), options.json)


if __name__ == "__main__":
    main()
