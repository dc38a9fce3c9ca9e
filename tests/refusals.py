"""What the tests of bad input share: a small run, a small command, and the one sentence of a refusal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from poise.cli import main

SMALL = {
    "batch": 8, "noise": 8, "generator.width": 4, "discriminator.width": 4, "log-every": 2, "checkpoint-every": 2,
    "sample-every": 6, "scores": 0, "threads": 1, "precision": "fp32", "device": "cpu",
}  # fmt: skip


def pictures_and_a_run(folder: Path) -> Path:
    """pictures.npz (40 grey pictures, 16x16, four classes) and runs/done, a finished run of six steps on it."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 16, 16), dtype=np.uint8)
    np.savez(folder / "pictures.npz", images=images, labels=np.arange(40) % 4)
    with contextlib.chdir(folder):
        assert main(train("--out", "runs/done", "--quiet")) == 0
    return folder


def train(*words: str, data: str = "pictures.npz", steps: str = "6") -> list[str]:
    """A small training command; later words win."""
    return ["train", "images", data, "--steps", steps, *(f"--{name}={value}" for name, value in SMALL.items()), *words]


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every name below a folder, and the bytes of files. Locks hold nothing."""
    found = {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}
    return {name: content for name, content in found.items() if not name.endswith(".lock")}


def leftovers(folder: Path) -> list[Path]:
    """Files and folders under a temporary name."""
    return [p for p in folder.rglob(".*") if p.name.endswith(".tmp") or p.name.startswith((".building-", ".writing-"))]


def told(capsys) -> str:
    """The one sentence on stderr."""
    text = capsys.readouterr().err
    assert text.startswith("poise: "), text
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert "Traceback" not in text
    assert len(text) <= 400, f"{len(text)} characters: {text}"
    return text


def refusal(place: Path, capsys, argv: list[str]) -> str:
    """What is said of a command that must be refused: exit code 2, one line on stderr, every byte as it was."""
    capsys.readouterr()
    before = snapshot(place)
    code = main(argv)
    said = told(capsys)[len("poise: ") :]
    assert code == 2, said
    assert snapshot(place) == before
    assert not leftovers(Path(os.environ["POISE_CACHE"]))
    return said


# What a case prepares: functions of the current folder that return the words of the command line.

Prepare = Callable[[Path], list[str]]


def words(*argv: str) -> Prepare:
    """Nothing to prepare."""
    return lambda here: list(argv)


def flags(*extra: str) -> Prepare:
    """Training on good data with a bad flag."""
    return lambda here: train(*extra)
