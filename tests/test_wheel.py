"""An installed wheel outside the source tree: the whole command line, and the penalties in a program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def run(words, where, **environment):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=where,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.real
def test_a_wheel_trains_and_shows_without_the_source_tree(tmp_path):
    run(["-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path / "wheels"), str(ROOT)], tmp_path)
    (wheel,) = (tmp_path / "wheels").iterdir()
    place = tmp_path / "installed"
    run(["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), str(wheel)], tmp_path)
    here = tmp_path / "elsewhere"
    here.mkdir()
    np.save(here / "pictures.npy", np.random.default_rng(0).integers(0, 256, (60, 16, 16), np.uint8))
    alone = {"PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"}
    assert str(place) in run(["-c", "import poise; print(poise.__file__)"], here, **alone)
    said = run(["-m", "poise", "demo", "--data", "pictures.npy", "--steps", "4"], here, **alone)
    assert "Look at demo/samples.png" in said and (here / "demo" / "samples.png").exists()
    assert "demo/run" in run(["-m", "poise", "runs"], here, **alone)
    assert run(["-m", "poise", "--version"], here, **alone).startswith("poise ")
    words = ["export", "demo/run", "-o", "handed", "--torch", "--page"]
    assert "page/index.html" in run(["-m", "poise", *words], here, **alone)
    program = "from poise.penalties import L2, attach; from torch import nn; print(L2(1e-4).covers_of(nn.Linear(2, 2)))"
    assert "l2 covers 1 tensors" in run(["-c", program], here, **alone)
    assert not list((place / "poise").rglob("*.md")) and (place / "poise" / "py.typed").exists()
