"""Bad input of auto-encoders: one clear sentence that names the value and what to do, exit code 2, nothing written.

In the style of `test_bad_input`: each case is the words of a command line in a folder with data and finished runs.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import numpy as np
import pytest

from poise.cli import main
from tests.refusals import refusal

SMALL = {"batch": 8, "latent-size": 2, "autoencoder.width": 2, "steps": 1, "log-every": 2, "checkpoint-every": 2,
         "scores": 0, "threads": 1, "device": "cpu", "precision": "fp32"}  # fmt: skip


def vae(*words: str, data: str = "pictures.npy") -> list[str]:
    """A small training command; later words win."""
    return ["train", "vae", data, *(f"--{name}={value}" for name, value in SMALL.items()), *words]


def sample(run: str, *words: str) -> list[str]:
    return ["sample", run, "-n", "2", "--out", "more.png", *words]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """pictures.npy, and runs of a VAE and of an RAE."""
    folder = tmp_path_factory.mktemp("made")
    images = np.random.default_rng(0).integers(0, 256, (30, 16, 16), dtype=np.uint8)
    np.save(folder / "pictures.npy", images)
    with contextlib.chdir(folder):
        assert main(vae("--out", "runs/vae", "--quiet")) == 0
        assert main(vae("--out", "runs/rae", "--quiet", "--objective", "rae")) == 0
    return folder


CASES = [
    ("unknown objective", vae("--objective", "vea"), r"--objective vea is unknown; use vae, rae, vae_gan"),
    ("unknown likelihood", vae("--likelihood", "gaussain"), r"called 'gaussain'; did you mean 'gaussian'"),
    ("alpha", vae("--channels", "4"), r"--channels 4 is for poise train images: .* use --channels 3"),
    ("unknown network", vae("--network", "resnet"), r"no network called 'resnet'"),
    ("L2 on a discriminator that is not there", vae("--l2-discriminator", "1e-4"),
     r"--l2-discriminator \S+ does nothing for --objective vae: leave it out, or use --objective vae_gan"),
    ("an option of a discriminator that is not there", vae("--discriminator.lr", "1e-4"),
     r"--discriminator.lr does nothing for --objective vae, which has no discriminator"),
    ("beta of an RAE", vae("--objective", "rae", "--beta", "2"), r"--beta 2\S* does nothing for --objective rae.*vae"),
    ("free bits of an RAE", vae("--objective", "rae", "--free-bits", "0"), r"--free-bits 0.* does nothing .*rae"),
    ("latent of a VAE", vae("--latent", "0.1"), r"--latent 0.1 does nothing for --objective vae.*use --objective rae"),
    ("features of a VAE", vae("--features", "1"), r"--features 1\S* does nothing .*use --objective vae_gan"),
    ("negative beta", vae("--beta", "-1"), r"--beta must be a finite number of at least 0, not -1"),
    ("a beta of words", vae("--beta", "slow:1:2"), r"--beta: 'slow' is no schedule"),
    ("a beta that is no number", vae("--beta", "nan"), r"--beta must be a finite number"),
    ("negative free bits", vae("--free-bits", "-0.5"), r"--free-bits must be a finite number of at least 0, not -0.5"),
    ("free bits in pieces", vae("--free-bits", "0.1", "--micro-batches", "2"),
     r"--free-bits 0.1 compares .* whole batch.*use --micro-batches 1"),
    ("sigma 0", vae("--sigma", "0"), r"--sigma must be a number above 0, learned or auto, not 0"),
    ("a sigma of words", vae("--sigma", "wide"), r"--sigma .*wide"),
    ("sigma of a Bernoulli", vae("--likelihood", "bernoulli", "--sigma", "1"),
     r"--sigma 1\S* does nothing for --likelihood bernoulli"),
    ("a prior for an RAE", vae("--objective", "rae", "--latents", "prior"),
     r"--latents prior: the latents of --objective rae have no prior to draw from; use mixture"),
    ("latents from nowhere", vae("--latents", "posterior"), r"--latents .*posterior"),
    ("no latents", vae("--latent-size", "0"), r"--latent-size must be at least 1, not 0"),
    ("negative L2 on the encoder", vae("--l2-encoder", "-1"), r"--l2-encoder must .*at least 0, not -1"),
    ("negative L2 on the decoder", vae("--l2-decoder", "-1"), r"--l2-decoder must .*at least 0, not -1"),
    ("R1 on an auto-encoder", vae("--autoencoder.penalties+=R1"),
     r"--autoencoder.penalties\+=R1: R1 is a penalty on a discriminator .*--objective vae_gan"),
    ("activations of an auto-encoder", vae("--autoencoder.penalties+=AR"), r"--autoencoder.penalties\+=AR: AR reads"),
    ("no width", vae("--autoencoder.width", "0"), r"--autoencoder.width must be at least 1, not 0"),
    ("no learning rate", vae("--autoencoder.lr", "0"), r"--autoencoder.lr must be above 0, not 0"),
    ("ema 1", vae("--ema", "1"), r"--ema must be at least 0 and below 1, not 1"),
    ("more than there are", vae("--limit", "1000"), r"--limit 1000 is not possible: .* has \d+ pictures to train on"),
    ("unknown loss", vae("--objective", "vae_gan", "--loss", "hing"), r"no loss called 'hing'; did you mean 'hinge'"),
    ("a batch that is larger than the data", vae("--batch", "64"), r"batch"),
    ("no such data", vae(data="nothing"), r"there is no file, folder or data set called 'nothing'"),
    ("sampling the prior of an RAE", sample("rae", "--latents", "prior"),
     r"--latents prior: the latents of --objective rae have no prior to draw from; use mixture"),
    ("sampling from nowhere", sample("vae", "--latents", "posterior"),
     r"--latents posterior is unknown; use prior or mixture"),
    ("a class of a VAE", sample("vae", "--label", "3"), r"--label does nothing for vae, a run of vae: .*use --latents"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("argv", "match"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_gets_one_sentence(place, capsys, argv, match):
    """Exit code 2, one line on stderr that names what is wrong, and every byte of the folder as it was."""
    assert re.search(match, refusal(place, capsys, argv))


def test_no_case_is_there_twice():
    assert len({case[0] for case in CASES}) == len(CASES)
