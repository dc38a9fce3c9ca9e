"""The pieces of an image GAN, put together. Loads torch; `signature` imports it only when it builds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from poise.core import Batch, ScheduledValue
from poise.data.draws.order import Prefetch
from poise.data.images.images import ImageSet
from poise.data.images.stream import ImageStream
from poise.errors import PoiseError
from poise.games.adversarial import Adversarial, adversarial_terms, joint_allowed
from poise.games.augment import Augmentation, resolve
from poise.games.once import OnceAStep
from poise.models.own import OwnDiscriminator, OwnGenerator
from poise.networks import ImageNetworks
from poise.recipes.common.options import Options, OriginOptions, RunOptions
from poise.recipes.common.origin import Origin, foreign_classes, origin_of, take, take_average
from poise.recipes.common.own import fits, judges_alone, user_errors
from poise.recipes.common.parts import adam_dials, built, check_player, machine, own_penalties, player
from poise.recipes.common.recipe import Arguments
from poise.recipes.common.setup import Setup
from poise.recipes.images import steering
from poise.recipes.images.drawing import kinds_like
from poise.recipes.images.facts import ImageFacts
from poise.registry import find
from poise.training.ema import Ema, noise_feed
from poise.training.precision import Execution
from poise.training.schedules import Scheduled


def begun(options: OriginOptions) -> Origin | None:
    """What the run begins with, if another run is named: its generator, the average of that, its discriminator."""
    return origin_of(options, "images", averaged=("generator",))


def facts(
    pictures: ImageSet,
    conditional: bool,
    augment: str,
    probability: Scheduled,
    execution: Execution,
    origin: Origin | None = None,
) -> ImageFacts:
    """What rebuilds the generator without the data, and what was chosen for the user."""
    asked = steering.kinds(augment, probability)
    return ImageFacts(
        size=pictures.size,
        channels=pictures.channels,
        classes=list(pictures.classes) if conditional else [],
        class_counts=_counts(pictures) if conditional else None,
        data=pictures.describe(),
        fingerprint=pictures.fingerprint,
        augment=resolve(asked, len(pictures.train)),
        origin=origin.facts if origin else None,
        **machine(execution),
    )


def _counts(pictures: ImageSet) -> list[int]:
    """How many training pictures each class has."""
    assert pictures.labels is not None
    of_train = torch.from_numpy(pictures.labels[pictures.train])
    return [int(count) for count in torch.bincount(of_train, minlength=len(pictures.classes))]


def dials(
    game: Adversarial,
    options: Options,
    probability: Scheduled,
    pictures: ImageSet,
    run: RunOptions,
    execution: Execution,
) -> list[ScheduledValue]:
    """What is set before each step: learning rates that follow a schedule, and the probability of augmentation."""
    rates = adam_dials(game.players, options, run.steps)
    return [*rates, *steering.probability_dials(probability, game, pictures, run, execution)]


def unpenalised(setup: Setup) -> list[str]:
    """A sentence where neither player pays for anything: that is the default, and nobody should have to guess it."""
    if any(player.l2 not in (0, "0") or player.options.penalties for player in (setup.generator, setup.discriminator)):
        return []
    return [
        "no penalty is on, which is the default; --l2-generator 1e-4 --l2-discriminator 1e-4 puts L2 on both players"
    ]


def stream(
    pictures: ImageSet, run: RunOptions, execution: Execution, conditional: bool = False
) -> Callable[[int], Batch]:
    plain = ImageStream(pictures, run.batch, run.seed, execution.device, labels=conditional, flip=pictures.mirrored)
    return plain if execution.device.type == "cpu" else Prefetch(plain)


def of_rectangles(facts: ImageFacts) -> str:
    """How a network of a user's was called for rectangles, for a message: it may know squares alone."""
    return "" if isinstance(facts.size, int) else f" of size={facts.sides}, which is (height, width)"


