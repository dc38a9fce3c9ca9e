"""A seed shares initialisation, order of the data and noise across arms: what is paired can be compared."""

from __future__ import annotations

import pytest

from poise.record import RunFolder
from poise.runs.run import run
from tests.runs.conftest import TINY, spec

STILL = {**TINY, "lr": 1e-30}  # weights stay, so that every step shows what the game was given


@pytest.fixture(scope="module")
def losses(pictures, tmp_path_factory):
    """(λ, seed) -> the losses of both players at every step."""
    found = {}
    for strength, seed in ((0.0, 3), (0.1, 3), (0.0, 4)):
        asked = {"l2_generator": strength, "l2_discriminator": strength, "seed": seed, "log_every": 1, "steps": 6}
        path = tmp_path_factory.mktemp("arms") / "run"
        run(spec(pictures, generator=STILL, discriminator=STILL, augment="translation", **asked), path)
        rows = RunFolder(path).rows()
        found[strength, seed] = [(row["discriminator/adversarial"], row["generator/adversarial"]) for row in rows]
    return found


@pytest.mark.slow
def test_arms_of_one_seed_see_the_same_weights_batches_and_noise(losses):
    assert losses[0.0, 3] == losses[0.1, 3]
    assert len(set(losses[0.0, 3])) == 6, "each step sees others"


@pytest.mark.slow
def test_other_seeds_see_others(losses):
    assert not set(losses[0.0, 3]) & set(losses[0.0, 4])
