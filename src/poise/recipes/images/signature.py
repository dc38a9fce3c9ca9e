"""Image GANs with an L2 penalty on each player.

The signature of `images` is the configuration: flags, defaults, types and help come from it. Importing this module
does not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from poise.lazy import later
from poise.losses import Loss
from poise.networks import ImageNetworks
from poise.recipes.common.options import DiscriminatorAdam, GeneratorAdam, OriginOptions, RunOptions
from poise.recipes.common.recipe import Recipe, RecipeEntry, Stage
from poise.recipes.common.setup import PlayerSetup, Setup
from poise.recipes.images.facts import ImageFacts
from poise.recipes.images.options import PictureOptions
from poise.registry import register
from poise.report.picture import save_pictures
from poise.training.schedules import Scheduled

OURS = ("width", "depth", "norm", "spectral")  # options of our networks, which have no meaning for others


@dataclass
class GeneratorOptions(GeneratorAdam):
    """The generator.

    Args:
        lr: learning rate of Adam: a number, a schedule over the run such as linear:4e-4:4e-5, or auto (4e-4 for
            bilinear where D sees augmented pictures, else 2e-4).
        width: channels at full size; doubled at each smaller size, at most eightfold.
        depth: layers (dcgan, bilinear, nearest) or blocks (residual, modern) at each size.
        norm: batch or none; modern has none.
    """

    lr: Scheduled = "auto"
    width: int = 32
    depth: int = 1
    norm: Literal["batch", "none"] = "batch"


@dataclass
class DiscriminatorOptions(DiscriminatorAdam):
    """The discriminator.

    Args:
        width: channels at full size; doubled at each smaller size, at most eightfold.
        depth: layers (dcgan, bilinear, nearest) or blocks (residual, modern) at each size.
        norm: batch or none (modern has none); under batch normalisation L2 changes only the step size.
        spectral: spectral norm on every layer; L2 then acts on the effective weight.
    """

    width: int = 32
    depth: int = 1
    norm: Literal["batch", "none"] = "none"
    spectral: bool = False


@dataclass
class ImageDiscriminatorOptions(DiscriminatorOptions):
    """The discriminator.

    Args:
        lr: learning rate of Adam: a number, a schedule over the run such as linear:4e-4:4e-5, or auto (4e-4 for
            bilinear where D sees augmented pictures, else 2e-4).
    """

    lr: Scheduled = "auto"


def images(
    data: str,
    *,
    l2_generator: Scheduled = 0.0,
    l2_discriminator: Scheduled = 0.0,
    conditional: bool = False,
    augment: str = "auto",
    augment_probability: Scheduled = 1.0,
    reuse_generated: bool = False,
    network: ImageNetworks | str = "auto",
    loss: Loss | str = "nonsaturating",
    noise: int = 64,
    generator: GeneratorOptions = GeneratorOptions(),  # noqa: B008
    discriminator: ImageDiscriminatorOptions = ImageDiscriminatorOptions(),  # noqa: B008
    pictures: PictureOptions = PictureOptions(),  # noqa: B008
    origin: OriginOptions = OriginOptions(),  # noqa: B008
    run: RunOptions = RunOptions(steps=15_000, ema=0.9995),  # noqa: B008
) -> Recipe:
    """Train a GAN on pictures.

    Args:
        data: a folder, zip, .npy, .npz or IDX file, or the name of a catalogued set (poise data list).
        l2_generator: λ of the penalty (λ/2)‖w‖² on the generator's weights: a number, or a schedule such as
            cosine:1e-3:1e-5. 0, the default, is none: at the default rates no strength has been shown to be better
            (docs/strengths.md). 1e-4 to 1e-3 is where to begin.
        l2_discriminator: the same on the discriminator's weights.
        conditional: generate by class; needs labels.
        augment: differentiable augmentation: any of color,translation,cutout joined by commas, none, or auto
            (all three up to 20,000 pictures, none above).
        augment_probability: with which probability each kind is applied to a picture: a number, a schedule such as
            linear:0:0.3, or steered: up from 0 while D tells training from held-out pictures, down while it does not.
        reuse_generated: true: both players' turns go through one generated batch a step, so that the generator computes
            one and not two; each player then moves once a step.
        network: auto (bilinear where D sees augmented pictures, else dcgan), dcgan, short_dcgan (a layer less in each
            player), bilinear or nearest (interpolation or repeated pixels instead of transposed convolutions in the
            generator), residual, modern (residual without normalisation; docs/networks.md has what goes with it), or
            MODULE.CLASS of a file of your own (see poise.networks) with options as its fields.
        loss: nonsaturating, minimax (the article's), hinge, least_squares, wasserstein, relativistic, or
            MODULE.CLASS of your own (see poise.losses).
        noise: length of the generator's noise vector.
        generator: options of the generator.
        discriminator: options of the discriminator.
        batch: pictures per move.
        sample_every: steps between sample grids; by default 20 in a run.
        scores: how often samples are scored: once after 5 % of the run, then evenly to the end; 0 for never.
        score_samples: number of pictures drawn and compared each time.
        on_divergence: stop, or roll back to a checkpoint from before the trouble and go on with halved learning rates
            (the generator's alone after a collapse; a weaker penalty where that has killed the discriminator).
        pictures: options of reading the pictures.
        origin: with which weights the run begins.
        run: options of the run.
    """
    from poise.recipes.common import own
    from poise.recipes.common import parts as common
    from poise.recipes.common.notes import run_notes
    from poise.recipes.images import build as parts
    from poise.recipes.images import data as image_data
    from poise.recipes.images import outputs as outcomes
    from poise.recipes.images import situation

    run.check(noise=noise)
    execution = common.execution_of(run)
    seen = image_data.pictures(data, pictures, run.seed, conditional)
    begun = parts.begun(origin)
    facts = parts.facts(seen, conditional, augment, augment_probability, execution, begun)
    players = {"generator": generator, "discriminator": discriminator}
    other = begun.known.network if begun else None
    network, options, facts, chosen = situation.settle(network, players, seen, facts, augment_probability, other)
    setup = Setup(
        generator=PlayerSetup("generator", network, options["generator"], l2_generator),
        discriminator=PlayerSetup("discriminator", network, options["discriminator"], l2_discriminator),
        loss=loss, weights={}, ema=run.decay, steps={"adversarial": run.steps}, execution=execution, seed=run.seed,
    )  # fmt: skip
    unpenalised = parts.unpenalised(setup)
    game, average = parts.game(setup, noise, facts, begun, reuse_generated)
    stream = parts.stream(seen, run, execution, conditional)
    dials = parts.dials(game, options, augment_probability, seen, run, execution)
    watch = outcomes.monitor(game, average, seen, facts, run.batch, run.seed, execution)
    stage = Stage("adversarial", game, stream, run.steps, dials, watch)
    judged = (seen, run.score_samples, run.seed)
    said = [*chosen, *unpenalised, *own.unused(network, options, game.discriminator, OURS)]
    return Recipe(
        **common.run_fields(run, execution, [stage]),
        facts=facts,
        sampler=lambda n, seed: outcomes.draw_seen(average, facts, n, seed, pictures.background),
        show=lambda stem: outcomes.show(average, facts, stem),
        real=lambda stem: outcomes.show_real(seen, stem),
        judge=outcomes.judge(*judged) if run.scores else None,
        final=outcomes.judge(*judged, unseen=True) if run.scores else None,
        notes=[*image_data.notes(seen, data), *(begun.notes if begun else []), *said, *run_notes(run, [stage])],
        origin=begun.keeps() if begun else {},
    )


def _write(samples, path: Path) -> str:  # type: ignore[no-untyped-def]
    """One grid (.png), or a folder of pictures."""
    return f"{len(samples)} {'samples' if save_pictures(samples, path) else 'pictures'}"


register("recipe", "images")(
    RecipeEntry(
        images,
        later("poise.recipes.images.build:rebuilt"),
        later("poise.recipes.images.outputs:draw"),
        _write,
        "image",
        ("KID-EffLite0", "KID-classifier"),
        asks=("label", "truncation"),
        reads=later("poise.recipes.images.data:reads"),
        interpolate=later("poise.recipes.images.outputs:interpolate"),
        walk=later("poise.recipes.images.walking:walk"),
        by_class=later("poise.recipes.images.outputs:by_class"),
        portable=later("poise.recipes.images.portable:portable"),
        facts=ImageFacts,
        unsplit="",
    )
)