def generator(network: ImageNetworks | str, noise: int, options: Any, facts: ImageFacts) -> nn.Module:
    """The generator alone, with fresh weights; `options` is a `GeneratorOptions`."""
    if isinstance(network, ImageNetworks):
        classes = len(facts.classes)
        with user_errors(network, f"generator cannot be made{of_rectangles(facts)}"):
            made = network.generator(facts.sides, facts.channels, noise, classes)
            return OwnGenerator(made, noise, classes, facts.shape)
    net: nn.Module = find("network", network).generator(
        size=facts.sides,
        channels=facts.channels,
        width=options.width,
        depth=options.depth,
        noise=noise,
        classes=len(facts.classes),
        norm=options.norm,
    )
    return net


def rebuilt(arguments: Arguments, facts: ImageFacts) -> nn.Module:
    """The generator of a run, with fresh weights."""
    network = arguments["network"] if facts.network is None else facts.network
    return generator(network, arguments["noise"], arguments["generator"], facts)


def discriminator(network: ImageNetworks | str, options: Any, facts: ImageFacts) -> nn.Module:
    """The discriminator alone, with fresh weights; `options` is a `DiscriminatorOptions`."""
    if isinstance(network, ImageNetworks):
        classes = len(facts.classes)
        with user_errors(network, f"discriminator cannot be made{of_rectangles(facts)}"):
            return OwnDiscriminator(network.discriminator(facts.sides, facts.channels, classes), classes)
    net: nn.Module = find("network", network).discriminator(
        size=facts.sides,
        channels=facts.channels,
        width=options.width,
        depth=options.depth,
        classes=len(facts.classes),
        norm=options.norm,
        spectral=options.spectral,
    )
    return net


def game(
    setup: Setup, noise: int, facts: ImageFacts, origin: Origin | None = None, reuse_generated: bool = False
) -> tuple[Adversarial, nn.Module]:
    """The game, D first, and the averaged generator; `origin` has weights to begin with."""
    for asked in (setup.generator, setup.discriminator):
        check_player(asked.name, asked.options)
    to_discriminate, to_generate = adversarial_terms(find("loss", setup.loss))
    network, device, steps = setup.generator.network, setup.execution.device, setup.steps["adversarial"]
    of_d, of_g = setup.discriminator.options, setup.generator.options
    makers = {
        "discriminator": lambda: discriminator(network, of_d, facts),
        "generator": lambda: generator(network, noise, of_g, facts),
    }
    d, g = built(setup, makers)
    take(origin, {"generator": g, "discriminator": d})
    if origin is not None:
        origin.notes += foreign_classes(origin, facts.classes)
    for net in (d, g):
        net.to(memory_format=torch.channels_last)
    few = torch.zeros(2, noise, device=device)
    labels = torch.zeros(2, dtype=torch.long, device=device) if facts.classes else None
    fits(network, "generator", g, few, labels)
    fits(network, "discriminator", d, few.new_zeros(2, *facts.shape), labels)
    kinds = partial(kinds_like, facts.counts) if facts.classes else None
    average = Ema(g, setup.ema, noise_feed(noise, device, kinds))
    take_average(origin, "generator", average)
    made = Adversarial(
        g,
        d,
        view=Augmentation(facts.augment or "none"),
        joint=joint_allowed(d) and judges_alone(d, few.new_zeros(2, *facts.shape), labels),
    )
    made.players = (
        player("discriminator", d, of_d, to_discriminate, own_penalties(setup.discriminator, steps)),
        player("generator", g, of_g, to_generate, own_penalties(setup.generator, steps), (average,)),
    )
    if reuse_generated:
        reuse(made)
    return made, average.module


def reuse(game: Adversarial) -> None:
    """Have both players' turns go through one generated batch a step.

    Errors: PoiseError where a player moves more than once a step: its moves would see the same batch again.
    """
    for mover in game.players:
        if mover.turns != 1:
            raise PoiseError(
                f"--reuse-generated: the {mover.name} moves {mover.turns} times a step, and there is one generated "
                f"batch; use --{mover.name}.turns 1, or leave --reuse-generated out"
            )
    game.once = OnceAStep(game.generator)
