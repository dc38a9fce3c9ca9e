"""A folder of runs to look at: made once, tiny."""

from __future__ import annotations

import numpy as np
import pytest

import poise


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """shown/one, a finished run; beside the folder a secret."""
    folder = tmp_path_factory.mktemp("serve")
    data = folder / "pictures.npy"
    np.save(data, np.random.default_rng(0).integers(0, 256, (60, 16, 16), np.uint8))
    poise.train(
        "images", data, out=folder / "shown" / "one", steps=24, batch=8, noise=4, log_every=2, sample_every=8, scores=2,
        score_samples=10, generator={"width": 2}, discriminator={"width": 2}, precision="fp32",
    )  # fmt: skip
    (folder / "secret.txt").write_text("SECRET")
    return folder
