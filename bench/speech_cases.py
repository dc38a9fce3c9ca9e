"""Steps of vocoder and speech, by Poise and by plain loops written by hand: what `speech_speed.py` times."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from poise.audio.spectrograms import Mel, magnitude
from poise.audio.speech_conditions import mask_of, total_of
from poise.core import Verdict
from poise.data.speech.recordings import Recordings
from poise.data.transcripts.syllables import TABLE, Syllable, to_pinyin
from poise.penalties import L2
from poise.recipes.common.options import parameters
from poise.recipes.common.setup import PlayerSetup, Setup
from poise.recipes.speech import build as speech_parts
from poise.recipes.speech import signature as speeches
from poise.recipes.speech.players import Mels
from poise.recipes.vocoder import build as vocoder_parts
from poise.recipes.vocoder import signature as vocoders
from poise.training.precision import Execution

READY = 64  # batches in memory for the loops by hand
MEL, HOW = Mel(), Execution()
OF_WAVES, OF_TEXTS = (parameters(recipe) for recipe in (vocoders.vocoder, speeches.speech))
SEGMENT, BATCH = OF_WAVES["segment"].default, OF_WAVES["batch"].default  # samples in a segment, segments in a batch
SAID = OF_TEXTS["batch"].default  # syllables in a batch
EMA, CLIP, BETAS = 0.999, 10.0, (0.8, 0.99)
L2_G, L2_D = 1e-5, 1e-4
Step = Callable[[int], tuple[Tensor, ...]]  # one step by hand; its number -> what is recorded


@dataclass
class Case:
    """Two ways to do the same: the game of ours, and a step by hand on networks of its own."""

    game: Any
    stream: Any
    loaded: tuple[Any, str]  # the object and the name of its attribute that cuts the segments
    hand: Step
    nets: list[tuple[nn.Module, nn.Module]]  # ours and by hand
    seconds: float  # of audio that a step reads


def recordings(texts: Sequence[str], seconds: float) -> Recordings:
    """Noise of about so many seconds for each text, in one voice; nothing is held out."""
    rng = np.random.default_rng(0)
    lengths = (rng.uniform(0.7, 1.3, len(texts)) * seconds * MEL.rate).astype(np.int64)
    samples = (rng.normal(0, 0.05, int(lengths.sum())) * 32_768).astype(np.int16)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    names, rows = tuple(f"{i}.wav" for i in range(len(texts))), np.arange(len(texts))
    voice = np.zeros(len(texts), np.int64)
    return Recordings(
        "noise", samples, starts, MEL.rate, names, tuple(texts), ("",), voice, rows, rows[:0], "noise", [], []
    )


class Hand:
    """One player of a loop by hand: its optimiser, the penalty, clipping, the moving average."""

    def __init__(self, net: nn.Module, strength: float, lr: float) -> None:
        self.weights, self.strength = list(net.parameters()), strength
        self.heavy = [weight.raw for weight in L2(strength).weights(net)]
        self.optim = torch.optim.Adam(self.weights, lr, betas=BETAS, fused=True)
        self.average, self.moves = [p.detach().clone() for p in self.weights], 0

    def step(self, loss: Tensor, ema: float | None = None) -> None:
        self.optim.zero_grad(set_to_none=True)
        loss.backward()
        for p in self.heavy:
            if p.grad is None:  # the loss does not read it, the penalty does
                p.grad = torch.zeros_like(p)
        with torch.no_grad():
            torch._foreach_add_([p.grad for p in self.heavy], list(self.heavy), alpha=self.strength)
        torch.nn.utils.clip_grad_norm_(self.weights, CLIP)
        self.optim.step()
        if ema is not None:
            beta = min(ema, (1 + self.moves) / (10 + self.moves))
            self.moves += 1
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self.weights, 1 - beta)


def apart(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs().flatten(1).mean(1)


def mel_loss(real: Tensor, fake: Tensor) -> Tensor:
    with torch.no_grad():
        wanted = MEL(real)
    return apart(wanted, MEL(fake)).mean()


def stft_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Spectral convergence and log-magnitudes of windows of 2048, 1024, 512 and 256 samples."""
    found = []
    for window in (2048, 1024, 512, 256):
        with torch.no_grad():
            x = magnitude(real.squeeze(1), window, window // 4).clamp_min(1e-5)
        y = magnitude(fake.squeeze(1), window, window // 4).clamp_min(1e-5)
        away = (x - y).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)
        found.append(away + apart(x.log(), y.log()))
    return (sum(found[1:], found[0]) / len(found)).mean()


def over_heads(of: Callable[[Tensor], Tensor], verdict: Verdict) -> Tensor:
    return torch.stack([of(logits).flatten(1).mean(1) for logits in verdict.logits]).mean(0).mean()


def feature_loss(real: Verdict, fake: Verdict) -> Tensor:
    pairs = [(x.detach(), y) for a, b in zip(real.features, fake.features, strict=True)
             for x, y in zip(a, b, strict=True)]  # fmt: skip
    return torch.stack([apart(x, y) for x, y in pairs]).mean(0).mean()


def waves() -> tuple[vocoder_parts.Waves, Any]:
    made, judging = (
        vocoders.VocoderGeneratorOptions(lr=1e-3, warm_lr=2e-3),
        vocoders.VocoderDiscriminatorOptions(lr=5e-4),
    )
    setup = Setup(
        generator=PlayerSetup("generator", "vocos", made, L2_G),
        discriminator=PlayerSetup("discriminator", "both", judging, L2_D), loss="hinge",
        weights={"mel": 5.0, "stft": 1.0, "features": 5.0}, ema=EMA, steps={"spectral": 1500, "adversarial": 2500},
        execution=HOW, seed=0,
    )  # fmt: skip
    known = recordings(["" for _ in range(300)], 2.0)
    return vocoder_parts.Waves(MEL, setup), vocoder_parts.stream(known, MEL, SEGMENT, BATCH, 0, HOW)


def segments(stream: Any) -> list[Tensor]:
    """Segments with their context, ready in memory."""
    return [stream.segments(i).real for i in range(READY)]


def shown(wide: Tensor) -> tuple[Tensor, Tensor]:
    """A segment without its context, and its log-mel."""
    return wide[..., MEL.context : wide.shape[-1] - MEL.context], MEL(wide, padded=False)


def spectral() -> Case:
    made, stream = waves()
    g: Any = copy.deepcopy(made.generator)
    player, ready = Hand(g, L2_G, 2e-3), segments(stream)

    def hand(i: int) -> tuple[Tensor, ...]:
        real, cond = shown(ready[i % READY])
        fake = g(None, cond)
        loss = 5 * mel_loss(real, fake) + stft_loss(real, fake)
        player.step(loss, EMA)
        return (loss,)

    seconds = BATCH * SEGMENT / MEL.rate
    return Case(made.spectral, stream, (stream, "segments"), hand, [(made.generator, g)], seconds)


def adversarial() -> Case:
    made, stream = waves()
    g: Any = copy.deepcopy(made.generator)
    d: Any = copy.deepcopy(made.discriminator)
    of_g, of_d, ready = Hand(g, L2_G, 1e-3), Hand(d, L2_D, 5e-4), segments(stream)

    def hand(i: int) -> tuple[Tensor, ...]:
        real, cond = shown(ready[2 * i % READY])
        with torch.no_grad():
            fake = g(None, cond)
        both = d(torch.cat([real, fake]), None)
        loss = torch.stack([
            ((1 - s[:BATCH]).relu() + (1 + s[BATCH:]).relu()).flatten(1).mean(1) for s in both.logits
        ]).mean(0).mean()  # fmt: skip
        of_d.step(loss)
        real, cond = shown(ready[(2 * i + 1) % READY])
        d.requires_grad_(False)
        fake = g(None, cond)
        on_fake, on_real = d(fake, None), d(real, None)
        other = over_heads(lambda s: -s, on_fake) + 5 * mel_loss(real, fake) + stft_loss(real, fake)
        other = other + 5 * feature_loss(on_real, on_fake)
        of_g.step(other, EMA)
        d.requires_grad_(True)
        return loss, other

    seconds = 2 * BATCH * SEGMENT / MEL.rate
    nets = [(made.generator, g), (made.discriminator, d)]
    return Case(made.game, stream, (stream, "segments"), hand, nets, seconds)


def acoustic() -> Case:
    texts = [to_pinyin(Syllable(initial, final, tone)) for initial, final in TABLE for tone in (1, 2, 3, 4)]
    said = speech_parts.speech(recordings(texts, 0.34), "syllables", "frames", MEL)
    steps = {"acoustic": 1500, "adversarial": 2500}
    facts = speech_parts.facts(said, {}, HOW, steps, None, speech_parts.per_step(said, SAID, SEGMENT))
    setup = Setup(
        generator=PlayerSetup("generator", "convolutional", speeches.SpeechGeneratorOptions(warm_lr=1e-3), L2_G),
        discriminator=PlayerSetup("discriminator", "projection", speeches.SpeechDiscriminatorOptions(), L2_D),
        loss="least_squares", weights={"mel": 5.0, "features": 10.0},
        ema=EMA, steps=steps, execution=HOW, seed=0,
    )  # fmt: skip
    made = Mels(facts, setup)
    stream: Any = speech_parts.stream(said, SAID, 0, HOW)
    g: Any = copy.deepcopy(made.generator)
    player, ready = Hand(g, L2_G, 1e-3), [stream.stream(i) for i in range(READY)]

    def hand(i: int) -> tuple[Tensor, ...]:
        wave, cond = ready[i % READY]
        real = MEL(wave)
        inside = mask_of(cond, real.shape[2]).unsqueeze(1)
        fake = g(torch.randn(SAID, g.noise_size), cond)
        away = ((real - fake).abs() * inside).sum((1, 2)) / (inside.sum((1, 2)) * MEL.bands)
        longer = (g.log_frames(cond)[:, 0] - total_of(cond).log()).square()
        loss = 5 * away.mean() + longer.mean()
        player.step(loss, EMA)
        return (loss,)

    seconds = statistics.fmean(float(total_of(batch.cond).sum()) for batch in ready) * MEL.hop / MEL.rate
    return Case(made.acoustic, stream, (stream, "stream"), hand, [(made.generator, g)], seconds)
