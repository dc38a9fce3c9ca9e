"""The pieces of an auto-encoder, put together. Loads torch; `signature` imports it only when it builds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from poise.data.files.items import drawn
from poise.data.images.images import ImageSet
from poise.errors import PoiseError
from poise.models.vae import AutoEncoder
from poise.monitor.latent import nats_fact
from poise.networks import AutoencoderNetworks
from poise.penalties import L2, Penalty
from poise.penalties.covers import within
from poise.pixels.transparency import WITH_ALPHA
from poise.recipes.common.affordable import check_affordable
from poise.recipes.common.options import Options, RunOptions
from poise.recipes.common.own import fits, with_features
from poise.recipes.common.own import unused as unused_options
from poise.recipes.common.parts import check_player, l2
from poise.recipes.images import build as image_parts
from poise.recipes.images import data as image_data
from poise.recipes.images.options import PictureOptions
from poise.recipes.images.signature import OURS, DiscriminatorOptions
from poise.recipes.vae.facts import VaeFacts
from poise.recipes.vae.mixture import MISSING, Fitted, installed
from poise.recipes.vae.networks import discriminator, model
from poise.recipes.vae.objectives import Objective, ObjectiveParts, chosen
from poise.registry import find
from poise.training.ema import BATCHES, Ema, Feed
from poise.training.ema import ROWS as FED
from poise.training.precision import Execution
from poise.training.schedules import Scheduled, checked

FITTED_TO = 5000  # training pictures at most, whose latents the mixture is fitted to
CHUNK = 256  # pictures encoded at a time


@dataclass(frozen=True)
class ObjectiveOptions:
    """An objective, its options with defaults filled in, and the options of its players."""

    name: str
    objective: Objective
    values: Mapping[str, Any]
    options: Options


def objective_options(name: str, given: Mapping[str, Any], options: Options, micro_batches: int) -> ObjectiveOptions:
    """What was asked for; what means nothing to the objective, or cannot be, is told of its flag."""
    objective, values = chosen(name, given)
    for player, own in options.items():
        if player in objective.players:
            check_player(player, own, [size for size in ("width", "depth", "turns") if hasattr(own, size)])
        elif changed := [key for key, value in vars(own).items() if value != getattr(DiscriminatorOptions(), key)]:
            raise PoiseError(
                f"--{player}.{changed[0]} does nothing for --objective {name}, which has no {player}: leave it out"
            )
    if (free := checked(values.get("free_bits", 0.0), "--free-bits")) and micro_batches > 1:
        raise PoiseError(
            f"--free-bits {free:g} compares with the mean KL of a whole batch, which --micro-batches {micro_batches} "
            f"would take apart: use --micro-batches 1"
        )
    return ObjectiveOptions(name, objective, values, {player: options[player] for player in objective.players})


def read(data: str, options: PictureOptions, seed: int) -> ImageSet:
    """The pictures of a run. Errors: PoiseError for pictures with alpha, and as of `images.data.pictures`."""
    if options.channels == WITH_ALPHA:
        raise PoiseError(
            f"--channels {options.channels} is for poise train images: the likelihoods of poise train vae are of grey "
            "and colours alone; use --channels 3, which lays transparent pictures onto --background"
        )
    return image_data.pictures(data, options, seed)


def facts(
    pictures: ImageSet,
    asked: ObjectiveOptions,
    latent_size: int,
    likelihood: str,
    sigma: float | str,
    latents: str,
    steps: int,
    execution: Execution,
) -> VaeFacts:
    """What rebuilds the auto-encoder without the data, and what was chosen for the user."""
    objective = asked.objective
    from_prior = latents == "prior"
    if from_prior and objective.deterministic:
        raise PoiseError(no_prior(asked.name))
    if (objective.latents if latents == "auto" else latents) == "mixture" and not installed():
        raise PoiseError(MISSING)
    kind = find("likelihood", likelihood)
    automatic = objective.sigma if kind.spread else None
    two = len(objective.players) > 1
    return VaeFacts(
        **{**vars(image_parts.facts(pictures, False, "none", 1.0, execution)), "augment": None},
        objective=asked.name,
        asked=dict(asked.values),
        deterministic=objective.deterministic,
        latent_size=latent_size,
        likelihood=likelihood,
        sigma=automatic if sigma == "auto" else sigma,
        latents=objective.latents if latents == "auto" else latents,
        stages=[("adversarial" if two else "likelihood", steps)],
        nats=nats_fact(math.prod(pictures.images.shape[1:])),
        roles={"adversarial": {"generator": "autoencoder", "discriminator": "discriminator"}} if two else None,
    )


def no_prior(objective: str) -> str:
    return f"--latents prior: the latents of --objective {objective} have no prior to draw from; use mixture"


def penalties(
    asked: ObjectiveOptions, l2_encoder: Scheduled, l2_decoder: Scheduled, steps: int
) -> dict[str, list[Penalty]]:
    """By player: its L2 under names of their own in the record, and what else was asked for."""
    found: dict[str, list[Penalty]] = {
        "autoencoder": [
            l2(part, strength, steps, partial(L2, covers=within(part), name=f"l2_{part}"))
            for part, strength in (("encoder", l2_encoder), ("decoder", l2_decoder))
        ]
    }
    if "l2_discriminator" in asked.values:
        found["discriminator"] = [l2("discriminator", asked.values["l2_discriminator"], steps)]
    return {
        name: [*found[name], *(penalty.over(steps) for penalty in options.penalties)]
        for name, options in asked.options.items()
    }


@dataclass(frozen=True)
class Drawing:
    """The averaged auto-encoder; called, with its mixture fitted if the run draws from it."""

    fitted: Fitted
    needed: bool

    @property
    def module(self) -> AutoEncoder:
        averaged: AutoEncoder = self.fitted.module
        return averaged

    def __call__(self) -> AutoEncoder:
        return self.fitted() if self.needed else self.module


def game(
    network: AutoencoderNetworks | str,
    asked: ObjectiveOptions,
    penalties: dict[str, list[Penalty]],
    pictures: ImageSet,
    facts: VaeFacts,
    run: RunOptions,
    execution: Execution,
) -> tuple[Any, Drawing]:
    """The game, the discriminator first if there is one, and what draws from the averaged auto-encoder."""

    some = torch.zeros(2, *facts.shape, device=execution.device)

    def judging() -> nn.Module:
        net = discriminator(network, asked.options["discriminator"], facts)
        found: nn.Module = net.to(execution.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with_features(network, found, asked.values.get("features", 0), some)
        return found

    own = asked.options["autoencoder"]
    makers = {"autoencoder": lambda: model(network, own, facts)}
    check_affordable(execution.device, makers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        net: Any = model(network, own, facts)
        net.to(execution.device, memory_format=torch.channels_last)
        fits(network, "encoder", net.encoder, some)
        fits(network, "decoder", net.decoder, some.new_zeros(2, facts.latent_size))
        average = Ema(net, run.decay, data_feed(pictures, run.seed, execution))
        built = asked.objective.game(
            ObjectiveParts(net, average, asked.values, asked.options, penalties, judging, run.steps)
        )
    fitted = Fitted(average.module, latents(average.module, pictures, run.seed, execution), run.seed)
    return built, Drawing(fitted, facts.latents == "mixture")


def unused(network: AutoencoderNetworks | str, asked: ObjectiveOptions, game: Any) -> list[str]:
    """A line where options of our networks were given beside a user's."""
    return unused_options(network, asked.options, getattr(game, "discriminator", None), OURS)


