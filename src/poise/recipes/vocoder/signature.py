"""A neural vocoder with an L2 penalty on each player: from log-mel spectrograms to waves.

The signature of `vocoder` is the configuration: flags, defaults, types and help come from it. Importing this module
does not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from poise.lazy import later
from poise.losses import Loss
from poise.networks import VocoderNetworks
from poise.recipes.common.options import DiscriminatorAdam, GeneratorAdam, RunOptions, SingleRunOptions
from poise.recipes.common.recipe import Recipe, RecipeEntry
from poise.recipes.common.setup import PlayerSetup, Setup
from poise.recipes.vocoder.facts import VocoderFacts
from poise.recipes.vocoder.options import RecordingOptions
from poise.registry import register
from poise.training.schedules import Scheduled

OURS = ("width", "depth", "norm")  # options of our networks, which have no meaning for others


@dataclass
class VocoderGeneratorOptions(GeneratorAdam):
    """The generator.

    Args:
        lr: learning rate of Adam against the discriminator: a number, or a schedule such as cosine:1e-3:1e-4.
        warm_lr: the same in the spectral stage.
        width: channels (vocos: in every block; hifigan: at the rate of frames, halved at each step).
        depth: blocks (vocos), or kernels in each residual block (hifigan, 1 to 3).
        norm: none, weight or spectral; L2 then acts on the effective weight.
        clip: largest norm of the gradient.
    """

    lr: Scheduled = "cosine:1e-3:1e-4"
    warm_lr: Scheduled = "cosine:2e-3:5e-4"
    betas: tuple[float, Scheduled] = (0.8, 0.99)
    width: int = 192
    depth: int = 5
    norm: Literal["none", "weight", "spectral"] = "none"
    clip: float | None = 10.0


@dataclass
class VocoderDiscriminatorOptions(DiscriminatorAdam):
    """The discriminator.

    Args:
        lr: learning rate of Adam: a number, or a schedule such as cosine:5e-4:5e-5.
        width: channels of the first layer on spectrograms, and half of those on periods; doubled twice and thrice.
        norm: none, weight or spectral; L2 then acts on the effective weight.
        clip: largest norm of the gradient.
    """

    lr: Scheduled = "cosine:5e-4:5e-5"
    betas: tuple[float, Scheduled] = (0.8, 0.99)
    width: int = 8
    norm: Literal["none", "weight", "spectral"] = "none"
    clip: float | None = 10.0


def vocoder(
    data: str,
    *,
    l2_generator: Scheduled = 1e-5,
    l2_discriminator: Scheduled = 1e-4,
    network: VocoderNetworks | str = "vocos",
    critic: str = "both",
    loss: Loss | str = "least_squares",
    mel: Scheduled = 10.0,
    stft: Scheduled = 1.0,
    features: Scheduled = 10.0,
    generator: VocoderGeneratorOptions = VocoderGeneratorOptions(),  # noqa: B008
    discriminator: VocoderDiscriminatorOptions = VocoderDiscriminatorOptions(),  # noqa: B008
    warm_steps: int = 4000,
    segment: int = 8192,
    recordings: RecordingOptions = RecordingOptions(),  # noqa: B008
    run: RunOptions = SingleRunOptions(steps=3000, batch=8, score_samples=50),  # noqa: B008
) -> Recipe:
    """Train a vocoder on recordings: log-mel spectrogram to wave.

    Args:
        data: a folder of sound files (.wav, .flac, .ogg, .mp3, .m4a ...), or the name of a catalogued set (poise data
            list).
        l2_generator: λ of the penalty (λ/2)‖w‖² on the generator's weights, in both stages: a number, or a schedule
            such as cosine:1e-3:1e-5. 0 turns it off.
        l2_discriminator: the same on the discriminator's weights.
        labels: where file names say whose voice it is: a pattern such as {voice}/{text}.
        network: vocos (frames and an inverse Fourier transform), hifigan (upsampling), or MODULE.CLASS of a file of
            your own (see poise.networks) with options as its fields, which may bring a discriminator too.
        critic: what the discriminator looks at: period (every 2nd, 3rd, 5th sample), resolution (spectrograms of three
            windows), or both.
        loss: nonsaturating, minimax, hinge, least_squares, wasserstein or relativistic.
        mel: weight of the mean difference of log-mel spectrograms: a number, or a schedule.
        stft: weight of the multi-resolution STFT loss.
        features: weight of feature matching.
        generator: options of the generator.
        discriminator: options of the discriminator.
        warm_steps: steps with the spectral losses alone, which are cheap, before the discriminator comes.
        steps: how often each player moves against the other (times its turns).
        segment: samples of a recording in a batch; a multiple of the hop.
        batch: segments per move.
        ema: decay of the moving average of the generator's weights, which is what is heard.
        seed: of the weights and the order of the data.
        precision: fp32, bf16 or fp16; spectra are computed in fp32 always.
        sample_every: steps between sounds to listen to; by default 20 in a run.
        scores: how often held-out recordings are resynthesised and scored: after 5 % of the run, then evenly to the
            end, and after the spectral stage; 0 for never.
        score_samples: number of held-out recordings that are scored each time.
        recordings: options of reading the recordings.
        run: options of the run.
    """
    from poise.recipes.common import own
    from poise.recipes.common import parts as common
    from poise.recipes.common.notes import run_notes
    from poise.recipes.vocoder import build as parts
    from poise.recipes.vocoder import outputs as outcomes

    run.check(warm_steps=warm_steps, segment=segment)
    execution = common.execution_of(run)
    heard = parts.mel_of(recordings)
    parts.check_segment(segment, heard)
    options = {"generator": generator, "discriminator": discriminator}
    for name, asked in options.items():
        common.check_player(name, asked, [key for key in ("width", "depth", "turns") if hasattr(asked, key)])
    opening = parts.opening(data, recordings)
    known = parts.recordings(opening)
    steps = {"spectral": warm_steps, "adversarial": run.steps}
    facts = parts.facts(known, opening, heard, execution, steps, parts.per_step(run.batch, segment / heard.rate))
    setup = Setup(
        generator=PlayerSetup("generator", network, generator, l2_generator),
        discriminator=PlayerSetup("discriminator", critic, discriminator, l2_discriminator),
        loss=loss, weights={"mel": mel, "stft": stft, "features": features}, ema=run.decay, steps=steps,
        execution=execution, seed=run.seed,
    )  # fmt: skip
    waves = parts.Waves(heard, setup)
    unused = own.unused(network, options, waves.discriminator, OURS)
    stages = outcomes.stages(waves, known, segment, run)
    return Recipe(
        **common.run_fields(run, execution, stages, warm_steps),
        facts=facts,
        sampler=lambda n, seed: outcomes.draw(waves.average, facts, n, seed, known),
        show=lambda stem: outcomes.show(waves.average, facts, stem, known),
        judge=outcomes.judge(known, heard, run.score_samples, run.seed) if run.scores else None,
        notes=[*known.notes, *unused, *run_notes(run, stages)],
    )


register("recipe", "vocoder")(
    RecipeEntry(
        vocoder,
        later("poise.recipes.vocoder.build:rebuilt"),
        later("poise.recipes.vocoder.outputs:draw"),
        later("poise.recipes.vocoder.sounds:write"),
        "speech",
        ("log-mel L1",),
        default_out="samples",
        vocode=later("poise.recipes.vocoder.outputs:vocode"),
        recordings=later("poise.recipes.vocoder.pairs:recordings"),
        pairs=later("poise.recipes.vocoder.pairs:pairs"),
        reads=later("poise.recipes.vocoder.build:reads"),
        portable=later("poise.recipes.vocoder.portable:portable"),
        facts=VocoderFacts,
        unsplit="",
    )
)
