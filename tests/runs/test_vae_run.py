"""A run of the recipe vae: complete, scored, and resumed bit for bit with the mixture of its own weights."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch

from poise.cli import main
from poise.data.images.images import open_images
from poise.evaluation.sources import OWN
from poise.record import RunFolder
from poise.runs.load import Run
from poise.runs.run import Interrupted, Stop, run
from poise.runs.write import sample_to
from poise.specs.spec import completed, instantiated, kind_of
from poise.training.checkpoint import all_checkpoints, latest
from tests.runs.conftest import Stopping, assert_same, state

VARIANTS = {
    "rae": {"objective": "rae", "sample_every": 8, "latent": "cosine:1:0.1"},
    "vae, bernoulli, warm-up": {"likelihood": "bernoulli", "beta": "warmup:1:10", "latents": "mixture"},
    "vae, free bits, residual": {"free_bits": 0.1, "network": "residual", "flip": True},
    "vae, micro-batches, bf16": {"micro_batches": 2, "precision": "bf16", "limit": 50},
    "vae, may roll back": {"on_divergence": "rollback", "checkpoint_every": None},
    "vae_gan with R1": {
        "objective": "vae_gan",
        "discriminator": {"width": 2, "penalties": [{"class_path": "R1", "init_args": {"every": 4}}]},
    },
}
FAST = ("rae",)


def spec(data, **changes):
    arguments = {
        "data": data, "steps": 16, "batch": 8, "latent_size": 4, "autoencoder": {"width": 2}, "log_every": 4,
        "checkpoint_every": 5, "scores": 0, "precision": "fp32", "sample_every": 16, "threads": 1,
    }  # fmt: skip
    return {"recipe": "vae", "arguments": arguments | changes}


@pytest.mark.slow
def test_a_run_leaves_what_it_promises(pictures, tmp_path):
    report = run(spec(pictures), tmp_path / "a")
    folder = RunFolder(tmp_path / "a")
    assert folder.done
    rows = folder.rows()
    assert {"autoencoder/nll", "autoencoder/kl", "autoencoder/l2_encoder.share", "autoencoder/l2_decoder.strength",
            "autoencoder/nll_training", "autoencoder/nll_heldout", "autoencoder/rate"} <= set(rows[0])  # fmt: skip
    assert set(report.penalties) == {"autoencoder/l2_encoder", "autoencoder/l2_decoder"}
    names = sorted(p.name for p in folder.samples.glob("*.png"))
    assert names == ["00000016-interpolations.png", "00000016-reconstructions.png", "00000016.png"]
    files = {p.name for p in latest(folder.checkpoints).iterdir()}
    assert {"autoencoder.safetensors", "autoencoder.ema.safetensors"} <= files
    for latents in (None, "prior", "mixture"):
        out = tmp_path / f"{latents}.png"
        assert sample_to(Run(folder), 9, 0, str(out), {"latents": latents}) == [f"{out}: 9 samples, drawn by a"]
    assert (tmp_path / "None.png").read_bytes() == (tmp_path / "prior.png").read_bytes()
    assert (tmp_path / "mixture.png").read_bytes() != (tmp_path / "prior.png").read_bytes()


def test_a_run_on_fewer_pictures_is_compared_with_those(pictures):
    arguments = completed("vae", spec(pictures, limit=30)["arguments"])
    built = kind_of("vae").build(**instantiated("vae", arguments))
    facts, described = built.facts, SimpleNamespace(arguments=arguments, facts=built.table)
    train, heldout = OWN["image"](
        SimpleNamespace(path=None, spec=described, facts=facts, written=SimpleNamespace(called=None))
    )
    assert len(train) == 30
    assert f"240 pictures 16x16 grey, 30 to train on and {len(heldout)} held out" in facts.data


@pytest.mark.slow
def test_scores_are_those_of_the_likelihood_and_of_the_samples(pictures, tmp_path):
    """The best checkpoint is that of the lowest NLL; the last word is on other held-out pictures where there are some,
    and a deterministic encoder has no NLL."""
    found = {}
    for objective in ("vae", "rae"):
        asked = spec(pictures, scores=2, score_samples=8, heldout=0.4, objective=objective)
        found[objective] = run(asked, tmp_path / objective)
    last = found["vae"].scores[-1]
    assert {"NLL", "NLL.low", "NLL.high", "rate", "distortion", "active units", "KID-EffLite0"} <= set(last)
    assert found["vae"].best.score == "NLL"
    assert "NLL" not in found["rae"].scores[-1] and "squared error" in found["rae"].scores[-1]
    assert found["rae"].best.score == "KID-EffLite0"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS]
)
def test_resumed_equals_uninterrupted_bit_for_bit(pictures, tmp_path, name):
    """Weights, optimisers, the record and the mixture; every kept checkpoint has one of its own."""
    changes = VARIANTS[name]
    run(spec(pictures, **changes), tmp_path / "whole")
    step = random.Random(name).randrange(2, 15)
    with pytest.raises(Interrupted):
        run(spec(pictures, **changes), tmp_path / "parts", Stopping(step, stop := Stop()), stop)
    run(spec(pictures, **changes), tmp_path / "parts")
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    kept = [safetensors.torch.load_file(path / "autoencoder.ema.safetensors")
            for path in all_checkpoints(tmp_path / "whole" / "checkpoints")]  # fmt: skip
    assert all(weights["mixture_fitted"] == 1 for weights in kept)
    assert len({weights["mixture_means"].numpy().tobytes() for weights in kept}) == len(kept) > 1


@pytest.mark.slow
def test_a_network_is_rebuilt_without_the_data(pictures, tmp_path):
    for name, changes in VARIANTS.items():
        run(spec(pictures, **changes), folder := tmp_path / name.replace(" ", "-").replace(",", ""))
        model, kind = (loaded := Run(RunFolder(folder))).generator, loaded.recipe
        assert kind.autoencoder(model, {}).noise_size == 4
        assert model.mixture_fitted


@pytest.mark.real
@pytest.mark.slow
def test_digits_are_learnt_and_a_large_weight_of_the_kl_collapses_them(tmp_path):
    """Held-out NLL against that of the best Gaussian without latents, the mean picture and one σ."""
    assert main(["data", "get", "digits"]) == 0
    images = open_images("digits", 16)
    pixels = {name: images.images[rows] / 127.5 - 1 for name, rows in (("t", images.train), ("h", images.heldout))}
    mean = pixels["t"].mean(0)
    sigma = float(np.sqrt(np.square(pixels["t"] - mean).mean()))
    error = np.square(pixels["h"] - mean).reshape(len(images.heldout), -1).sum(1).mean()
    plain = error / (2 * sigma**2) + mean.size * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
    asked = {"steps": 200, "batch": 32, "scores": 1, "score_samples": 50, "latent_size": 8, "labels": "none",
             "autoencoder": {"width": 8}, "size": 16, "ema": 0.95}  # fmt: skip
    found = run(spec("digits", **asked), tmp_path / "a").scores[-1]
    assert found["NLL.high"] < plain - 50
    assert found["rate"] > 5 and found["active units"] == 8
    collapsed = run(spec("digits", **asked, beta=1000.0), tmp_path / "b").scores[-1]
    assert collapsed["rate"] < 0.1 and collapsed["active units"] == 0
    assert collapsed["NLL.low"] > plain - 50
