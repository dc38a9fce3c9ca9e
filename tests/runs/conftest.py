"""A small set of pictures, a small spec, and what two runs must have in common."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise import registry
from poise.errors import PoiseError
from poise.losses import AdversarialLoss
from poise.recipes.common.options import RunOptions
from poise.recipes.common.parts import recurrent_execution
from poise.record import RunFolder
from poise.registry import find
from poise.report.live import Silent
from poise.runs.run import run
from poise.training.checkpoint import latest
from tests.evaluation.texts import sentences
from tests.runs.speech_variants import finished, spoken_sentences, syllables, unseen, wanted  # noqa: F401  (fixtures)

TINY = {"width": 4}
LAST = "step-00000008"  # of `origin`


def recurrent_in_bf16() -> bool:
    """Whether this CPU computes recurrent layers in bf16; not each does, and Poise says so."""
    try:
        recurrent_execution(RunOptions(precision="bf16", device="cpu"))
    except PoiseError:
        return False
    return True


needs_bf16 = pytest.mark.skipif(not recurrent_in_bf16(), reason="this CPU computes no recurrent layers in bf16")


def variants(named, fast):
    """Their names as parameters of a test: slow but for those that are `fast`, in bf16 where it is computed."""
    marks = {name: [needs_bf16] if named[name].get("precision") == "bf16" else [] for name in named}
    return [pytest.param(name, marks=[*marks[name], *([] if name in fast else [pytest.mark.slow])]) for name in named]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """240 pictures 16x16 with something to learn: a bright square at one of four places."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (240, 16, 16), dtype=np.uint8)
    labels = rng.integers(0, 4, 240)
    for image, label in zip(images, labels, strict=True):
        y, x = divmod(int(label), 2)
        image[8 * y : 8 * y + 8, 8 * x : 8 * x + 8] += 150
    path = tmp_path_factory.mktemp("data") / "squares.npz"
    np.savez(path, images=images, labels=labels)
    return str(path)


def spec(data, **changes):
    arguments = {
        "data": data,
        "steps": 24,
        "batch": 16,
        "noise": 8,
        "generator": dict(TINY),
        "discriminator": dict(TINY),
        "log_every": 4,
        "checkpoint_every": 5,
        "scores": 0,
        "precision": "fp32",
        "l2_generator": 3e-3,
        "l2_discriminator": 1e-4,
    }
    return {"recipe": "images", "arguments": arguments | changes}


def state(folder):
    """Everything that must be equal: the record's bytes, and every tensor of the last checkpoint."""
    last = latest(RunFolder(folder).checkpoints)
    weights = {p.name: p.read_bytes() for p in last.glob("*.safetensors")}
    resume = torch.load(last / "resume.pt", weights_only=True)
    return (folder / "record.jsonl").read_bytes(), weights, resume


def assert_same(a, b):
    assert a[0] == b[0], "the records differ"
    assert a[1] == b[1], "the weights differ"
    assert flat(a[2]) == flat(b[2]), "the optimisers' states differ"


def flat(value, prefix=""):
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in flat(item, f"{prefix}/{key}").items()}
    if isinstance(value, list | tuple):
        return {k: v for i, item in enumerate(value) for k, v in flat(item, f"{prefix}/{i}").items()}
    if isinstance(value, torch.Tensor):  # numpy has no bfloat16
        value = (value.dtype, (value.float() if value.dtype == torch.bfloat16 else value).numpy().tobytes())
    return {prefix: value}


class Stopping(Silent):
    """A view that asks for a stop after a given step, as Ctrl-C would."""

    def __init__(self, step, stop):
        self.at, self.stop = step, stop

    def step(self, made, entry):
        self.stop.asked = made == self.at


@pytest.fixture(scope="session")
def grammar(tmp_path_factory):
    """A file of 160 sentences of a small grammar."""
    path = tmp_path_factory.mktemp("texts") / "grammar.txt"
    path.write_text("".join(f"{sentence}\n" for sentence in sentences(160)))
    return str(path)


@pytest.fixture
def once():
    """A loss that is infinite at one call, and a switch that turns this off: {"left": calls until then}."""
    switch = {"left": -1}
    plain = find("loss", "relativistic")

    def discriminator(real, fake):
        value = plain.discriminator(real, fake)
        switch["left"] -= 1
        return value / 0 if switch["left"] == 0 else value

    registry.register("loss", "once")(AdversarialLoss(discriminator, plain.generator, paired=True))
    yield switch
    del registry._TABLES["loss"]["once"]


@pytest.fixture(scope="session")
def origin(pictures, tmp_path_factory):
    """A finished run of eight steps."""
    folder = tmp_path_factory.mktemp("origin") / "run"
    run(spec(pictures, steps=8, seed=7), folder)
    return folder
