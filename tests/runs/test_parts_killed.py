"""kill -9 at five moments of a run with each part that keeps something between steps: it ends the same, bit for bit."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from poise.record import RunFolder
from poise.runs.run import run
from tests.runs.conftest import TINY, assert_same, spec, state
from tests.runs.test_lengthening import Killed

R1, R2 = ({"class_path": name, "init_args": {"gamma": "cosine:0.2:0.02", "every": 4}} for name in ("R1", "R2"))
LECAM = {"class_path": "LeCam", "init_args": {"strength": 0.3}}
MOMENTS = (1, 4, 6, 8, 12)  # before the first checkpoint, beside others, at one, at the end

PARTS = {
    "steered augmentation": {"augment": "color,translation,cutout", "augment_probability": "steered"},
    "scheduled augmentation": {"augment": "cutout", "augment_probability": "linear:0:0.5"},
    "schedules": {
        "generator": {**TINY, "lr": "cosine:1e-3:1e-4", "betas": [0.0, "cosine:0.9:0.99"]},
        "discriminator": {**TINY, "lr": "linear:1e-3:0", "betas": [0.5, "linear:0.5:0.9"], "penalties": [R1]},
        "l2_generator": "cosine:1e-2:1e-4",
    },
    "average by pictures": {"ema_half_life": 100},
    "lazy penalties": {"discriminator": {**TINY, "penalties": [R1, R2, LECAM]}},
    "modern": {"network": "modern", "loss": "relativistic", "discriminator": {**TINY, "penalties": [R1, R2]}},
    "bilinear": {"network": "bilinear"},
    "one generated batch a step": {"reuse_generated": True},
    "mirror images by what the data are": {"flip": "auto"},
    "another run's networks": {},
    "transparency": {"channels": 4},
}


@pytest.fixture(scope="module")
def stickers(tmp_path_factory):
    """120 pictures 16x16 with alpha."""
    path = tmp_path_factory.mktemp("data") / "stickers.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (120, 16, 16, 4), dtype=np.uint8))
    return str(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a child at once")
@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_killed_at_five_moments_it_ends_the_same(part, pictures, stickers, tmp_path):
    changes = dict(PARTS[part])
    if part == "another run's networks":
        run(spec(pictures, steps=3, seed=7), tmp_path / "origin")
        changes["from_run"] = str(tmp_path / "origin")
    data = stickers if part == "transparency" else pictures
    asked = spec(data, **changes, steps=13, checkpoint_every=3, sample_every=7)
    run(asked, tmp_path / "whole")
    for moment in MOMENTS:
        child = os.fork()
        if child == 0:
            try:
                run(asked, tmp_path / "parts", Killed(moment))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, moment
        assert not RunFolder(tmp_path / "parts").done
    run(asked, tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
