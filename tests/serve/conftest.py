"""Folders of runs to look at: made once, tiny."""

from __future__ import annotations

import os
import re
import shutil

import numpy as np
import pytest

import poise
from tests.export import tiny

KINDS = ("dcgan", "residual", "vae", "language", "text, lstm", "speech", "vocoder, vocos", "own pictures")


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


@pytest.fixture(scope="session")
def played(made_once, tmp_path_factory):
    """A run of each kind by its name, in one folder: runs/dcgan ... Code of one's own is in sys.path."""
    folder = tmp_path_factory.mktemp("played")
    tiny.write_data(folder)
    with pytest.MonkeyPatch.context() as changed:
        changed.chdir(folder)
        changed.syspath_prepend(os.fspath(folder))
        for kind in KINDS:
            tiny.made(kind)
        shutil.copytree(made_once / "shown" / "one", folder / "runs" / "one")
        yield folder / "runs"


@pytest.fixture(scope="session")
def painter():
    """One process that draws, for all tests."""
    from poise.serve.apart import Apart

    made = Apart()
    yield made
    made.end()


def name_of(kind):
    """As `tiny.made` calls its run."""
    return re.sub(r"\W", "-", kind)
