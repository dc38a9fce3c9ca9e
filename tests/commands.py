"""A small run, and commands about it: what they print."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main

SMALL = {
    "batch": 8, "noise": 8, "generator.width": 4, "discriminator.width": 4, "log-every": 2, "checkpoint-every": 2,
    "sample-every": 6, "scores": 0, "threads": 1, "precision": "fp32", "device": "cpu",
    "l2-generator": 3e-3, "l2-discriminator": 1e-4,
}  # fmt: skip
FLAGS = [f"--{name}={value}" for name, value in SMALL.items()]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """pictures.npz (40 grey pictures, 16x16) and runs/images-alpha, a finished run of six steps on it."""
    folder = tmp_path_factory.mktemp("made")
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    np.savez(folder / "pictures.npz", images=images)
    with contextlib.chdir(folder):
        assert main(train("--out", "runs/images-alpha", "--quiet")) == 0
    return folder


def train(*words: str, steps: int = 6) -> list[str]:
    return ["train", "images", "pictures.npz", f"--steps={steps}", *FLAGS, *words]


def said(capsys, *argv: str) -> str:
    """What a command that ends well prints."""
    capsys.readouterr()
    assert main(argv) == 0
    return capsys.readouterr().out


def printed(capsys, *argv: str) -> str:
    """What a command prints that argparse ends, such as --help."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 0
    return capsys.readouterr().out
