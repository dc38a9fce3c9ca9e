"""Variational auto-encoders of pictures, and their relatives, with an L2 penalty on encoder and decoder apart.

The signature of `vae` is the configuration: flags, defaults, types and help come from it. Importing this module does
not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from poise.lazy import later
from poise.losses import Loss
from poise.networks import AutoencoderNetworks
from poise.recipes.common.options import AdamOptions, RunOptions
from poise.recipes.common.recipe import Recipe, RecipeEntry, Stage
from poise.recipes.images.options import PictureOptions
from poise.recipes.images.signature import DiscriminatorOptions, _write
from poise.recipes.vae.facts import VaeFacts
from poise.registry import register
from poise.training.schedules import Scheduled


@dataclass
class AutoencoderOptions(AdamOptions):
    """Encoder and decoder.

    Args:
        lr: learning rate of Adam: a number, or a schedule such as cosine:1e-3:1e-5 over the run.
        width: channels at full size; doubled at each smaller size, at most eightfold.
        depth: layers (dcgan, bilinear, nearest) or blocks (residual, modern) at each size.
        norm: batch or none, of both; residual encoders and modern ones have none.
        penalties: further penalties by name, for example --autoencoder.penalties+=WeightDecay.
    """

    lr: Scheduled = "cosine:1e-3:1e-4"
    betas: tuple[float, Scheduled] = (0.9, 0.99)
    width: int = 32
    depth: int = 1
    norm: Literal["batch", "none"] = "batch"


def vae(
    data: str,
    *,
    objective: str = "vae",
    l2_encoder: Scheduled = 0.1,
    l2_decoder: Scheduled = 0.1,
    l2_discriminator: Scheduled | None = None,
    beta: Scheduled | None = None,
    free_bits: float | None = None,
    latent: Scheduled | None = None,
    pixels: Scheduled | None = None,
    features: Scheduled | None = None,
    adversarial: Scheduled | None = None,
    loss: Loss | str | None = None,
    latent_size: int = 32,
    likelihood: str = "gaussian",
    sigma: float | Literal["auto", "learned"] = "auto",
    latents: Literal["auto", "prior", "mixture"] = "auto",
    network: AutoencoderNetworks | str = "short_dcgan",
    autoencoder: AutoencoderOptions = AutoencoderOptions(),  # noqa: B008
    discriminator: DiscriminatorOptions = DiscriminatorOptions(),  # noqa: B008
    pictures: PictureOptions = PictureOptions(),  # noqa: B008
    run: RunOptions = RunOptions(steps=6000, batch=64),  # noqa: B008
) -> Recipe:
    """Train a variational auto-encoder on pictures.

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
        labels: where classes come from, which only serve to judge: sub-folders, a file that belongs to the data,
            nowhere, or auto (that file if there is one).
        network: dcgan, short_dcgan (a layer less in each player), bilinear or nearest (interpolation or repeated pixels
            instead of transposed convolutions), residual, modern (residual without normalisation), or MODULE.CLASS of a
            file of your own (see poise.networks) with options as its fields.
        autoencoder: options of encoder and decoder.
        discriminator: options of the discriminator of vae_gan.
        steps: how often each player moves.
        batch: pictures per move.
        ema: decay of the moving average of the weights, which is what is judged and sampled.
        sample_every: steps between grids of samples, reconstructions and interpolations; by default 20 in a run.
        scores: how often the run is scored: once after 5 % of the run, then evenly to the end; 0 for never.
        score_samples: number of pictures drawn and compared each time.
        pictures: options of reading the pictures.
        run: options of the run.
    """
    from poise.recipes.common import parts as common
    from poise.recipes.common.notes import run_notes
    from poise.recipes.images import build as image_parts
    from poise.recipes.images import data as image_data
    from poise.recipes.images.outputs import show_real
    from poise.recipes.vae import build as parts
    from poise.recipes.vae import outputs as outcomes

    run.check(latent_size=latent_size)
    asked = parts.objective_options(
        objective,
        {"beta": beta, "free_bits": free_bits, "latent": latent, "pixels": pixels, "features": features,
         "adversarial": adversarial, "loss": loss, "l2_discriminator": l2_discriminator},
        {"autoencoder": autoencoder, "discriminator": discriminator},
        run.micro_batches,
    )  # fmt: skip
    execution = common.execution_of(run)
    seen = parts.read(data, pictures, run.seed)
    facts = parts.facts(seen, asked, latent_size, likelihood, sigma, latents, run.steps, execution)
    penalties = parts.penalties(asked, l2_encoder, l2_decoder, run.steps)
    game, drawing = parts.game(network, asked, penalties, seen, facts, run, execution)
    cadence = run.cadence(run.steps)
    monitor = outcomes.monitor(game, drawing, seen, facts, run.batch, cadence.probe, run.seed, execution)
    rates = common.adam_dials(game.players, asked.options, run.steps)
    stream = image_parts.stream(seen, run, execution)
    stage = Stage(facts.stages[0][0], game, stream, run.steps, rates, monitor)
    judged = (seen, drawing, run.score_samples, run.seed)
    return Recipe(
        **common.run_fields(run, execution, [stage]),
        facts=facts,
        sampler=lambda n, seed: outcomes.draw(drawing(), facts, n, seed),
        show=lambda stem: outcomes.show(drawing(), facts, stem, seen),
        real=lambda stem: show_real(seen, stem),
        judge=outcomes.judge(*judged) if run.scores else None,
        final=outcomes.judge(*judged, unseen=True) if run.scores else None,
        notes=[*image_data.notes(seen, data), *parts.unused(network, asked, game), *run_notes(run, [stage])],
    )


register("recipe", "vae")(
    RecipeEntry(
        vae,
        later("poise.recipes.vae.networks:rebuilt"),
        later("poise.recipes.vae.outputs:draw"),
        _write,
        "image",
        ("NLL", "KID-EffLite0", "KID-classifier"),
        asks=("latents",),
        players=("autoencoder",),
        autoencoder=lambda generator, facts: generator,
        reads=later("poise.recipes.images.data:reads"),
        interpolate=later("poise.recipes.vae.outputs:interpolate"),
        walk=later("poise.recipes.vae.outputs:walk"),
        encode=later("poise.recipes.vae.outputs:encode"),
        portable=later("poise.recipes.vae.portable:portable"),
        facts=VaeFacts,
        unsplit="",
    )
)