def latents(model: Any, pictures: ImageSet, seed: int, execution: Execution) -> Callable[[], Tensor]:
    """z of at most 5,000 training pictures, drawn by the seed: one draw from each posterior, or its mean alone."""
    rows = drawn(pictures.train, FITTED_TO, (seed, 5))

    def encoded() -> Tensor:
        rng, found = torch.Generator().manual_seed(seed), []
        for start in range(0, len(rows), CHUNK):
            mean, log_variance = model.encode(as_floats(pictures, rows[start : start + CHUNK], execution))
            noise = torch.randn(mean.shape, generator=rng).to(mean)
            found.append(mean if log_variance is None else mean + (0.5 * log_variance).exp() * noise)
        return torch.cat(found)

    return encoded


def data_feed(pictures: ImageSet, seed: int, execution: Execution) -> Feed:
    """Fixed training pictures, drawn by the seed, for an auto-encoder: through it and back, z drawn from q(z|x).

    The decoder so sees what it sees in training.
    """
    rows = np.random.default_rng((seed, 6)).permutation(pictures.train)[: BATCHES * FED]
    rows = np.resize(rows, BATCHES * FED).reshape(BATCHES, FED)  # few pictures come again

    def feed(model: Any, i: int) -> None:
        rng = torch.Generator().manual_seed(i)
        mean, log_variance = model.encode(as_floats(pictures, rows[i], execution))
        noise = torch.randn(mean.shape, generator=rng).to(mean)
        model.decode(mean if log_variance is None else mean + (0.5 * log_variance).exp() * noise)

    return feed


def as_floats(pictures: ImageSet, rows: np.ndarray, execution: Execution) -> Tensor:
    """Pictures in [−1, 1] on the device: [n,C,H,W]."""
    x = torch.from_numpy(np.asarray(pictures.images[rows])).to(execution.device).permute(0, 3, 1, 2)
    return (x.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
