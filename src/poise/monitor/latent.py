"""What is measured while an auto-encoder is trained: the same pictures and the same draws of z at every probe.

In the record, for the player (all in nats per picture, in evaluation mode, means over the pictures):

    PLAYER/nll_training, nll_heldout, nll_gap      -log p(x|z), z ~ q(z|x), and held-out minus training
    PLAYER/objective_training, objective_heldout   what training minimises: nll + weight * KL, free bits and all; of a
                                                   VAE-GAN these two terms, with their weights
    PLAYER/rate, rate_heldout     KL(q(z|x) || N(0, I)) of training and held-out pictures
    PLAYER/active_units           latent units whose posterior mean varies over the training pictures by more than 0.01
    PLAYER/beta                   the weight of the KL at this step
    PLAYER/latent_weight, pixels_weight   the other weights at this step, where they follow a schedule
    PLAYER/units                  once: how many latent units there are
    PLAYER/shown_nll_training ...   the nll, rates and active units of the averaged auto-encoder, which is what a user
                                  is shown; at each fourth probe

A deterministic encoder has no rate, no active units and no beta; its objective has the penalty on the code instead.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from poise.core import Batch, Schedule, Timed, value_at
from poise.games.vae import VaeRound, kl_term, latent_term, nll_term, weighed
from poise.monitor.findings.windows import SHOWN_EVERY, WEIGHTS
from poise.monitor.measures import with_gap

ACTIVE = 0.01  # variance of the posterior mean (Burda, Grosse & Salakhutdinov 2016)
WORTH = 0.002  # nats a dimension: a rise of the held-out objective that is worth a word; 0.003 bits


def nats_fact(dimensions: int) -> dict[str, str | float]:
    """For the facts of a run, under "nats": what a held-out cost is of, and which rise of it is worth a word."""
    return {"of": "pictures", "per": "each", "worth": WORTH * dimensions}


class LatentMonitor(Timed):
    """Callable: the number of a probe, counted from 0 -> numbers. A pure function of that number and the weights.

    Args:
        model: the auto-encoder that is trained; averaged: its moving average.
        streams: "training" and, if anything is held out, "heldout": draw number -> Batch. Draw 0 of each is kept.
        beta: weight of the KL, or a schedule over steps; free_bits: nats that a unit is left.
        every: steps between two probes, from which the step of a schedule follows.
        seed: of the draws of z.
        autocast: a context in which the network is evaluated.
        latent: weight of the penalty on the code of a deterministic encoder, or a schedule.
        pixels: weight of the likelihood in the objective, or a schedule.
        player: whose numbers these are.

    The same pictures at each probe, because two batches differ by more than overfitting does. `seconds` is the time
    that it has taken so far.
    """

    def __init__(
        self,
        model: Any,
        streams: Mapping[str, Callable[[int], Batch]],
        beta: float | Schedule = 1.0,
        free_bits: float = 0.0,
        every: int = 1,
        seed: int = 0,
        autocast: Callable[[], Any] = contextlib.nullcontext,
        latent: float | Schedule = 0.0,
        pixels: float | Schedule = 1.0,
        player: str = "autoencoder",
        averaged: Any = None,
    ) -> None:
        self.model, self.beta, self.free_bits, self.latent, self.pixels = model, beta, free_bits, latent, pixels
        self.every, self.seed, self.autocast, self.player, self.averaged = every, seed, autocast, player, averaged
        with self.timed():
            self.pictures = {name: stream(0).real for name, stream in streams.items()}

    def __call__(self, probe: int) -> dict[str, float]:
        was_training = self.model.training
        self.model.eval()
        with self.timed(), torch.no_grad(), self.autocast():
            found = self._of(self.model, probe * self.every)
            if self.averaged is not None and probe % SHOWN_EVERY == 0:
                shown = self._of(self.averaged, probe * self.every)
                found |= {f"shown_{name}": value for name, value in shown.items() if name not in WEIGHTS}
        self.model.train(was_training)
        if probe == 0:
            found["units"] = float(self.model.noise_size)
        return {f"{self.player}/{name}": value for name, value in found.items()}

    def _of(self, model: Any, step: int) -> dict[str, float]:
        """The costs of one auto-encoder."""
        found: dict[str, float] = {}
        for name, x in self.pictures.items():
            found |= self._of_pictures(model, name, x, step)
        return with_gap(found, "nll")

    def _of_pictures(self, model: Any, name: str, x: Tensor, step: int) -> dict[str, float]:
        round = VaeRound(model, x, torch.Generator().manual_seed(self.seed))
        mean, log_variance = round.posterior
        weight = value_at(self.latent if log_variance is None else self.beta, step)
        second = latent_term(weight) if log_variance is None else kl_term(weight, self.free_bits)
        values = weighed([nll_term(value_at(self.pixels, step)), second], round)
        found = {f"nll_{name}": float(values["nll"]), f"objective_{name}": float(values["objective"])}
        if name == "training":
            scheduled = {"latent_weight": self.latent, "pixels_weight": self.pixels}
            found |= {key: value_at(value, step) for key, value in scheduled.items() if callable(value)}
        if log_variance is None:
            return found
        rate = float(round.kl.mean())
        if name != "training":
            return found | {f"rate_{name}": rate}
        active = float((mean.var(0) > ACTIVE).sum()) if len(mean) > 1 else 0.0
        return found | {"rate": rate, "active_units": active, "beta": weight}
