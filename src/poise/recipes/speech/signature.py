"""Text to speech with an L2 penalty on each player: what is to be said -> log-mel spectrogram -> wave.

The signature of `speech` is the configuration: flags, defaults, types and help come from it, which takes more than 250
lines. Importing this module does not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from poise.penalties import Penalty
from poise.recipes.common.recipe import Acting, Cadence, Kind, Recipe, Stage
from poise.recipes.vocoder import signature as vocoders
from poise.registry import register


@dataclass
class GeneratorOptions:
    """The generator of log-mel spectrograms.

    Args:
        lr: learning rate of Adam against the discriminator: a number, or a schedule such as cosine:1e-3:1e-4.
        warm_lr: the same before the discriminator comes.
        betas: Adam's decay rates of the first and second moment.
        width: channels.
        depth: blocks over frames.
        noise: length of the noise vector.
        penalties: further penalties by name, for example --generator.penalties+=WeightDecay.
        turns: moves per step.
        clip: largest norm of the gradient.
    """

    lr: float | str = "cosine:5e-4:5e-5"
    warm_lr: float | str = "cosine:1e-3:2e-4"
    betas: tuple[float, float] = (0.8, 0.99)
    width: int = 192
    depth: int = 6
    noise: int = 16
    penalties: list[Penalty] = field(default_factory=list)
    turns: int = 1
    clip: float | None = 10.0


@dataclass
class DiscriminatorOptions:
    """The discriminator of log-mel spectrograms, which knows what should be said.

    Args:
        lr: learning rate of Adam: a number, or a schedule such as cosine:5e-4:5e-5.
        betas: Adam's decay rates of the first and second moment.
        width: channels of the first layer; doubled twice.
        norm: none, weight or spectral; L2 then acts on the effective weight.
        penalties: further penalties by name, for example --discriminator.penalties+=R1
            --discriminator.penalties.gamma=1.
        turns: moves per step (n_critic).
        clip: largest norm of the gradient.
    """

    lr: float | str = "cosine:5e-4:5e-5"
    betas: tuple[float, float] = (0.8, 0.99)
    width: int = 16
    norm: Literal["none", "weight", "spectral"] = "none"
    penalties: list[Penalty] = field(default_factory=list)
    turns: int = 1
    clip: float | None = 10.0


def speech(
    data: str,
    *,
    l2_generator: float | str = 1e-5,
    l2_discriminator: float | str = 1e-4,
    l2_vocoder: float | str = 1e-5,
    l2_vocoder_discriminator: float | str = 1e-4,
    labels: str | None = None,
    metadata: str | None = None,
    file_column: str | None = None,
    text_column: str | None = None,
    voice_column: str | None = None,
    order: Literal["content", "names"] = "content",
    voice: str | None = None,
    units: Literal["auto", "syllables", "characters", "phonemes"] = "auto",
    durations: Literal["auto", "frames", "alignment"] = "auto",
    rate: int = 16_000,
    window: int = 512,
    hop: int = 128,
    bands: int = 80,
    low: float = 0.0,
    high: float | None = None,
    trim: bool = True,
    loudness: float | None = -23.0,
    longest: float = 8.0,
    heldout: float = 0.1,
    share: float = 1.0,
    network: str = "convolutional",
    critic: str = "projection",
    loss: str = "least_squares",
    mel: float | str = 5.0,
    features: float | str = 10.0,
    stft: float | str = 1.0,
    generator: GeneratorOptions = GeneratorOptions(),  # noqa: B008
    discriminator: DiscriminatorOptions = DiscriminatorOptions(),  # noqa: B008
    speak_with: str | None = None,
    vocoder_network: str = "vocos",
    vocoder_critic: str = "both",
    vocoder: vocoders.GeneratorOptions = vocoders.GeneratorOptions(),  # noqa: B008
    vocoder_discriminator: vocoders.DiscriminatorOptions = vocoders.DiscriminatorOptions(),  # noqa: B008
    warm_steps: int = 2000,
    steps: int = 2500,
    vocoder_warm_steps: int = 1000,
    vocoder_steps: int = 1000,
    joint_steps: int = 0,
    segment: int = 4096,
    batch: int = 16,
    micro_batches: int = 1,
    ema: float = 0.999,
    seed: int = 0,
    device: str = "auto",
    precision: Literal["fp32", "bf16", "fp16"] = "fp32",
    threads: int | None = None,
    log_every: int = 16,
    sample_every: int | None = None,
    checkpoint_every: int | None = None,
    scores: int = 4,
    score_samples: int = 60,
    patience: int | None = None,
    on_divergence: Literal["stop", "rollback"] = "stop",
    rollbacks: int = 3,
) -> Recipe:
    """Train text to speech on recordings with texts: text and voice to wave.

    The signature is the documentation, and the parts meet in these few lines.

    Args:
        data: a folder of recordings with their texts (a metadata.csv of file|text or another table, a .txt beside each
            recording, or file names that match --labels), or the name of a catalogued set (poise data list).
        l2_generator: λ of the penalty (λ/2)‖w‖² on the weights of the generator of log-mels, in both its stages: a
            number, or a schedule such as cosine:1e-3:1e-5. 0 turns it off. Embeddings are not covered.
        l2_discriminator: the same on its discriminator's weights.
        l2_vocoder: the same on the vocoder's weights.
        l2_vocoder_discriminator: the same on the weights of the vocoder's discriminator.
        labels: where file names say what is said: a pattern such as {voice}/{text}.
        metadata: the table of what is said, where it is not found by itself: a .csv, .tsv, .jsonl or .txt file.
        file_column: its column with the names of the files, by name or by number from 1.
        text_column: its column with the texts.
        voice_column: its column with the voices.
        order: content (the order in which recordings come does not depend on how their files are called), or names, as
            in runs of earlier versions.
        voice: only the recordings of this voice.
        units: what texts are made of: syllables (Mandarin, in pinyin, zhuyin or characters), characters, phonemes (with
            blanks between them), or auto (by looking).
        durations: frames (an item is one unit, as suits a syllable), alignment (units are aligned with the recording
            while training), or auto (frames where every text is one syllable).
        rate: samples a second; recordings are resampled to it once.
        window: samples of a Fourier transform.
        hop: samples between two frames; the rate over it is frames a second.
        bands: mel bands.
        low: hertz where the lowest mel band begins.
        high: hertz where the highest mel band ends; by default half the rate.
        trim: take silence away at both ends.
        loudness: level that every recording is brought to, in dB of full scale; none to leave them.
        longest: seconds of the longest recording; longer ones are left out.
        heldout: share of the texts that is kept from training, in every voice, and used to judge.
        share: share of the training recordings that is used, to see what less data would give.
        network: of the generator: convolutional.
        critic: of its discriminator: projection (it knows what should be said in each frame).
        loss: nonsaturating, minimax, hinge, least_squares, wasserstein or relativistic, of both games.
        mel: weight of the mean difference of log-mel spectrograms: a number, or a schedule.
        features: weight of feature matching.
        stft: weight of the multi-resolution STFT loss of the vocoder.
        generator: options of the generator of log-mels.
        discriminator: options of its discriminator.
        speak_with: a finished run of poise train vocoder to speak with; by default a vocoder is trained on the same
            recordings, after the speech.
        vocoder_network: vocos or hifigan.
        vocoder_critic: what the vocoder's discriminator looks at: period, resolution or both.
        vocoder: options of the vocoder.
        vocoder_discriminator: options of its discriminator.
        warm_steps: steps without the discriminator, which are cheap, before it comes.
        steps: how often generator and discriminator move against each other (times their turns).
        vocoder_warm_steps: steps of the vocoder with the spectral losses alone.
        vocoder_steps: how often the vocoder and its discriminator move against each other.
        joint_steps: steps of both together, from text to wave, against the vocoder's discriminator; 0 for none.
        segment: samples of a recording in a batch of the vocoder; a multiple of the hop.
        batch: recordings per move, and segments per move of the vocoder.
        micro_batches: pieces in which a batch is computed, to save memory; penalties still count once.
        ema: decay of the moving averages of the generator's and the vocoder's weights, which are what is heard.
        seed: of the weights, the order of the data and the noise.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: fp32, bf16 or fp16; spectra are computed in fp32 always.
        threads: CPU threads; by default torch's choice.
        log_every: steps between rows of the record.
        sample_every: steps between sounds to listen to; by default 20 in a run.
        checkpoint_every: steps between checkpoints; by default once a minute.
        scores: how often held-out texts are said and compared with their recordings: after 5 % of the run, then evenly
            to the end, and after each stage; 0 for never.
        score_samples: number of held-out recordings that are compared each time.
        patience: end the run when so many scores in a row were no better than the best; by default it runs to the end.
        on_divergence: stop, or roll back to a checkpoint from before the trouble and go on with halved learning rates.
        rollbacks: how often a run may be rolled back before it stops.
    """
    from poise.recipes.common import parts as common
    from poise.recipes.speech import build as parts
    from poise.recipes.speech import outputs as outcomes
    from poise.recipes.speech.players import Players
    from poise.recipes.vocoder import build as waves

    common.check_counts(
        steps=steps, warm_steps=warm_steps, vocoder_steps=vocoder_steps, vocoder_warm_steps=vocoder_warm_steps,
        batch=batch, micro_batches=micro_batches, segment=segment, threads=threads, log_every=log_every,
        score_samples=score_samples,
    )  # fmt: skip
    common.check_seed(seed)
    how = common.execution(device, precision, micro_batches, threads)
    heard = waves.mel_of(rate, window, hop, bands, low, high)
    waves.check_segment(segment, heard)
    options = {
        "generator": generator,
        "discriminator": discriminator,
        "vocoder": vocoder,
        "vocoder_discriminator": vocoder_discriminator,
    }
    for name, own in options.items():
        sizes = [key for key in ("width", "depth", "noise", "turns") if hasattr(own, key)]
        common.check_player(name.replace("_", "-"), own, sizes)
    lengths = {"acoustic": warm_steps, "adversarial": steps}
    if speak_with is None:
        lengths |= {"spectral": vocoder_warm_steps, "vocoder": vocoder_steps}
    if joint_steps:
        parts.check_joint(joint_steps, speak_with)
        lengths["joint"] = joint_steps
    opening = waves.opening(
        data, rate, trim, loudness, longest, heldout, share, voice, labels, metadata=metadata, file_column=file_column,
        text_column=text_column, voice_column=voice_column, order=order,
    )  # fmt: skip
    said = parts.speech(waves.recordings(opening), units, durations, heard)
    facts = parts.facts(said, opening, how, list(lengths.items()), speak_with)
    facts["per_step"] = parts.per_step(said, batch, segment)
    players = Players(
        facts,
        networks={"generator": network, "discriminator": critic, "vocoder": vocoder_network},
        vocoder_critic=vocoder_critic,
        loss=loss,
        weights={"mel": mel, "features": features, "stft": stft},
        options=options,
        l2={
            "generator": l2_generator,
            "discriminator": l2_discriminator,
            "vocoder": l2_vocoder,
            "vocoder_discriminator": l2_vocoder_discriminator,
        },
        ema=ema,
        steps=lengths,
        how=how,
        seed=seed,
        segment=segment,
    )
    acting = Acting(on_divergence, rollbacks, patience, scores)
    total = sum(lengths.values())
    return Recipe(
        stages=[
            Stage(
                name,
                stage.game,
                parts.stream_of(name, said, batch, segment, seed + i, how),
                lengths[name],
                stage.dials,
                outcomes.monitor(name, players, said, batch, segment, seed, how),
            )
            for i, (name, stage) in enumerate(players.stages.items())
        ],
        seed=seed,
        how=how,
        cadence=Cadence.over(
            total, log_every, sample_every, acting.checkpoint_every(checkpoint_every, total), scores,
            *accumulate(lengths.values()),
        ),
        facts=facts,
        sampler=lambda n, seed: outcomes.spoken(players.voice, facts, said, n, seed),
        show=lambda stem: outcomes.show(players.voice, facts, stem, said),
        judge=outcomes.judge(said, score_samples, seed) if scores else None,
        acting=acting,
        notes=said.notes,
    )  # fmt: skip


def _generator(arguments: dict[str, Any], facts: dict[str, Any]) -> Any:
    from poise.recipes.speech import build as parts

    return parts.voice(arguments, facts)


def _draw(generator: Any, facts: dict[str, Any], n: int, seed: int, **asked: Any) -> Any:
    from poise.recipes.speech import speaking

    return speaking.draw(generator, facts, n, seed, **asked)


def _say(generator: Any, facts: dict[str, Any], text: str, **asked: Any) -> Any:
    from poise.recipes.speech import speaking

    return speaking.say(generator, facts, text, **asked)


def _vocode(generator: Any, facts: dict[str, Any], wave: Any) -> Any:
    from poise.recipes.vocoder import outputs as outcomes

    return outcomes.vocode(generator.vocoder, facts, wave)


def _recordings(facts: dict[str, Any]) -> Any:
    from poise.recipes.speech import pairs as speech_pairs

    return speech_pairs.recordings(facts)


def _pairs(generator: Any, facts: dict[str, Any], n: int | None, seed: int) -> Any:
    from poise.recipes.speech import pairs as speech_pairs

    return speech_pairs.pairs(generator, facts, n, seed)


def _write(samples: Any, path: Path) -> str:
    from poise.recipes.vocoder import sounds

    return sounds.write(samples, path)


def _reads(arguments: dict[str, Any], look: Any = None) -> str:
    from poise.recipes.speech import build as parts

    return parts.reads(arguments)


register("recipe", "speech")(
    Kind(
        speech,
        _generator,
        _draw,
        _write,
        "speech",
        ("MCD",),
        asks=("voice",),
        default_out="samples",
        players=("generator", "vocoder"),
        say=_say,
        vocode=_vocode,
        recordings=_recordings,
        pairs=_pairs,
        reads=_reads,
    )
)
