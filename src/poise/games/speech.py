"""The games of speech: a generator of log-mels that is told what to say, and a discriminator that knows it too.

`cond` is what is said (`audio.speech_conditions`). Where units have no frames yet, the round aligns them with the
real log-mel by what the generator knows of each unit so far, and every term reads that. The terms read
`round.mels`: a log-mel [B,M,F], the one that was generated for it, and which of its frames are inside an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from poise.audio.spectrograms import LOWEST
from poise.audio.speech_conditions import spread_over, total_of, with_frames
from poise.core import Batch, Player, Term
from poise.games.adversarial import Adversarial, Round, notice_slopes
from poise.games.alignment import aligned, inside_of


def completed(generator: Any, batch: Batch) -> Batch:
    """A batch of log-mels with frames for every unit: those that come with it, or else by alignment.

    It ends with its longest item, which in a piece of a batch may be shorter than that of the batch.
    """
    assert batch.cond is not None
    real = batch.real[..., : int(total_of(batch.cond).max())]
    if generator.whole:
        return Batch(real, batch.cond)
    with torch.no_grad():
        means = generator.unit_means(batch.cond)
    return Batch(real, with_frames(batch.cond, aligned(real, means, batch.cond)))


class SpeechRound(Round):
    """A round whose condition has frames for every unit."""

    def __init__(self, game: Adversarial, generates: bool, batch: Batch, due: Sequence[Term[Any]]) -> None:
        super().__init__(game, generates, completed(game.generator, batch), due)

    @property
    def mels(self) -> SpeechRound:
        return self

    @cached_property
    def means(self) -> Tensor:
        """What each unit sounds like on average: [B,L,M]."""
        found: Tensor = self.game.generator.unit_means(self.cond)
        return found

    @cached_property
    def inside(self) -> Tensor:
        """1 inside an item: [B,1,F]."""
        assert self.cond is not None
        return inside_of(self.cond, self.real.shape[2])


class SpeechGame(Adversarial):
    """`Adversarial` with that round."""

    def round(self, player: Player[Round], batch: Batch, due: Sequence[Term[Round]]) -> SpeechRound:
        return SpeechRound(self, player.module is self.generator, batch, due)


class JointRound(Round):
    """Text to wave in one: `real` and `fake` are segments of waves [B,1,S], `mels` the round of the log-mels behind.

    The generator's turn sends the gradient of what it owes in the wave through the vocoder; the vocoder's turn stops
    it at the log-mel.
    """

    game: JointGame

    def __init__(self, game: JointGame, player: Player[Any], batch: Batch, due: Sequence[Term[Any]]) -> None:
        mels = Batch(game.mel(batch.real), batch.cond)
        self.mels = SpeechRound(game.speech, player.module is game.generator, mels, due)
        real = cut(batch.real, batch.cond, game.segment, game.mel.hop, 0.0)
        super().__init__(game, player.module is not game.discriminator, Batch(real), due)
        self.cond = batch.cond

    @cached_property
    def fake(self) -> Tensor:
        with torch.set_grad_enabled(self.generates):
            mel = cut(self.mels.fake, self.cond, self.game.segment, 1, LOWEST)
            wave = self.game.vocoder(None, mel)
        if wave.requires_grad:
            wave.register_hook(partial(notice_slopes, self.noticed))
        found: Tensor = wave if self.generates else wave.to(self.real.dtype).requires_grad_(self.slopes)
        return found


def cut(x: Tensor, cond: Tensor | None, frames: int, each: int, silence: float) -> Tensor:
    """From [B,C,F·each] the segment of so many frames that begins where row 0 of the condition says.

    Behind the end of the longest item there is silence, as there is behind that of the others.
    """
    assert cond is not None
    places = cond[:, 0, 2:] * each + torch.arange(frames * each, device=x.device)
    x = F.pad(x, (0, frames * each), value=silence)
    return x.gather(2, places.unsqueeze(1).expand(-1, x.shape[1], -1))


@dataclass
class JointGame(Adversarial):
    """Generator of log-mels and vocoder together against a discriminator of waves.

    Args, beside those of `Adversarial`: vocoder; mel, from waves [B,1,S] to log-mels; segment, frames of a wave that is
    judged; speech, the game of the log-mels, whose round the terms read.
    """

    vocoder: Any = None
    mel: Any = None
    segment: int = 64
    speech: Any = None

    def round(self, player: Player[Round], batch: Batch, due: Sequence[Term[Round]]) -> JointRound:
        return JointRound(self, player, batch, due)


def mean_inside(x: Tensor, inside: Tensor) -> Tensor:
    """The mean over bands and the frames inside: [B,M,F] -> [B]."""
    return (x * inside).sum((1, 2)) / (inside.sum((1, 2)) * x.shape[1])


def mel_l1(round: Any) -> Tensor:
    """mean|real − generated| over bands and frames: [B]."""
    mels = round.mels
    return mean_inside((mels.real - mels.fake).abs(), mels.inside)


def unit_error(round: Any) -> Tensor:
    """mean (real − mean of the frame's unit)²/2 over bands and frames, from which alignment learns: [B]."""
    mels = round.mels
    unit, _ = spread_over(mels.cond)
    means = mels.means.gather(1, unit.unsqueeze(2).expand(-1, -1, mels.means.shape[2])).transpose(1, 2)
    return mean_inside((mels.real - means).square() / 2, mels.inside)


def duration_error(round: Any) -> Tensor:
    """(ln of planned frames − ln of frames)², the mean over units, or of the whole item: [B]."""
    mels = round.mels
    planned = mels.game.generator.log_frames(mels.cond)
    if mels.game.generator.whole:
        whole: Tensor = (planned[:, 0] - mels.cond[:, 0, 1].log()).square()
        return whole
    inside = (mels.cond[:, 1:, 0] > 0).float()
    wanted = mels.cond[:, 1:, 2].clamp_min(1).log()
    found: Tensor = ((planned - wanted).square() * inside).sum(1) / inside.sum(1)
    return found
