"""A neural vocoder with an L2 penalty on each player: from log-mel spectrograms to waves.

The signature of `vocoder` is the configuration: flags, defaults, types and help come from it, which takes more than
250 lines. Importing this module does not load torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from poise.penalties import Penalty
from poise.recipes.common.recipe import Acting, Cadence, Kind, Recipe, Stage
from poise.registry import register


@dataclass
class GeneratorOptions:
    """The generator.

    Args:
        lr: learning rate of Adam against the discriminator: a number, or a schedule such as cosine:1e-3:1e-4.
        warm_lr: the same in the spectral stage.
        betas: Adam's decay rates of the first and second moment.
        width: channels (vocos: in every block; hifigan: at the rate of frames, halved at each step).
        depth: blocks (vocos), or kernels in each residual block (hifigan, 1 to 3).
        norm: none, weight or spectral; L2 then acts on the effective weight.
        penalties: further penalties by name, for example --generator.penalties+=WeightDecay.
        turns: moves per step.
        clip: largest norm of the gradient.
    """

    lr: float | str = "cosine:1e-3:1e-4"
    warm_lr: float | str = "cosine:2e-3:5e-4"
    betas: tuple[float, float] = (0.8, 0.99)
    width: int = 192
    depth: int = 5
    norm: Literal["none", "weight", "spectral"] = "none"
    penalties: list[Penalty] = field(default_factory=list)
    turns: int = 1
    clip: float | None = 10.0


@dataclass
class DiscriminatorOptions:
    """The discriminator.

    Args:
        lr: learning rate of Adam: a number, or a schedule such as cosine:5e-4:5e-5.
        betas: Adam's decay rates of the first and second moment.
        width: channels of the first layer on spectrograms, and half of those on periods; doubled twice and thrice.
        norm: none, weight or spectral; L2 then acts on the effective weight.
        penalties: further penalties by name, for example --discriminator.penalties+=R1
            --discriminator.penalties.gamma=1.
        turns: moves per step (n_critic).
        clip: largest norm of the gradient.
    """

    lr: float | str = "cosine:5e-4:5e-5"
    betas: tuple[float, float] = (0.8, 0.99)
    width: int = 8
    norm: Literal["none", "weight", "spectral"] = "none"
    penalties: list[Penalty] = field(default_factory=list)
    turns: int = 1
    clip: float | None = 10.0


def vocoder(
    data: str,
    *,
    l2_generator: float | str = 1e-5,
    l2_discriminator: float | str = 1e-4,
    labels: str | None = None,
    metadata: str | None = None,
    file_column: str | None = None,
    text_column: str | None = None,
    voice_column: str | None = None,
    order: Literal["content", "names"] = "content",
    voice: str | None = None,
    rate: int = 16_000,
    window: int = 512,
    hop: int = 128,
    bands: int = 80,
    low: float = 0.0,
    high: float | None = None,
    trim: bool = True,
    loudness: float | None = -23.0,
    longest: float = 20.0,
    heldout: float = 0.1,
    share: float = 1.0,
    network: str = "vocos",
    critic: str = "both",
    loss: str = "least_squares",
    mel: float | str = 10.0,
    stft: float | str = 1.0,
    features: float | str = 10.0,
    generator: GeneratorOptions = GeneratorOptions(),  # noqa: B008
    discriminator: DiscriminatorOptions = DiscriminatorOptions(),  # noqa: B008
    warm_steps: int = 4000,
    steps: int = 3000,
    segment: int = 8192,
    batch: int = 8,
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
    score_samples: int = 50,
    patience: int | None = None,
    on_divergence: Literal["stop", "rollback"] = "stop",
    rollbacks: int = 3,
) -> Recipe:
    """Train a vocoder on recordings: log-mel spectrogram to wave.

    The signature is the documentation, and the parts meet in these few lines.

    Args:
        data: a folder of sound files (.wav, .flac, .ogg, .mp3, .m4a ...), or the name of a catalogued set (poise data
            list).
        l2_generator: λ of the penalty (λ/2)‖w‖² on the generator's weights, in both stages: a number, or a schedule
            such as cosine:1e-3:1e-5. 0 turns it off.
        l2_discriminator: the same on the discriminator's weights.
        labels: where file names say whose voice it is: a pattern such as {voice}/{text}.
        metadata: the table of what is said, where it is not found by itself: a .csv, .tsv, .jsonl or .txt file.
        file_column: its column with the names of the files, by name or by number from 1.
        text_column: its column with the texts.
        voice_column: its column with the voices.
        order: content (the order in which recordings come does not depend on how their files are called), or names, as
            in runs of earlier versions.
        voice: only the recordings of this voice.
        rate: samples a second; recordings are resampled to it once.
        window: samples of a Fourier transform.
        hop: samples between two frames; the rate over it is frames a second.
        bands: mel bands.
        low: hertz where the lowest mel band begins.
        high: hertz where the highest mel band ends; by default half the rate.
        trim: take silence away at both ends.
        loudness: level that every recording is brought to, in dB of full scale; none to leave them.
        longest: seconds of the longest recording; longer ones are left out.
        heldout: share of the recordings that is kept from training and used to judge.
        share: share of the training recordings that is used, to see what less data would give.
        network: vocos (frames and an inverse Fourier transform) or hifigan (upsampling).
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
        micro_batches: pieces in which a batch is computed, to save memory; penalties still count once.
        ema: decay of the moving average of the generator's weights, which is what is heard.
        seed: of the weights and the order of the data.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: fp32, bf16 or fp16; spectra are computed in fp32 always.
        threads: CPU threads; by default torch's choice.
        log_every: steps between rows of the record.
        sample_every: steps between sounds to listen to; by default 20 in a run.
        checkpoint_every: steps between checkpoints; by default once a minute.
        scores: how often held-out recordings are resynthesised and scored: after 5 % of the run, then evenly to the
            end, and after the spectral stage; 0 for never.
        score_samples: number of held-out recordings that are scored each time.
        patience: end the run when so many scores in a row were no better than the best; by default it runs to the end.
        on_divergence: stop, or roll back to a checkpoint from before the trouble and go on with halved learning rates.
        rollbacks: how often a run may be rolled back before it stops.
    """
    from poise.recipes.common import parts as common
    from poise.recipes.vocoder import build as parts
    from poise.recipes.vocoder import outputs as outcomes

    common.check_counts(
        steps=steps, warm_steps=warm_steps, batch=batch, micro_batches=micro_batches, segment=segment,
        threads=threads, log_every=log_every, score_samples=score_samples,
    )  # fmt: skip
    common.check_seed(seed)
    how = common.execution(device, precision, micro_batches, threads)
    heard = parts.mel_of(rate, window, hop, bands, low, high)
    parts.check_segment(segment, heard)
    options = {"generator": generator, "discriminator": discriminator}
    for name, own in options.items():
        common.check_player(name, own, [key for key in ("width", "depth", "turns") if hasattr(own, key)])
    opening = parts.opening(
        data, rate, trim, loudness, longest, heldout, share, voice, labels, metadata=metadata, file_column=file_column,
        text_column=text_column, voice_column=voice_column, order=order,
    )  # fmt: skip
    recordings = parts.recordings(opening)
    facts = parts.facts(recordings, opening, heard, how, [("spectral", warm_steps), ("adversarial", steps)])
    seconds = segment / rate
    facts["per_step"] = {
        "unit": "audio seconds", "size": f"{batch} x {seconds:.2g} s", "amounts": {"": batch * seconds}
    }  # fmt: skip
    waves = parts.Waves(
        heard,
        network=network,
        critic=critic,
        loss=loss,
        weights={"mel": mel, "stft": stft, "features": features},
        options=options,
        l2={"generator": l2_generator, "discriminator": l2_discriminator},
        ema=ema,
        steps={"spectral": warm_steps, "adversarial": steps},
        how=how,
        seed=seed,
    )
    acting = Acting(on_divergence, rollbacks, patience, scores)
    total = warm_steps + steps
    return Recipe(
        stages=[
            Stage(
                "spectral",
                waves.spectral,
                parts.stream(recordings, heard, segment, batch, seed + 1, how),
                warm_steps,
                waves.warm_dials,
            ),
            Stage(
                "adversarial",
                waves.game,
                parts.stream(recordings, heard, segment, batch, seed, how),
                steps,
                waves.dials,
                outcomes.monitor(waves, recordings, segment, batch, seed, how),
            ),
        ],
        seed=seed,
        how=how,
        cadence=Cadence.over(
            total, log_every, sample_every, acting.checkpoint_every(checkpoint_every, total), scores, warm_steps
        ),
        facts=facts,
        sampler=lambda n, seed: outcomes.draw(waves.average, facts, n, seed, recordings),
        show=lambda stem: outcomes.show(waves.average, facts, stem, recordings),
        judge=outcomes.judge(recordings, heard, score_samples, seed) if scores else None,
        acting=acting,
        notes=recordings.notes,
    )


def _generator(arguments: dict[str, Any], facts: dict[str, Any]) -> Any:
    from poise.recipes.vocoder import build as parts

    return parts.generator(arguments["network"], arguments["generator"], parts.mel_in(facts))


def _draw(generator: Any, facts: dict[str, Any], n: int, seed: int, **asked: Any) -> Any:
    from poise.recipes.vocoder import outputs as outcomes

    return outcomes.draw(generator, facts, n, seed, **asked)


def _vocode(generator: Any, facts: dict[str, Any], wave: Any) -> Any:
    from poise.recipes.vocoder import outputs as outcomes

    return outcomes.vocode(generator, facts, wave)


def _recordings(facts: dict[str, Any]) -> Any:
    from poise.recipes.vocoder import pairs as vocoder_pairs

    return vocoder_pairs.recordings(facts)


def _pairs(generator: Any, facts: dict[str, Any], n: int | None, seed: int) -> Any:
    from poise.recipes.vocoder import pairs as vocoder_pairs

    return vocoder_pairs.pairs(generator, facts, n, seed)


def _write(samples: Any, path: Path) -> str:
    from poise.recipes.vocoder import sounds

    return sounds.write(samples, path)


def _reads(arguments: dict[str, Any], look: Any = None) -> str:
    from poise.recipes.vocoder import build as parts

    return parts.reads(arguments)


register("recipe", "vocoder")(
    Kind(
        vocoder,
        _generator,
        _draw,
        _write,
        "speech",
        ("log-mel L1",),
        default_out="samples",
        vocode=_vocode,
        recordings=_recordings,
        pairs=_pairs,
        reads=_reads,
    )
)
