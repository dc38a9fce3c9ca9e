"""The pieces of a vocoder, put together. Loads torch; `signature` imports it only when it builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from poise.audio.spectrograms import Mel
from poise.core import Batch, ScheduledValue, Term
from poise.data.draws.order import Prefetch
from poise.data.speech.recordings import Recordings, open_recordings
from poise.data.speech.segments import SegmentStream
from poise.disk.description import PerStep
from poise.errors import PoiseError
from poise.games.adversarial import Adversarial, adversarial_terms, joint_allowed
from poise.losses.reconstruction import log_mel_l1, matched, multi_resolution
from poise.models.own import OwnDiscriminator, OwnVocoder
from poise.models.shared.layers import renormalised
from poise.networks import VocoderNetworks
from poise.recipes.common.own import fits, user_errors, with_features
from poise.recipes.common.parts import adam_dials, built, dials_of_rates, machine, own_penalties, player, weighed
from poise.recipes.common.recipe import Arguments
from poise.recipes.common.setup import Setup
from poise.recipes.vocoder.facts import VocoderFacts
from poise.recipes.vocoder.options import RecordingOptions
from poise.registry import find
from poise.training.ema import Ema
from poise.training.precision import Execution
from poise.training.schedules import Scheduled

WINDOWS = (4, 2, 1, 0.5)  # of the multi-resolution STFT loss, in windows of the mel
# Samples. Below, the last layer of a period of 5 sees one or two places, where torch 2.13 leaves parts of a gradient in
# bfloat16 unset on a CPU.
SHORTEST = 320


def mel_of(options: RecordingOptions) -> Mel:
    """The spectrogram that is asked for."""
    return Mel(options.rate, options.window, options.hop, options.bands, options.low, options.high)


def check_segment(segment: int, mel: Mel) -> None:
    """It must hold whole frames, and enough of them for every window that is looked through."""
    least = -(-max(int(max(WINDOWS) * mel.window), SHORTEST) // mel.hop) * mel.hop
    if segment < least:
        raise PoiseError(
            f"--segment {segment} is shorter than the longest stretch that is looked at, 4 times --window {mel.window} "
            f"and never under {SHORTEST} samples: give at least {least}, or a smaller --window"
        )
    if segment % mel.hop:
        lower = segment // mel.hop * mel.hop
        raise PoiseError(
            f"--segment {segment} is no whole number of frames of --hop {mel.hop} samples: give {lower} or "
            f"{lower + mel.hop}"
        )


READ = ("rate", "trim", "loudness", "longest", "heldout", "share", "voice", "labels")
TABLE = ("metadata", "file_column", "text_column", "voice_column", "order")


def opening(data: str, options: RecordingOptions) -> dict[str, Any]:
    """What opens the recordings of a run again; of the flags of their table, those that are given."""
    table = {name: getattr(options, name) for name in TABLE}
    return {
        "data": data,
        **{name: getattr(options, name) for name in READ},
        **{name: value for name, value in table.items() if value not in (None, "names")},
    }


def reads(arguments: Arguments, look: Any = None) -> str:
    """What a run with these arguments reads, in a line. Errors: PoiseError where it would read nothing."""
    return recordings(opening(arguments["data"], RecordingOptions.of(arguments))).describe()


def recordings(opening: dict[str, Any], fingerprint: str | None = None) -> Recordings:
    """The recordings of a run; with its fingerprint they must still be the same."""
    found = open_recordings(**opening)
    if fingerprint is not None and found.fingerprint != fingerprint:
        raise PoiseError(f"the recordings in {opening['data']} have changed since the run: put the old ones back")
    return found


def facts(
    recordings: Recordings,
    opening: dict[str, Any],
    mel: Mel,
    execution: Execution,
    steps: Mapping[str, int],
    read: PerStep,
) -> VocoderFacts:
    """What rebuilds the generator without the data, and what the data was. Args: steps of each stage, in order."""
    return VocoderFacts(
        data=f"{recordings.name}: {len(recordings.train):,} recordings to train on, {len(recordings.heldout):,} "
        f"held out, {recordings.seconds() / 60:.1f} minutes",
        mel=mel.to_dict(),
        recordings=opening,
        fingerprint=recordings.fingerprint,
        stages=list(steps.items()),
        learning_rates={"spectral": "warm_lr"},
        per_step=read,
        **machine(execution),
    )


def per_step(batch: int, seconds: float) -> PerStep:
    """What a step reads: segments of so many seconds."""
    return PerStep("audio seconds", f"{batch} x {seconds:.2g} s", {"": batch * seconds})


def critic(network: VocoderNetworks | str, kind: str, options: Any, mel: Mel) -> nn.Module:
    """The discriminator alone, with fresh weights: that of a user's network where it has one, else of this kind;
    `options` is a `VocoderDiscriminatorOptions`."""
    if isinstance(network, VocoderNetworks):
        with user_errors(network, "discriminator cannot be made"):
            own = network.discriminator(mel.hop)
            if own is not None:
                return OwnDiscriminator(own)
    net: nn.Module = find("wave critic", kind)(mel.window, options)
    return net


def generator(network: VocoderNetworks | str, options: Any, mel: Mel) -> nn.Module:
    """The generator alone, with fresh weights; `options` is a `VocoderGeneratorOptions`, or alike."""
    if isinstance(network, VocoderNetworks):
        with user_errors(network, "generator cannot be made"):
            return OwnVocoder(network.generator(mel.bands, mel.hop), mel)
    return renormalised(find("vocoder", network)(mel, options.width, options.depth), options.norm)


def rebuilt(arguments: Arguments, facts: VocoderFacts) -> nn.Module:
    """The generator of a run, with fresh weights."""
    return generator(arguments["network"], arguments["generator"], facts.heard)


class MelStream:
    """Draw number -> segments with their log-mels: real [B,1,S], cond [B,M,F], F = S / hop.

    The mel of a segment is that of the recording around it: a stream of segments that bring their context.
    """

    def __init__(self, segments: SegmentStream, mel: Mel) -> None:
        self.segments, self.mel, self.device = segments, mel, segments.device

    def __call__(self, draw: int) -> Batch:
        wave = self.segments(draw).real
        return Batch(wave[..., self.mel.context : wave.shape[-1] - self.mel.context], self.mel(wave, padded=False))


def stream(
    recordings: Recordings, mel: Mel, segment: int, batch: int, seed: int, execution: Execution, split: str = "train"
) -> Callable[[int], Batch]:
    plain = SegmentStream(recordings, batch, segment, seed, execution.device, split, context=mel.context)
    return MelStream(plain if execution.device.type == "cpu" else Prefetch(plain), mel)  # type: ignore[arg-type]


class Waves:
    """A generator of waves and a discriminator, in two games: `spectral`, without the discriminator's opinion, and
    `game`. Both have one generator and one average; the discriminator does not move in the first.

    Args: mel; setup, with weights of the terms "mel", "stft" and "features".
    """

    def __init__(self, mel: Mel, setup: Setup) -> None:
        self.mel, self.setup, self.execution = mel, setup, setup.execution
        self.steps, self.weights = setup.steps, setup.weights
        self._own, network, judging = setup.generator.options, setup.generator.network, setup.discriminator
        makers = {
            judging.name: lambda: critic(network, judging.network, judging.options, mel),
            setup.generator.name: lambda: generator(network, self._own, mel),
        }
        d, g = built(setup, makers)
        frames = 4 * WINDOWS[0] * mel.window // mel.hop
        fits(network, "generator", g, None, torch.zeros(2, mel.bands, frames, device=self.execution.device))
        wave = torch.zeros(2, 1, frames * mel.hop, device=self.execution.device)
        with_features(network, d, self.weights["features"], wave)
        self.generator, self.discriminator, self.ema = g, d, Ema(g, setup.ema)
        self.average: nn.Module = self.ema.module
        self._to_discriminate, self._to_generate = adversarial_terms(find("loss", setup.loss))
        judge = self._judges("adversarial")
        self.spectral = Adversarial(g, d, joint=joint_allowed(d))
        warm = self._generates(self.terms("spectral"), "spectral", self._own.warm_lr)
        warm.turns = 1
        self.spectral.players, self.spectral.modules = (warm,), judge.resting()
        self.game = Adversarial(g, d, joint=joint_allowed(d))
        self.game.players = (judge, self._against("adversarial"))

    def again(self, stage: str) -> tuple[Any, Any]:
        """Both players for another stage, with optimisers of their own: the discriminator and the generator."""
        return self._judges(stage), self._against(stage)

    def _judges(self, stage: str) -> Any:
        own = self.setup.discriminator
        penalties = own_penalties(own, self.steps[stage])
        return player(own.name, self.discriminator, own.options, self._to_discriminate, penalties)

    def _against(self, stage: str) -> Any:
        """The generator against the discriminator."""
        alike = weighed("features", self.weights["features"], self.steps[stage], matched)
        terms = [self._to_generate, *self.terms(stage), *alike]
        return self._generates(terms, stage, self._own.lr)

    def terms(self, stage: str) -> list[Term[Any]]:
        """What a generated wave owes to the real one, without the discriminator."""
        windows = [int(part * self.mel.window) // 8 * 8 for part in WINDOWS]
        losses = {"mel": log_mel_l1(self.mel), "stft": multi_resolution(windows)}
        return [
            term
            for name, loss in losses.items()
            for term in weighed(name, self.weights[name], self.steps[stage], partial(_of_waves, loss))
        ]

    def _generates(self, terms: list[Term[Any]], stage: str, lr: Scheduled) -> Any:
        if not terms:
            raise PoiseError("--mel 0 and --stft 0 leave the spectral stage nothing to learn from: set one above 0")
        first, *also = terms
        penalties = own_penalties(self.setup.generator, self.steps[stage])
        return player(self.setup.generator.name, self.generator, self._own, first, penalties, (self.ema,), lr, also)

    @property
    def warm_dials(self) -> list[ScheduledValue]:
        """Of the spectral stage."""
        rates = {self.setup.generator.name: self._own.warm_lr}
        return dials_of_rates(self.spectral.players, rates, self.setup.options, self.steps["spectral"])

    @property
    def dials(self) -> list[ScheduledValue]:
        """Of the adversarial stage."""
        return adam_dials(self.game.players, self.setup.options, self.steps["adversarial"])


def _of_waves(loss: Callable[..., torch.Tensor], round: Any) -> torch.Tensor:
    return loss(round.real, round.fake)
