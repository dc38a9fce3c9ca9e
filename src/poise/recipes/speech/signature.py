"""Text to speech with an L2 penalty on each player: what is to be said -> log-mel spectrogram -> wave.

The signature of `speech` is the configuration: flags, defaults, types and help come from it. Importing this module
does not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

from poise.lazy import later
from poise.losses import Loss
from poise.networks import SpeechNetworks, VocoderNetworks
from poise.recipes.common.options import GeneratorAdam, RunOptions, SingleRunOptions
from poise.recipes.common.recipe import Recipe, RecipeEntry
from poise.recipes.common.setup import PlayerSetup, Setup
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.speech.options import StageOptions
from poise.recipes.vocoder import signature as vocoders
from poise.recipes.vocoder.options import RecordingOptions
from poise.registry import register
from poise.training.schedules import Scheduled


@dataclass
class SpeechGeneratorOptions(GeneratorAdam):
    """The generator of log-mel spectrograms.

    Args:
        lr: learning rate of Adam against the discriminator: a number, or a schedule such as cosine:1e-3:1e-4.
        warm_lr: the same before the discriminator comes.
        width: channels.
        depth: blocks over frames.
        noise: length of the noise vector.
        clip: largest norm of the gradient.
    """

    lr: Scheduled = "cosine:5e-4:5e-5"
    warm_lr: Scheduled = "cosine:1e-3:2e-4"
    betas: tuple[float, Scheduled] = (0.8, 0.99)
    width: int = 192
    depth: int = 6
    noise: int = 16
    clip: float | None = 10.0


@dataclass
class SpeechDiscriminatorOptions(vocoders.VocoderDiscriminatorOptions):
    """The discriminator of log-mel spectrograms, which knows what should be said.

    Args:
        width: channels of the first layer; doubled twice.
    """

    width: int = 16


def speech(
    data: str,
    *,
    l2_generator: Scheduled = 1e-5,
    l2_discriminator: Scheduled = 1e-4,
    l2_vocoder: Scheduled = 1e-5,
    l2_vocoder_discriminator: Scheduled = 1e-4,
    units: Literal["auto", "syllables", "characters", "phonemes"] = "auto",
    durations: Literal["auto", "frames", "alignment"] = "auto",
    network: SpeechNetworks | str = "convolutional",
    critic: str = "projection",
    loss: Loss | str = "least_squares",
    mel: Scheduled = 5.0,
    features: Scheduled = 10.0,
    stft: Scheduled = 1.0,
    generator: SpeechGeneratorOptions = SpeechGeneratorOptions(),  # noqa: B008
    discriminator: SpeechDiscriminatorOptions = SpeechDiscriminatorOptions(),  # noqa: B008
    speak_with: str | None = None,
    vocoder_network: VocoderNetworks | str = "vocos",
    vocoder_critic: str = "both",
    vocoder: vocoders.VocoderGeneratorOptions = vocoders.VocoderGeneratorOptions(),  # noqa: B008
    vocoder_discriminator: vocoders.VocoderDiscriminatorOptions = vocoders.VocoderDiscriminatorOptions(),  # noqa: B008
    lengths: StageOptions = StageOptions(),  # noqa: B008
    recordings: RecordingOptions = RecordingOptions(longest=8.0),  # noqa: B008
    run: RunOptions = SingleRunOptions(steps=2500, batch=16, score_samples=60),  # noqa: B008
) -> Recipe:
    """Train text to speech on recordings with texts: text and voice to wave.

    Args:
        data: a folder of recordings with their texts (a metadata.csv of file|text or another table, a .txt beside each
            recording, or file names that match --labels), or the name of a catalogued set (poise data list).
        l2_generator: λ of the penalty (λ/2)‖w‖² on the weights of the generator of log-mels, in both its stages: a
            number, or a schedule such as cosine:1e-3:1e-5. 0 turns it off. Embeddings are not covered.
        l2_discriminator: the same on its discriminator's weights.
        l2_vocoder: the same on the vocoder's weights.
        l2_vocoder_discriminator: the same on the weights of the vocoder's discriminator.
        units: what texts are made of: syllables (Mandarin, in pinyin, zhuyin or characters), characters, phonemes (with
            blanks between them), or auto (by looking).
        durations: frames (an item is one unit, as suits a syllable), alignment (units are aligned with the recording
            while training), or auto (frames where every text is one syllable).
        heldout: share of the texts that is kept from training, in every voice, and used to judge.
        network: of the generator: convolutional, or MODULE.CLASS of a file of your own (see poise.networks) with
            options as its fields, which may bring a discriminator too.
        critic: of its discriminator: projection (it knows what should be said in each frame).
        loss: nonsaturating, minimax, hinge, least_squares, wasserstein or relativistic, of both games.
        mel: weight of the mean difference of log-mel spectrograms: a number, or a schedule.
        features: weight of feature matching.
        stft: weight of the multi-resolution STFT loss of the vocoder.
        generator: options of the generator of log-mels.
        discriminator: options of its discriminator.
        speak_with: a finished run of poise train vocoder to speak with; by default a vocoder is trained on the same
            recordings, after the speech.
        vocoder_network: vocos, hifigan, or MODULE.CLASS of your own, as of poise train vocoder.
        vocoder_critic: what the vocoder's discriminator looks at: period, resolution or both.
        vocoder: options of the vocoder.
        vocoder_discriminator: options of its discriminator.
        steps: how often generator and discriminator move against each other (times their turns).
        batch: recordings per move, and segments per move of the vocoder.
        ema: decay of the moving averages of the generator's and the vocoder's weights, which are what is heard.
        precision: fp32, bf16 or fp16; spectra are computed in fp32 always.
        sample_every: steps between sounds to listen to; by default 20 in a run.
        scores: how often held-out texts are said and compared with their recordings: after 5 % of the run, then evenly
            to the end, and after each stage; 0 for never.
        score_samples: number of held-out recordings that are compared each time.
        lengths: of the stages.
        recordings: options of reading the recordings.
        run: options of the run.
    """
    from poise.recipes.common import parts as common
    from poise.recipes.common.notes import run_notes
    from poise.recipes.speech import build as parts
    from poise.recipes.speech import outputs as outcomes
    from poise.recipes.speech.players import SpeechPlayers
    from poise.recipes.vocoder import build as waves

    lengths.check(run)
    execution = common.execution_of(run)
    heard = waves.mel_of(recordings)
    waves.check_segment(lengths.segment, heard)
    options = {"generator": generator, "discriminator": discriminator, "vocoder": vocoder,
               "vocoder_discriminator": vocoder_discriminator}  # fmt: skip
    parts.check_players(options)
    lengths.check_joint(speak_with)
    steps = lengths.steps(run.steps, own_vocoder=speak_with is None)
    opening = waves.opening(data, recordings)
    speech = parts.speech(waves.recordings(opening), units, durations, heard)
    read = parts.per_step(speech, run.batch, lengths.segment)
    facts = parts.facts(speech, opening, execution, steps, speak_with, read)
    setup = Setup(
        PlayerSetup("generator", network, generator, l2_generator),
        PlayerSetup("discriminator", critic, discriminator, l2_discriminator),
        loss=loss, weights={"mel": mel, "features": features, "stft": stft},
        ema=run.decay, steps=steps, execution=execution, seed=run.seed,
    )  # fmt: skip
    spoken = PlayerSetup("vocoder", vocoder_network, vocoder, l2_vocoder)
    heard_by = PlayerSetup("vocoder_discriminator", vocoder_critic, vocoder_discriminator, l2_vocoder_discriminator)
    of_waves = replace(setup, generator=spoken, discriminator=heard_by)
    players = SpeechPlayers(facts, setup, of_waves, lengths.segment)
    stages = outcomes.stages(players, speech, lengths.segment, run)
    return Recipe(
        **common.run_fields(run, execution, stages, *accumulate(steps.values())),
        facts=facts,
        sampler=lambda n, seed: outcomes.speak_heldout(players.voice, speech, n, seed),
        show=lambda stem: outcomes.show(players.voice, stem, speech),
        judge=outcomes.judge(speech, run.score_samples, run.seed) if run.scores else None,
        notes=[*speech.notes, *outcomes.unused(setup, of_waves, players), *run_notes(run, stages)],
    )


register("recipe", "speech")(
    RecipeEntry(
        speech,
        later("poise.recipes.speech.networks:voice"),
        later("poise.recipes.speech.speaking:draw"),
        later("poise.recipes.vocoder.sounds:write"),
        "speech",
        ("MCD",),
        asks=("voice",),
        default_out="samples",
        players=("generator", "vocoder"),
        say=later("poise.recipes.speech.speaking:say"),
        vocode=later("poise.recipes.speech.speaking:vocode"),
        recordings=later("poise.recipes.speech.pairs:recordings"),
        pairs=later("poise.recipes.speech.pairs:pairs"),
        reads=later("poise.recipes.speech.build:reads"),
        portable=later("poise.recipes.speech.portable:portable"),
        facts=SpeechFacts,
        unsplit="its batches are as long as their longest item, which differs between processes",
    )
)
