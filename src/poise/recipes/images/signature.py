"""Image GANs with an L2 penalty on each player.

The signature of `images` is the configuration: flags, defaults, types and help come from it. Importing this module
does not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from poise.errors import PoiseError
from poise.penalties import Penalty
from poise.recipes.common.recipe import Acting, Cadence, Kind, Recipe, Stage
from poise.registry import register
from poise.report.picture import save_each, save_grid


@dataclass
class GeneratorOptions:
    """The generator.

    Args:
        lr: learning rate of Adam: a number, or a schedule over the run such as linear:4e-4:4e-5.
        betas: Adam's decay rates of the first and second moment.
        width: channels at full size; doubled at each smaller size, at most eightfold.
        depth: layers (dcgan) or blocks (residual) at each size.
        norm: batch or none.
        penalties: further penalties by name, for example --generator.penalties+=WeightDecay.
        turns: moves per step.
        clip: largest norm of the gradient; none by default.
    """

    lr: float | str = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    width: int = 32
    depth: int = 1
    norm: Literal["batch", "none"] = "batch"
    penalties: list[Penalty] = field(default_factory=list)
    turns: int = 1
    clip: float | None = None


@dataclass
class DiscriminatorOptions:
    """The discriminator.

    Args:
        lr: learning rate of Adam: a number, or a schedule over the run such as linear:4e-4:4e-5.
        betas: Adam's decay rates of the first and second moment.
        width: channels at full size; doubled at each smaller size, at most eightfold.
        depth: layers (dcgan) or blocks (residual) at each size.
        norm: batch or none; under batch normalisation L2 changes only the step size.
        spectral: spectral norm on every layer; L2 then acts on the effective weight.
        penalties: further penalties by name, for example --discriminator.penalties+=R1
            --discriminator.penalties.gamma=1.
        turns: moves per step (n_critic).
        clip: largest norm of the gradient; none by default.
    """

    lr: float | str = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    width: int = 32
    depth: int = 1
    norm: Literal["batch", "none"] = "none"
    spectral: bool = False
    penalties: list[Penalty] = field(default_factory=list)
    turns: int = 1
    clip: float | None = None


def images(
    data: str,
    *,
    l2_generator: float | str = 0.0,
    l2_discriminator: float | str = 0.0,
    size: int | None = None,
    channels: Literal[1, 3] | None = None,
    labels: Literal["auto", "none", "folders", "file"] = "auto",
    conditional: bool = False,
    fit: Literal["crop", "pad"] = "crop",
    background: str = "white",
    heldout: float = 0.1,
    limit: int | None = None,
    bits: int | None = None,
    splits: Literal["auto", "none"] = "auto",
    order: Literal["content", "names"] = "content",
    flip: bool = False,
    augment: str = "auto",
    network: str = "dcgan",
    loss: str = "nonsaturating",
    noise: int = 64,
    generator: GeneratorOptions = GeneratorOptions(),  # noqa: B008
    discriminator: DiscriminatorOptions = DiscriminatorOptions(),  # noqa: B008
    steps: int = 15_000,
    batch: int = 32,
    micro_batches: int = 1,
    ema: float = 0.9995,
    seed: int = 0,
    device: str = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    threads: int | None = None,
    compile: bool = False,
    log_every: int = 16,
    sample_every: int | None = None,
    checkpoint_every: int | None = None,
    scores: int = 4,
    score_samples: int = 1000,
    patience: int | None = None,
    on_divergence: Literal["stop", "rollback"] = "stop",
    rollbacks: int = 3,
) -> Recipe:
    """Train a GAN on pictures.

    The signature is the documentation, and the parts meet in these few lines.

    Args:
        data: a folder, zip, .npy, .npz or IDX file, or the name of a catalogued set (poise data list).
        l2_generator: λ of the penalty (λ/2)‖w‖² on the generator's weights: a number, or a schedule such as
            cosine:1e-3:1e-5. 0, the default, is none: at the default rates no strength has been shown to be better
            (docs/strengths.md). 1e-4 to 1e-3 is where to begin.
        l2_discriminator: the same on the discriminator's weights.
        size: side of the pictures in pixels, 16 to 256; by default that of the data, at most 64 where it varies.
        channels: 1 for grey, 3 for colour; by default what the data has.
        labels: where classes come from: sub-folders, a file that belongs to the data, nowhere, or auto (that file
            if there is one).
        conditional: generate by class; needs labels.
        fit: how pictures that are not square are made so.
        background: colour under transparent pictures and beside padded ones.
        heldout: share of the pictures that is kept from training and used to judge; sets with a test split use it.
        limit: train on so many pictures only, drawn by the seed, to see what less data would give; by default on all.
        bits: how many of the 16 bits of grey pictures carry the values, such as 12; by default all.
        splits: auto (folders train/, test/, val/ right below the data are splits) or none (they are ordinary folders).
        order: content (the order in which pictures come does not depend on how their files are called), or names, as in
            runs of earlier versions.
        flip: also train on mirror images.
        augment: differentiable augmentation: any of color,translation,cutout joined by commas, none, or auto
            (all three up to 20,000 pictures, none above).
        network: dcgan, short_dcgan (a layer less in each player) or residual.
        loss: nonsaturating, minimax (the article's), hinge, least_squares, wasserstein or relativistic.
        noise: length of the generator's noise vector.
        generator: options of the generator.
        discriminator: options of the discriminator.
        steps: how often each player moves (times its turns).
        batch: pictures per move.
        micro_batches: pieces in which a batch is computed, to save memory; penalties still count once.
        ema: decay of the moving average of the generator's weights, from which samples are drawn.
        seed: of the weights, the order of the data and the noise.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: auto (bf16 where the hardware has it), fp32, bf16 or fp16.
        threads: CPU threads; by default torch's choice.
        compile: compile the networks with torch.compile; not together with R1 or R2 on the discriminator.
        log_every: steps between rows of the record.
        sample_every: steps between sample grids; by default 20 in a run.
        checkpoint_every: steps between checkpoints; by default once a minute.
        scores: how often samples are scored: once after 5 % of the run, then evenly to the end; 0 for never.
        score_samples: number of pictures drawn and compared each time.
        patience: end the run when so many scores in a row were no better than the best; by default it runs to the end.
        on_divergence: stop, or roll back to a checkpoint from before the trouble and go on with halved learning rates
            (the generator's alone after a collapse; a weaker penalty where that has killed the discriminator).
        rollbacks: how often a run may be rolled back before it stops.
    """
    from poise.recipes.common import parts as common
    from poise.recipes.images import build as parts
    from poise.recipes.images import data as image_data
    from poise.recipes.images import outputs as outcomes

    common.check_counts(steps=steps, batch=batch, micro_batches=micro_batches, noise=noise, threads=threads)
    common.check_counts(log_every=log_every, score_samples=score_samples)
    common.check_seed(seed)
    how = common.execution(device, precision, micro_batches, threads)
    pictures = image_data.pictures(
        data, size, channels, labels, conditional, fit, background, heldout, limit, seed, bits, splits, order
    )
    facts = parts.facts(pictures, conditional, augment, how)
    parts.check_generator_penalties(generator.penalties)
    asked = {"generator": generator.penalties, "discriminator": discriminator.penalties}
    l2 = {
        "generator": common.l2("generator", l2_generator),
        "discriminator": common.l2("discriminator", l2_discriminator),
    }
    penalties = {name: [p.over(steps) for p in [l2[name], *asked[name]]] for name in asked}
    options = {"generator": generator, "discriminator": discriminator}
    acting = Acting(on_divergence, rollbacks, patience, scores)
    checkpoint_every = acting.checkpoint_every(checkpoint_every, steps)
    game, average = parts.game(network, loss, noise, options, penalties, facts, ema, seed, how, compile)
    return Recipe(
        stages=[
            Stage(
                "adversarial",
                game,
                parts.stream(pictures, batch, seed, conditional, flip, how),
                steps,
                common.learning_rates(game.players, options, steps),
                outcomes.monitor(game, average, pictures, facts, batch, seed, how),
            )
        ],
        seed=seed,
        how=how,
        cadence=Cadence.over(steps, log_every, sample_every, checkpoint_every, scores),
        facts=facts,
        sampler=lambda n, seed: outcomes.draw(average, facts, n, seed),
        show=lambda stem: outcomes.show(average, facts, stem),
        real=lambda stem: outcomes.show_real(pictures, stem),
        judge=outcomes.judge(pictures, score_samples, seed) if scores else None,
        final=outcomes.judge(pictures, score_samples, seed, unseen=True) if scores else None,
        acting=acting,
        notes=[
            *image_data.notes(pictures, data),
            *parts.unpenalised(l2_generator, l2_discriminator, asked),
            *(parts.uncompiled(penalties) if compile else []),
        ],
    )


def _generator(arguments: dict, facts: dict):  # type: ignore[no-untyped-def]
    from poise.recipes.images import build as parts

    return parts.generator(arguments["network"], arguments["noise"], arguments["generator"], facts)


def _draw(generator, facts: dict, n: int, seed: int, label: str | None = None):  # type: ignore[no-untyped-def]
    from poise.recipes.images import outputs as outcomes

    return outcomes.draw(generator, facts, n, seed, label)


def _interpolate(generator, facts: dict, rows: int, between: int, seed: int):  # type: ignore[no-untyped-def]
    from poise.recipes.images import outputs as outcomes

    return outcomes.interpolate(generator, facts, rows, between, seed)


def _write(samples, path: Path) -> str:  # type: ignore[no-untyped-def]
    """One grid (.png), or a folder of pictures."""
    if path.suffix and path.suffix != ".png":
        raise PoiseError(f"--out {path}: name a .png file for a grid, or a folder")
    if path.suffix == ".png":
        save_grid(samples, path)
        return f"{len(samples)} samples"
    save_each(samples, path)
    return f"{len(samples)} pictures"


def _reads(arguments: dict, look=None) -> str:  # type: ignore[no-untyped-def]
    from poise.recipes.images.data import reads

    return reads(arguments, look)


register("recipe", "images")(
    Kind(
        images,
        _generator,
        _draw,
        _write,
        "image",
        ("KID-EffLite0", "KID-classifier"),
        asks=("label",),
        reads=_reads,
        interpolate=_interpolate,
    )
)
