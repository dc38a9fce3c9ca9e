"""The players of a speech run in each of its stages: generator and discriminator of log-mels, and those of waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from poise.audio.speech_conditions import packed
from poise.core import Player, ScheduledValue, Stateful, Term
from poise.games.adversarial import adversarial_terms, joint_allowed
from poise.games.speech import JointGame, SpeechGame, duration_error, mel_l1, unit_error
from poise.losses.reconstruction import matched
from poise.recipes.common.own import fits, judges_alone, with_features
from poise.recipes.common.parts import adam_dials, built, dials_of_rates, own_penalties, player, weighed
from poise.recipes.common.setup import Setup
from poise.recipes.speech import finished
from poise.recipes.speech import networks as parts
from poise.recipes.speech.facts import SpeechFacts
from poise.recipes.vocoder.build import Waves
from poise.registry import find
from poise.training.ema import Ema
from poise.training.schedules import Scheduled


class Mels:
    """The generator of log-mels and its discriminator, in two games: `acoustic`, without the discriminator's opinion,
    and `game`.

    Args: facts, of the run; setup, with weights of the terms "mel" and "features".
    """

    def __init__(self, facts: SpeechFacts, setup: Setup) -> None:
        self.setup, self.steps, self.weights = setup, setup.steps, setup.weights
        network, kind = setup.generator.network, setup.discriminator.network
        of_d, of_g = setup.discriminator.options, setup.generator.options
        makers = {
            "discriminator": lambda: parts.critic(network, kind, of_d, facts),
            "generator": lambda: parts.speaker(network, of_g, facts),
        }
        d, g = built(setup, makers)
        few = torch.zeros(2, 3, dtype=torch.long, device=setup.execution.device)
        cond = packed(few[:, 0], few + 1, few, few + 4, few[:, 0] + 12)
        fits(network, "generator", g, torch.zeros(2, g.noise_size, device=few.device), cond)
        mel = torch.zeros(2, facts.heard.bands, 12, device=few.device)
        features, steps = self.weights["features"], self.steps["adversarial"]
        with_features(network, d, features, mel, cond)
        self.discriminator, self.ema = d, Ema(g, setup.ema)
        self.generator: Any = g
        self.average: Any = self.ema.module
        to_discriminate, to_generate = adversarial_terms(find("loss", setup.loss))
        penalties = own_penalties(setup.discriminator, steps)
        judge = player("discriminator", d, of_d, to_discriminate, penalties)
        joint = joint_allowed(d) and judges_alone(d, mel, cond)
        self.acoustic = SpeechGame(g, d, joint=joint)
        warm = self._generates(self._own("acoustic"), "acoustic", of_g.warm_lr)
        warm.turns = 1
        self.acoustic.players, self.acoustic.modules = (warm,), judge.resting()
        self.game = SpeechGame(g, d, joint=joint)
        alike = weighed("features", features, steps, matched)
        speaks = self._generates([to_generate, *self._own("adversarial"), *alike], "adversarial", of_g.lr)
        self.game.players = (judge, speaks)

    def _own(self, stage: str) -> list[Term[Any]]:
        """What the generator owes to the recording, without the discriminator."""
        found = [*weighed("mel", self.weights["mel"], self.steps[stage], mel_l1), Term("duration", duration_error)]
        return found if self.generator.whole else [*found, Term("units", unit_error)]

    def _generates(self, terms: list[Term[Any]], stage: str, lr: Scheduled) -> Player[Any]:
        first, *also = terms
        penalties = own_penalties(self.setup.generator, self.steps[stage])
        return player(
            "generator", self.generator, self.setup.generator.options, first, penalties, (self.ema,), lr, also
        )

    def again(self, stage: str, of_d: list[Term[Any]]) -> Player[Any]:
        """The generator for another stage, with an optimiser of its own and the opinions of another discriminator."""
        return self._generates([*of_d, *self._own(stage)], stage, self.setup.generator.options.lr)

    @property
    def warm_dials(self) -> list[ScheduledValue]:
        """Of the acoustic stage."""
        rates = {"generator": self.setup.generator.options.warm_lr}
        return dials_of_rates(self.acoustic.players, rates, self.setup.options, self.steps["acoustic"])

    @property
    def dials(self) -> list[ScheduledValue]:
        """Of the adversarial stage."""
        return adam_dials(self.game.players, self.setup.options, self.steps["adversarial"])


class Playing(NamedTuple):
    """A stage: its game, and the schedules of its numbers."""

    game: Any
    dials: list[ScheduledValue]


class SpeechPlayers:
    """All networks of a speech run, and its stages in order.

    `stages`: acoustic and adversarial, of log-mels; spectral and vocoder, of waves, unless a finished vocoder speaks;
    joint, of both, if it has steps. `setup` is that of the log-mels, `of_waves` that of the vocoder beside it.
    `voice` holds both averages. Every stage keeps the networks of the others, so that every checkpoint has all weights.
    """

    def __init__(self, facts: SpeechFacts, setup: Setup, of_waves: Setup, segment: int) -> None:
        self.steps, self.execution = setup.steps, setup.execution
        self.mels = Mels(facts, setup)
        mels = {
            "acoustic": Playing(self.mels.acoustic, self.mels.warm_dials),
            "adversarial": Playing(self.mels.game, self.mels.dials),
        }
        if facts.vocoder is not None:
            net = finished.vocoder_of(facts.vocoder, facts.heard).to(self.execution.device)
            keep({"vocoder": net, "vocoder.ema": Ema(net, 0.0)}, mels)
            self.voice, self.stages, self.waves = parts.Voice(self.mels.average, net), mels, None
            return
        steps = {**self.steps, "adversarial": self.steps["vocoder"]}
        self.waves = Waves(facts.heard, replace(of_waves, steps=steps, seed=of_waves.seed + 1))
        later = {
            "spectral": Playing(self.waves.spectral, self.waves.warm_dials),
            "vocoder": Playing(self.waves.game, self.waves.dials),
        }
        keep(resting(self.waves.game.players), mels)
        keep(resting(self.mels.game.players), later)
        if "joint" in self.steps:
            later["joint"] = self._joint(self.mels, self.waves, segment)
        self.voice, self.stages = parts.Voice(self.mels.average, self.waves.average), mels | later

    def _joint(self, mels: Mels, waves: Waves, segment: int) -> Playing:
        """Both generators at once against the discriminator of waves; that of log-mels rests."""
        judge, vocoder = waves.again("joint")
        of_d = [term for term in vocoder.terms if term.name in ("adversarial", "features")]
        game = JointGame(
            mels.generator, waves.discriminator, joint=joint_allowed(waves.discriminator), vocoder=waves.generator,
            mel=waves.mel, segment=segment // waves.mel.hop, speech=SpeechGame(mels.generator, None),
        )  # fmt: skip
        game.players, game.modules = (judge, vocoder, mels.again("joint", of_d)), mels.game.players[0].resting()
        options = {**mels.setup.options, **waves.setup.options}
        return Playing(game, adam_dials(game.players, options, mels.steps["joint"]))


def resting(players: Sequence[Player[Any]]) -> dict[str, Stateful]:
    """What is saved of players who do not play."""
    return {name: part for player in players for name, part in player.resting().items()}


def keep(modules: dict[str, Stateful], stages: dict[str, Playing]) -> None:
    """Networks and averages of others are saved in these stages too."""
    for stage in stages.values():
        stage.game.modules = stage.game.modules | modules
