"""Variational auto-encoders of pictures, and their relatives, with an L2 penalty on encoder and decoder apart.

The signature of `vae` is the configuration: flags, defaults, types and help come from it. Importing this module does
not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from poise.penalties import Penalty
from poise.recipes.common.recipe import Acting, Cadence, Kind, Recipe, Stage
from poise.recipes.images.signature import DiscriminatorOptions, _write
from poise.registry import register


@dataclass
class AutoencoderOptions:
    """Encoder and decoder.

    Args:
        lr: learning rate of Adam: a number, or a schedule such as cosine:1e-3:1e-5 over the run.
        betas: Adam's decay rates of the first and second moment.
        width: channels at full size; doubled at each smaller size, at most eightfold.
        depth: layers (dcgan) or blocks (residual) at each size.
        norm: batch or none, of both; residual encoders have none.
        penalties: further penalties by name, for example --autoencoder.penalties+=WeightDecay.
        clip: largest norm of the gradient; none by default.
    """

    lr: float | str = "cosine:1e-3:1e-4"
    betas: tuple[float, float] = (0.9, 0.99)
    width: int = 32
    depth: int = 1
    norm: Literal["batch", "none"] = "batch"
    penalties: list[Penalty] = field(default_factory=list)
    clip: float | None = None


def vae(
    data: str,
    *,
    objective: str = "vae",
    l2_encoder: float | str = 0.1,
    l2_decoder: float | str = 0.1,
    l2_discriminator: float | str | None = None,
    beta: float | str | None = None,
    free_bits: float | None = None,
    latent: float | str | None = None,
    pixels: float | str | None = None,
    features: float | str | None = None,
    adversarial: float | str | None = None,
    loss: str | None = None,
    latent_size: int = 32,
    likelihood: str = "gaussian",
    sigma: float | Literal["auto", "learned"] = "auto",
    latents: Literal["auto", "prior", "mixture"] = "auto",
    size: int | None = None,
    channels: Literal[1, 3] | None = None,
    labels: Literal["auto", "none", "folders", "file"] = "auto",
    fit: Literal["crop", "pad"] = "crop",
    background: str = "white",
    heldout: float = 0.1,
    limit: int | None = None,
    bits: int | None = None,
    splits: Literal["auto", "none"] = "auto",
    order: Literal["content", "names"] = "content",
    flip: bool = False,
    network: str = "short_dcgan",
    autoencoder: AutoencoderOptions = AutoencoderOptions(),  # noqa: B008
    discriminator: DiscriminatorOptions = DiscriminatorOptions(),  # noqa: B008
    steps: int = 6000,
    batch: int = 64,
    micro_batches: int = 1,
    ema: float = 0.999,
    seed: int = 0,
    device: str = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    threads: int | None = None,
    log_every: int = 16,
    sample_every: int | None = None,
    checkpoint_every: int | None = None,
    scores: int = 4,
    score_samples: int = 1000,
    patience: int | None = None,
    on_divergence: Literal["stop", "rollback"] = "stop",
    rollbacks: int = 3,
) -> Recipe:
    """Train a variational auto-encoder on pictures.

    The signature is the documentation, and the parts meet in these few lines.

    Args:
        data: a folder, zip, .npy, .npz or IDX file, or the name of a catalogued set (poise data list).
        objective: vae (negative ELBO), rae (deterministic, with L2 on latents and decoder: RAE-L2) or vae_gan (with a
            discriminator of samples and reconstructions). All terms are nats per picture: sums over pixels and
            latents, means over the batch.
        l2_encoder: λ of the penalty (λ/2)‖w‖² on the encoder's weights: a number, or a schedule such as
            cosine:1e-3:1e-5. 0 turns it off.
        l2_decoder: the same on the decoder's weights. In a VAE it makes latents collapse sooner. RAE papers write
            λ‖w‖² beside ‖x − x̂‖² with pixels in [0, 1]: at --sigma 1 that is 4 times their λ here, and 4·C·H·W times
            where their squared error is a mean over pixels and channels.
        l2_discriminator: the same on the discriminator's weights (vae_gan; 1e-4 by default).
        beta: weight of the KL (vae, vae_gan; 1 by default): a number, or a schedule such as warmup:1:1000.
        free_bits: nats of KL that a latent has free, of the mean over the batch (vae, vae_gan; 0 by default).
        latent: weight of ½‖z‖² (rae; 0.02 by default). From a paper's β·½‖z‖² beside a summed squared error of pixels
            in [0, 1], at --sigma 1: 2β.
        pixels: weight of the likelihood of the pixels (vae_gan; 1 by default).
        features: weight of matching the discriminator's features (vae_gan; 1000 by default).
        adversarial: weight of the adversarial term, which moves the decoder alone (vae_gan; 5 by default).
        loss: adversarial loss, as of poise train images (vae_gan; nonsaturating by default).
        latent_size: numbers in a latent.
        likelihood: of the pixels: gaussian, or bernoulli for pictures that are black and white.
        sigma: standard deviation of the Gaussian, pixels in [-1, 1]: a number, learned, or auto (learned for
            vae, else 1).
        latents: where samples come from while training: prior, mixture (10 Gaussians fitted to the latents of 5,000
            training pictures), or auto (mixture for rae, else prior).
        size: side of the pictures in pixels, 16 to 256; by default that of the data, at most 64 where it varies.
        channels: 1 for grey, 3 for colour; by default what the data has.
        labels: where classes come from, which only serve to judge: sub-folders, a file that belongs to the data,
            nowhere, or auto (that file if there is one).
        fit: how pictures that are not square are made so.
        background: colour under transparent pictures and beside padded ones.
        heldout: share of the pictures that is kept from training and used to judge; sets with a test split use it.
        limit: train on so many pictures only, drawn by the seed, to see what less data would give; by default on all.
        bits: how many of the 16 bits of grey pictures carry the values, such as 12; by default all.
        splits: auto (folders train/, test/, val/ right below the data are splits) or none (they are ordinary folders).
        order: content (the order in which pictures come does not depend on how their files are called), or names, as in
            runs of earlier versions.
        flip: also train on mirror images.
        network: dcgan, short_dcgan (a layer less in each player) or residual.
        autoencoder: options of encoder and decoder.
        discriminator: options of the discriminator of vae_gan.
        steps: how often each player moves.
        batch: pictures per move.
        micro_batches: pieces in which a batch is computed, to save memory; penalties still count once.
        ema: decay of the moving average of the weights, which is what is judged and sampled.
        seed: of the weights, the order of the data and the noise.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: auto (bf16 where the hardware has it), fp32, bf16 or fp16.
        threads: CPU threads; by default torch's choice.
        log_every: steps between rows of the record.
        sample_every: steps between grids of samples, reconstructions and interpolations; by default 20 in a run.
        checkpoint_every: steps between checkpoints; by default once a minute.
        scores: how often the run is scored: once after 5 % of the run, then evenly to the end; 0 for never.
        score_samples: number of pictures drawn and compared each time.
        patience: end the run when so many scores in a row were no better than the best; by default it runs to the end.
        on_divergence: stop, or roll back to a checkpoint from before the trouble and go on with halved learning rates.
        rollbacks: how often a run may be rolled back before it stops.
    """
    from poise.recipes.common import parts as common
    from poise.recipes.images import build as image_parts
    from poise.recipes.images import data as image_data
    from poise.recipes.vae import build as parts
    from poise.recipes.vae import outputs as outcomes

    common.check_counts(steps=steps, batch=batch, micro_batches=micro_batches, threads=threads)
    common.check_counts(latent_size=latent_size, log_every=log_every, score_samples=score_samples)
    common.check_seed(seed)
    terms = {"beta": beta, "free_bits": free_bits, "latent": latent, "pixels": pixels, "features": features}
    asked = parts.asked(
        objective,
        {**terms, "adversarial": adversarial, "loss": loss, "l2_discriminator": l2_discriminator},
        {"autoencoder": autoencoder, "discriminator": discriminator},
        micro_batches,
    )
    how = common.execution(device, precision, micro_batches, threads)
    pictures = image_data.pictures(
        data, size, channels, labels, False, fit, background, heldout, limit, seed, bits, splits, order
    )
    facts = parts.facts(pictures, asked, latent_size, likelihood, sigma, latents, steps, how)
    penalties = parts.penalties(asked, l2_encoder, l2_decoder, steps)
    game, drawing = parts.game(network, asked, penalties, pictures, facts, ema, seed, steps, how)
    acting = Acting(on_divergence, rollbacks, patience, scores)
    checkpoint_every = acting.checkpoint_every(checkpoint_every, steps)
    cadence = Cadence.over(steps, log_every, sample_every, checkpoint_every, scores)
    score = (pictures, drawing, score_samples, seed)
    return Recipe(
        stages=[
            Stage(
                facts["stages"][0][0],
                game,
                image_parts.stream(pictures, batch, seed, False, flip, how),
                steps,
                common.learning_rates(game.players, asked.options, steps),
                outcomes.monitor(game, drawing, pictures, facts, batch, cadence.probe, seed, how),
            )
        ],
        seed=seed,
        how=how,
        cadence=cadence,
        facts=facts,
        sampler=lambda n, seed: outcomes.draw(drawing(), facts, n, seed),
        show=lambda stem: outcomes.show(drawing(), facts, stem, pictures),
        real=lambda stem: outcomes.image_outcomes.show_real(pictures, stem),
        judge=outcomes.judge(*score) if scores else None,
        final=outcomes.judge(*score, unseen=True) if scores else None,
        acting=acting,
        notes=image_data.notes(pictures, data),
    )


def _generator(arguments: dict[str, Any], facts: dict[str, Any]) -> Any:
    from poise.recipes.vae import build as parts

    return parts.model(arguments["network"], arguments["autoencoder"], facts)


def _draw(generator: Any, facts: dict[str, Any], n: int, seed: int, latents: str | None = None) -> Any:
    from poise.recipes.vae import outputs as outcomes

    return outcomes.draw(generator, facts, n, seed, latents)


def _reads(arguments: dict[str, Any], look: Any = None) -> str:
    from poise.recipes.images.data import reads

    return reads(arguments, look)


def _interpolate(generator, facts: dict, rows: int, between: int, seed: int):  # type: ignore[no-untyped-def]
    from poise.recipes.vae import outputs as outcomes

    return outcomes.interpolate(generator, facts, rows, between, seed)


def _encode(generator, facts: dict, pictures):  # type: ignore[no-untyped-def]
    from poise.recipes.vae import outputs as outcomes

    return outcomes.encode(generator, facts, pictures)


register("recipe", "vae")(
    Kind(
        vae,
        _generator,
        _draw,
        _write,
        "image",
        ("NLL", "KID-EffLite0", "KID-classifier"),
        asks=("latents",),
        players=("autoencoder",),
        autoencoder=lambda generator, facts: generator,
        reads=_reads,
        interpolate=_interpolate,
        encode=_encode,
    )
)
